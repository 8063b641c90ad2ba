"""The bars of a what-if copy as a source, and what lies beyond them."""

import pandas as pd
import pytest

from resources.sources import SimulatedSource
from resources.sources.stored import StoredSource
from trading import calendar
from trading.errors import MissingBarsError
from trading.interfaces import MarketDataSource
from trading.testing.memory_store import MemoryStore

FIRST, LAST = calendar.session_of("2024-01-02"), calendar.session_of("2024-01-05")
BEYOND = calendar.session_of("2024-01-09")
FACTS = {"name": "simulated", "basis": "raw", "simulated": "true", "seed": "7"}
SYMBOLS = ("NVDA", "AMD")


def source(*, goes_on: bool = False) -> StoredSource:
    """A copy whose closes are twice those of the market that lies beyond."""
    market, store = SimulatedSource(), MemoryStore()
    bars = market.bars((*SYMBOLS, "MU"), FIRST, LAST)
    prices = {name: bars[name] * 2 for name in ("open", "high", "low", "close")}
    store.write({"bars": bars.assign(**prices)}, FIRST, LAST, commit={})
    return StoredSource(store, FACTS, LAST, (lambda: market) if goes_on else None)


def test_it_is_a_source_that_gives_the_symbols_and_sessions_that_are_asked_for() -> None:
    stored: MarketDataSource = source()

    bars = stored.bars(SYMBOLS, calendar.shift(FIRST, 1), LAST)

    assert set(bars["symbol"]) == set(SYMBOLS)
    assert (bars["session"].min(), bars["session"].max()) == (calendar.shift(FIRST, 1), LAST)
    assert (stored.first_session(), stored.last_session()) == (FIRST, LAST)
    assert (stored.name, stored.basis, stored.simulated) == ("simulated", "raw", True)
    assert stored.actions(SYMBOLS, FIRST, LAST).empty
    assert stored.earnings(SYMBOLS, FIRST, LAST).empty


def test_it_ends_with_what_was_restated() -> None:
    assert source().bars(SYMBOLS, FIRST, BEYOND)["session"].max() == LAST


def test_asked_to_go_on_it_takes_later_sessions_from_the_market() -> None:
    stored, market = source(goes_on=True), SimulatedSource()

    bars = stored.bars(SYMBOLS, FIRST, BEYOND)
    plain = market.bars(SYMBOLS, FIRST, BEYOND)

    scale = bars.groupby("session")["close"].sum() / plain.groupby("session")["close"].sum()
    assert [round(value) for value in scale[FIRST:LAST]] == [2, 2, 2, 2]
    assert [round(value) for value in scale[calendar.shift(LAST, 1) :]] == [1, 1]
    assert stored.last_session() == market.last_session()
    assert not stored.bars(SYMBOLS, BEYOND, BEYOND).empty


def test_a_copy_without_bars_says_so() -> None:
    with pytest.raises(MissingBarsError, match="holds no bars"):
        StoredSource(MemoryStore(), FACTS, LAST).first_session()


def test_rows_keep_the_moment_at_which_they_were_known() -> None:
    known = source().bars(("NVDA",), LAST, LAST)["known_at"].item()
    assert known == SimulatedSource().bars(("NVDA",), LAST, LAST)["known_at"].item()
    assert isinstance(known, pd.Timestamp)

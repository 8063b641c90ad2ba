"""Two strategies in one home: each as if it were alone, and the main one's bytes untouched."""

import pandas as pd
import pyarrow as pa
import pytest

from pipelines.ablation.sharing import Line, changed_stages, made_variant
from pipelines.settings import Settings
from resources.arrow_frames import to_arrow
from tests.e2e.homes import same_bytes
from tests.pipelines.ablation.lines import FIRST, LAST, SMALL
from trading import calendar
from trading.line import Request, make_and_write
from trading.plan import SOURCES
from trading.testing.memory_store import MemoryStore

BOOK = ("signals", "fills", "ledger", "positions", "performance", "risk", "target_portfolio", "orders")
OVERRIDES = {
    "trading.limits.volatility_target": 0.4,
    "trading.limits.drawdown_lookback_sessions": 40,  # so that what is kept is of two depths
    "signals.selection": "tilt",  # so that one reads a table that the other does not
    "trading.initial_cash_usd": 50_000.0,
}


def with_challenger(settings: Settings = SMALL) -> Settings:
    for name, value in OVERRIDES.items():
        settings = settings.with_value(f"strategies.b.{name}", value)
    return settings


def rows_of(store: MemoryStore, table: str, strategy: str) -> pa.Table:
    frame = store.read(table)
    return to_arrow(table, frame[frame["strategy"] == strategy].reset_index(drop=True))


@pytest.fixture(scope="module")
def both(base: Line) -> Line:
    return made_variant(base, with_challenger())


@pytest.fixture(scope="module")
def alone(base: Line) -> Line:
    return made_variant(base, with_challenger().books[1])


def test_the_second_strategy_changes_no_byte_of_the_first(base: Line, both: Line) -> None:
    for table in BOOK:
        assert same_bytes(
            rows_of(both.made.store, table, "swing"), to_arrow(table, base.made.store.read(table))
        )


def test_the_second_strategy_is_the_one_that_would_trade_alone(both: Line, alone: Line) -> None:
    for table in BOOK:
        mine = rows_of(both.made.store, table, "b")
        assert mine.num_rows
        assert same_bytes(mine, to_arrow(table, alone.made.store.read(table)))


def test_only_what_a_strategy_makes_is_made_again_for_it() -> None:
    assert changed_stages(SMALL, with_challenger()) == ("signals", "trading_session")


def test_each_strategy_has_its_own_money(both: Line) -> None:
    ledger = both.made.store.read("ledger")
    deposits = ledger[(ledger["kind"] == "deposit").to_numpy()].set_index("strategy")["cash_cents"]
    assert deposits.to_dict() == {"b": 50_000_00, "swing": 100_000_00}


def test_evenings_one_by_one_give_both_strategies_the_bytes_of_the_range(both: Line) -> None:
    made = [
        name for name, stage in both.plan.makers.items() if stage.name not in ("signals", "trading_session")
    ]
    evenings = both.made.store.sharing((*SOURCES, *made))
    for session in calendar.sessions_between(FIRST, LAST):
        for name in ("signals", "trading_session"):
            request = Request(FIRST, session, session, both.made.models)
            make_and_write(both.plan.stage(name), both.plan, evenings, request)
    for table in BOOK:
        assert same_bytes(to_arrow(table, evenings.read(table)), to_arrow(table, both.made.store.read(table)))


def test_two_strategies_that_are_told_the_same_do_the_same(base: Line) -> None:
    twin = made_variant(base, SMALL.with_value("strategies.twin.trading.initial_cash_usd", 100_000.0))
    performance = twin.made.store.read("performance").drop(columns="strategy").set_index("session")
    one, other = (
        rows for _, rows in performance.groupby(twin.made.store.read("performance")["strategy"].to_numpy())
    )
    pd.testing.assert_frame_equal(one, other)

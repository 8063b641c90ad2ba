"""What every market data source must do: simulated, from files, or from a vendor."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest

from resources.sources import (
    SOURCES,
    AlpacaSource,
    FilesSource,
    SimulatedSource,
    YahooSource,
    open_source,
)
from resources.sources.alpaca_keys import AlpacaKeys
from tests.peers.alpaca_http import AlpacaHistory, actions_as_written, bars_as_written
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.http_peer import HttpPeer
from tests.peers.patience import impatient
from tests.peers.yahoo import YahooPeer
from trading import calendar, frames
from trading.errors import MissingBarsError, UsageError
from trading.interfaces import MarketDataSource
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.testing.market import ALL_SYMBOLS, SimulatedMarket

FIRST, LAST = calendar.session_of("2024-04-01"), calendar.session_of("2024-07-31")
FIVE = calendar.session_of("2024-07-03")  # a half day
MORNING = pd.Timestamp("2024-08-01 12:00", tz="UTC").as_unit("us")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the layout of the source `files`, filled from the simulated market."""
    return write_market(tmp_path_factory.mktemp("data"))


def write_market(folder: Path) -> Path:
    market = SimulatedMarket()
    for name in ("daily", "intraday", "events"):
        (folder / name).mkdir()
    bars = market.bars(ALL_SYMBOLS, FIRST, LAST)
    actions = market.actions(ALL_SYMBOLS, FIRST, LAST)
    columns = ["symbol", "session", "open", "high", "low", "close", "volume"]
    panel = bars.loc[bars["symbol"] != "VIX", columns]
    vix = bars.loc[bars["symbol"] == "VIX", columns[:-1]]
    keyed = actions.set_index(["session", "symbol"])
    index = pd.MultiIndex.from_frame(panel[["session", "symbol"]])
    ratio = keyed.loc[keyed["kind"] == "split", "ratio"].reindex(index).fillna(1.0).to_numpy()
    amount = keyed.loc[keyed["kind"] == "dividend", "amount"].reindex(index).fillna(0.0).to_numpy()
    panel.to_parquet(folder / "daily/panel_adjusted.parquet")
    panel.assign(div_cash=amount, split_factor=ratio).to_parquet(folder / "daily/raw_with_actions.parquet")
    vix.to_parquet(folder / "daily/vix.parquet")
    five = market.bars(("NVDA", "SPY"), FIVE, calendar.shift(FIVE, 1), "5min")
    five[["symbol", "ts", *columns[2:]]].to_parquet(folder / "intraday/bars_5min_2024.parquet")
    earnings = pd.DataFrame(
        {
            "symbol": ["NVDA", "AMD", "INTC"],
            "date": pd.to_datetime(["2024-05-22", "2024-05-01", "2024-07-04"]),
            "eps_est": [2.0, 0.5, 1.0],
            "eps": [2.5, 0.4, 1.0],
            "release_time": ["post", "pre", "post"],
        }
    )
    earnings.to_parquet(folder / "events/earnings_2024.parquet")
    return folder


@pytest.fixture(scope="session")
def yahoo() -> Iterator[YahooSource]:
    """Yahoo as it would be on the morning after the last session."""
    with YahooPeer(now=lambda: MORNING) as peer:
        yield YahooSource(base_url=peer.url, clock=lambda: MORNING, transport=impatient("yahoo"))


@pytest.fixture(scope="session")
def alpaca() -> Iterator[AlpacaSource]:
    """Alpaca on the same morning."""
    market = SimulatedMarket()
    bars = {
        "1Day": bars_as_written(market.bars(ALL_SYMBOLS, FIRST, LAST)),
        "5Min": bars_as_written(market.bars(("NVDA", "SPY"), FIVE, FIVE, "5min")),
    }
    history = AlpacaHistory(bars, actions_as_written(market.actions(ALL_SYMBOLS, FIRST, LAST)), page_rows=500)
    with HttpPeer(history) as peer:
        keys, transport = AlpacaKeys(KEY, SECRET), impatient("alpaca")
        yield AlpacaSource(keys, base_url=peer.url, clock=lambda: MORNING, transport=transport)


@pytest.fixture(params=["simulated", "files raw", "files fully_adjusted", "yahoo", "alpaca"])
def source(request: pytest.FixtureRequest, folder: Path) -> MarketDataSource:
    made: Mapping[str, Callable[[], MarketDataSource]] = {
        "simulated": SimulatedSource,
        "files raw": lambda: FilesSource(folder, basis="raw"),
        "files fully_adjusted": lambda: FilesSource(folder),
        "yahoo": lambda: request.getfixturevalue("yahoo"),
        "alpaca": lambda: request.getfixturevalue("alpaca"),
    }
    return made[request.param]()


def test_it_says_what_it_is(source: MarketDataSource) -> None:
    assert source.name in SOURCES
    assert source.basis in frames.BASES
    assert source.simulated == (source.name == "simulated")
    assert source.delay <= calendar.DECISION_DELAY
    assert source.first_session() <= FIRST < LAST <= source.last_session()


def test_its_bars_are_rows_of_the_table_and_of_its_basis(source: MarketDataSource) -> None:
    bars = source.bars(ALL_SYMBOLS, FIRST, LAST)

    result = separate_bars(bars, basis=source.basis)

    assert list(bars.columns) == frames.columns("bars")
    assert result.quarantined.empty
    symbols = 13 if source.name == "alpaca" else 14  # Alpaca has no VIX
    assert len(result.accepted) == symbols * len(calendar.sessions_between(FIRST, LAST))
    assert (bars["source"] == source.name).all()


def test_a_bar_begins_at_the_open_and_is_known_after_the_close(source: MarketDataSource) -> None:
    half_day = source.bars(("NVDA",), FIVE, FIVE).iloc[0]

    assert half_day["ts"] == pd.Timestamp("2024-07-03 13:30", tz="UTC")
    assert half_day["known_at"] == pd.Timestamp("2024-07-03 17:00", tz="UTC") + source.delay


def test_it_gives_only_what_was_asked_for(source: MarketDataSource) -> None:
    bars = source.bars(("AMD", "SPY"), FIVE, FIVE)

    assert sorted(bars["symbol"]) == ["AMD", "SPY"]
    assert (bars["session"] == FIVE).all()


def test_its_five_minute_bars_belong_to_the_session(source: MarketDataSource) -> None:
    bars = source.bars(("NVDA", "SPY"), FIVE, FIVE, "5min")

    assert separate_bars(bars).quarantined.empty
    assert len(bars) == 2 * 42
    assert (bars["basis"] == "raw").all()


def test_its_actions_are_rows_of_the_table_known_before_they_take_effect(source: MarketDataSource) -> None:
    actions = source.actions(ALL_SYMBOLS, FIRST, LAST)

    accepted = separate_actions(actions).accepted

    assert list(actions.columns) == frames.columns("corporate_actions")
    assert len(accepted) == len(actions)
    assert (len(actions) > 0) == (source.basis == "raw")
    before = [calendar.as_of(calendar.shift(session, -1)) for session in accepted["session"]]
    assert all(known <= moment for known, moment in zip(accepted["known_at"], before, strict=True))


def test_its_earnings_say_when_they_were_known(source: MarketDataSource) -> None:
    earnings = source.earnings(ALL_SYMBOLS, FIRST, LAST)

    assert {"session", "symbol", "known_at", "surprise"} <= set(earnings.columns)
    assert set(earnings.columns) <= set(frames.columns("earnings"))
    assert str(earnings["known_at"].dtype) == "datetime64[us, UTC]"
    opens = calendar.open_each(pd.DatetimeIndex(earnings["session"]))
    assert (len(earnings) > 0) == (source.name != "alpaca"), "Alpaca announces nothing"
    assert (earnings["known_at"] >= opens).all()


def test_an_unknown_timeframe_or_symbol_is_refused(source: MarketDataSource) -> None:
    with pytest.raises(UsageError, match="2h"):
        source.bars(("NVDA",), FIRST, LAST, "2h")
    with pytest.raises((UsageError, MissingBarsError), match="AAPL"):
        source.bars(("AAPL",), FIRST, LAST)


def test_a_range_outside_the_data_is_refused_with_its_ends(source: MarketDataSource) -> None:
    early = pd.Timestamp("2010-01-04")

    with pytest.raises(MissingBarsError, match=f"{source.first_session():%Y-%m-%d}"):
        source.bars(("NVDA",), early, LAST)


def test_sources_are_opened_by_name(folder: Path) -> None:
    simulated = open_source("simulated", seed=5)
    assert isinstance(simulated, SimulatedSource)
    assert simulated.market.options.seed == 5
    files = open_source("files", data=folder, basis="raw")
    assert (files.name, files.basis) == ("files", "raw")
    assert isinstance(open_source("yahoo"), YahooSource)
    assert isinstance(open_source("alpaca", feed="sip"), AlpacaSource)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("bloomberg", "unknown source"),
        ("files", "--data"),
    ],
)
def test_a_source_that_is_not_there_is_refused_by_name(name: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        open_source(name)

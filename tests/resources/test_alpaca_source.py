"""Alpaca's history over its own protocol: pages, feeds, refusals, faults, and keys that never show."""

import logging
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from resources.open_home import source_facts
from resources.sources.alpaca import AlpacaSource
from resources.sources.alpaca_keys import AlpacaKeys
from resources.sources.timing import Timer
from resources.sources.transport import Policy, Transport
from tests.peers.alpaca_http import LETTERS, AlpacaHistory, bars_as_written
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.faults import TRANSPORT, FaultEngine
from tests.peers.http_peer import HttpPeer
from trading import calendar
from trading.errors import FablineError, MissingBarsError, SourceUnavailableError, UsageError
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.testing.market import SimulatedMarket

FIRST, LAST = calendar.session_of("2024-07-01"), calendar.session_of("2024-07-05")
HALF = calendar.session_of("2024-07-03")
NOW = pd.Timestamp("2024-07-08 12:00", tz="UTC")
SYMBOLS = ("NVDA", "AMD", "SPY")


def market_history(**options: object) -> AlpacaHistory:
    market = SimulatedMarket()
    bars = {
        name: bars_as_written(market.bars(SYMBOLS, FIRST, LAST, timeframe))
        for name, timeframe in (("1Day", "1D"), ("5Min", "5min"))
    }
    return AlpacaHistory(bars, **options)  # type: ignore[arg-type]


@pytest.fixture
def source_of() -> Callable[..., AlpacaSource]:
    def made(peer: HttpPeer, keys: AlpacaKeys | None = None, **options: object) -> AlpacaSource:
        quick = Timer(sleep=lambda _: None)
        options = {"clock": lambda: NOW, "transport": Transport("alpaca", Policy(), timer=quick), **options}
        return AlpacaSource(keys or AlpacaKeys(KEY, SECRET), base_url=peer.url, **options)  # type: ignore[arg-type]

    return made


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    with HttpPeer(market_history()) as served:
        yield served


@pytest.mark.parametrize("timeframe", ["1D", "5min"])
def test_bars_are_those_of_the_vendor_by_session_and_known_after_their_end(
    timeframe: str, peer: HttpPeer, source_of: Callable[..., AlpacaSource]
) -> None:
    found = source_of(peer).bars(SYMBOLS, FIRST, LAST, timeframe)

    truth = SimulatedMarket().bars(SYMBOLS, FIRST, LAST, timeframe)
    values = ["session", "ts", "symbol", *LETTERS]
    ordered = truth.sort_values(["session", "ts", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(found[values], ordered[values])
    ends = ordered["known_at"] - SimulatedMarket().delay
    assert (found["known_at"] == ends + pd.Timedelta(minutes=1)).all()
    assert separate_bars(found, basis="raw").quarantined.empty


def test_all_pages_are_asked_for(peer: HttpPeer, source_of: Callable[..., AlpacaSource]) -> None:
    with HttpPeer(market_history(page_rows=100)) as paged:
        found = source_of(paged).bars(SYMBOLS, FIRST, LAST, "5min")

        pd.testing.assert_frame_equal(found, source_of(peer).bars(SYMBOLS, FIRST, LAST, "5min"))
        assert len(paged.asked) == -(-len(found) // 100)
    query = paged.asked[0].query
    assert (query["adjustment"], query["feed"], query["symbols"]) == ("raw", "iex", "NVDA,AMD,SPY")


def test_weekly_bars_are_made_of_whole_weeks(peer: HttpPeer, source_of: Callable[..., AlpacaSource]) -> None:
    (bar,) = source_of(peer).bars(("NVDA",), FIRST, LAST, "1W").itertuples()

    days = source_of(peer).bars(("NVDA",), FIRST, LAST)
    assert (bar.session, bar.open, bar.close) == (LAST, days["open"].iloc[0], days["close"].iloc[-1])


def test_the_vendors_faults_cost_time_and_nothing_else(source_of: Callable[..., AlpacaSource]) -> None:
    engine = FaultEngine.evenly(0.3, kinds=TRANSPORT)
    with HttpPeer(market_history(page_rows=40), engine) as harmed, HttpPeer(market_history()) as whole:
        found = source_of(harmed).bars(SYMBOLS, FIRST, LAST, "5min")

        pd.testing.assert_frame_equal(found, source_of(whole).bars(SYMBOLS, FIRST, LAST, "5min"))
    assert sum(engine.drawn[kind] for kind in TRANSPORT) > 3


def test_a_bar_that_has_not_ended_is_left_out(peer: HttpPeer, source_of: Callable[..., AlpacaSource]) -> None:
    noon = pd.Timestamp("2024-07-02 16:02", tz="UTC")
    during = source_of(peer, clock=lambda: noon)

    assert during.bars(SYMBOLS, FIRST, LAST)["session"].unique().tolist() == [FIRST]
    assert during.bars(("AMD",), FIRST, LAST, "5min")["ts"].max() == pd.Timestamp(
        "2024-07-02 15:55", tz="UTC"
    )


def test_the_consolidated_tape_is_asked_only_for_what_is_old_enough(
    source_of: Callable[..., AlpacaSource],
) -> None:
    now = calendar.session_close(HALF) + pd.Timedelta(minutes=5)
    with HttpPeer(market_history(recent=now - pd.Timedelta(minutes=15))) as limited:
        sip = source_of(limited, clock=lambda: now, feed="sip")

        assert sip.delay == calendar.DECISION_DELAY
        assert sip.bars(("AMD",), HALF, HALF, "5min")["ts"].max() == now - pd.Timedelta(minutes=20)


def test_splits_and_dividends_become_actions_known_before_they_are_due(
    source_of: Callable[..., AlpacaSource],
) -> None:
    split = {
        "symbol": "NVDA",
        "new_rate": 10,
        "old_rate": 1,
        "ex_date": "2024-06-10",
        "process_date": "2024-06-10",
    }
    merged = {**split, "symbol": "SMCI", "new_rate": 1, "old_rate": 2, "ex_date": "2024-06-12"}
    paid = {"symbol": "NVDA", "rate": 0.01, "ex_date": "2024-06-11", "process_date": "2024-06-28"}
    dividends = [{**paid, "payable_date": "2024-06-29"}, {**paid, "symbol": "AVGO", "ex_date": "2024-06-24"}]
    kinds = {"forward_splits": [split], "reverse_splits": [merged], "cash_dividends": dividends}
    with HttpPeer(AlpacaHistory(actions=kinds, page_rows=1)) as peer:
        found = source_of(peer).actions(
            ("NVDA", "SMCI", "AVGO", "VIX"), pd.Timestamp("2024-06-10"), pd.Timestamp("2024-06-28")
        )

    assert separate_actions(found).quarantined.empty
    told = found[["symbol", "kind", "ratio", "amount", "pay_session"]].itertuples(index=False, name=None)
    assert list(told) == [
        ("NVDA", "split", 10.0, 0.0, pd.Timestamp("2024-06-10")),
        ("NVDA", "dividend", 1.0, 0.01, pd.Timestamp("2024-07-01")),  # paid on a Saturday
        ("SMCI", "split", 0.5, 0.0, pd.Timestamp("2024-06-12")),
        ("AVGO", "dividend", 1.0, 0.01, calendar.shift(calendar.session_of("2024-06-24"), 15)),
    ]
    assert found["known_at"].iloc[0] == pd.Timestamp("2024-06-07 20:01", tz="UTC")


@pytest.mark.parametrize(
    ("path", "word"), [("bars", "invalid symbol: nvda"), ("early", "begins at 2016-01-04")]
)
def test_what_alpaca_does_not_have_is_said(
    path: str,
    word: str,
    peer: HttpPeer,
    source_of: Callable[..., AlpacaSource],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("resources.sources.alpaca.instrument", lambda _: type("Any", (), {"role": "stock"}))
    first = FIRST if path == "bars" else pd.Timestamp("2015-12-31")
    with pytest.raises(MissingBarsError, match=word):
        source_of(peer).bars(("nvda",), first, LAST)


def test_indices_and_earnings_are_not_asked_for(
    peer: HttpPeer, source_of: Callable[..., AlpacaSource]
) -> None:
    source = source_of(peer)

    assert source.bars(("VIX",), FIRST, LAST).empty
    assert source.earnings(("NVDA",), FIRST, LAST).empty
    assert peer.asked == []


def test_without_credentials_the_error_says_what_to_set(peer: HttpPeer) -> None:
    source = AlpacaSource(None, base_url=peer.url, clock=lambda: NOW)
    with pytest.raises(UsageError, match="APCA_API_KEY_ID and APCA_API_SECRET_KEY"):
        source.bars(("NVDA",), FIRST, LAST)


def test_another_feed_or_timeframe_is_refused(peer: HttpPeer, source_of: Callable[..., AlpacaSource]) -> None:
    with pytest.raises(UsageError, match="iex and sip"):
        source_of(peer, feed="otc")
    with pytest.raises(UsageError, match="2h"):
        source_of(peer).bars(("NVDA",), FIRST, LAST, "2h")


def test_a_vendor_that_is_down_is_named_with_what_was_asked_for(
    peer: HttpPeer, source_of: Callable[..., AlpacaSource]
) -> None:
    peer.hangs_up = True
    with pytest.raises(SourceUnavailableError, match=r"alpaca gives no 1D bars of NVDA, 2024-07-01"):
        source_of(peer).bars(("NVDA",), FIRST, LAST)


@pytest.mark.parametrize("hangs_up", [False, True])
def test_credentials_never_show(
    hangs_up: bool,  # noqa: FBT001
    tmp_path: Path,
    peer: HttpPeer,
    source_of: Callable[..., AlpacaSource],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = AlpacaKeys("PKWRONGWRONGWRONG", "a-secret-nobody-should-read")
    peer.hangs_up = hangs_up
    source = source_of(peer, keys)
    with pytest.raises(FablineError) as caught:
        source.bars(("NVDA",), FIRST, LAST)

    said = str(caught.value) + repr(caught.value) + caplog.text + repr(source) + repr(vars(source))
    shown = said + repr(vars(source._client)) + repr(source_facts(source))
    assert keys.key not in shown
    assert keys.secret not in shown
    assert caplog.text
    with pytest.raises(TypeError):
        pickle.dumps(source)
    assert not list(tmp_path.iterdir())

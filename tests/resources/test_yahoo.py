"""Yahoo through yfinance, against a peer that speaks Yahoo's words: scales, hours, reach, outages, chaos."""

import logging
import sys
from collections import Counter
from collections.abc import Iterator

import pandas as pd
import pytest

from resources.sources.yahoo import YahooSource
from tests.peers.faults import KINDS, ROWS, SPLIT, TRANSPORT, FaultEngine
from tests.peers.http_peer import Answer, Asked, HttpPeer
from tests.peers.patience import Patience, impatient
from tests.peers.yahoo import CHART, YahooPeer
from trading import calendar
from trading.errors import MissingBarsError, SourceUnavailableError, UsageError
from trading.monitoring.bar_rules import separate_bars
from trading.testing.market import ALL_SYMBOLS, SimulatedMarket

MARKET = SimulatedMarket()
VALUES = ["open", "high", "low", "close", "volume"]
KEY = ["session", "ts", "symbol"]
SPLIT_DAY = calendar.session_of("2024-05-30")  # SMCI, in the simulated market of the usual seed
FIRST, LAST = calendar.session_of("2024-05-20"), calendar.session_of("2024-06-14")


def moment(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz=calendar.TIMEZONE).tz_convert("UTC").as_unit("us")


class Present:
    """The time, of peer and source alike; tests turn it."""

    def __init__(self, text: str) -> None:
        self.now = moment(text)

    def __call__(self) -> pd.Timestamp:
        return self.now


@pytest.fixture
def present() -> Present:
    return Present("2024-06-17 08:00")


@pytest.fixture
def peer(present: Present) -> Iterator[YahooPeer]:
    with YahooPeer(now=present) as peer:
        yield peer


@pytest.fixture
def source(peer: YahooPeer, present: Present) -> YahooSource:
    return YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo"))


def same(bars: pd.DataFrame, truth: pd.DataFrame) -> bool:
    """Whether bars are those of the market, to the last digit."""
    left, right = (frame.sort_values(KEY, ignore_index=True)[[*KEY, *VALUES]] for frame in (bars, truth))
    return left.equals(right)


def test_bars_on_both_sides_of_a_split_are_those_that_were_traded(source: YahooSource) -> None:
    bars = source.bars(("SMCI", "NVDA"), FIRST, LAST)

    truth = MARKET.bars(("SMCI", "NVDA"), FIRST, LAST)
    actions = source.actions(("SMCI",), FIRST, LAST)
    assert same(bars, truth)
    assert actions.loc[actions["kind"] == "split", "session"].tolist() == [SPLIT_DAY]
    closes = bars[bars["symbol"] == "SMCI"].set_index("session")["close"]
    ratio = actions.loc[actions["kind"] == "split", "ratio"].item()
    before = closes[calendar.shift(SPLIT_DAY, -1)]
    assert before / closes[SPLIT_DAY] == pytest.approx(ratio, rel=0.2)  # a day's move beside it


def test_bars_asked_for_before_and_after_a_split_are_the_same(source: YahooSource, present: Present) -> None:
    present.now = moment("2024-05-29 20:00")
    before = source.bars(("SMCI",), FIRST, calendar.shift(SPLIT_DAY, -1))
    present.now = moment("2024-06-17 08:00")

    after = source.bars(("SMCI",), FIRST, calendar.shift(SPLIT_DAY, -1))

    assert before.equals(after)


def test_a_split_that_is_listed_before_the_past_is_divided_changes_nothing(present: Present) -> None:
    engine = FaultEngine({SPLIT: 1.0})
    with YahooPeer(now=present, engine=engine) as peer:
        source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo"))

        bars = source.bars(("SMCI",), FIRST, LAST)

    assert same(bars, MARKET.bars(("SMCI",), FIRST, LAST))
    assert engine.drawn[SPLIT] > 0


@pytest.mark.parametrize("raw", [False, True], ids=["divided", "as they were paid"])
def test_dividends_are_per_share_held_before_however_yahoo_lists_them(*, raw: bool) -> None:
    present = Present("2024-06-17 08:00")
    first, last = calendar.session_of("2019-06-03"), calendar.session_of("2023-12-29")
    payers = ("NVDA", "SPY", "QQQ", "MU")  # the first three are split in these years
    with YahooPeer(now=present, raw_dividends=raw) as peer:
        source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo"))
        actions = source.actions(payers, first, last)

    truth = MARKET.actions(payers, first, last)
    assert (truth["kind"] == "split").sum() == 3
    columns = ["session", "symbol", "kind", "ratio", "amount", "pay_session"]
    assert actions[columns].equals(truth[columns])


def test_a_bar_in_progress_and_one_that_is_not_out_yet_are_left_out(
    source: YahooSource, present: Present
) -> None:
    day = calendar.session_of("2024-06-14")
    present.now = moment("2024-06-14 11:02")
    morning = source.bars(("NVDA",), day, day, "5min")
    daily = source.bars(("NVDA",), calendar.shift(day, -1), day)
    present.now = moment("2024-06-14 16:14")
    too_early = source.bars(("NVDA",), day, day)
    present.now = moment("2024-06-14 16:15")

    out = source.bars(("NVDA",), day, day)

    assert morning["ts"].max() == moment("2024-06-14 10:40")  # ended at 10:45, out at 11:00
    assert daily["session"].tolist() == [calendar.shift(day, -1)]
    assert too_early.empty
    assert same(out, MARKET.bars(("NVDA",), day, day))


def test_a_session_is_the_last_one_when_its_bars_are_out(source: YahooSource, present: Present) -> None:
    present.now = moment("2024-06-14 16:14")
    assert source.last_session() == calendar.session_of("2024-06-13")
    present.now = moment("2024-06-14 16:15")
    assert source.last_session() == calendar.session_of("2024-06-14")


@pytest.mark.parametrize(("day", "count"), [("2024-03-08", 78), ("2024-03-11", 78), ("2023-11-24", 42)])
def test_five_minute_bars_are_those_of_the_session_across_the_change_of_clocks_and_on_half_days(
    source: YahooSource, present: Present, day: str, count: int
) -> None:
    session = calendar.session_of(day)
    present.now = moment("2024-03-25 08:00") if day > "2024" else moment("2023-12-01 08:00")

    bars = source.bars(("NVDA", "VIX"), session, session, "5min")

    assert len(bars) == 2 * count
    assert same(bars, MARKET.bars(("NVDA", "VIX"), session, session, "5min"))
    assert separate_bars(bars).quarantined.empty


def test_five_minute_bars_reach_back_sixty_days_and_the_error_says_from_where(source: YahooSource) -> None:
    earliest = source.first_session_of("5min")
    early = calendar.shift(earliest, -1)

    with pytest.raises(MissingBarsError, match=f"for 60 days: the first session .* {earliest:%Y-%m-%d}"):
        source.bars(("NVDA",), calendar.shift(early, -5), early, "5min")

    bars = source.bars(("NVDA",), early, calendar.shift(earliest, 1), "5min")
    assert sorted(set(bars["session"])) == [earliest, calendar.shift(earliest, 1)]


def test_weekly_bars_are_made_of_the_raw_days(source: YahooSource) -> None:
    weeks = source.bars(("SMCI",), FIRST, LAST, "1W")

    days = MARKET.bars(("SMCI",), calendar.session_of("2024-06-03"), calendar.session_of("2024-06-07"))
    week = weeks[weeks["session"] == calendar.session_of("2024-06-07")].iloc[0]
    assert (week["open"], week["close"]) == (days["open"].iloc[0], days["close"].iloc[-1])
    assert week["volume"] == days["volume"].sum()


def test_earnings_come_with_estimate_and_surprise_and_none_before_it_is_known(
    source: YahooSource, present: Present
) -> None:
    present.now = moment("2024-07-30 16:29")  # AMD reports on that day, known at 16:30
    first, last = calendar.session_of("2024-07-01"), calendar.session_of("2024-07-30")

    said = source.earnings(ALL_SYMBOLS, first, last)

    truth = MARKET.earnings(ALL_SYMBOLS, first, last)
    assert "AMD" in set(truth["symbol"])
    assert said["symbol"].tolist() == truth.loc[truth["symbol"] != "AMD", "symbol"].tolist()
    assert (said["release"] == "after_close").all()
    # The page shows a hundredth of a dollar and of a percent.
    assert (said["actual"] / said["estimate"] - 1 - said["surprise"]).abs().max() < 0.01


def test_yfinance_gets_its_cookie_and_crumb_once_and_anew_when_they_expire(
    source: YahooSource, peer: YahooPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.bars(("NVDA", "AMD"), FIRST, LAST)
    paths = Counter(asked.path for asked in peer.asked)
    assert (paths["/"], paths["/v1/test/getcrumb"]) == (1, 1)

    monkeypatch.setattr("tests.peers.yahoo.CRUMB", "Simulated.2")

    assert len(source.bars(("NVDA",), LAST, LAST)) == 1
    assert [asked.query.get("crumb") for asked in peer.asked if asked.path.startswith(CHART)][-2:] == [
        "Simulated.1",
        "Simulated.2",
    ]


def test_an_answer_is_asked_for_again_because_yahoo_may_have_changed_it(
    source: YahooSource, peer: YahooPeer
) -> None:
    source.bars(("NVDA",), FIRST, FIRST)
    before = len(peer.asked)

    source.bars(("NVDA",), FIRST, FIRST)

    assert len(peer.asked) == before + 1


def test_an_unknown_symbol_is_named(source: YahooSource) -> None:
    with pytest.raises(MissingBarsError, match=r"AAPL.*No data found, symbol may be delisted"):
        source.bars(("AAPL",), FIRST, LAST)


NONSENSE = [
    b"",
    b"<html>Will be right back</html>",
    b'{"chart": {"result": null, "error": null}}',
    b'{"chart": {"result": [], "error": null}}',
    b'{"chart": {"result": [{"meta": {"symbol": "NVDA"}, "timestamp": [1, 2], "indicators": {"quote": [{"open": [1]}]}}]}}',
    b'{"finance": {"error": "Unauthorized"}}',
    b"[1, 2]",
]


@pytest.mark.parametrize("words", NONSENSE, ids=range(len(NONSENSE)))
def test_an_answer_that_is_no_chart_is_an_outage_and_never_an_empty_frame(
    words: bytes, present: Present
) -> None:
    def respond(asked: Asked, _fault: object) -> Answer:
        return Answer(words if asked.path.startswith(CHART) else b"crumb")

    with HttpPeer(respond) as peer:
        source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo"))
        with pytest.raises(SourceUnavailableError, match=r"yahoo gives no .* times in a row"):
            source.bars(("NVDA",), FIRST, LAST)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            b'{"chart": {"result": [{"meta": {"symbol": "SPY"}, "indicators": {"quote": [{}]}}]}}',
            "cannot be read",
        ),
        (b'{"chart": {"result": null, "error": {"description": "Internal trouble"}}}', "Internal trouble"),
    ],
)
def test_an_answer_that_yfinance_cannot_use_is_an_outage_too(
    words: bytes, said: str, present: Present
) -> None:
    with HttpPeer(lambda asked, _: Answer(words if asked.path.startswith(CHART) else b"crumb")) as peer:
        source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo"))
        with pytest.raises(SourceUnavailableError, match=said):
            source.first_session()


def test_a_page_without_a_table_of_earnings_is_an_outage(present: Present) -> None:
    with HttpPeer(lambda *_: Answer(b"<html></html>", content_type="text/html")) as peer:
        source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo"))
        with pytest.raises(SourceUnavailableError, match="no table of earnings dates of NVDA"):
            source.earnings(("NVDA",), FIRST, LAST)


def test_a_vendor_that_hangs_up_is_named_left_alone_and_tried_again(
    peer: YahooPeer, present: Present
) -> None:
    patience = Patience()
    source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo", patience))
    assert len(source.bars(("NVDA",), LAST, LAST)) == 1
    peer.http.hangs_up = True
    for _ in range(2):
        with pytest.raises(
            SourceUnavailableError, match="1D bars of NVDA, 2024-06-14 to 2024-06-14: the conn"
        ):
            source.bars(("NVDA",), LAST, LAST)

    with pytest.raises(
        SourceUnavailableError, match=r"failed 10 times in a row .* it will be tried again in"
    ):
        source.bars(("NVDA",), LAST, LAST)
    peer.http.hangs_up = False
    patience.elapsed += 60

    assert len(source.bars(("NVDA",), LAST, LAST)) == 1


def test_without_a_network_there_is_one_clear_error(
    present: Present, capfd: pytest.CaptureFixture[str]
) -> None:
    with YahooPeer(now=present) as peer:
        address = peer.url  # nobody listens there afterwards
    source = YahooSource(base_url=address, clock=present, transport=impatient("yahoo"))

    with pytest.raises(
        SourceUnavailableError, match=r"the connection was refused or lost.*check the network"
    ):
        source.first_session()

    assert capfd.readouterr() == ("", "")


def test_no_error_and_no_record_shows_the_crumb(
    source: YahooSource, peer: YahooPeer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        source.bars(("NVDA",), LAST, LAST)
        peer.http.hangs_up = True
        with pytest.raises(SourceUnavailableError) as raised:
            source.bars(("NVDA",), LAST, LAST)

    assert "Simulated.1" not in str(raised.value) + caplog.text
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("kind", TRANSPORT)
def test_any_fault_of_the_way_costs_requests_and_no_bar(kind: str, present: Present) -> None:
    engine = FaultEngine({kind: 0.4}, seed=3, slow_seconds=0.001)
    with YahooPeer(now=present, engine=engine) as peer:
        source = YahooSource(
            base_url=peer.url, clock=present, transport=impatient("yahoo", attempts=12, failures=99)
        )

        bars = source.bars(("NVDA", "AMD", "SMCI", "VIX"), FIRST, LAST)

    assert same(bars, MARKET.bars(("NVDA", "AMD", "SMCI", "VIX"), FIRST, LAST))
    assert engine.drawn[kind] > 0


@pytest.mark.parametrize("kind", ["reordered", "duplicated"])
def test_rows_in_any_order_or_twice_come_once_and_in_order(kind: str, present: Present) -> None:
    with YahooPeer(now=present, engine=FaultEngine({kind: 1.0})) as peer:
        source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo"))

        daily = source.bars(("NVDA",), FIRST, LAST)
        five = source.bars(("NVDA",), FIRST, LAST, "5min")

    assert same(daily, MARKET.bars(("NVDA",), FIRST, LAST))
    assert same(five, MARKET.bars(("NVDA",), FIRST, LAST, "5min"))
    assert five["ts"].is_monotonic_increasing


def test_a_revised_row_comes_as_it_is_said_now(present: Present) -> None:
    with YahooPeer(now=present, engine=FaultEngine({"revised": 1.0})) as peer:
        source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo"))

        bars = source.bars(("NVDA",), FIRST, LAST)

    truth = MARKET.bars(("NVDA",), FIRST, LAST)
    assert not same(bars, truth)
    assert same(bars.assign(close=truth["close"]), truth)


def test_chaos_at_twenty_percent_leaves_every_bar_there_once_and_in_order(present: Present) -> None:
    kinds = [kind for kind in KINDS if kind != "revised"]  # a revision is another value, by right
    engine = FaultEngine.evenly(0.2, seed=11, kinds=kinds)
    first = calendar.session_of("2024-04-22")
    with YahooPeer(now=present, engine=engine) as peer:
        source = YahooSource(base_url=peer.url, clock=present, transport=impatient("yahoo", attempts=8))
        five = pd.concat(
            source.bars(("NVDA", "SMCI", "VIX"), session, calendar.shift(session, 4), "5min")
            for session in calendar.sessions_between(first, LAST)[::5]
        )
        daily = source.bars(ALL_SYMBOLS, first, LAST)

    assert len(five) > 9_000
    assert same(five, MARKET.bars(("NVDA", "SMCI", "VIX"), first, LAST, "5min"))
    assert same(daily, MARKET.bars(ALL_SYMBOLS, first, LAST))
    assert sum(engine.drawn[kind] for kind in (*TRANSPORT, *ROWS, SPLIT)) > 5


def test_a_timeframe_that_yahoo_is_not_asked_for_is_refused(source: YahooSource) -> None:
    with pytest.raises(UsageError, match="1D, 1W and 5min, not '1min'"):
        source.bars(("NVDA",), FIRST, LAST, "1min")


def test_a_range_that_has_not_begun_has_no_bars(source: YahooSource) -> None:
    future = calendar.session_of("2024-12-02")

    assert source.bars(("NVDA",), future, future).empty


def test_without_the_extra_the_error_says_what_to_install(
    source: YahooSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "resources.sources.yahoo_client", raising=False)
    monkeypatch.setitem(sys.modules, "yfinance", None)

    with pytest.raises(UsageError, match=r"the extra `brokers` \(yfinance is not installed\): pip install"):
        source.first_session()

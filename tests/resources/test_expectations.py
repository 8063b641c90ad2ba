"""Great Expectations on small frames: good ones pass, and each planted fault breaks its own expectation."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resources import expectations
from resources.expectations import Outcome, Verdict
from resources.sources.files import FilesSource
from trading import calendar, frames
from trading.ingest import ALL_SYMBOLS
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.testing.example_rows import example
from trading.testing.market_frames import actions_frame, bars_frame
from trading.universe import SYMBOLS

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")

LAST, BEFORE = pd.Timestamp("2024-07-05"), pd.Timestamp("2024-07-03")


def good_bars() -> pd.DataFrame:
    return bars_frame({symbol: np.full(4, 100.0) for symbol in SYMBOLS}, LAST)


def good_actions() -> pd.DataFrame:
    return actions_frame(
        (f"{LAST:%Y-%m-%d}", "NVDA", "split", 10.0), (f"{LAST:%Y-%m-%d}", "MU", "dividend", 0.5)
    )


def good_features() -> pd.DataFrame:
    frame = example("features", BEFORE, LAST).assign(timeframe="1D")
    small = frame[["volatility_21", "volatility_63", "atr_14", "log_return"]].clip(0, 1)
    return frame.assign(**dict(small.items()))


@dataclass(frozen=True)
class Fault:
    """A value that is planted in one row, and the expectation that it breaks."""

    column: str
    value: object
    name: str


BAR_FAULTS = [
    Fault("open", -1.0, "open is positive"),
    Fault("high", 0.0, "high is positive"),
    Fault("low", -5.0, "low is positive"),
    Fault("close", np.inf, "close is positive"),
    Fault("volume", -1.0, "volume is not negative"),
    Fault("high", 98.0, "high is not below low"),
    Fault("high", 99.5, "high is not below open"),
    Fault("high", 99.5, "high is not below close"),
    Fault("low", 100.5, "low is not above open"),
    Fault("low", 100.5, "low is not above close"),
    Fault("symbol", "GME", "the symbol belongs to the universe"),
    Fault("timeframe", "2D", "the timeframe is one of ours"),
    Fault("basis", "guessed", "the price basis is one of ours"),
    Fault("basis", "fully_adjusted", "the batch has one price basis for each timeframe"),
    Fault("known_at", pd.Timestamp("1999-01-01", tz="UTC"), "a bar is not known before it ended"),
    *(Fault(name, None, f"{name} is known") for name in frames.columns("bars") if name != "session"),
]
ACTION_FAULTS = [
    Fault("ratio", 0.0, "the ratio is positive"),
    Fault("amount", -0.5, "the amount is not negative"),
    Fault("amount", 30.0, "a dividend is at most 20% of the price"),
    Fault("kind", "merger", "an action is a split or a dividend"),
    Fault("pay_session", pd.Timestamp("1999-01-04"), "nothing is paid before it is due"),
    Fault("symbol", "GME", "the symbol belongs to the universe"),
    *(Fault(n, None, f"{n} is known") for n in frames.columns("corporate_actions") if n != "session"),
]
FEATURE_FAULTS = [
    Fault("rsi_14", 101.0, "rsi_14 lies between 0 and 100"),
    Fault("adx_14", -1.0, "adx_14 lies between 0 and 100"),
    Fault("volatility_21", -0.1, "volatility_21 is a share of the price"),
    Fault("volatility_63", np.inf, "volatility_63 is a share of the price"),
    Fault("atr_14", 11.0, "atr_14 is a share of the price"),
    Fault("log_return", np.inf, "a session's log return is finite and conceivable"),
    Fault("symbol", "GME", "the symbol belongs to the universe"),
    *(Fault(name, None, f"{name} is known") for name in ("known_at", "timeframe", "symbol")),
]


def planted(frame: pd.DataFrame, faults: list[Fault]) -> tuple[pd.DataFrame, dict[str, set[pd.Timestamp]]]:
    """The frame with each fault in a session of its own and one row twice, and the sessions by expectation."""
    sessions = sorted(frame["session"].unique())
    where: dict[str, set[pd.Timestamp]] = {"no key repeats": {sessions[-1]}}
    for fault, session in zip(faults, sessions, strict=False):
        (row,) = frame.index[(frame["session"] == session) & (frame["symbol"] == "MU")]
        frame.loc[row, fault.column] = fault.value
        where.setdefault(fault.name, set()).add(session)
    assert len(faults) < len(sessions)
    return pd.concat([frame, frame.tail(1)], ignore_index=True), where


def failed(verdict: Verdict) -> list[str]:
    return [outcome.name for outcome in verdict.failed]


def sessions_of(outcome: Outcome) -> set[object]:
    return {row["session"] for row in outcome.rows}


@pytest.fixture(scope="module")
def bar_verdict() -> tuple[Verdict, dict[str, set[pd.Timestamp]]]:
    bars = bars_frame({symbol: np.full(40, 100.0) for symbol in SYMBOLS}, LAST)
    frame, where = planted(bars, BAR_FAULTS)
    return expectations.validate_bars(frame), where


class TestBars:
    def test_good_bars_pass_every_expectation(self) -> None:
        verdict = expectations.validate_bars(good_bars())
        assert verdict.success
        assert failed(verdict) == []
        assert verdict.bad_sessions == ()
        assert verdict.rows == 40

    @pytest.mark.parametrize("name", sorted({fault.name for fault in BAR_FAULTS} | {"no key repeats"}))
    def test_a_planted_fault_breaks_its_expectation_and_names_its_session(
        self, name: str, bar_verdict: tuple[Verdict, dict[str, set[pd.Timestamp]]]
    ) -> None:
        verdict, where = bar_verdict
        (outcome,) = [outcome for outcome in verdict.failed if outcome.name == name]
        assert outcome.unexpected == len(outcome.rows) > 0
        assert sessions_of(outcome) >= where[name]
        assert set(verdict.bad_sessions) >= where[name]

    def test_every_expectation_about_rows_was_broken_by_some_fault(
        self, bar_verdict: tuple[Verdict, dict[str, set[pd.Timestamp]]]
    ) -> None:
        met = {o.name for o in bar_verdict[0].outcomes if o.success and o.suite == "bars"}
        assert met == {"expect_column_to_exist", "session is known"}

    @pytest.mark.parametrize("column", ["basis", "close", "session"])
    def test_a_missing_column_is_named(self, column: str) -> None:
        verdict = expectations.validate_bars(good_bars().drop(columns=column))
        assert [outcome.column for outcome in verdict.failed] == [column]

    def test_no_bars_at_all_fail(self) -> None:
        assert failed(expectations.validate_bars(frames.empty("bars"))) == ["the batch has rows"]

    def test_a_session_with_seven_of_ten_stocks_is_incomplete_and_one_with_eight_is_not(self) -> None:
        bars = good_bars()
        lost = {LAST: ["NVDA", "AMD", "MU"], BEFORE: ["NVDA", "AMD"]}
        for session, symbols in lost.items():
            bars = bars[~((bars["session"] == session) & bars["symbol"].isin(symbols))]
        verdict = expectations.validate_bars(bars)
        assert failed(verdict) == ["at least 80% of the listed stocks have a bar"]
        assert verdict.bad_sessions == (LAST,)

    def test_a_session_that_was_asked_for_and_has_no_bar_is_incomplete(self) -> None:
        sessions = pd.DatetimeIndex([LAST, "2024-07-08"]).as_unit("us")
        verdict = expectations.validate_bars(good_bars(), sessions=sessions)
        assert verdict.bad_sessions == (sessions[1],)

    def test_half_days_and_late_listings_are_in_order(self) -> None:
        closes = {symbol: np.full(3, 100.0) for symbol in SYMBOLS if symbol != "ARM"}
        bars = bars_frame({**closes, "ARM": [np.nan, np.nan, 50.0]}, "2023-09-14")
        assert expectations.validate_bars(bars).success

    @pytest.mark.parametrize("quarantined", [0, 1, 2, 3])
    def test_at_most_a_twentieth_of_the_stock_rows_may_be_in_quarantine(self, quarantined: int) -> None:
        verdict = expectations.validate_bars(good_bars(), quarantined)
        assert verdict.success is (quarantined / (40 + quarantined) <= 0.05)  # 2 of 42 is, 3 of 43 is not

    def test_a_bar_without_a_session_is_found(self) -> None:
        bars = good_bars()
        bars.loc[3, "session"] = pd.NaT
        verdict = expectations.validate_bars(bars)
        assert "session is known" in failed(verdict)

    def test_a_bar_before_the_listing_is_one_too_many(self) -> None:
        bars = bars_frame({symbol: [100.0] for symbol in SYMBOLS}, "2023-09-13")  # ARM came a day later
        assert failed(expectations.validate_bars(bars)) == ["at least 80% of the listed stocks have a bar"]

    def test_one_bad_row_does_not_stop_a_single_session(self) -> None:
        nine = bars_frame({symbol: [100.0] for symbol in SYMBOLS[1:]}, LAST)
        assert expectations.validate_bars(nine, 1).success
        assert not expectations.validate_bars(nine.iloc[1:], 2).success

    def test_thousands_of_bad_rows_keep_every_session_but_few_rows(self) -> None:
        bars = bars_frame({symbol: np.full(200, 100.0) for symbol in SYMBOLS}, LAST)
        verdict = expectations.validate_bars(bars.assign(volume=-1.0))
        (outcome,) = verdict.failed
        assert outcome.unexpected == 2000
        assert len(outcome.rows) == expectations.FIRST_ROWS
        assert len(verdict.bad_sessions) == 200


class TestActions:
    def test_good_actions_pass(self) -> None:
        assert expectations.validate_actions(good_actions(), good_bars()).success

    def test_none_at_all_pass(self) -> None:
        assert expectations.validate_actions(frames.empty("corporate_actions"), good_bars()).success

    def test_every_expectation_is_broken_by_its_planted_fault(self) -> None:
        closes = bars_frame({"MU": np.full(60, 100.0)}, LAST)
        sessions = sorted(closes["session"])[1:]
        actions = actions_frame(*((f"{session:%Y-%m-%d}", "MU", "dividend", 0.5) for session in sessions))
        frame, where = planted(actions, ACTION_FAULTS)
        verdict = expectations.validate_actions(frame, closes)
        assert {outcome.name for outcome in verdict.failed} == set(where)
        assert all(sessions_of(outcome) >= where[outcome.name] for outcome in verdict.failed)


class TestFeatures:
    def test_good_features_pass_with_their_gaps(self) -> None:
        features = good_features()
        assert features["momentum_252"].isna().any()
        assert expectations.validate_features(features).success

    def test_every_expectation_is_broken_by_its_planted_fault(self) -> None:
        begin = calendar.shift(LAST, -len(FEATURE_FAULTS))
        features = example("features", begin, LAST).assign(timeframe="1D")
        frame, where = planted(features.fillna(0.5), FEATURE_FAULTS)
        verdict = expectations.validate_features(frame)
        assert {outcome.name for outcome in verdict.failed} == set(where)


GUARDED = """
import json, socket, sys
def refuse(*args, **kwargs): raise SystemExit("a connection was tried")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from pathlib import Path
from resources import expectations
light = "great_expectations" not in sys.modules
from trading.testing.market_frames import bars_frame
verdict = expectations.validate_bars(bars_frame({"NVDA": [1.0]}, "2024-07-05"), expected_symbols=["NVDA"])
page = expectations.write_data_docs([verdict], Path(sys.argv[1]), run="guarded")
print(json.dumps([light, verdict.success, page.name]))
"""


def test_it_connects_nowhere_writes_only_its_folder_and_loads_nothing_until_asked(tmp_path: Path) -> None:
    for folder in ("home", "work", "temp"):
        (tmp_path / folder).mkdir()
    places = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "temp"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, str(tmp_path / "docs")],
        cwd=tmp_path / "work",
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True, True, "index.html"]
    assert done.stderr == ""  # no progress bars
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()} == {"docs"}


@needs_shared
class TestRealMarket:
    @pytest.mark.parametrize(("basis", "first"), [("fully_adjusted", "2022-01-03"), ("raw", "2024-04-01")])
    def test_what_the_rules_let_through_meets_every_expectation(self, basis: str, first: str) -> None:
        source = FilesSource(SHARED, basis=basis)
        span = (pd.Timestamp(first), pd.Timestamp("2025-06-30"))
        bars = separate_bars(source.bars(ALL_SYMBOLS, *span))
        stocks = int(bars.quarantined["symbol"].isin(SYMBOLS).sum())
        assert failed(expectations.validate_bars(bars.accepted, stocks)) == []
        actions = separate_actions(source.actions(ALL_SYMBOLS, *span)).accepted
        assert failed(expectations.validate_actions(actions, bars.accepted)) == []

    def test_rows_as_the_vendor_gives_them_do_not(self) -> None:
        source = FilesSource(SHARED, basis="fully_adjusted")
        rows = source.bars(["VIX"], pd.Timestamp("2000-01-03"), pd.Timestamp("2024-12-31"))
        verdict = expectations.validate_bars(rows, expected_symbols=["VIX"])
        holidays, crossed = "a bar is not known before it ended", "high is not below open"
        assert {holidays, crossed} <= set(
            failed(verdict)
        )  # both are in the feed, and bar_rules takes them out

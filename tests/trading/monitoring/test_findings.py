"""Planted faults are found and named, real jumps are no errors, and nothing is found before it was known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.monitoring.findings import (
    CONTEXT_SESSIONS,
    RULES,
    findings_of,
    findings_of_actions,
    findings_of_quarantine,
    findings_of_values,
)
from trading.schemas.quality import SEVERITIES
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import actions_frame, bars_frame

SHARED = Path(__file__).parents[4] / "shared" / "data"
real_data = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the folder shared/data is not beside the checkout"
)
LAST = calendar.session_of("2024-06-28")
SESSIONS = calendar.sessions_between(calendar.shift(LAST, -99), LAST)
LATER = pd.Timestamp("2024-07-01", tz="UTC")
FIVE = SimulatedMarket().bars(("NVDA", "AMD"), SESSIONS[-25], LAST, "5min")
VALUES = frames.table_of("reconciliation").dtypes
DISAGREEING = {
    "session": LAST, "timeframe": "1D", "symbol": "NVDA", "field": "close", "left": "yahoo", "right": "alpaca",
    "known_at": calendar.as_of(LAST), "left_value": 100.0, "right_value": 101.0, "relative_difference": 0.01,
    "tolerance": 1e-4, "agrees": False, "reason": "rounding",
}  # fmt: skip


def quiet(count: int = 100, seed: int = 3) -> pd.DataFrame:
    """Daily bars of two symbols that move one percent a session, with a volume of their own each."""
    rng = np.random.default_rng(seed)
    closes = {name: 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count))) for name in ("NVDA", "AMD")}
    rows = bars_frame(closes, LAST)
    return rows.assign(volume=rng.uniform(0.8e6, 1.2e6, len(rows)))


def at(rows: pd.DataFrame, place: int, symbol: str = "NVDA") -> pd.Series:
    return (rows["symbol"] == symbol) & (rows["session"] == SESSIONS[place])


def found(rows: pd.DataFrame, sessions: pd.DatetimeIndex = SESSIONS) -> pd.DataFrame:
    """Findings that matter: every hundredth quiet bar is an outlier of three deviations by itself."""
    every = findings_of(rows, sessions, LATER)
    return every[every["severity"] != "info"]


def named(findings: pd.DataFrame) -> list[tuple[str, str, str]]:
    return [
        (f"{row.session:%Y-%m-%d}", str(row.symbol), str(row.rule))
        for row in findings.itertuples(index=False)
    ]


def test_a_quiet_market_has_no_finding_that_matters() -> None:
    assert found(quiet()).empty


def test_a_session_without_a_bar_is_missing_and_known_ten_minutes_after_the_close() -> None:
    rows = quiet()

    findings = found(rows[~at(rows, 80)])

    assert named(findings) == [(f"{SESSIONS[80]:%Y-%m-%d}", "NVDA", "missing_session")]
    due = calendar.session_close(SESSIONS[80]) + pd.Timedelta(minutes=10)
    assert (findings["known_at"].tolist(), findings["severity"].tolist()) == ([due], ["error"])


def test_nothing_is_missing_before_the_first_bar_nor_long_after_the_last() -> None:
    rows = quiet()
    short = rows[(rows["symbol"] != "NVDA") | rows["session"].between(SESSIONS[5], SESSIONS[10])]

    findings = found(short)

    assert set(findings["rule"]) == {"missing_session"}
    assert (findings["session"].min(), findings["session"].max()) == (SESSIONS[11], SESSIONS[90])


def test_missing_bars_in_a_row_are_one_gap_and_a_bar_in_quarantine_is_not_missing() -> None:
    day = FIVE[(FIVE["session"] == LAST) & (FIVE["symbol"] == "NVDA")]
    torn = FIVE.drop(index=day.index[[10, 11, 12, 40]])
    bad = separate_bars(FIVE.loc[[day.index[40]]].assign(volume=-1.0)).quarantined

    findings = findings_of(torn, SESSIONS, LATER, quarantined=bad).query("rule == 'gap'")

    assert findings["detail"].tolist() == ["3 missing"]
    assert findings["ts"].tolist() == [day["ts"].iloc[10]]
    assert findings["known_at"].tolist() == [day["ts"].iloc[12] + pd.Timedelta(minutes=15)]
    assert len(findings_of(torn, SESSIONS, LATER).query("rule == 'gap'")) == 2


def test_a_session_without_any_five_minute_bar_is_missing_and_half_a_session_a_gap() -> None:
    gone = FIVE[(FIVE["session"] != SESSIONS[-3]) | (FIVE["symbol"] == "AMD")]
    noon = pd.Timestamp(f"{LAST:%Y-%m-%d} 17:00", tz="UTC")
    half = FIVE[(FIVE["session"] < LAST) | (FIVE["symbol"] == "AMD")]

    assert findings_of(gone, SESSIONS, LATER).query("severity == 'error'")["rule"].tolist() == [
        "missing_session"
    ]
    early = findings_of(half, SESSIONS, noon).query("rule in ('gap', 'missing_session')")
    assert (early["rule"].tolist(), early["detail"].tolist()) == (["gap"], ["40 missing"])


def test_a_bar_that_repeats_itself_is_stale_once() -> None:
    rows = quiet()
    values = ["open", "high", "low", "close", "volume"]
    for place in (81, 82):
        rows.loc[at(rows, place), values] = rows.loc[at(rows, 80), values].to_numpy()

    stale = found(rows)

    assert named(stale) == [(f"{SESSIONS[81]:%Y-%m-%d}", "NVDA", "stale_repeat")]


@pytest.mark.parametrize("factor", [0.65, 1.45])
def test_a_crash_and_a_jump_are_warnings_and_the_bars_stay(factor: float) -> None:
    rows = quiet()
    after = (rows["symbol"] == "NVDA") & (rows["session"] >= SESSIONS[80])
    rows.loc[after, ["open", "high", "low", "close"]] *= factor

    findings = found(separate_bars(rows).accepted)

    assert named(findings) == [(f"{SESSIONS[80]:%Y-%m-%d}", "NVDA", "extreme_move")]
    assert findings["severity"].tolist() == ["warning"]


def test_the_same_move_is_less_odd_in_wild_times() -> None:
    rng = np.random.default_rng(5)
    moves = rng.normal(0, 0.01, 100)
    moves[70:80] *= 8
    moves[80] = 0.14
    wild = bars_frame({"NVDA": 100 * np.exp(np.cumsum(moves))}, LAST)
    moves[70:80] /= 8
    calm = bars_frame({"NVDA": 100 * np.exp(np.cumsum(moves))}, LAST)

    rules = [set(found(rows)["rule"]) for rows in (wild, calm)]

    assert rules == [set(), {"extreme_move"}]


def test_a_high_far_beyond_open_and_close_is_a_long_wick() -> None:
    rows = quiet()
    rows.loc[at(rows, 80), "high"] *= 1.5

    assert named(found(rows)) == [(f"{SESSIONS[80]:%Y-%m-%d}", "NVDA", "long_wick")]


def test_a_lasting_change_of_volume_is_found_once_and_a_split_is_none() -> None:
    rows = quiet()
    lasting = (rows["symbol"] == "NVDA") & (rows["session"] >= SESSIONS[80])
    broken = rows.assign(volume=rows["volume"].where(~lasting, rows["volume"] * 0.02))
    split = rows.copy()
    split.loc[lasting, ["open", "high", "low", "close"]] /= 10
    split.loc[lasting, "volume"] *= 10

    assert named(found(broken)) == [(f"{SESSIONS[82]:%Y-%m-%d}", "NVDA", "volume_break")]
    assert found(split).empty


def test_weekly_bars_are_judged_by_the_same_rules() -> None:
    weeks = SimulatedMarket().bars(("NVDA",), SESSIONS[0], LAST)
    labels = pd.DatetimeIndex(SESSIONS[SESSIONS.day_of_week == 4])
    starts = calendar.open_each(pd.DatetimeIndex([calendar.shift(label, -4) for label in labels]))
    rows = weeks[weeks["session"].isin(labels)].assign(timeframe="1W")
    rows["ts"] = np.asarray(starts)[: len(rows)]
    rows = rows.astype(frames.table_of("bars").dtypes)

    gone = found(rows[rows["session"] != labels[10]])

    assert (f"{labels[10]:%Y-%m-%d}", "NVDA", "missing_session") in named(gone)


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(20, 99), hole=st.integers(5, 98), jump=st.floats(-0.6, 0.6), place=st.integers(1, 99))
def test_what_was_found_by_a_moment_never_depends_on_what_came_later(
    cut: int, hole: int, jump: float, place: int
) -> None:
    rows = quiet(seed=place)
    after = (rows["symbol"] == "NVDA") & (rows["session"] >= SESSIONS[place])
    rows.loc[after, ["open", "high", "low", "close"]] *= np.exp(jump)
    rows = rows[~at(rows, hole)]
    moment = calendar.as_of(SESSIONS[cut])

    whole = findings_of(rows, SESSIONS, LATER)
    then = findings_of(rows[(rows["known_at"] <= moment).to_numpy()], SESSIONS, moment)

    known = whole[(whole["known_at"] <= moment).to_numpy()].reset_index(drop=True)
    pd.testing.assert_frame_equal(then, known)
    pd.testing.assert_frame_equal(findings_of(rows, SESSIONS, moment), then)


@pytest.mark.parametrize(("rows", "timeframe"), [(quiet(), "1D"), (FIVE, "5min")])
def test_a_session_alone_is_judged_as_in_a_range(rows: pd.DataFrame, timeframe: str) -> None:
    whole = findings_of(rows, SESSIONS, LATER)

    for session in SESSIONS[-3:]:
        first = calendar.shift(session, -CONTEXT_SESSIONS[timeframe])
        alone = findings_of(rows[rows["session"].between(first, session)], pd.DatetimeIndex([session]), LATER)
        mine = whole[(whole["session"] == session).to_numpy()].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, mine)


def test_a_revision_is_judged_as_what_counts_now_and_known_when_it_came() -> None:
    rows = quiet()
    came = pd.Timestamp("2024-06-29", tz="UTC").as_unit("us")
    revised = rows[at(rows, 80)].assign(known_at=came)
    revised["high"] *= 1.5

    findings = found(pd.concat([rows, revised]))

    assert named(findings) == [(f"{SESSIONS[80]:%Y-%m-%d}", "NVDA", "long_wick")]
    assert findings["known_at"].tolist() == [came]


def test_splits_that_nobody_saw_and_dividends_that_nobody_pays_are_errors() -> None:
    rows = quiet()
    day = f"{SESSIONS[80]:%Y-%m-%d}"
    listed = actions_frame((day, "NVDA", "split", 10.0), (day, "AMD", "dividend", 60.0))

    findings = findings_of_actions(rows, listed, SESSIONS, LATER)

    assert named(findings) == [(day, "AMD", "large_dividend"), (day, "NVDA", "split_without_move")]
    assert findings["severity"].tolist() == ["error", "error"]
    assert findings["ts"].tolist() == [calendar.session_open(SESSIONS[80])] * 2


@pytest.mark.parametrize("ratio", [10.0, 0.1])
def test_a_split_that_moved_the_price_is_in_order_and_without_it_the_move_is_odd(ratio: float) -> None:
    rows = quiet()
    after = (rows["symbol"] == "NVDA") & (rows["session"] >= SESSIONS[80])
    rows.loc[after, ["open", "high", "low", "close"]] /= ratio
    listed = actions_frame(
        (f"{SESSIONS[80]:%Y-%m-%d}", "NVDA", "split", ratio), ("2024-06-28", "AMD", "dividend", 0.1)
    )

    assert findings_of_actions(rows, listed, SESSIONS, LATER).empty
    unlisted = findings_of_actions(rows, listed.iloc[1:], SESSIONS, LATER)
    assert unlisted["rule"].tolist() == ["move_without_split"]
    assert findings_of_actions(rows.assign(basis="fully_adjusted"), listed.iloc[1:], SESSIONS, LATER).empty


def test_bars_off_the_grid_and_outside_the_hours_are_findings_beside_their_quarantine() -> None:
    day = FIVE.tail(4).copy()
    shifts = pd.to_timedelta([1, 240, 0, -1440], unit="min")
    moved = day.assign(ts=day["ts"] + shifts, known_at=day["known_at"] + pd.Timedelta(days=1))
    moved["session"] = moved["session"].where([True, True, True, False], pd.Timestamp("2024-06-19"))

    findings = findings_of_quarantine(separate_bars(moved).quarantined)

    assert sorted(findings["rule"]) == ["not_a_session", "off_grid", "outside_hours"]
    assert set(findings["timeframe"]) == {"5min"}
    assert findings_of_quarantine(frames.empty("quarantine")).empty


def test_a_repeated_dividend_in_quarantine_is_an_error() -> None:
    twice = actions_frame(("2024-06-10", "ASML", "dividend", 1.35), ("2024-06-11", "ASML", "dividend", 1.57))

    findings = findings_of_quarantine(separate_actions(twice).quarantined)

    assert named(findings) == [("2024-06-11", "ASML", "repeated_dividend")]
    assert findings["table"].tolist() == ["corporate_actions"]


def test_a_difference_of_some_millionths_is_not_told_as_no_percent() -> None:
    apart = {"relative_difference": -3e-5, "right_value": 99.997}

    findings = findings_of_values(pd.DataFrame([DISAGREEING | apart]).astype(VALUES))

    assert findings["detail"].tolist() == ["close: yahoo 100, alpaca 99.997 (-3.0e-05)"]


def test_values_that_disagree_are_one_finding_a_symbol_and_session() -> None:
    row = DISAGREEING
    rows = pd.DataFrame([row, row | {"field": "open"}, row | {"symbol": "AMD", "agrees": True}])

    findings = findings_of_values(rows.astype(VALUES))

    assert named(findings) == [("2024-06-28", "NVDA", "disagreement")]
    assert findings["detail"].iloc[0].startswith("close: yahoo 100, alpaca 101 (+1.00%); open: ")


def test_no_rows_have_no_findings() -> None:
    nothing = frames.empty("bars")
    assert findings_of(nothing, SESSIONS, LATER).empty
    assert findings_of_actions(nothing, frames.empty("corporate_actions"), SESSIONS, LATER).empty
    assert findings_of_values(frames.empty("reconciliation")).empty


def test_every_rule_has_a_severity_and_words() -> None:
    assert {rule.severity for rule in RULES.values()} == set(SEVERITIES)
    assert all(rule.words and slug == rule.slug for slug, rule in RULES.items())


@real_data
@pytest.mark.parametrize("symbol", ["NVDA", "SMCI"])
def test_real_crashes_and_jumps_are_warned_of_at_most_and_never_deleted(symbol: str) -> None:
    panel = pd.read_parquet(SHARED / "daily" / "panel_adjusted.parquet")
    mine = panel[panel["symbol"] == symbol].assign(
        session=lambda rows: pd.to_datetime(rows["session"]).dt.as_unit("us")
    )
    sessions = pd.DatetimeIndex(mine["session"])
    stamped = mine.assign(
        ts=calendar.open_each(sessions), known_at=calendar.as_of_each(sessions), timeframe="1D",
        basis="fully_adjusted", source="files",
    )  # fmt: skip

    separated = separate_bars(stamped)
    findings = findings_of(separated.accepted, sessions, pd.Timestamp("2026-01-01", tz="UTC"))

    moves = separated.accepted["close"].pct_change().abs()
    assert (moves > 0.15).sum() > 5
    assert len(separated.accepted) == len(mine)
    assert set(findings["severity"]) == {"info", "warning"}
    assert "extreme_move" in set(findings["rule"])

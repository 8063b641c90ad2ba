"""Rules about whole tables, worked by hand and against the line's own books."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from trading import calendar, frames
from trading.monitoring import table_rules
from trading.monitoring.table_rules import BookLimits, CoverageBand
from trading.testing.example_rows import example
from trading.testing.market_frames import actions_frame, bars_frame
from trading.universe import SYMBOLS

LAST = "2024-07-05"  # the sessions before it: the 5th, the half day of the 3rd, the 2nd


def ten(sessions: int = 3, last: str = LAST) -> pd.DataFrame:
    return bars_frame({symbol: np.full(sessions, 100.0) for symbol in SYMBOLS}, last)


def targets(**weights: float) -> pd.DataFrame:
    frame = example("target_portfolio", pd.Timestamp(LAST), pd.Timestamp(LAST))
    wanted = frame["symbol"].map(weights).fillna(0.0).astype("float64")
    return frame.assign(strategy="swing", target_weight=wanted)


def intervals(flags: Sequence[float], horizon: int = 1) -> pd.DataFrame:
    last = calendar.session_of(LAST)
    sessions = calendar.sessions_between(calendar.shift(last, 1 - len(flags)), last)
    rows = {"session": sessions, "timeframe": "1D", "horizon": horizon, "covered": flags}
    return pd.DataFrame(rows)


class TestBarFacts:
    @pytest.mark.parametrize(("timeframe", "ended"), [("1D", "17:00"), ("5min", "13:35")])
    def test_the_end_is_the_close_of_a_half_day_or_five_minutes_after_the_open(
        self, timeframe: str, ended: str
    ) -> None:
        bars = ten(2).assign(timeframe=timeframe)
        bars["known_at"] = pd.Timestamp(f"2024-07-03 {ended}:30", tz="UTC").as_unit("us")
        facts = table_rules.with_bar_facts(bars)
        assert set(facts.loc[facts["session"] == "2024-07-03", "known_after_seconds"]) == {30.0}
        assert (facts.loc[facts["session"] == LAST, "known_after_seconds"] < 0).all()

    def test_a_price_may_stick_out_by_the_last_digit_of_an_adjustment(self) -> None:
        facts = table_rules.with_bar_facts(ten(1))
        assert (facts["highest"] / facts["high"]).to_numpy() == pytest.approx(1 + 1e-6, abs=1e-12)
        assert (facts["lowest"] / facts["low"]).to_numpy() == pytest.approx(1 - 1e-6, abs=1e-12)

    def test_the_usual_basis_is_that_of_most_bars_of_the_timeframe(self) -> None:
        bars = ten()
        bars.loc[0, "basis"] = "fully_adjusted"
        bars = pd.concat([bars, bars.tail(1).assign(timeframe="5min", basis="fully_adjusted")])
        usual = table_rules.with_bar_facts(bars).groupby("timeframe")["usual_basis"].unique()
        assert {name: list(values) for name, values in usual.items()} == {
            "1D": ["raw"],
            "5min": ["fully_adjusted"],
        }


class TestActionFacts:
    def test_a_dividend_is_compared_with_the_close_before_its_session(self) -> None:
        bars = bars_frame({"NVDA": [100.0, 50.0, 10.0]}, LAST)
        facts = table_rules.with_action_facts(actions_frame((LAST, "NVDA", "dividend", 5.0)), bars)
        assert list(facts["share_of_price"]) == [0.1]  # 5 over the 50 of the session before

    def test_without_a_close_the_share_is_unknown(self) -> None:
        actions = actions_frame((LAST, "AMD", "dividend", 5.0))
        for closes in (None, ten().iloc[:0], bars_frame({"NVDA": [100.0]}, LAST)):
            assert table_rules.with_action_facts(actions, closes)["share_of_price"].isna().all()


class TestCompleteness:
    def test_counts_the_symbols_that_are_there(self) -> None:
        bars = ten()
        bars = bars[~((bars["session"] == "2024-07-03") & bars["symbol"].isin(["NVDA", "AMD", "MU"]))]
        table = table_rules.completeness(bars)
        assert list(table["completeness"]) == [1.0, 0.7, 1.0]

    def test_a_symbol_counts_only_from_its_listing_on(self) -> None:
        bars = ten(2, last="2023-09-14")
        bars = bars[~((bars["session"] == "2023-09-13") & (bars["symbol"] == "ARM"))]
        table = table_rules.completeness(bars)
        assert list(table["listed"]) == [9, 10]
        assert list(table["completeness"]) == [1.0, 1.0]

    def test_a_session_without_any_bar_is_empty_not_absent(self) -> None:
        bars = ten()
        table = table_rules.completeness(bars[bars["session"] != "2024-07-03"])
        assert list(table["present"]) == [10, 0, 10]

    def test_sessions_that_were_asked_for_count_even_past_the_last_bar(self) -> None:
        sessions = calendar.sessions_between(pd.Timestamp(LAST), pd.Timestamp("2024-07-08"))
        table = table_rules.completeness(ten(1), sessions)
        assert list(table["completeness"]) == [1.0, 0.0]

    def test_every_timeframe_is_counted_on_its_own(self) -> None:
        five = ten(1).head(4).assign(timeframe="5min")
        table = table_rules.completeness(pd.concat([ten(1), five]))
        assert dict(zip(table["timeframe"], table["present"], strict=True)) == {"1D": 10, "5min": 4}

    def test_before_every_listing_there_is_nothing_to_miss(self) -> None:
        table = table_rules.completeness(ten(1, last="2023-09-13"), symbols=["ARM"])
        assert list(table["completeness"]) == [1.0]


class TestBlankColumns:
    def test_a_feature_that_nobody_has_in_the_newest_session_is_named(self) -> None:
        features = example("features", pd.Timestamp("2024-07-03"), pd.Timestamp(LAST))
        features.loc[features["session"] == LAST, "rsi_14"] = np.nan
        finding = table_rules.blank_columns(features)
        assert not finding.passed
        assert list(finding.failures["feature"]) == ["rsi_14"]
        assert finding.bad_sessions == [LAST]

    def test_what_was_blank_earlier_or_for_one_symbol_is_in_order(self) -> None:
        features = example("features", pd.Timestamp("2024-07-03"), pd.Timestamp(LAST))
        features.loc[features["session"] == "2024-07-03", "rsi_14"] = np.nan
        features.loc[features["symbol"] == "ARM", "momentum_252"] = np.nan
        assert table_rules.blank_columns(features).passed

    def test_what_only_a_benchmark_has_is_blank(self) -> None:
        features = example("features", pd.Timestamp(LAST), pd.Timestamp(LAST)).assign(rsi_14=np.nan)
        benchmark = features.head(1).assign(symbol="SPY", rsi_14=50.0)
        assert not table_rules.blank_columns(pd.concat([features, benchmark])).passed

    def test_no_features_at_all_is_a_finding(self) -> None:
        assert not table_rules.blank_columns(frames.empty("features")).passed


class TestCoverage:
    @pytest.mark.parametrize("count", [3, 12, 60])
    def test_the_band_is_that_of_the_binomial_distribution(self, count: int) -> None:
        expected = binom.interval(0.99, count, 0.75)
        # The counts must be the same; the shares differ by the last digit of a division at most.
        assert CoverageBand().limits(count) == pytest.approx(tuple(np.array(expected) / count), abs=1e-12)

    @given(st.integers(1, 300), st.floats(0.05, 0.95))
    def test_the_band_holds_what_its_confidence_promises(self, count: int, target: float) -> None:
        low, high = CoverageBand(target=target).limits(count)
        inside = binom.cdf(round(high * count), count, target) - binom.cdf(
            round(low * count) - 1, count, target
        )
        assert inside >= 0.99 - 1e-9  # the sum of two rounded tails

    def test_intervals_that_hold_three_times_in_four_pass(self) -> None:
        finding = table_rules.coverage_drift(intervals([1.0, 1.0, 1.0, 0.0] * 15))
        assert finding.passed
        assert finding.facts == {"rate_1D_1": 0.75}

    @pytest.mark.parametrize("flags", [[1.0] * 60, [1.0, 0.0] * 30])
    def test_intervals_that_hold_always_or_half_of_the_time_do_not(self, flags: list[float]) -> None:
        finding = table_rules.coverage_drift(intervals(flags))
        assert not finding.passed
        assert list(finding.failures["horizon"]) == [1]

    def test_only_the_last_sessions_that_matured_count(self) -> None:
        old, recent, waiting = [0.0] * 40, [1.0, 1.0, 1.0, 0.0] * 15, [np.nan] * 20
        assert table_rules.coverage_drift(intervals([*old, *recent, *waiting])).passed

    def test_overlapping_horizons_are_fewer_observations(self) -> None:
        assert table_rules.coverage_drift(intervals([1.0] * 60, horizon=20)).passed
        assert not table_rules.coverage_drift(intervals([1.0] * 60, horizon=1)).passed

    def test_before_anything_matured_there_is_nothing_to_say(self) -> None:
        finding = table_rules.coverage_drift(intervals([np.nan] * 5))
        assert finding.passed
        assert finding.summary == "no interval has matured yet"


class TestLimits:
    def test_a_book_within_every_limit_passes(self) -> None:
        book = targets(NVDA=0.20, AMD=0.20, ASML=0.20, TSM=0.20, INTC=0.20)
        finding = table_rules.broken_limits(book)
        assert finding.passed
        assert finding.facts["largest_group"] == 0.4

    def test_the_last_digit_of_a_sum_is_no_excess(self) -> None:
        assert table_rules.broken_limits(targets(NVDA=0.2 + 1e-9)).passed

    @pytest.mark.parametrize(
        ("limits", "weights", "broken"),
        [
            (BookLimits(), {"NVDA": 0.21}, [("position", "NVDA")]),
            (BookLimits(group=0.3), {"NVDA": 0.2, "AMD": 0.2}, [("group", "accelerators")]),
            (BookLimits(), dict.fromkeys(SYMBOLS, 0.11), [("book", "all")]),
        ],
    )
    def test_a_broken_limit_is_named_with_its_session(
        self, limits: BookLimits, weights: dict[str, float], broken: list[tuple[str, str]]
    ) -> None:
        finding = table_rules.broken_limits(targets(**weights), limits)
        assert not finding.passed
        assert list(zip(finding.failures["limits"], finding.failures["of"], strict=True)) == broken
        assert finding.bad_sessions == [LAST]

    def test_two_strategies_are_two_books(self) -> None:
        one = targets(**dict.fromkeys(SYMBOLS, 0.09))
        assert table_rules.broken_limits(pd.concat([one, one.assign(strategy="other")])).passed


def ledger(*lines: tuple[object, ...]) -> pd.DataFrame:
    """Bookings from (session, kind, symbol, shares, cash, receivable)."""
    columns = ["session", "kind", "symbol", "shares", "cash_cents", "receivable_cents"]
    return pd.DataFrame(lines, columns=columns).assign(
        strategy="swing", session=lambda rows: pd.DatetimeIndex(rows["session"]).as_unit("us")
    )


def positions(*lines: tuple[object, ...]) -> pd.DataFrame:
    """Positions from (session, symbol, quantity)."""
    frame = pd.DataFrame(lines, columns=["session", "symbol", "quantity"])
    return frame.assign(
        strategy="swing", session=lambda rows: pd.DatetimeIndex(rows["session"]).as_unit("us")
    )


BOOKED = ledger(
    ("2024-07-02", "deposit", "USD", 0, 100_000, 0),
    ("2024-07-03", "fill", "NVDA", 7, -80_000, 0),
    ("2024-07-03", "commission", "NVDA", 0, -100, 0),
    ("2024-07-05", "dividend_accrued", "NVDA", 0, 0, 28),
)
HELD = positions(
    ("2024-07-02", "USD", 100_000),
    ("2024-07-02", "USD_RECEIVABLE", 0),
    ("2024-07-03", "NVDA", 7),
    ("2024-07-03", "USD", 19_900),
    ("2024-07-05", "NVDA", 7),
    ("2024-07-05", "USD", 19_900),
    ("2024-07-05", "USD_RECEIVABLE", 28),
)


class TestBooks:
    def test_books_that_agree_pass(self) -> None:
        assert table_rules.unbalanced_accounts(BOOKED, HELD).passed

    def test_bookings_before_the_range_count(self) -> None:
        assert table_rules.unbalanced_accounts(BOOKED, HELD[HELD["session"] == LAST]).passed

    @pytest.mark.parametrize("row", range(len(HELD)))
    def test_one_share_or_one_cent_too_many_is_found(self, row: int) -> None:
        held = HELD.copy()
        held.loc[row, "quantity"] += 1
        finding = table_rules.unbalanced_accounts(BOOKED, held)
        assert list(finding.failures["symbol"]) == [held.loc[row, "symbol"]]
        assert finding.bad_sessions == [f"{held.loc[row, 'session']:%Y-%m-%d}"]

    @pytest.mark.parametrize("line", range(len(BOOKED)))
    def test_a_lost_booking_is_found_from_its_session_on(self, line: int) -> None:
        finding = table_rules.unbalanced_accounts(BOOKED.drop(index=line), HELD)
        assert not finding.passed
        assert finding.bad_sessions[0] == f"{BOOKED.loc[line, 'session']:%Y-%m-%d}"

    def test_a_position_that_the_ledger_does_not_know_is_found(self) -> None:
        held = pd.concat([HELD, positions((LAST, "MU", 3))], ignore_index=True)
        assert list(table_rules.unbalanced_accounts(BOOKED, held).failures["symbol"]) == ["MU"]

    def test_nothing_held_and_nothing_booked_agree(self) -> None:
        assert table_rules.unbalanced_accounts(frames.empty("ledger"), frames.empty("positions")).passed


@pytest.mark.parametrize(("severity", "passed"), [("error", False), ("warning", True), ("info", True)])
def test_findings_are_graded_by_the_worst_of_them(severity: str, *, passed: bool) -> None:
    day = pd.Timestamp(LAST)
    rows = example("findings", day, day).head(3).assign(severity=["info", "warning", severity], rule="gap")

    graded = table_rules.graded(rows)

    assert (graded.passed, len(graded.failures)) == (passed, int(not passed))
    assert graded.facts == {"gap": 3}
    assert graded.summary.startswith("3 findings: ")

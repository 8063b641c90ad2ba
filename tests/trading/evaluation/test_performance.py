"""Figures of performance against hand calculation, closed forms and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.evaluation.performance import (
    equal_weight_log_return,
    first_performance,
    log_returns_of_holders,
    maximum_drawdown,
    next_performance,
    sharpe_ratio,
    sharpe_standard_error,
    summarize,
)
from trading.execution.account import Book, Fill

SESSION = pd.Timestamp("2024-06-06")
NOTHING = np.full(2, np.nan)


def book(shares: int, close: float, cash: int) -> Book:
    return Book({"NVDA": shares} if shares else {}, cash, (), {"NVDA": close}, {"NVDA": 0})


def test_one_session_is_worked_by_hand() -> None:
    # 10,000.00 at first; 50 bought at an open of 100 for 5,002.00 and 0.35; they close at 102.
    fill = Fill("f", "o", "NVDA", SESSION, 50, 100.0, 100.04, 5_002_00, 1_00, 1_00, 35)
    first = first_performance(book(0, 1.0, 10_000_00))

    row = next_performance(first, book(50, 102.0, 4_997_65), (fill,), np.log([1.02, 1.00]))

    assert (row.equity_cents, row.cash_cents, row.cost_cents) == (10_097_65, 4_997_65, 2_35)
    assert row.log_return == math.log(1.009765)
    assert row.turnover == 0.5
    assert row.gross_exposure == pytest.approx(5_100_00 / 10_097_65)
    assert row.equal_weight_equity == pytest.approx(10_100.0)


def test_drawdown_remembers_the_peak_through_every_session() -> None:
    row = first_performance(book(0, 1.0, 100_00))
    found = []
    for cash in (120_00, 90_00, 108_00, 120_00, 132_01, 66_00):
        row = next_performance(row, book(0, 1.0, cash), (), NOTHING)
        found.append(row.drawdown)

    assert found == pytest.approx([0.0, 0.25, 0.1, 0.0, 0.0, 1 - 6600 / 13201])


@given(st.lists(st.integers(10_000_00, 1_000_000_00), min_size=1, max_size=40))
def test_drawdown_carried_forward_equals_drawdown_from_all_history(path: list[int]) -> None:
    row = first_performance(book(0, 1.0, path[0]))
    for cash in path[1:]:
        row = next_performance(row, book(0, 1.0, cash), (), NOTHING)

    assert row.drawdown == (max(path) - path[-1]) / max(path)  # to the last digit: law 2


def test_equal_weight_leaves_out_names_without_a_return() -> None:
    assert equal_weight_log_return(np.log([1.10, np.nan, 0.98])) == pytest.approx(math.log(1.04))
    assert equal_weight_log_return(NOTHING) == 0.0


def test_a_name_without_a_bar_earns_nothing_that_day_and_its_gap_s_return_when_it_resumes() -> None:
    # the second name lacks two sessions and comes back 3 % lower; the third lists in the fourth session
    nan = np.nan
    held = np.array(
        [[0.01, 0.02, nan], [0.01, nan, nan], [0.0, nan, nan], [0.0, np.log(0.97), nan], [0.0, 0.0, 0.06]]
    )
    days = [log_returns_of_holders(held[: day + 1]) for day in range(5)]

    np.testing.assert_array_equal(days[1], [0.01, 0.0, nan])
    np.testing.assert_array_equal(days[3], [0.0, np.log(0.97), nan])
    np.testing.assert_array_equal(days[4], [0.0, 0.0, 0.06])
    assert equal_weight_log_return(days[3]) == pytest.approx(math.log(1 - 0.03 / 2))


@given(st.lists(st.tuples(st.floats(50, 150), st.booleans()), min_size=3, max_size=30))
def test_a_holder_s_returns_add_up_to_all_that_the_price_did_whatever_bars_are_missing(
    bars: list[tuple[float, bool]],
) -> None:
    # the first and the last session have a bar, those between may not
    present = [0, *(place for place in range(1, len(bars) - 1) if bars[place][1]), len(bars) - 1]
    held = np.full((len(bars), 1), math.nan)
    for before, now in itertools.pairwise(present):
        held[now] = math.log(bars[now][0] / bars[before][0])
    days = [float(log_returns_of_holders(held[: day + 1])[0]) for day in range(len(held))]

    assert np.nansum(days) == pytest.approx(
        math.log(bars[-1][0] / bars[0][0]), abs=1e-9
    )  # rounding of thirty logs


def test_sharpe_is_mean_over_deviation_of_a_year() -> None:
    # mean 0.01, deviation 0.01 x sqrt(2)
    assert sharpe_ratio(np.array([0.02, 0.0])) == pytest.approx(math.sqrt(252 / 2))
    assert math.isnan(sharpe_ratio(np.array([0.01])))


def test_the_closed_form_error_agrees_with_many_samples() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(0.001, 0.01, (4000, 250))
    spread = np.std([sharpe_ratio(sample) for sample in samples])

    # The deviation of 4,000 draws is itself uncertain by 1 / sqrt(8000), about 1.1 %; four of those.
    assert np.mean([sharpe_standard_error(s) for s in samples[:200]]) == pytest.approx(spread, rel=0.045)


def test_the_deepest_fall_counts_from_the_first_peak() -> None:
    assert maximum_drawdown(np.array([-0.1, 0.5, -0.2, 0.3])) == pytest.approx(0.2)
    assert maximum_drawdown(np.array([-0.1])) == pytest.approx(0.1)


def test_a_summary_leaves_the_deposit_out_and_adds_the_rest_up() -> None:
    rows = pd.DataFrame(
        {
            "equity_cents": [100_00, 110_00, 99_00],
            "log_return": [0.0, math.log(1.1), math.log(0.9)],
            "turnover": [0.0, 0.5, 0.2],
            "cost_cents": [0, 5, 2],
            "equal_weight_log_return": [0.0, math.log(1.2), 0.0],
        }
    )

    found = summarize(rows)

    assert (found.sessions, found.cost_usd) == (2, 0.07)
    assert found.total_return == pytest.approx(-0.01)
    assert found.maximum_drawdown == pytest.approx(0.1)
    assert found.turnover == pytest.approx(0.7 * 126)
    assert found.cost_bps == pytest.approx(0.07 / (50 + 22) * 1e4)
    assert found.equal_weight_return == pytest.approx(0.2)
    assert math.isnan(found.sharpe_lower)


def test_a_summary_counts_only_the_sessions_that_it_is_told_to() -> None:
    rows = pd.DataFrame(
        {
            "equity_cents": [100_00, 200_00, 220_00],
            "log_return": [0.0, math.log(2.0), math.log(1.1)],
            "turnover": [0.0, 0.5, 0.1],
            "cost_cents": [0, 5, 2],
            "equal_weight_log_return": [0.0, 1.0, 0.0],
        }
    )

    found = summarize(rows, counts=np.array([True, False, True]))

    assert (found.sessions, found.cost_usd) == (1, 0.02)
    assert found.total_return == pytest.approx(0.1)
    assert found.cost_bps == pytest.approx(0.02 / 20 * 1e4)  # a tenth of 200 USD was traded
    assert found.equal_weight_return == 0.0

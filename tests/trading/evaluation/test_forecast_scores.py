"""Figures of forecasts: by hand, against scipy and scikit-learn, and what they may never depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trading.evaluation.forecast_scores import (
    SUMS,
    Matured,
    figures,
    naive_figures,
    observations,
    ranks,
    session_losses,
    session_sums,
)


def matured(median: object, realized: object, pinball: object = None, naive: object = None) -> Matured:
    said = np.atleast_2d(np.asarray(median, dtype=float))
    came = np.atleast_2d(np.asarray(realized, dtype=float))
    loss = np.abs(said - came) if pinball is None else np.atleast_2d(np.asarray(pinball, dtype=float))
    other = np.abs(came) if naive is None else np.atleast_2d(np.asarray(naive, dtype=float))
    return Matured(np.arange(len(said)), said, came, loss, other)


def drawn(seed: int, sessions: int = 40, names: int = 6) -> Matured:
    rng = np.random.default_rng(seed)
    came = rng.normal(0, 0.02, (sessions, names))
    said = 0.3 * came + rng.normal(0, 0.01, came.shape)
    said[rng.random(came.shape) < 0.1] = np.nan
    return matured(said, came)


def test_a_session_by_hand() -> None:
    came = np.log([1.10, 0.90, 1.00, 1.25])
    said = np.log([1.00, 0.95, 1.05, 1.25])
    whole = session_sums(matured(said, came)).sum(axis=0)
    found, naive = figures(whole), naive_figures(whole)

    assert found["direction"] == 1.0  # one says nothing, one did not move: two calls, both right
    assert naive["direction"] == 0.5
    assert found["mape"] == pytest.approx((0.1 / 1.1 + 0.05 / 0.9 + 0.05 + 0) / 4)
    assert naive["mape"] == pytest.approx((0.1 / 1.1 + 0.1 / 0.9 + 0 + 0.25 / 1.25) / 4)
    assert naive["rmse"] == pytest.approx(np.sqrt((came**2).mean()))
    assert observations(whole) == {"ic": 4, "rank_ic": 1, "direction": 2, "rmse": 4, "mape": 4, "pinball": 4}


def test_correlation_and_error_are_those_of_scipy_over_all_cases() -> None:
    given = drawn(1)
    found = figures(session_sums(given).sum(axis=0))
    known = np.isfinite(given.median)
    said, came = given.median[known], given.realized[known]

    assert found["ic"] == pytest.approx(stats.pearsonr(said, came).statistic, abs=1e-12)
    assert found["rmse"] == pytest.approx(np.sqrt(((said - came) ** 2).mean()))
    assert found["direction"] == pytest.approx(((said > 0) == (came > 0)).mean())


def test_rank_correlation_is_scipys_a_session_averaged() -> None:
    given = drawn(2)
    each = [
        stats.spearmanr(said[np.isfinite(said)], came[np.isfinite(said)]).statistic
        for said, came in zip(given.median, given.realized, strict=True)
    ]

    assert figures(session_sums(given).sum(axis=0))["rank_ic"] == pytest.approx(np.mean(each), abs=1e-12)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=7), st.integers(0, 127))
def test_ranks_with_ties_are_scipys(values: list[int], hidden: int) -> None:
    known = np.array([hidden >> place & 1 == 0 for place in range(len(values))])
    row = np.array(values, dtype=float)
    expected = np.zeros(len(values))
    expected[known] = stats.rankdata(row[known])

    assert ranks(row[np.newaxis], known[np.newaxis])[0].tolist() == expected.tolist()


@given(st.integers(0, 30), st.floats(0.1, 10))
def test_correlations_and_direction_do_not_depend_on_the_size_of_the_forecast(
    seed: int, factor: float
) -> None:
    given_ = drawn(seed)
    larger = matured(given_.median * factor, given_.realized)
    one, other = (figures(session_sums(each).sum(axis=0)) for each in (given_, larger))

    for metric in ("ic", "rank_ic", "direction"):
        assert one[metric] == pytest.approx(other[metric], abs=1e-9)


def test_a_perfect_forecast_is_perfect_and_its_opposite_is_its_opposite() -> None:
    came = np.random.default_rng(3).normal(0, 0.02, (30, 5))
    right, wrong = (figures(session_sums(matured(sign * came, came)).sum(axis=0)) for sign in (1, -1))

    assert [right[m] for m in ("ic", "rank_ic", "direction", "rmse", "mape")] == pytest.approx(
        [1, 1, 1, 0, 0]
    )
    assert [wrong[m] for m in ("ic", "rank_ic", "direction")] == pytest.approx([-1, -1, 0])


def test_a_random_walk_has_errors_and_no_opinion() -> None:
    came = np.random.default_rng(4).normal(0, 0.02, (30, 5))
    whole = session_sums(matured(np.zeros_like(came), came)).sum(axis=0)
    found, naive = figures(whole), naive_figures(whole)

    assert np.isnan([found["ic"], found["rank_ic"], found["direction"]]).all()
    assert [float(found[m] - naive[m]) for m in ("rmse", "mape")] == pytest.approx([0, 0], abs=1e-15)


def test_nothing_matured_gives_nothing() -> None:
    whole = session_sums(matured(np.full((2, 3), np.nan), np.zeros((2, 3)))).sum(axis=0)

    assert all(np.isnan(value) for value in figures(whole).values())
    assert observations(whole)["ic"] == 0


def test_losses_of_a_session_are_those_of_the_cases_that_both_have() -> None:
    given = matured([[0.0, 0.0]], [[0.1, 0.1]], pinball=[[1.0, 3.0]], naive=[[2.0, np.nan]])
    own, naive = session_losses(session_sums(given))

    assert (own.tolist(), naive.tolist()) == ([1.0], [2.0])


def test_figures_of_many_sums_are_the_figures_of_each() -> None:
    rows = session_sums(drawn(5))
    together = figures(np.stack([rows[:20].sum(axis=0), rows[20:].sum(axis=0)]))

    assert together["rmse"][1] == pytest.approx(figures(rows[20:].sum(axis=0))["rmse"])
    assert len(SUMS) == rows.shape[1]

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, chi2

from trading.evaluation.coverage import coverage_of, coverage_table, covered

NAN = np.nan


def test_an_interval_holds_what_lies_between_its_bounds_and_on_them() -> None:
    realized = np.array([-1.0, 0.0, 1.0, 1.1, NAN])
    assert covered(np.full(5, -1.0), np.full(5, 1.0), realized).tolist()[:4] == [1.0, 1.0, 1.0, 0.0]


def test_what_is_unknown_is_neither_held_nor_missed() -> None:
    flags = covered(np.array([NAN, 0.0, 0.0]), np.array([1.0, NAN, 1.0]), np.array([0.5, 0.5, NAN]))
    assert np.isnan(flags).all()


def test_kupiec_worked_by_hand() -> None:
    # 10 misses in 100 where 25 are promised: 2 ln[(0.9^90 0.1^10) / (0.75^90 0.25^10)]
    figures = coverage_of(np.array([0.0] * 10 + [1.0] * 90), target=0.75)
    by_hand = 2 * (90 * np.log(0.9 / 0.75) + 10 * np.log(0.1 / 0.25))
    assert figures.statistic == pytest.approx(by_hand, rel=1e-12)
    assert figures.p_value == pytest.approx(chi2.sf(by_hand, 1), rel=1e-9)


def test_a_promise_that_is_kept_exactly_has_no_statistic() -> None:
    figures = coverage_of(np.array([0.0, 1.0, 1.0, 1.0, NAN]), target=0.75)
    assert (figures.observations, figures.rate, figures.statistic, figures.p_value) == (4, 0.75, 0.0, 1.0)


def test_no_miss_at_all_is_a_deviation_like_any_other() -> None:
    assert coverage_of(np.ones(40), target=0.75).statistic == pytest.approx(-80 * np.log(0.75), rel=1e-12)


def test_without_observations_nothing_is_said() -> None:
    figures = coverage_of(np.array([NAN]), target=0.75)
    assert figures.observations == 0
    assert np.isnan([figures.rate, figures.statistic, figures.p_value]).all()


def test_the_test_rejects_a_true_promise_as_often_as_it_says() -> None:
    random = np.random.default_rng(7)
    draws = (random.random((2000, 250)) < 0.75).astype(float)
    rejected = sum(coverage_of(flags, 0.75).p_value < 0.05 for flags in draws)
    # 99.9 % of a binomial around 5 %, widened by 1 % because misses are whole numbers
    assert binom.ppf(0.0005, 2000, 0.04) <= rejected <= binom.ppf(0.9995, 2000, 0.06)


def test_a_table_has_one_row_for_each_group() -> None:
    frame = pd.DataFrame({"horizon": [1, 1, 5, 5], "covered": [1.0, 0.0, 1.0, NAN]})
    table = coverage_table(frame, ["horizon"])
    assert table[["horizon", "observations", "rate"]].to_numpy().tolist() == [[1, 2, 0.5], [5, 1, 1.0]]

import numpy as np
import pytest
from scipy.stats import beta

from trading.evaluation.regime_report import (
    COLUMNS,
    complete_stays,
    delay_until,
    fall_within,
    transition_table,
)
from trading.frames import REGIMES
from trading.testing.regime_markets import chain_market


def test_stays_cut_by_the_ends_do_not_count() -> None:
    labels = np.array(list("aabbbcca"))
    assert complete_stays(labels).tolist() == [3.0, 2.0]
    assert len(complete_stays(labels[:2])) == 0


def test_transitions_are_counted_by_hand() -> None:
    table = transition_table(np.array(["Bull", "Bull", "Bear", "Bull", "Bull"], dtype=object))
    assert tuple(table.columns) == COLUMNS
    cell = table.set_index(["from_regime", "to_regime"])
    assert cell.loc[("Bull", "Bull"), "n"] == 2
    assert cell.loc[("Bull", "Bear"), "n"] == 1
    # Perks: (2 + 1/4) / (3 + 1)
    assert cell.loc[("Bull", "Bull"), "probability"] == pytest.approx(2.25 / 4)
    assert cell.loc[("Bull", "Bull"), "low"] == pytest.approx(beta(2.25, 1.75).ppf(0.025))
    assert cell.loc[("Range", "Bull"), "probability"] == pytest.approx(0.25)  # never was: the prior


def test_rows_of_transitions_sum_to_one() -> None:
    labels = np.array(REGIMES, dtype=object)[chain_market(1, 500)[1]]
    sums = transition_table(labels).groupby("from_regime")["probability"].sum()
    np.testing.assert_allclose(sums, 1.0, atol=1e-12)


def test_intervals_of_transitions_hold_what_they_promise() -> None:
    truth, held = 0.97 + 0.03 / 4, []
    for seed in range(60):
        labels = np.array(REGIMES, dtype=object)[chain_market(seed, 2000)[1]]
        cell = transition_table(labels).set_index(["from_regime", "to_regime"]).loc[("Bull", "Bull")]
        held.append(cell["low"] <= truth <= cell["high"])
    # 60 draws of a 95 % interval; four standard errors of 0.028
    assert np.mean(held) > 0.84


def test_a_delay_counts_from_the_start_and_may_never_end() -> None:
    named = np.array([True, False, False, True])
    assert delay_until(named, 1, 4) == 2
    assert delay_until(named, 0, 4) == 0
    assert delay_until(named, 1, 3) is None


def test_the_deepest_fall_is_from_the_peak_before_it() -> None:
    prices = np.array([1.0, 5.0, 4.0, 6.0, 3.0, 9.0, 8.0])
    assert fall_within(prices, 0, 7) == (3, 4)
    assert fall_within(prices, 5, 7) == (5, 6)

"""Sleeves and the slow way to them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trading.errors import UsageError
from trading.frames import REGIMES
from trading.signals.selection import Criteria, SelectionRules, drifted, leaders, moved, sleeves, wanted

RULES = SelectionRules()
EVERYONE = np.ones(10, dtype=bool)
NOBODY = np.zeros((4, 10), dtype=bool)
RISING = np.linspace(0, 1, 10)
BASE = Criteria(
    momentum_rank=RISING,
    beta=2 - RISING / 2,
    dividend_yield=np.zeros(10),
    volatility=np.full(10, 0.3),
    centrality=RISING,
    reversion=-RISING,
)


def members(weights: np.ndarray) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in weights]


def test_each_regime_has_its_own_five_names() -> None:
    made = sleeves(BASE, EVERYONE, NOBODY, RULES)
    assert REGIMES == ("Bull", "Bear", "Volatile", "Range")
    # highest momentum, lowest beta, least central, most oversold
    assert members(made.weights) == [[5, 6, 7, 8, 9], [5, 6, 7, 8, 9], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
    assert made.weights.sum(axis=1) == pytest.approx(1.0)


def test_the_names_of_a_sleeve_share_it_by_the_three_criteria() -> None:
    # momentum 0.3 and correlation 0.5 pull against each other, all volatilities tie at a rank of 1/2
    score = 0.3 * RISING + 0.2 * 0.5 + 0.5 * (1 - RISING)
    assert BASE.score(RULES) == pytest.approx(score)
    shares = sleeves(BASE, EVERYONE, NOBODY, RULES).weights[0, 5:]
    assert shares == pytest.approx((0.5 + score[5:]) / (0.5 + score[5:]).sum())


@pytest.mark.parametrize(
    ("passing", "names", "how"),
    [
        (range(6), [0, 1, 2, 3, 4, 5], "screened"),
        (range(2), [0, 1, 7, 8, 9], "filled_up"),
        ((), [5, 6, 7, 8, 9], "lowest_beta"),
    ],
)
def test_the_defensive_sleeve_says_how_it_came_about(passing: range, names: list[int], how: str) -> None:
    mine = np.isin(np.arange(10), list(passing))
    criteria = replace(BASE, beta=np.where(mine, 0.8, BASE.beta), dividend_yield=np.where(mine, 0.03, 0.0))
    made = sleeves(criteria, EVERYONE, NOBODY, RULES)
    assert (members(made.weights)[1], made.defensive) == (names, how)


def test_without_a_beta_the_defensive_sleeve_is_equal_weight_shared_by_score_and_says_so() -> None:
    made = sleeves(replace(BASE, beta=np.full(10, np.nan)), EVERYONE, NOBODY, RULES)
    assert (members(made.weights)[1], made.defensive) == (list(range(10)), "equal_weight")


def test_a_member_stays_while_it_is_among_seven_and_goes_when_it_is_not() -> None:
    before = np.isin(
        np.arange(10), [2, 3, 4, 5, 6]
    )  # of which 3 is the seventh from the top and 2 the eighth
    assert np.flatnonzero(leaders(RISING, EVERYONE, before, RULES)).tolist() == [3, 4, 5, 6, 9]


def test_a_name_that_cannot_be_traded_is_in_no_sleeve() -> None:
    without = np.arange(10) != 9
    assert not sleeves(BASE, without, NOBODY, RULES).weights[:, 9].any()


def test_what_is_wanted_is_the_sleeves_by_probability() -> None:
    mixes = np.eye(4)
    assert wanted(mixes, np.array([0.1, 0.2, 0.3, 0.4])) == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_what_is_held_drifts_with_prices() -> None:
    assert drifted(np.array([0.5, 0.5]), np.array([np.log(3.0), np.nan])) == pytest.approx([0.75, 0.25])


def test_half_of_the_way_is_gone_after_a_half_life() -> None:
    rules = SelectionRules(half_life_sessions=10, monthly_turnover=1.0)
    held, target = np.array([0.50, 0.50]), np.array([0.55, 0.45])
    for _ in range(10):
        held, _ = moved(held, target, rules)
    assert held == pytest.approx([0.525, 0.475])


@given(hnp.arrays(float, (23, 10), elements=st.floats(0.01, 1.0)))
def test_however_the_target_jumps_the_longest_month_stays_below_its_turnover(targets: np.ndarray) -> None:
    rules = SelectionRules(half_life_sessions=0.5)
    held, spent = np.full(10, 0.1), 0.0
    for target in targets / targets.sum(axis=1, keepdims=True):
        before = held
        held, turnover = moved(held, target, rules)
        assert turnover == pytest.approx(np.abs(held - before).sum() / 2)
        spent += turnover
    assert spent <= rules.monthly_turnover + 1e-12  # rounding of 23 sums
    assert held.sum() == pytest.approx(1.0)
    assert (held >= 0).all()


def test_rules_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(UsageError, match="must not be below top"):
        SelectionRules(top=5, keep_rank=4)
    with pytest.raises(UsageError, match="monthly_turnover"):
        SelectionRules(monthly_turnover=0.0)

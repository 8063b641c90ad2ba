"""What a choice is worth elsewhere: by hand, on noise, on skill, and on a trap made for it."""

import itertools

import numpy as np
import pytest

from trading.digest import generator
from trading.errors import UsageError
from trading.evaluation.overfitting import nested_walk_forward, overfitting
from trading.evaluation.resampling import annual_sharpe
from trading.evaluation.splits import Purging

NEAR = Purging(1, 2)


def noise(count: int = 400, variants: int = 10, seed: int = 0) -> np.ndarray:
    return generator("variants", seed=seed).normal(0, 0.01, (count, variants))


def test_of_variants_without_skill_the_best_is_below_the_median_half_of_the_time() -> None:
    found = [overfitting(noise(seed=seed), groups=6, purging=NEAR).probability for seed in range(60)]

    # each is a share of 20 splits that are dependent; sd of one is near 0.25, of the mean of 60 near 0.033
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)


def test_a_variant_with_skill_is_chosen_and_stays_above() -> None:
    returns = noise()
    returns[:, 3] += 0.004

    found = overfitting(returns, purging=NEAR)

    assert found.probability == 0
    assert found.loss == 0
    assert found.paths == pytest.approx(np.full(len(found.paths), annual_sharpe(returns[:, 3])))


def test_variants_that_are_good_in_one_half_and_bad_in_the_other_are_a_trap() -> None:
    wave = np.repeat([1.0, -1.0], 200)
    returns = noise(variants=2) * 0.1 + 0.01 * np.stack([wave, -wave], axis=1)

    found = overfitting(returns, groups=2, tested=1, purging=NEAR)

    assert found.probability == 1
    assert found.loss == 1


def test_by_hand_every_half_of_four_groups_of_two_variants() -> None:
    returns = noise(80, 2)
    group = np.repeat(range(4), 20)

    found = overfitting(returns, groups=4, purging=Purging(0, 0))

    below = []
    for tested in itertools.combinations(range(4), 2):
        inside = np.isin(group, tested)
        train, test = annual_sharpe(returns[~inside].T), annual_sharpe(returns[inside].T)
        below.append(test[train.argmax()] < test[1 - train.argmax()])
    assert found.probability == np.mean(below)


def test_a_path_holds_in_each_group_what_was_chosen_without_it() -> None:
    returns = noise(90, 3)
    group = np.repeat(range(3), 30)

    found = overfitting(returns, groups=3, tested=1, purging=Purging(0, 0))

    held = np.concatenate(
        [returns[group == one, annual_sharpe(returns[group != one].T).argmax()] for one in range(3)]
    )
    assert found.paths.tolist() == pytest.approx([float(annual_sharpe(held))])


def test_a_nested_choice_sees_only_what_lies_before_its_test() -> None:
    returns = noise(100, 4)
    changed = returns.copy()
    changed[70:] = generator("other future").normal(0, 1, (30, 4))

    held, chosen = nested_walk_forward(returns, first_test=40, test=15, purging=NEAR)
    others, others_chosen = nested_walk_forward(changed, first_test=40, test=15, purging=NEAR)

    assert len(held) == 60
    assert chosen[:3].tolist() == others_chosen[:3].tolist()
    assert held[:30].tolist() == others[:30].tolist()


def test_a_nested_choice_by_hand() -> None:
    returns = np.array([[0.01, 0.03], [0.02, -0.01], [0.01, 0.00], [-0.05, 0.07], [0.02, 0.01], [0.03, 0.04]])

    held, chosen = nested_walk_forward(returns, first_test=4, test=1, purging=Purging(1))

    assert chosen.tolist() == [
        0,
        1,
    ]  # before the fourth, then the fifth session, less one whose label reaches in
    assert held.tolist() == [0.02, 0.04]


def test_one_variant_is_no_choice_and_gaps_are_refused() -> None:
    gaps = noise()
    gaps[3, 3] = np.nan
    with pytest.raises(UsageError, match="at least two"):
        overfitting(noise(variants=1))
    with pytest.raises(UsageError, match="every session"):
        overfitting(gaps)

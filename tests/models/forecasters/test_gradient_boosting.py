"""Boosted trees: the arrays against scikit-learn, a step that no line can follow, and empty data."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from models.forecasters.forest import Forest, forest_of
from models.forecasters.gradient_boosting import GradientBoosting
from models.forecasters.ridge import Ridge
from trading.errors import CheckpointError, ModelError, NotFittedError
from trading.frames import LEVELS
from trading.interfaces import Window
from trading.testing.feature_history import window_of

MEDIAN = LEVELS.index(0.5)
SMALL = GradientBoosting(trees=15)


def noise(seed: int = 0, sessions: int = 500) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, (sessions, 5))


def stepped() -> Window:
    """Tomorrow rises where a channel is far from zero, on either side: a line sees nothing of it."""
    values, other = noise(), np.random.default_rng(9).normal(size=(500, 5))
    values[1:] += np.where(np.abs(other[:-1]) > 1, 0.02, -0.01)
    return replace(
        window_of(values), panel=np.stack([values, other], axis=2), channels=("log_return", "hint")
    )


@pytest.fixture(scope="module")
def grown() -> tuple[list[HistGradientBoostingRegressor], Forest, np.ndarray]:
    inputs = np.random.default_rng(2).normal(size=(800, 6))
    inputs[::5, 2] = np.nan
    targets = np.where(np.isnan(inputs[:, 2]), 2.0, inputs[:, 0] * inputs[:, 1])
    trees = [
        HistGradientBoostingRegressor(loss="quantile", quantile=level, max_iter=20).fit(inputs, targets)
        for level in (0.1, 0.9)
    ]
    return trees, forest_of(trees), inputs


def test_the_arrays_say_what_scikit_learn_says(
    grown: tuple[list[HistGradientBoostingRegressor], Forest, np.ndarray],
) -> None:
    trees, forest, _ = grown
    unseen = np.random.default_rng(4).normal(size=(300, 6))
    unseen[::3, 2], unseen[::7, 0] = np.nan, np.nan

    expected = np.stack([tree.predict(unseen) for tree in trees], axis=1)

    assert forest.sums(unseen) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_row_s_sum_depends_on_no_other_row(
    grown: tuple[list[HistGradientBoostingRegressor], Forest, np.ndarray],
) -> None:
    _, forest, inputs = grown

    assert forest.sums(inputs[:7]).tobytes() == forest.sums(inputs)[:7].tobytes()


def test_what_no_line_can_follow_is_found() -> None:
    window = stepped()
    hint = window.channel("hint")[-1]

    trees = GradientBoosting().fit(window).predict(window).quantiles[:, 0, MEDIAN]
    line = Ridge().fit(window).predict(window).quantiles[:, 0, MEDIAN]

    far = np.abs(hint) > 1
    assert far.any()
    assert (~far).any()
    assert trees[far].min() > trees[~far].max() + 0.01  # 0.03 apart in truth
    assert np.ptp(line) < 0.01


def test_on_noise_few_trees_are_grown() -> None:
    sums = [SMALL.fit(window_of(noise(seed))).forest_ for seed in range(3)]

    assert np.mean([len(forest.root) / 21 for forest in sums if forest]) < 10  # of at most 15


def test_intervals_hold_what_their_levels_say_on_new_data() -> None:
    model, fresh = SMALL.fit(window_of(noise(sessions=1000))), noise(5, 1200)
    held = []
    for end in range(100, 1199, 10):
        quantiles = model.predict(window_of(fresh[end - 80 : end])).quantiles[:, 0]
        held.append((quantiles[:, 0] < fresh[end]) & (fresh[end] < quantiles[:, -1]))

    # 550 hits of probability 0.9, three standard errors 0.04, and trees that learned too much lose a little
    assert np.mean(held) == pytest.approx(0.90, abs=0.06)


def test_other_channels_other_horizons_and_no_training_are_refused() -> None:
    model = SMALL.fit(stepped())

    with pytest.raises(ModelError, match="gradient_boosting learned from 6 inputs, but the window gives 5"):
        model.predict(window_of(noise()))
    with pytest.raises(ModelError, match="not for 3"):
        model.predict(stepped(), horizons=(3,))
    with pytest.raises(NotFittedError):
        SMALL.predict(window_of(noise()))


def test_a_state_with_an_array_missing_is_refused() -> None:
    with pytest.raises(CheckpointError, match="belongs to another model"):
        SMALL.from_bytes(Ridge().fit(window_of(noise())).to_bytes())

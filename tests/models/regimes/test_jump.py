import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.regimes.jump import JumpRegimes, cheapest_path
from trading.interfaces import Floats
from trading.testing.regime_markets import chain_market


def cost_of(path: tuple[int, ...], losses: Floats, penalty: float) -> float:
    changes = sum(a != b for a, b in itertools.pairwise(path))
    return float(losses[np.arange(len(path)), path].sum() + penalty * changes)


def test_a_dear_change_is_not_made_for_one_session() -> None:
    losses = np.array([[0.0, 9.0], [3.0, 0.0], [0.0, 9.0]])
    assert cheapest_path(losses, 2.0)[0].tolist() == [0, 0, 0]  # 3 beside 2 * 2
    path, cost = cheapest_path(losses, 1.0)
    assert (path.tolist(), cost) == ([0, 1, 0], 2.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 3))
def test_no_path_is_cheaper_than_the_cheapest(seed: int, penalty: float) -> None:
    losses = np.random.default_rng(seed).exponential(size=(6, 3))
    path, cost = cheapest_path(losses, penalty)
    every = min(cost_of(p, losses, penalty) for p in itertools.product(range(3), repeat=6))
    assert np.isclose(cost_of(tuple(path), losses, penalty), cost, rtol=1e-12)
    assert np.isclose(cost, every, rtol=1e-12)


def test_means_are_those_of_the_sessions_of_their_state() -> None:
    features = chain_market(1, 252)[0]
    fit = JumpRegimes(starts=3).fit(features).parameters
    values = (features - fit.center) / fit.scale
    path, _ = cheapest_path(0.5 * ((values[:, None] - fit.mean[None]) ** 2).sum(axis=2), JumpRegimes.penalty)
    for state in np.unique(path):
        np.testing.assert_allclose(fit.mean[state], values[path == state].mean(axis=0), atol=1e-12)


def test_a_change_that_costs_nothing_leaves_every_session_with_its_nearest_mean() -> None:
    features = chain_market(2, 252)[0]
    model = JumpRegimes(starts=2, penalty=0.0).fit(features)
    fit = model.parameters
    distance = (((features - fit.center) / fit.scale)[:, None] - fit.mean[None]) ** 2
    nearest = distance.sum(axis=2).argmin(axis=1)
    assert model.filter(features).argmax(axis=1).tolist() == nearest.tolist()


def test_a_regime_that_the_window_lacks_keeps_its_mean_in_a_refit() -> None:
    features = chain_market(1, 252)[0]
    first = JumpRegimes(starts=3).fit(features).parameters
    alone = features[
        np.abs(features[:, 1] - features[:, 1].max()).argsort()[:80]
    ]  # of the wildest regime only
    again = JumpRegimes(starts=3).fit(alone, first).parameters
    calm = again.mean[0] * again.scale + again.center
    np.testing.assert_allclose(calm, first.mean[0] * first.scale + first.center, atol=0.3)


def test_a_window_without_any_movement_still_has_four_means() -> None:
    assert JumpRegimes(starts=1).fit(np.ones((100, 5))).parameters.mean.shape == (4, 5)

"""Our jump model beside the authors' package."""

import numpy as np
import pytest

from models.regimes.jump import JumpRegimes, cheapest_path
from trading.testing.regime_markets import chain_market

jump = pytest.importorskip("jumpmodels.jump", reason="needs the extra `test`")
STATE = chain_market(7, 504)[0]


def test_online_states_are_the_package_s() -> None:
    fitted = JumpRegimes(starts=3).fit(STATE[:252])
    fit = fitted.parameters
    values = (STATE - fit.center) / fit.scale
    penalty = jump.jump_penalty_to_mx(fitted.penalty, len(fit.mean))
    costs = jump.do_E_step(values, fit.mean, penalty, return_value_mx=True)
    ours = fitted.filter(STATE)
    assert ours.argmax(axis=1).tolist() == costs.argmin(axis=1).tolist()
    beliefs = np.exp(costs.min(axis=1, keepdims=True) - costs)
    np.testing.assert_allclose(ours, beliefs / beliefs.sum(axis=1, keepdims=True), atol=1e-9)


def test_paths_cost_what_the_package_s_cost() -> None:
    losses = np.random.default_rng(3).exponential(size=(300, 4))
    path, cost = cheapest_path(losses, 0.8)
    theirs, its_cost = jump.dp(losses, jump.jump_penalty_to_mx(0.8, 4))
    assert path.tolist() == theirs.tolist()
    assert cost == pytest.approx(its_cost, rel=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fit_is_not_worse_than_the_package_s(seed: int) -> None:
    state = chain_market(seed, 252)[0]
    ours = JumpRegimes(starts=10).fit(state)
    fit = ours.parameters
    values = (state - fit.center) / fit.scale
    theirs = jump.JumpModel(n_components=4, jump_penalty=ours.penalty, cont=False, n_init=10)
    theirs.fit(values)
    _, cost = cheapest_path(0.5 * ((values[:, None] - fit.mean[None]) ** 2).sum(axis=2), ours.penalty)
    # both are local searches from ten random starts
    assert cost <= theirs.val_ * 1.01

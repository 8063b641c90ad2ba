"""What every regime model keeps, whichever the setting names."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from models.regimes.choice import RegimeChoice
from models.regimes.estimator import RegimeEstimator
from models.regimes.filtering import log_densities
from trading import calendar
from trading.errors import ModelError, NotFittedError
from trading.evaluation.regime_report import complete_stays
from trading.evaluation.regime_walk import walk_regimes
from trading.frames import REGIMES
from trading.interfaces import Floats
from trading.stages.regimes import RegimeRules
from trading.testing.regime_markets import chain_market

STATE, _ = chain_market(3, 700)
SESSIONS = calendar.sessions_between(
    calendar.session_of("2015-01-02"), calendar.shift(calendar.session_of("2015-01-02"), 999)
)


@pytest.fixture(scope="module", params=["hmm", "jump"])
def model(request: pytest.FixtureRequest) -> RegimeEstimator:
    return replace(RegimeChoice(model=request.param).chosen, starts=4)


@pytest.fixture(scope="module")
def fitted(model: RegimeEstimator) -> RegimeEstimator:
    return model.fit(STATE[:252])


def by_all_paths(model: RegimeEstimator, features: Floats) -> Floats:
    """(w, k) beliefs from every path: summed over, or the best of them, as the model weighs them."""
    fit = model.parameters
    density = np.exp(log_densities((features - fit.center) / fit.scale, fit.mean, fit.covariance))
    out = np.zeros_like(density)
    for t in range(len(features)):
        for path in itertools.product(range(len(REGIMES)), repeat=t + 1):
            weight = fit.start[path[0]] * np.prod(fit.transition[path[:-1], path[1:]])
            weight *= np.prod(density[np.arange(t + 1), path])
            before = out[t, path[-1]]
            sums = model.onward.__name__ == "over_all_paths"
            out[t, path[-1]] = before + weight if sums else max(before, weight)
    return out / out.sum(axis=1, keepdims=True)


def test_the_filter_equals_the_enumeration_of_all_paths(fitted: RegimeEstimator) -> None:
    features = STATE[300:305]
    # some dozens of roundings of relative size 1e-16
    np.testing.assert_allclose(
        fitted.filter(features), by_all_paths(fitted, features), rtol=1e-10, atol=1e-14
    )


def test_going_on_by_one_session_equals_filtering_anew(fitted: RegimeEstimator) -> None:
    whole = fitted.filter(STATE[:300])
    belief = whole[251]
    for row in range(252, 300):
        belief = fitted.update(belief, STATE[row])
        # fifty sessions of roundings; a chain forgets them as it goes
        np.testing.assert_allclose(belief, whole[row], rtol=1e-9, atol=1e-12)


def test_a_session_whose_features_are_unknown_or_beyond_belief_goes_on_too(fitted: RegimeEstimator) -> None:
    belief = fitted.filter(STATE[:252])[-1]
    for strange in (np.full(5, np.nan), np.array([np.nan, *STATE[252, 1:]]), STATE[252] + 1e4):
        whole = fitted.filter(np.vstack([STATE[:252], strange]))[-1]
        np.testing.assert_allclose(fitted.update(belief, strange), whole, rtol=1e-9, atol=1e-12)


def test_what_comes_later_changes_no_byte(model: RegimeEstimator) -> None:
    other = STATE.copy()
    other[500:] += 3.0
    ours, theirs = (walk_regimes(model, RegimeRules(), state, SESSIONS[:700]) for state in (STATE, other))
    before = 500 - 251
    assert ours.beliefs[:before].tobytes() == theirs.beliefs[:before].tobytes()
    assert ours.beliefs[before:].tobytes() != theirs.beliefs[before:].tobytes()


def test_regimes_of_markets_that_have_them_are_named_and_last(model: RegimeEstimator) -> None:
    # single markets may do worse: a first window that lacks a regime names a part of another by it
    markets = [chain_market(seed, 1000) for seed in (0, 1)]
    model = replace(model, starts=5)
    walks = [walk_regimes(model, RegimeRules(), state, SESSIONS) for state, _ in markets]
    hits = [np.mean(walk.labels == states[251:]) for walk, (_, states) in zip(walks, markets, strict=True)]
    assert np.mean(hits) > 0.7
    assert np.mean([complete_stays(walk.labels).mean() for walk in walks]) > 10


def test_a_refit_of_the_same_window_changes_hardly_a_name(fitted: RegimeEstimator) -> None:
    again = fitted.fit(STATE[1:253], fitted.fit_)
    shared = fitted.filter(STATE[1:252]).argmax(axis=1) == again.filter(STATE[1:252]).argmax(axis=1)
    assert shared.mean() > 0.97


def test_states_are_those_of_raw_features_in_any_units(
    model: RegimeEstimator, fitted: RegimeEstimator
) -> None:
    scaled = model.fit(100 * STATE[:252] - 7)
    np.testing.assert_allclose(
        scaled.filter(100 * STATE[252:300] - 7), fitted.filter(STATE[252:300]), atol=1e-6
    )


def test_what_cannot_be_fitted_or_was_not_is_said(model: RegimeEstimator) -> None:
    with pytest.raises(ModelError, match="needs 60 sessions with known features, but of 50"):
        model.fit(STATE[:50])
    with pytest.raises(NotFittedError, match="call fit or resume first"):
        model.filter(STATE[:50])

import logging

import numpy as np
import pytest

from models.regimes.gaussian_hmm import GaussianRegimes
from trading.errors import ModelError, NotFittedError
from trading.frames import REGIMES
from trading.interfaces import Floats, RegimeFit

# Means of return, volatility, volume, momentum and VIX in units of their spread, in the order of REGIMES.
MEANS = np.array(
    [[0.5, -0.6, 0, 1, -0.6], [-0.5, 0.8, 0, -1, 0.5], [0, 2.4, 1, 0, 2], [0, -0.7, 0, -0.1, -0.5]], float
)
UNITS, ORIGIN = np.array([0.02, 0.3, 1.0, 0.1, 0.2]), np.array([0.0, -4.0, 0.0, 0.01, 3.0])
MODEL = GaussianRegimes(starts=4)


def market(seed: int, sessions: int = 252) -> tuple[Floats, Floats]:
    """Raw features (w, 5) of a chain whose states last 25 sessions, and its states (w,)."""
    random = np.random.default_rng(seed)
    states = np.zeros(sessions, dtype=int)
    for t in range(1, sessions):
        states[t] = states[t - 1] if random.random() < 0.96 else random.integers(4)
    return ORIGIN + UNITS * (MEANS[states] + random.normal(0, 0.5, (sessions, 5))), states


@pytest.fixture(scope="module")
def fitted() -> GaussianRegimes:
    return MODEL.fit(market(1)[0])


def parameters(fit: RegimeFit | None) -> bytes:
    assert fit is not None
    return b"".join(np.ascontiguousarray(values).tobytes() for values in vars(fit).values())


def agreement(model: GaussianRegimes, seed: int) -> float:
    """Share of sessions whose likeliest regime is the true one."""
    features, states = market(seed)
    return float((model.filter(features).argmax(axis=1) == states).mean())


def test_regimes_of_a_market_that_has_them_are_found_and_named(fitted: GaussianRegimes) -> None:
    # States lie two of their standard deviations apart; the filter errs for a session or two at a change.
    assert agreement(fitted, seed=1) > 0.9
    assert agreement(fitted, seed=2) > 0.8


def test_the_same_features_give_the_same_bytes(fitted: GaussianRegimes) -> None:
    assert parameters(MODEL.fit(market(1)[0]).fit_) == parameters(fitted.fit_)


def test_a_refit_keeps_the_names_when_the_labels_before_were_others(fitted: GaussianRegimes) -> None:
    features = market(1, 400)[0][100:352]
    refit = MODEL.fit(features, fitted.fit_).fit_
    before = fitted.fit_
    assert refit is not None
    assert before is not None
    raw, raw_before = (f.mean * f.scale + f.center for f in (refit, before))
    distance = np.linalg.norm((raw[:, None] - raw_before[None]) / UNITS, axis=2)
    assert distance.argmin(axis=1).tolist() == [0, 1, 2, 3]


def test_probabilities_are_filtered_and_never_use_the_future(fitted: GaussianRegimes) -> None:
    features = market(3)[0]
    whole, part = fitted.filter(features), fitted.filter(features[:100])
    # another number of rows may solve in another order of roundings
    np.testing.assert_allclose(whole[:100], part, atol=1e-12)
    np.testing.assert_allclose(whole.sum(axis=1), 1.0, atol=1e-12)


def test_parameters_are_probabilities_and_proper_covariances(fitted: GaussianRegimes) -> None:
    fit = fitted.fit_
    assert fit is not None
    assert fit.mean.shape == (len(REGIMES), 5)
    np.testing.assert_allclose(fit.transition.sum(axis=1), 1.0, atol=1e-12)
    assert (fit.transition > 0).all()
    assert (np.linalg.eigvalsh(fit.covariance) > 0.01).all()


def test_a_window_without_any_movement_does_not_collapse() -> None:
    fit = GaussianRegimes(starts=1).fit(np.ones((100, 5))).fit_
    assert fit is not None
    # unit covariance with a weight of five sessions, among at most a hundred
    assert np.linalg.eigvalsh(fit.covariance).min() >= 5 / 106


def test_a_feature_that_is_never_known_tells_nothing() -> None:
    features = market(1)[0]
    features[:, 4] = np.nan
    model = MODEL.fit(features)
    assert model.fit_ is not None
    assert np.isnan(model.fit_.scale).tolist() == [False, False, False, False, True]
    assert np.isfinite(model.filter(features)).all()
    again = features.copy()
    again[:, 4] = 7.0
    np.testing.assert_array_equal(model.filter(again), model.filter(features))


def test_gaps_are_left_out_of_a_fit_and_marginalised_by_the_filter() -> None:
    features = market(1)[0]
    features[10:20, 4] = np.nan
    features[40] = np.nan
    model = MODEL.fit(features)
    assert agreement(model, seed=2) > 0.8
    assert np.isfinite(model.filter(features)).all()


def test_too_few_known_sessions_are_refused() -> None:
    features = market(1)[0]
    features[:50, 0], features[60:110, 1], features[120:170, 2], features[180:230, 3] = [np.nan] * 4
    with pytest.raises(ModelError, match="needs 60 sessions with known features, but of 252 only 52"):
        MODEL.fit(features)


def test_a_model_without_parameters_cannot_filter() -> None:
    with pytest.raises(NotFittedError, match="call fit or resume first"):
        MODEL.filter(market(1)[0])


def test_nothing_is_written_when_the_likelihood_falls(
    fitted: GaussianRegimes, caplog: pytest.LogCaptureFixture
) -> None:
    # A heavy prior on the covariance pulls away from the likeliest parameters: hmmlearn would warn.
    with caplog.at_level(logging.DEBUG):
        GaussianRegimes(covariance_sessions=500, tolerance=-np.inf).fit(market(1)[0], fitted.fit_)
    assert caplog.records == []

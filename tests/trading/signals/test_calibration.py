"""Recalibration: it finds a planted distortion, leaves the honest alone, and little evidence moves little."""

import numpy as np
import pytest
from scipy.special import expit, logit

from trading.errors import UsageError
from trading.signals.calibration import CalibrationRules, isotonic, posterior_slopes

METHODS = ("platt", "beta", "isotonic")


def planted(slope: float, offset: float, sessions: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (w, 10) whose truth is a line in their logit, and what came; names are independent here."""
    rng = np.random.default_rng(3)
    given = rng.uniform(0.2, 0.8, (sessions, 10))
    truth = expit(slope * logit(given) + offset)
    return given, (rng.random(given.shape) < truth).astype(float)


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_distortion_is_put_right(method: str) -> None:
    given, came = planted(0.5, 0.4)
    ahead = np.array([0.3, 0.5, 0.7])
    right = CalibrationRules(method).recalibrated(given, came, ahead, horizon=1)  # type: ignore[arg-type]
    # 30,000 draws: a standard error of 0.01 in a bin of 0.08, and the prior holds back a hundredth part
    assert right == pytest.approx(expit(0.5 * logit(ahead) + 0.4), abs=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_an_honest_probability_stays_about_as_it_is(method: str) -> None:
    given, came = planted(1.0, 0.0)
    ahead = np.array([0.3, 0.5, 0.7])
    right = CalibrationRules(method).recalibrated(given, came, ahead, horizon=1)  # type: ignore[arg-type]
    assert right == pytest.approx(ahead, abs=0.03)


def test_without_a_method_or_without_a_past_nothing_changes() -> None:
    given, came = planted(0.5, 0.4, sessions=20)
    ahead = np.array([0.4, np.nan])
    assert CalibrationRules().recalibrated(given, came, ahead, 1) is ahead
    unknown = np.full_like(came, np.nan)
    assert CalibrationRules("platt").recalibrated(given, unknown, ahead, 1) is ahead


@pytest.mark.parametrize("method", METHODS)
def test_overlapping_outcomes_count_for_less(method: str) -> None:
    given, came = planted(0.5, 0.8, sessions=60)
    rules, ahead = CalibrationRules(method), np.array([0.5])  # type: ignore[arg-type]
    moved = [float(rules.recalibrated(given, came, ahead, horizon)[0]) - 0.5 for horizon in (1, 20)]
    assert 0 < moved[1] < moved[0]


def test_what_is_not_known_stays_unknown() -> None:
    given, came = planted(0.5, 0.4, sessions=50)
    for method in METHODS:
        right = CalibrationRules(method).recalibrated(given, came, np.array([np.nan, 0.5]), 1)  # type: ignore[arg-type]
        assert np.isnan(right).tolist() == [True, False]


def test_the_slopes_are_those_of_scikit_learn_with_the_same_penalty() -> None:
    from sklearn.linear_model import LogisticRegression

    given, came = planted(0.7, 0.2, sessions=200)
    features = np.stack([logit(given.ravel()), np.ones(given.size)], axis=1)
    ours = posterior_slopes(features, came.ravel(), np.zeros(2), 1.0, 40.0)
    theirs = LogisticRegression(C=4 / 40.0, fit_intercept=False, tol=1e-10).fit(features, came.ravel())
    assert ours == pytest.approx(theirs.coef_[0], abs=1e-5)  # two solvers of one convex problem


def test_an_isotonic_map_never_falls_and_holds_beyond_its_ends() -> None:
    past, came = np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.0, 1.0, 0.0, 1.0])
    mapped = isotonic(past, came, np.array([0.1, 0.4, 0.6, 0.9]))
    assert mapped.tolist() == [0.0, 0.5, 0.5, 1.0]


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="window_sessions"):
        CalibrationRules("platt", window_sessions=0)

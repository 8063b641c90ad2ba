"""The ridge regression: against scikit-learn, on planted and on empty data."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Oracle

from models.forecasters.ridge import Ridge, _ridge
from models.forecasters.tabular import training_rows
from trading.errors import CheckpointError, ModelError, NotFittedError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import Window
from trading.testing.feature_history import window_of

MEDIAN = LEVELS.index(0.5)


def noise(sessions: int = 700, symbols: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, (sessions, symbols))


def momentum(strength: float, sessions: int = 700) -> np.ndarray:
    out, shocks = np.zeros((sessions, 5)), noise(sessions)
    for t in range(1, sessions):
        out[t] = strength * out[t - 1] + shocks[t]
    return out


def announced(strength: float) -> Window:
    """A channel says today what part of tomorrow's return will be."""
    values = noise()
    other = np.random.default_rng(9).normal(size=values.shape)
    values[1:] += strength * 0.02 * other[:-1]
    panel = np.stack([values, other], axis=2)
    return replace(window_of(values), panel=panel, channels=("log_return", "hint"))


@pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
def test_coefficients_are_those_of_scikit_learn(penalty: float) -> None:
    inputs, targets = np.random.default_rng(1).normal(size=(300, 4)), np.arange(300.0)

    slope, intercept = _ridge(inputs, targets, penalty)

    oracle = Oracle(alpha=penalty * 300).fit(inputs, targets)
    assert slope == pytest.approx(oracle.coef_)
    assert intercept == pytest.approx(oracle.intercept_)


def test_a_hint_in_a_channel_is_found_and_used() -> None:
    window = announced(0.5)
    model = Ridge().fit(window)

    forecast = model.predict(window).quantiles[:, 0, MEDIAN]

    assert model.state_ is not None
    unit = 0.02 * np.sqrt(1.25)
    assert model.state_.coefficients[0, -1] == pytest.approx(
        0.5 * 0.02 / unit, abs=0.06
    )  # three standard errors
    # not 1: the lags have small coefficients of their own
    assert np.corrcoef(forecast, window.channel("hint")[-1])[0, 1] > 0.95


def test_momentum_over_five_sessions_is_found() -> None:
    values = momentum(0.4)
    last = values[-1] > 0

    median = Ridge().fit(window_of(values)).predict(window_of(values)).quantiles[:, 1, MEDIAN]

    assert (median[np.abs(values[-1]) > 0.01] > 0).tolist() == last[np.abs(values[-1]) > 0.01].tolist()


def test_on_noise_the_largest_penalty_is_chosen_and_the_forecast_is_near_nothing() -> None:
    chosen = [Ridge().fit(window_of(noise(seed=seed))) for seed in range(5)]

    said = np.array([model.predict(window_of(noise(seed=99))).quantiles[:, 0, MEDIAN] for model in chosen])
    assert np.abs(said).mean() < 0.1 * 0.02  # of a session's volatility
    assert np.mean([model.state_.penalties[0] for model in chosen if model.state_]) > 10


def test_intervals_hold_what_their_levels_say_on_new_data() -> None:
    model, fresh = Ridge().fit(window_of(noise(1000))), noise(1200, seed=5)
    held = []
    for end in range(100, 1199, 10):
        quantiles = model.predict(window_of(fresh[end - 80 : end])).quantiles[:, 0]
        held.append((quantiles[:, 0] < fresh[end]) & (fresh[end] < quantiles[:, -1]))

    # 550 hits of probability 0.9: three standard errors of a share are 0.04
    assert np.mean(held) == pytest.approx(0.90, abs=0.04)


def test_an_unknown_input_counts_as_average() -> None:
    window = announced(0.5)
    model = Ridge().fit(window)
    assert model.state_ is not None
    unknown, average = window.panel.copy(), window.panel.copy()
    unknown[-1, 0, 1], average[-1, 0, 1] = np.nan, model.state_.center[-1]

    said = [
        model.predict(replace(window, panel=panel)).quantiles for panel in (unknown, average, window.panel)
    ]

    assert said[0] == pytest.approx(said[1], abs=1e-15)
    assert not np.allclose(said[0], said[2])


def test_a_window_with_other_channels_is_refused() -> None:
    model = Ridge().fit(announced(0.5))

    with pytest.raises(ModelError, match="ridge learned from 6 inputs, but the window gives 5: return_lag_0"):
        model.predict(window_of(noise()))


def test_it_refuses_to_speak_before_it_learned_and_for_horizons_it_did_not_learn() -> None:
    with pytest.raises(NotFittedError):
        Ridge().predict(window_of(noise()))
    with pytest.raises(ModelError, match=r"the horizons \(1, 5, 20\), not for 3"):
        Ridge().fit(window_of(noise())).predict(window_of(noise()), horizons=(3,))


def test_a_state_whose_arrays_do_not_fit_each_other_is_refused() -> None:
    model = Ridge().fit(window_of(noise()))
    assert model.state_ is not None
    broken = replace(model, state_=replace(model.state_, center=model.state_.center[:-1]))

    with pytest.raises(CheckpointError, match="belongs to another model"):
        Ridge().from_bytes(broken.to_bytes())


def test_training_rows_are_what_the_window_holds() -> None:
    assert len(training_rows(window_of(noise()), HORIZONS, "ridge", 1).session) == (700 - 63) * 5

"""Known patterns on SIMULATED series made for it: what the shipped weights recognise, and what refinement adds."""

import numpy as np
import pytest

from models.forecasters.tsmamba import Refinement, TSMamba
from trading.interfaces import Floats
from trading.testing.feature_history import window_of

BARS, SYMBOLS, WINDOWS = 512, 10, 6
MEDIAN, FIVE = 3, 1  # places of the level 0.5 and of the horizon of five


def medians(returns: Floats) -> Floats:
    """(windows * symbols,) medians of the next five bars, in standard deviations of the noise; returns (windows, w, s)."""
    model = TSMamba()
    return np.concatenate(
        [model.predict(window_of(0.02 * of)).quantiles[:, FIVE, MEDIAN] / 0.02 for of in returns]
    )


def noise(seed: int) -> Floats:
    return np.random.default_rng(seed).standard_normal((WINDOWS, BARS, SYMBOLS))


@pytest.fixture(scope="module")
def of_noise() -> Floats:
    return medians(noise(1))


def signs(seed: int) -> Floats:
    return np.random.default_rng(seed).choice([-1.0, 1.0], (WINDOWS, 1, SYMBOLS))


def test_in_noise_it_says_little(of_noise: Floats) -> None:
    assert np.abs(of_noise).mean() < 0.35  # the next five bars move by 2.2


def test_a_trend_goes_on(of_noise: Floats) -> None:
    up = signs(2)

    said = medians(noise(3) + 0.5 * up)

    assert (np.sign(said) == up.ravel()).mean() > 0.9
    assert np.abs(said).mean() > 3 * np.abs(of_noise).mean()


def cycles(seed: int, bars: int) -> tuple[Floats, Floats]:
    """Returns (w, s) with a cycle of 16 bars, 0.7 times as loud as the noise, and what it adds to the next five (s,)."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, SYMBOLS)
    wave = np.sin(2 * np.pi * np.arange(bars + 5)[:, None] / 16 + phase)
    return rng.standard_normal((bars, SYMBOLS)) + wave[:bars], wave[bars:].sum(axis=0)


@pytest.mark.nightly  # ten seconds of training; test_tsmamba.py has a smaller one every day
def test_a_cycle_of_the_home_s_bars_is_learned_by_refinement() -> None:
    # The shipped weights alone do not see it: docs/results/tsmamba.md.
    model = TSMamba(refinement=Refinement(epochs=2)).fit(window_of(0.02 * cycles(1, 700)[0]))

    markets = [cycles(seed, BARS) for seed in range(100, 100 + WINDOWS)]  # with other phases and other noise
    said = np.concatenate(
        [model.predict(window_of(0.02 * returns)).quantiles[:, FIVE, MEDIAN] for returns, _ in markets]
    )

    expected = np.concatenate([ahead for _, ahead in markets])
    assert np.corrcoef(said, expected)[0, 1] > 0.7


def test_a_stressed_regime_is_wider_and_fades() -> None:
    shocks = noise(8)
    shocks[:, -15:] *= 3

    widths = np.concatenate(
        [np.diff(TSMamba().predict(window_of(0.02 * of)).quantiles[:, :, [0, -1]])[..., 0] for of in shocks]
    )
    calm = np.concatenate(
        [np.diff(TSMamba().predict(window_of(0.02 * of)).quantiles[:, :, [0, -1]])[..., 0] for of in noise(8)]
    )

    assert np.median(widths[:, 0] / calm[:, 0]) > 1.5
    # what comes after a burst is calmer than the burst: twenty bars are less than 20 ** 0.5 times one
    assert np.median(widths[:, 2] / widths[:, 0]) < np.median(calm[:, 2] / calm[:, 0])

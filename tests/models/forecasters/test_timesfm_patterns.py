"""What the small TimesFM 2.5 recognises on series made for it, and that company and threads change nothing."""

from dataclasses import replace

import numpy as np
import pytest

from models.forecasters.catalogue import model_specs
from models.forecasters.timesfm import TimesFM
from trading.interfaces import Floats
from trading.testing.feature_history import window_of

SMALL = TimesFM("timesfm_2p5_small")
TIME = np.arange(533)


def said_and_came(levels: Floats) -> tuple[Floats, Floats]:
    """Quantiles (s, h, q) after 512 sessions of `levels` (533, s), and the moves that came (s, h)."""
    steps = np.diff(levels, axis=0)
    came = np.stack([steps[512 : 512 + h].sum(axis=0) for h in (1, 5, 20)], axis=1)
    return SMALL.predict(window_of(steps[:512])).quantiles, came


def noise(seed: int, size: float) -> Floats:
    return np.random.default_rng(seed).normal(0, size, (533, 8))


def test_a_trend_goes_on() -> None:
    slope = np.linspace(-0.004, 0.004, 8)

    quantiles, _ = said_and_came(TIME[:, None] * slope + noise(1, 0.002))

    assert quantiles[:, 2, 3] == pytest.approx(20 * slope, abs=0.02)  # a quarter of the steepest move


def test_a_cycle_turns_where_it_should() -> None:
    levels = 0.1 * np.sin(2 * np.pi * (TIME[:, None] + 8 * np.arange(8)) / 40) + noise(2, 0.004)

    quantiles, came = said_and_came(levels)

    assert np.corrcoef(quantiles[:, 2, 3], came[:, 2])[0, 1] > 0.9
    assert np.abs(quantiles[:, 2, 3] - came[:, 2]).mean() < np.abs(came[:, 2]).mean() / 2


def test_after_a_level_shift_the_new_level_is_the_forecast() -> None:
    shift = np.where(TIME[:, None] >= 400, 0.5, 0.0)

    quantiles, _ = said_and_came(shift + noise(3, 0.01))
    still, _ = said_and_came(noise(3, 0.01))

    assert quantiles[:, 2, 3] == pytest.approx(still[:, 2, 3], abs=0.1)  # a fifth of the shift


def test_other_symbols_in_the_batch_change_at_most_the_last_digits() -> None:
    returns = np.diff(noise(4, 0.02), axis=0)[:512]

    together = SMALL.predict(window_of(returns)).quantiles
    alone = SMALL.predict(window_of(returns[:, :1])).quantiles

    assert together[:1] == pytest.approx(alone, abs=1e-6)  # rows change places in a batch of one shape


def test_the_threads_of_the_process_change_no_byte() -> None:
    import torch

    window, before = window_of(np.diff(noise(5, 0.02), axis=0)[:512]), torch.get_num_threads()
    usual = SMALL.predict(window).quantiles.tobytes()
    torch.set_num_threads(3)
    try:
        assert replace(SMALL).predict(window).quantiles.tobytes() == usual
    finally:
        torch.set_num_threads(before)


def test_shipped_weights_that_saw_simulated_data_only_are_not_contaminated() -> None:
    spec = model_specs(["timesfm"], timesfm_checkpoint="timesfm_2p5_small")[0]

    assert spec.data_through is None
    assert spec.prototype().checkpoint == "timesfm_2p5_small"

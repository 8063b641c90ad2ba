"""Pinball loss and quantiles that cannot cross."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_pinball_loss

from models.layers.quantiles import monotone_quantiles, neutral_bias
from models.training.losses import pinball
from trading.frames import LEVELS


def test_the_loss_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    quantiles, targets = rng.normal(size=(4, 3, 7)), rng.normal(size=(4, 3))

    ours = pinball(torch.tensor(quantiles), torch.tensor(targets)).mean()

    theirs = [
        mean_pinball_loss(targets.ravel(), quantiles[..., place].ravel(), alpha=level)
        for place, level in enumerate(LEVELS)
    ]
    assert float(ours) == pytest.approx(np.mean(theirs))


def test_an_unknown_target_counts_nothing_and_has_no_gradient() -> None:
    quantiles = torch.ones(2, 2, 7, requires_grad=True)
    targets = torch.tensor([[0.0, torch.nan], [torch.nan, torch.nan]])

    loss = pinball(quantiles, targets)
    loss.sum().backward()

    assert loss[0].item() == pytest.approx(0.5)  # 1 - level on average over symmetric levels
    assert loss[1].item() == 0
    assert quantiles.grad is not None
    assert quantiles.grad[0, 1].abs().sum() == quantiles.grad[1].abs().sum() == 0


def test_a_wild_error_has_a_bounded_loss() -> None:
    assert pinball(torch.zeros(1, 1, 7), torch.tensor([[1e6]])).item() == pytest.approx(20 * 0.5)


@given(st.lists(st.floats(-30, 30), min_size=7, max_size=7))
def test_quantiles_never_cross(raw: list[float]) -> None:
    quantiles = monotone_quantiles(torch.tensor(raw))

    assert (quantiles.diff() >= 0).all()
    assert quantiles[3] == torch.tensor(raw[3])


def test_the_neutral_bias_is_a_students_t_of_unit_variance() -> None:
    expected = stats.t(6, scale=np.sqrt(4 / 6)).ppf(LEVELS)

    assert monotone_quantiles(neutral_bias()).numpy() == pytest.approx(expected, abs=1e-6)  # single precision

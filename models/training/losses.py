"""What training makes small. Letters of the shapes: b samples, h horizons, q quantile levels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trading.frames import LEVELS

FURTHEST = 20.0  # a single crash of the training window must not decide a gradient


def pinball(
    quantiles: Tensor, targets: Tensor, levels: Sequence[float] = LEVELS, furthest: float = FURTHEST
) -> Tensor:
    """Mean pinball loss of each sample over horizons and levels (Koenker and Bassett 1978).

    Parameters
    ----------
    quantiles : (b, ..., h, q), in units of each sample's volatility times the root of the horizon
    targets : (b, ..., h) in the same units (`scaled_targets`); NaN where unknown, which counts nothing
    furthest : errors beyond it count as this far

    Returns
    -------
    (b,), zero for a sample without any known target
    """
    known = targets.isfinite()
    aim = torch.where(known, targets, 0.0)[..., None]
    error = (aim - quantiles).clamp(-furthest, furthest)  # (b, ..., h, q)
    level = quantiles.new_tensor(levels)
    loss = torch.maximum(level * error, (level - 1) * error).mean(-1) * known  # (b, ..., h)
    return loss.flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)

"""Quantiles that cannot cross. Letters of the shapes: q levels, in ascending order with 0.5 among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor
from torch.nn import functional

from trading.frames import LEVELS

FREEDOM = 6.0  # of Student's t: about the tails of daily returns of single stocks


def monotone_quantiles(raw: Tensor, levels: Sequence[float] = LEVELS) -> Tensor:
    """The median, and softplus widths added outwards from it: (..., q) to (..., q), ascending."""
    middle = list(levels).index(0.5)
    median, widths = raw[..., middle : middle + 1], functional.softplus(raw)
    above = median + widths[..., middle + 1 :].cumsum(-1)
    below = median - widths[..., :middle].flip(-1).cumsum(-1).flip(-1)
    return torch.cat((below, median, above), dim=-1)


def neutral_bias(levels: Sequence[float] = LEVELS, freedom: float = FREEDOM) -> Tensor:
    """(q,) the raw values that give a Student-t of unit variance around zero: a random walk's forecast."""
    middle = list(levels).index(0.5)
    at = stdtrit(freedom, np.asarray(levels)) * np.sqrt((freedom - 2) / freedom)
    widths = np.diff(at)
    raw = np.insert(np.log(np.expm1(widths)), middle, 0.0)
    return torch.tensor(raw, dtype=torch.float32)

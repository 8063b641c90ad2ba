"""What a channel-independent network reads of one symbol's returns, bar by bar and causally.

Each bar becomes its return in units of the volatility before it, how high that volatility stands against
its own longer mean, and whether the bar is known. All three follow from recursions that a new bar advances
by one step: unlike a normalisation by the whole window, they never change when time goes on.
Letters of the shapes: b rows, l bars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from trading.interfaces import Floats

CHANNELS = 3
FAST, SLOW = 0.94, 0.99  # decays of the variance: RiskMetrics' for a day, and half a year
FURTHEST = 8.0  # in volatilities: a crash must not drive the state of a scan
TINY = 1e-12
SIGNS = (
    -1.0,
    1.0,
    1.0,
    -1.0,
    1.0,
    1.0,
)  # in a mirror image: of these inputs, then of those of `bar_channels`


@dataclass(frozen=True)
class Variances:
    """Weighted sums of squares and the weights that they hold, (2, b) each: fast and slow."""

    squares: Floats
    weights: Floats

    @classmethod
    def unknown(cls, rows: int) -> Variances:
        """Before the first bar."""
        return cls(np.zeros((2, rows)), np.zeros((2, rows)))


def bar_inputs(returns: Floats) -> Floats:
    """(b, l) log returns, NaN where unknown, to (b, l, 3): scaled return, stand of volatility, known."""
    known = np.isfinite(returns)
    squares = np.where(known, returns, 0.0) ** 2
    sums = np.stack([_decayed(squares, decay) for decay in (FAST, SLOW)])  # (2, b, l)
    weights = np.stack([_decayed(known.astype(float), decay) for decay in (FAST, SLOW)])
    before = np.concatenate([np.zeros_like(sums[0, :, :1]), _mean(sums, weights)[0, :, :-1]], axis=1)
    return _inputs(returns, before, _mean(sums, weights))


def next_inputs(returns: Floats, variances: Variances) -> tuple[Floats, Variances]:
    """(b,) returns of one new bar to its inputs (b, 3), and the variances after it."""
    known = np.isfinite(returns)
    decays = np.array([[FAST], [SLOW]])
    after = Variances(
        variances.squares * decays + np.where(known, returns, 0.0) ** 2, variances.weights * decays + known
    )
    return _inputs(
        returns, _mean(variances.squares, variances.weights)[0], _mean(after.squares, after.weights)
    ), after


def variances_of(returns: Floats) -> Variances:
    """The variances after (b, l) returns, from which `next_inputs` goes on."""
    known = np.isfinite(returns)
    squares = np.where(known, returns, 0.0) ** 2
    both = [[_decayed(of, decay)[:, -1] for decay in (FAST, SLOW)] for of in (squares, known.astype(float))]
    return Variances(np.array(both[0]), np.array(both[1]))


def mirrored(inputs: Floats) -> Floats:
    """The inputs of the same bars with every return's sign turned."""
    return inputs * np.array(SIGNS[: inputs.shape[-1]])


def _inputs(returns: Floats, before: Floats, after: Floats) -> Floats:
    known = np.isfinite(returns)
    units = np.sqrt(np.where(before > TINY, before, np.inf))
    scaled = np.where(known, returns, 0.0) / units
    stand = 0.5 * np.log(np.maximum(after[0], TINY) / np.maximum(after[1], TINY))
    return np.stack([scaled.clip(-FURTHEST, FURTHEST), stand.clip(-2, 2), known.astype(float)], axis=-1)


def _decayed(values: Floats, decay: float) -> Floats:
    return np.asarray(lfilter([1.0], [1.0, -decay], values, axis=-1))


def _mean(sums: Floats, weights: Floats) -> Floats:
    return np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)

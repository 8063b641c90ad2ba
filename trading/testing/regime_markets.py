"""SIMULATED states of markets whose regimes are known, for what tells regimes. Letters: w sessions, c features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.digest import generator
from trading.interfaces import Floats

# Means of return, volatility, volume, momentum and VIX in units of their spread, in the order of REGIMES.
MEANS = np.array(
    [[0.5, -0.6, 0, 1, -0.6], [-0.5, 0.8, 0, -1, 0.5], [0, 2.4, 1, 0, 2], [0, -0.7, 0, -0.1, -0.5]], float
)
UNITS, ORIGIN = np.array([0.02, 0.3, 1.0, 0.1, 0.2]), np.array([0.0, -4.0, 0.0, 0.01, 3.0])
SPREAD, STAY = 0.5, 0.97
_NAMES, _TAIL_FREEDOM, _LEAD, _PERSISTENCE = 10, 5, 63, 0.94


def chain_market(seed: int, sessions: int) -> tuple[Floats, NDArray[np.int64]]:
    """Raw features (w, 5) of a chain whose states last 44 sessions on average, and its states (w,)."""
    random = generator("regime_markets/chain", seed=seed)
    moves, states = random.random(sessions) > STAY, np.zeros(sessions, dtype=np.int64)
    drawn = random.integers(len(MEANS), size=sessions)
    for t in range(1, sessions):
        states[t] = drawn[t] if moves[t] else states[t - 1]
    noise = random.normal(0, SPREAD, (sessions, MEANS.shape[1]))
    return ORIGIN + UNITS * (MEANS[states] + noise), states


def fair_market(seed: int, sessions: int, onset: int | None = None, multiplier: float = 2.0) -> Floats:
    """Features (w, 5) of ten names without drift, memory or regimes; from `onset` on, more volatile.

    Returns are Student-t with a common part; the VIX is the exponentially averaged volatility of their mean.
    The same seed gives the same market up to `onset`.
    """
    random = generator("regime_markets/fair", seed=seed)
    count = sessions + _LEAD
    common, own = random.standard_t(_TAIL_FREEDOM, count), random.standard_t(_TAIL_FREEDOM, (count, _NAMES))
    scale = np.ones(count)
    if onset is not None:
        scale[_LEAD + onset :] = multiplier
    returns = scale[:, np.newaxis] * (0.01 * common[:, np.newaxis] + 0.012 * own)
    volume = random.normal(0, 1, (count, _NAMES)) + np.log(scale)[:, np.newaxis]
    return _features(returns, volume)


def _features(returns: Floats, log_volume: Floats) -> Floats:
    """The five channels of `market_state` after the lead."""
    windows = np.lib.stride_tricks.sliding_window_view
    month = windows(returns, 21, axis=0)[_LEAD - 20 :]  # (w, s, 21)
    quarter = windows(log_volume, 63, axis=0)[_LEAD - 62 :]
    standardised = (quarter[..., -1] - quarter.mean(axis=-1)) / quarter.std(axis=-1, ddof=1)
    columns = [
        returns[_LEAD:].mean(axis=1),
        np.log(month.std(axis=-1, ddof=1).mean(axis=1)),
        standardised.mean(axis=1),
        month.sum(axis=-1).mean(axis=1),
        np.log(_averaged(returns.mean(axis=1)))[_LEAD:],
    ]
    return np.column_stack(columns)


def _averaged(returns: Floats) -> Floats:
    """(w,) exponentially averaged volatility, RiskMetrics' weight."""
    variance = np.empty(len(returns))
    level = float(np.mean(returns[:_LEAD] ** 2))
    for t, value in enumerate(returns):
        level = _PERSISTENCE * level + (1 - _PERSISTENCE) * value**2
        variance[t] = level
    return np.sqrt(variance)

"""Weights on the grid of 1e-6 on which they are stored, and still within every limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trading.interfaces import Floats
from trading.portfolio.problem import FREE, GRID, Limits

_UNITS = 1_000_000
_MOST_ROUNDS = 4  # steps a name; a sum that is further off was no solution
_FLOAT_ERROR = 1e-3  # of a step: a solver's last digits are no reason to lose a step


def on_grid(weights: Floats, limits: Limits) -> Floats:
    """(s,) weights rounded towards zero, then moved by single steps until they sum to what they must.

    Steps go first to the largest remainders, the first name first among equals, and only where no
    limit on the name, its group or a pair is in the way.
    """
    exact = np.clip(weights, limits.lower, limits.upper) * _UNITS
    units = np.trunc(exact + np.copysign(_FLOAT_ERROR, exact))
    low, high = round(limits.net_low * _UNITS), round(limits.net_high * _UNITS)
    missing = int(max(low - units.sum(), 0) - max(units.sum() - high, 0))
    moved = _moved(units, exact, missing, limits) if missing else units
    return moved / _UNITS + 0.0  # no negative zero


def _moved(units: Floats, exact: Floats, missing: int, limits: Limits) -> Floats:
    """Units with `missing` more, one step a name and round, as long as any name may take one."""
    step, units = (1 if missing > 0 else -1), units.copy()
    order = np.argsort(-step * (exact - units), kind="stable")
    for _ in range(_MOST_ROUNDS if abs(missing) <= _MOST_ROUNDS * len(units) else 0):
        for place in order:
            if missing and _may_move(units, place, step, limits):
                units[place] += step
                missing -= step
    return units


def _may_move(units: Floats, place: int, step: int, limits: Limits) -> bool:
    moved = units[place] + step
    if abs(moved) < abs(units[place]):
        return True
    if not round(limits.lower[place] * _UNITS) <= moved <= round(limits.upper[place] * _UNITS):
        return False
    mine = limits.members[:, place] > 0
    if ((limits.members[mine] @ np.abs(units)) + 1 > round(limits.group_cap * _UNITS)).any():
        return False
    linked = limits.links[(limits.links == place).any(axis=1)]
    return not (np.abs(units)[linked].sum(axis=1) + 1 > round(limits.pair_cap * _UNITS)).any()


def tightened(limits: Limits) -> Limits:
    """Limits on sums over the book, less what rounding each weight by a step may add."""
    room = len(limits.upper) * 2 * GRID
    beta = room * max(1.0, float(np.abs(limits.betas).max(initial=0.0)))
    return replace(
        limits,
        lower=_floored(limits.lower),
        upper=_floored(limits.upper),
        turnover=_less(limits.turnover, room),
        gross=_less(limits.gross, room),
        beta_cap=_less(limits.beta_cap, beta),
    )


def _floored(values: Floats) -> Floats:
    """Towards zero, on the grid."""
    return np.trunc(values * _UNITS + np.copysign(_FLOAT_ERROR, values)) / _UNITS


def _less(limit: float, room: float) -> float:
    return limit - room if room < limit < FREE else limit

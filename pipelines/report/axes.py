"""Where the ticks of an axis stand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.interfaces import Floats

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MOST_TICKS = 9
_MOST_DIGITS = 6
_PERIODS = ("W", "2W", "M", "2M", "Q", "2Q", "Y", "2Y", "5Y")
_MONTHS = {"M": 1, "Q": 3, "Y": 12}
_A_MONDAY = pd.Timestamp("1990-01-01")


@dataclass(frozen=True)
class Tick:
    """A tick: its place between 0 and 1 along the axis, and its label."""

    place: float
    label: str


def nice_values(low: float, high: float, wanted: int = 4) -> Floats:
    """Round values between `low` and `high`, about `wanted` of them.

    >>> nice_values(0.0, 1.0).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    rough = (high - low) / wanted
    if not math.isfinite(rough) or rough <= 0:
        return np.array([low])
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * s for s in _STEPS if power * s >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return np.arange(first, math.floor(high / step + 1e-9) + 1, dtype=np.float64) * step


def value_ticks(low: float, high: float, label: Callable[[float, int], str], wanted: int = 4) -> list[Tick]:
    """Ticks of an axis from `low` to `high`; `label` gets a value and the digits that the step needs."""
    width, values = high - low or 1.0, nice_values(low, high, wanted)
    digits = digits_of(float(values[1] - values[0])) if len(values) > 1 else 3
    return [Tick((value - low) / width, label(value, digits)) for value in values.tolist()]


def log_ticks(low: float, high: float, label: Callable[[float, int], str], wanted: int = 4) -> list[Tick]:
    """Round values from `low` to `high`, both above 0, placed by their logarithms."""
    values = nice_values(low, high, wanted)
    digits = digits_of(float(values[1] - values[0])) if len(values) > 1 else 3
    width = math.log(high / low) or 1.0
    return [
        Tick(math.log(value / low) / width, label(value, digits)) for value in values.tolist() if value > 0
    ]


def kept_places(edges: Floats, most: int) -> NDArray[np.int64]:
    """Places (m,) of a curve that are drawn: all if few, else of each stretch the ends and every extreme.

    Parameters
    ----------
    edges : (k, n) the curves that share the places; what is unknown stays unknown, because gaps keep their ends
    """
    count = edges.shape[1]
    if count <= most:
        return np.arange(count)
    stretch = -(-count * (2 * len(edges) + 2) // most)
    kept = {0, count - 1}
    for start in range(0, count, stretch):
        part = edges[:, start : start + stretch]
        kept |= {start, start + part.shape[1] - 1}
        for row in part:
            if np.isfinite(row).any():
                kept |= {start + int(np.nanargmin(row)), start + int(np.nanargmax(row))}
    gaps = np.flatnonzero(np.diff(np.isfinite(edges).all(axis=0)))
    return np.array(sorted(kept | set(gaps.tolist()) | set((gaps + 1).tolist())), dtype=np.int64)


def digits_of(step: float) -> int:
    """Decimals that tell multiples of `step` apart.

    >>> digits_of(0.25), digits_of(0.05), digits_of(20.0)
    (2, 2, 0)
    """
    return next((n for n in range(_MOST_DIGITS) if abs(round(step, n) - step) < step * 1e-6), _MOST_DIGITS)


def padded(values: Floats, *, around: float | None = None, share: float = 0.06) -> tuple[float, float]:
    """Limits that hold all finite `values` (and `around`) with a little air."""
    finite = values[np.isfinite(values)]
    if around is not None:
        finite = np.append(finite, around)
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    air = (high - low) * share or abs(high) * share or 1.0
    return low - air, high + air


def session_ticks(sessions: pd.DatetimeIndex, most: int = _MOST_TICKS) -> list[Tick]:
    """Ticks where a week, month, quarter or year begins, whichever gives few enough."""
    if len(sessions) < 2:  # noqa: PLR2004 - one session has no axis, only a label
        return [Tick(0.5, f"{session:%Y-%m-%d}") for session in sessions]
    for period in _PERIODS:
        starts = _starts(sessions, period)
        if len(starts) <= most:
            break
    if not starts:  # all within one week
        starts, period = [0, len(sessions) - 1], "W"
    labels = _labels(sessions[starts], period)
    return [Tick(place / (len(sessions) - 1), label) for place, label in zip(starts, labels, strict=True)]


def _starts(sessions: pd.DatetimeIndex, period: str) -> list[int]:
    """Positions of the sessions that are the first of their period."""
    return [int(place) + 1 for place in np.flatnonzero(np.diff(_number(sessions, period)) > 0)]


def _number(sessions: pd.DatetimeIndex, period: str) -> Floats:
    size, kind = int(period[:-1] or 1), period[-1]
    if kind == "W":
        return np.asarray((sessions - _A_MONDAY).days) // (7 * size)
    months = np.asarray(sessions.year) * 12 + np.asarray(sessions.month) - 1
    return months // (size * _MONTHS[kind])


def _labels(starts: pd.DatetimeIndex, period: str) -> list[str]:
    """The year only where it changes."""
    if period.endswith("Y"):
        return [f"{start:%Y}" for start in starts]
    form = "%-d %b" if period.endswith("W") else "%b"
    before = [0, *starts.year[:-1]]
    return [
        start.strftime(f"{form} %Y" if start.year != year else form)
        for start, year in zip(starts, before, strict=True)
    ]

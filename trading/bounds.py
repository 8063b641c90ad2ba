"""Ranges of settings: a number that makes no sense is refused where it is given, not where it hurts."""

from __future__ import annotations

import math

from trading.errors import UsageError

Range = tuple[float, float]
_LEAST = math.ulp(0.0)
ABOVE_ZERO: Range = (_LEAST, math.inf)
NOT_NEGATIVE: Range = (0.0, math.inf)
COUNT: Range = (1.0, math.inf)
SHARE: Range = (0.0, 1.0)
FRACTION: Range = (_LEAST, 1.0)


def check_bounds(owner: object, **bounds: Range) -> None:
    """Refuse an attribute of `owner` that is not finite or lies outside of its range, ends included.

    Raises
    ------
    UsageError
        Names the attribute and its range.
    """
    for name, bound in bounds.items():
        check_bound(name, getattr(owner, name), bound)


def check_bound(name: str, value: float, bound: Range) -> None:
    """`check_bounds` of one number."""
    if not (math.isfinite(value) and bound[0] <= value <= bound[1]):
        raise UsageError(f"{name} must be {_spelled(bound)}, not {value}")


def _spelled(bound: Range) -> str:
    low, high = bound
    least = "above 0" if low == _LEAST else f"at least {low:g}"
    return least if high == math.inf else f"{least} and at most {high:g}"

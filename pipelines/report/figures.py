"""Numbers as people read them; a dash where there is none."""

from __future__ import annotations

import math

import pandas as pd

DASH = "–"
CENTS = 100
THOUSAND, MILLION = 1_000, 1_000_000
CERTAIN = 0.001


def percent(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """A fraction as a percentage.

    >>> percent(-0.0312, 2), percent(0.5, 0, signed=True)
    ('−3.12 %', '+50 %')
    """
    return DASH if _unknown(value) else _minus(f"{100 * value:{'+' if signed else ''}.{digits}f} %")


def plain(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """A number with fixed digits."""
    return DASH if _unknown(value) else _minus(f"{value:{'+' if signed else ''}.{digits}f}")


def count(value: float) -> str:
    """A whole number with thousands apart."""
    return DASH if _unknown(value) else _minus(f"{int(value):,}")


def dollars(cents: float, digits: int = 0) -> str:
    """Cents as USD.

    >>> dollars(123456789), dollars(-150, 2)
    ('$1,234,568', '−$1.50')
    """
    if _unknown(cents):
        return DASH
    sign = "−" if cents < 0 else ""
    return f"{sign}${abs(cents) / CENTS:,.{digits}f}"


def short_dollars(value: float) -> str:
    """USD for the tick of an axis."""
    size = abs(value)
    sign = "−" if value < 0 else ""
    if size >= MILLION:
        return f"{sign}${size / MILLION:.3g}M"
    return f"{sign}${size / THOUSAND:.3g}k" if size >= THOUSAND else f"{sign}${size:.3g}"


def span(low: float, high: float, digits: int = 2, *, as_percent: bool = False) -> str:
    """An interval as `low to high`."""
    if _unknown(low) or _unknown(high):
        return DASH
    if as_percent:
        return f"{percent(low, digits)} to {percent(high, digits)}"
    return f"{plain(low, digits)} to {plain(high, digits)}"


def chance(p_value: float) -> str:
    """A p-value, never as an exact zero."""
    if _unknown(p_value):
        return DASH
    return f"< {CERTAIN}" if p_value < CERTAIN else f"{p_value:.3f}"


def day(session: pd.Timestamp | None) -> str:
    """A session as YYYY-MM-DD."""
    return DASH if session is None or pd.isna(session) else f"{session:%Y-%m-%d}"


def _unknown(value: float) -> bool:
    return value is None or not math.isfinite(value)


def _minus(text: str) -> str:
    return text.replace("-", "−")

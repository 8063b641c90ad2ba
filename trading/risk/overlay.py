"""The overlay: one number between 0 and 1 by which the optimised mix is scaled, once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading.interfaces import Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR
from trading.risk.limits import RiskLimits
from trading.risk.tail import MINIMUM_RETURNS

DrawdownState = Literal["normal", "soft", "hard"]


@dataclass(frozen=True)
class DrawdownVerdict:
    """What the drawdown over the look-back allows: a multiplier, and in words why."""

    drawdown: float
    state: DrawdownState
    multiplier: float
    reason: str


def drawdown_verdict(
    equities_cents: Sequence[int], previous: DrawdownState, limits: RiskLimits
) -> DrawdownVerdict:
    """The verdict on equity in cents, oldest first, within the look-back and ending today.

    Examples
    --------
    >>> drawdown_verdict([100_00, 88_00], "normal", RiskLimits()).state
    'soft'
    """
    recent = equities_cents[-limits.drawdown_lookback_sessions :]
    peak = max(recent)
    drawdown = (peak - recent[-1]) / peak
    state = _state(drawdown, previous, limits)
    multiplier = _soft_multiplier(drawdown, limits) if state == "soft" else float(state == "normal")
    return DrawdownVerdict(drawdown, state, multiplier, _reason(drawdown, state, limits))


def _state(drawdown: float, previous: DrawdownState, limits: RiskLimits) -> DrawdownState:
    if drawdown >= limits.hard_drawdown or (previous == "hard" and drawdown > limits.recovery_drawdown):
        return "hard"
    return "soft" if drawdown >= limits.soft_drawdown else "normal"


def _soft_multiplier(drawdown: float, limits: RiskLimits) -> float:
    return (limits.hard_drawdown - drawdown) / (limits.hard_drawdown - limits.soft_drawdown)


def _reason(drawdown: float, state: DrawdownState, limits: RiskLimits) -> str:
    over = f"drawdown of {drawdown:.1%} over {limits.drawdown_lookback_sessions} sessions"
    if state == "hard":
        return f"{over}: flat until it is within {limits.recovery_drawdown:.0%}"
    return f"{over}: scaled down from {limits.soft_drawdown:.0%}" if state == "soft" else ""


def portfolio_volatility(weights: Floats, covariance: Floats) -> float:
    """Standard deviation of a year for weights (s,) and the covariance (s, s) of one session."""
    return math.sqrt(max(0.0, float(weights @ covariance @ weights)) * SESSIONS_PER_YEAR)


def realized_volatility(log_returns: Floats) -> float:
    """Standard deviation of a year of the book's own log returns (n,); NaN with fewer than 21."""
    if len(log_returns) < MINIMUM_RETURNS:
        return math.nan
    return float(np.std(log_returns, ddof=1)) * math.sqrt(SESSIONS_PER_YEAR)


def exposure(volatility: float, value_at_risk: float, regime_multiplier: float, limits: RiskLimits) -> float:
    """The part of the mix that is held: the tighter of the volatility target and the value at risk.

    Parameters
    ----------
    volatility : forecast for the whole mix, of a year
    value_at_risk : of the whole mix over one session; NaN does not bind
    regime_multiplier : in [0, 1], on the target
    """
    target = limits.volatility_target * regime_multiplier
    by_volatility = target / volatility if volatility > 0 else 1.0
    by_loss = limits.value_at_risk_limit / value_at_risk if value_at_risk > 0 else 1.0
    return min(1.0, by_volatility, by_loss)

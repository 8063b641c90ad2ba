"""What a return must be believed to be: the one that equal weight implies, plus a forecast shrunk by its skill.

Maximum Sharpe with a forecast of no skill would trade noise. Reverse optimisation (Black and
Litterman 1992; He and Litterman 1999, section 2) gives the return at which equal weight is optimal; the
forecast moves it by as much as it has earned, so that no skill leaves equal weight.
"""

from __future__ import annotations

import numpy as np

from trading.interfaces import Bools, Floats

QUARTER_KELLY_RISK_AVERSION = 4.0


def implied_returns(
    covariance: Floats,
    eligible: Bools,
    risk_aversion: float = QUARTER_KELLY_RISK_AVERSION,
    tilt: Floats | None = None,
) -> Floats:
    """(s,) returns of one session at which equal weight of the eligible names is optimal.

    With `tilt`, (s,) not negative, it is the weights in proportion to it that are.

    A risk aversion of 4 is that of an investor whose quarter of the Kelly bet is equal weight: an
    anchor, not a claim about returns.
    """
    if not eligible.any():
        return np.zeros(len(eligible))
    wanted = eligible if tilt is None else eligible * tilt
    held = wanted if wanted.sum() > 0 else eligible
    return np.where(eligible, risk_aversion * covariance @ (held / held.sum()), 0.0)


def expected_returns(
    covariance: Floats,
    forecast: Floats,
    horizon: int,
    eligible: Bools,
    risk_aversion: float = QUARTER_KELLY_RISK_AVERSION,
    *,
    tilt: Floats | None = None,
) -> Floats:
    """(s,) return of one session: implied, plus the shrunk forecast (s,) over `horizon` sessions.

    The forecast is a mean log return and the implied return an arithmetic one; the difference, half
    a variance, is no news about the names and is left out.
    """
    implied = implied_returns(covariance, eligible, risk_aversion, tilt)
    return implied + np.where(eligible, np.nan_to_num(forecast) / horizon, 0.0)

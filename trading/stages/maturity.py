"""Which forecasts meet their outcome at a session, and the scores they get."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trading.frames import HORIZONS, LEVELS, QUANTILES
from trading.history import Rows
from trading.interfaces import Floats
from trading.stages.layout import DAILY
from trading.universe import SYMBOLS

LONGEST = max(HORIZONS)
LOWER, MEDIAN, UPPER = QUANTILES.index("q125"), QUANTILES.index("q500"), QUANTILES.index("q875")


def realized_returns(features: Rows, horizons: Sequence[int] = HORIZONS) -> Floats:
    """(h, s) log return from the close of t - h to the close of t, NaN where any session's is unknown.

    `features` holds the sessions [t - 19 .. t]. Its log returns are adjusted for splits and
    dividends; prices of bars would not be.
    """
    cells = features.cube("log_return", timeframe=(DAILY,), session=features.sessions, symbol=SYMBOLS)
    return np.stack([cells[0, -horizon:].sum(axis=0) for horizon in horizons])


def pinball(quantiles: Floats, realized: Floats) -> Floats:
    """(...) mean pinball loss of quantiles (..., q) at the fixed levels, for realized (...)."""
    miss = realized[..., np.newaxis] - quantiles
    levels = np.array(LEVELS)
    return np.maximum(levels * miss, (levels - 1) * miss).mean(axis=-1)


def conformity_score(lower: Floats, upper: Floats, realized: Floats) -> Floats:
    """How far `realized` lies outside the raw interval, in widths of that interval; negative inside.

    Conformalized quantile regression with scores free of scale (Sesia and Candès 2020, CQR-r, section 2.2):
    so calm and wild times, and one symbol and another, can be compared. NaN where the interval has no width.
    """
    width = upper - lower
    outside = np.maximum(lower - realized, realized - upper)
    return np.divide(outside, width, out=np.full(np.shape(outside), np.nan), where=width > 0)

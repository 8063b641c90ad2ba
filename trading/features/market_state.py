"""The few numbers of a session from which market regimes are told."""

from __future__ import annotations

import numpy as np

from trading.history import Rows
from trading.interfaces import Floats
from trading.universe import SYMBOLS

CHANNELS: tuple[str, ...] = ("return", "volatility", "volume", "momentum", "vix")
_COLUMNS = ("log_return", "volatility_21", "log_volume_zscore_63", "momentum_21")
_TIMEFRAME = "1D"


def market_state(features: Rows, bars: Rows, sessions: int) -> Floats:
    """(w, 5) `CHANNELS` of the last `sessions` sessions, NaN where unknown.

    The first four are means over the traded symbols that have a value: log return, log of the
    21-session volatility, z-score of the log volume, 21-session momentum. The last is the log of
    the VIX at the close, which comes from bars because features are free of level; a session for
    which the vendor has no VIX stays unknown, it is never filled.
    """
    labels = features.sessions[-sessions:]
    cells = features.block(_COLUMNS, timeframe=(_TIMEFRAME,), session=labels, symbol=SYMBOLS)[0]  # (w, s, 4)
    known = ~np.isnan(cells)
    count = known.sum(axis=1)
    means = np.where(count > 0, np.where(known, cells, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
    vix = bars.cube("close", timeframe=(_TIMEFRAME,), session=labels, symbol=("VIX",))[0, :, 0]
    means[:, 1] = _log(means[:, 1])
    return np.column_stack([means, _log(vix)])


def _log(values: Floats) -> Floats:
    """Logarithm, NaN where there is none."""
    return np.log(np.where(values > 0, values, np.nan))

"""Feature tables from an array of returns, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from trading import calendar
from trading.history import History
from trading.interfaces import Floats, Window
from trading.universe import SYMBOLS


def feature_history(returns: Floats, last: str, symbols: Sequence[str] = SYMBOLS) -> History:
    """Daily `log_return` and `volatility_21` rows that end at `last`; a NaN return has no row.

    Parameters
    ----------
    returns : (w, s) one row a session
    """
    labels = _labels(len(returns), last)
    day, place = np.nonzero(np.isfinite(returns))
    order = np.lexsort((np.asarray(symbols)[place], day))
    day, place = day[order], place[order]
    known = calendar.as_of_each(labels).tz_localize(None).to_numpy().astype("datetime64[us]")
    values = {
        "session": labels.to_numpy().astype("datetime64[us]")[day],
        "known_at": known[day],
        "symbol": np.array(symbols, dtype=object)[place],
        "timeframe": np.full(len(day), "1D", dtype=object),
        "log_return": returns[day, place],
        "volatility_21": np.full(len(day), 0.3),
    }
    return History("features", values)


def window_of(returns: Floats, last: str = "2024-06-28", mask: Sequence[bool] | None = None) -> Window:
    """A window of `returns` (w, s) that ends at `last`; unmasked unless `mask` says otherwise."""
    labels = _labels(len(returns), last)
    chosen = np.ones(returns.shape[1], dtype=bool) if mask is None else np.asarray(mask)
    return Window(
        as_of=calendar.as_of(labels[-1]),
        sessions=labels.to_numpy().astype("datetime64[us]"),
        symbols=SYMBOLS[: returns.shape[1]],
        channels=("log_return",),
        panel=returns[:, :, None],
        mask=chosen,
        basis="scale_free",
    )


def _labels(count: int, last: str) -> pd.DatetimeIndex:
    end = calendar.session_of(last)
    return calendar.sessions_between(calendar.shift(end, 1 - count), end)

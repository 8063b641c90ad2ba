"""Feature tables from an array of returns, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from trading import calendar
from trading.digest import generator
from trading.history import History
from trading.interfaces import Floats, Window
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS


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


def full_window(
    returns: Floats,
    channels: Sequence[str],
    *,
    context: bool = False,
    last: str = "2024-06-28",
    mask: Sequence[bool] | None = None,
) -> Window:
    """A window of `returns` (w, s) with all of `channels`, and with what stands beside the names.

    What the other channels hold means nothing: those that grow with the size of returns are rolling sums
    of them, the rest is noise in the column's range that depends on its name alone.
    """
    plain = window_of(returns, last, mask)
    panel = np.stack([_channel(name, returns) for name in channels], axis=-1)
    window = replace(plain, channels=tuple(channels), panel=panel)
    if not context:
        return window
    beside = np.nan_to_num(returns[:, : len(CONTEXT_SYMBOLS)])[:, ::-1] * 0.5
    values = np.stack([_channel(name, beside) for name in channels], axis=-1)
    return replace(window, context_symbols=CONTEXT_SYMBOLS, context=values)


def _channel(name: str, returns: Floats) -> Floats:
    """(w, s) values of a channel, NaN where the return is."""
    family = name.rsplit("_", 1)[0]
    if family in _LIKE_RETURNS:
        span = int(name.rsplit("_", 1)[-1]) if name[-1].isdigit() else 1
        filled = np.nan_to_num(returns)
        if family in _LIKE_VOLATILITY:
            filled = np.abs(filled) * np.sqrt(252) / span
        sums = np.cumsum(filled, axis=0)
        sums[span:] = sums[span:] - sums[:-span]
        values = sums if span > 1 else returns.copy()
    else:
        low, high = (0.0, 100.0) if family in {"rsi", "adx"} else (-2.0, 2.0)
        values = generator(name).uniform(low, high, returns.shape)
    return np.where(np.isfinite(returns), values, np.nan)


_LIKE_VOLATILITY = {"volatility", "atr"}
_LIKE_RETURNS = _LIKE_VOLATILITY | {"log", "held", "overnight", "momentum"}


def _labels(count: int, last: str) -> pd.DatetimeIndex:
    end = calendar.session_of(last)
    return calendar.sessions_between(calendar.shift(end, 1 - count), end)

"""One row a session and symbol, for regressions: what it sees, and the return ahead that it is to say.

Everything is free of scale: returns are in units of the symbol's own recent volatility, and so are the
targets, divided by the root of the horizon as well. Letters of the shapes: w sessions, s symbols,
f inputs, h horizons, n rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.forecasters.volatility import ewma_volatility
from trading.errors import ModelError, ShortHistoryError
from trading.frames import HORIZONS
from trading.interfaces import Bools, Floats, Window

RETURN = "log_return"
LAGS = 5
VOLATILITY_SESSIONS, DECAY = 63, 0.94
CONTEXT_SESSIONS = VOLATILITY_SESSIONS + LAGS
VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Rows:
    """Rows of a training window, in order of session.

    Attributes
    ----------
    inputs : (n, f) NaN where unknown
    targets : (n, h) returns ahead in units of volatility times the root of the horizon; NaN beyond the window
    session : (n,) place of the row's session in the window
    """

    inputs: Floats
    targets: Floats
    session: np.ndarray

    def where(self, chosen: Bools) -> Rows:
        """The rows at which `chosen` (n,) is True."""
        return Rows(self.inputs[chosen], self.targets[chosen], self.session[chosen])

    def for_horizon(self, place: int) -> tuple[Floats, Floats]:
        """Inputs (m, f) and targets (m,) of the rows whose target at this horizon is known."""
        known = np.isfinite(self.targets[:, place])
        return self.inputs[known], self.targets[known, place]

    def split(self, embargo: int) -> tuple[Rows, Rows]:
        """The earlier rows, and the last fifth of the sessions, with `embargo` sessions of targets between."""
        border = int(np.quantile(self.session, 1 - VALIDATION_SHARE))
        return self.where(self.session < border - embargo), self.where(self.session >= border)


def input_names(channels: Sequence[str]) -> tuple[str, ...]:
    """Names of the inputs of a window with these channels."""
    return (*(f"return_lag_{lag}" for lag in range(LAGS)), *(name for name in channels if name != RETURN))


def require_inputs(learned: int, window: Window, model: str) -> None:
    """Refuse a window that does not give the inputs on which `model` learned.

    Raises
    ------
    ModelError
        If it gives another number of them.
    """
    given = input_names(window.channels)
    if len(given) != learned:
        raise ModelError(
            f"{model} learned from {learned} inputs, but the window gives {len(given)}: {', '.join(given)}; "
            "train it again"
        )


def places_of(horizons: Sequence[int], model: str) -> list[int]:
    """Where `horizons` stand among those that `model` was trained for; ModelError if one is not there."""
    unknown = [horizon for horizon in horizons if horizon not in HORIZONS]
    if unknown:
        raise ModelError(f"{model} was trained for the horizons {HORIZONS}, not for {unknown[0]}")
    return [HORIZONS.index(horizon) for horizon in horizons]


def training_rows(window: Window, horizons: Sequence[int], model: str, fewest: int) -> Rows:
    """Every session and unmasked symbol of `window` whose volatility and next return are known.

    Raises
    ------
    ShortHistoryError
        If there are fewer than `fewest`.
    """
    returns = window.channel(RETURN)[:, window.mask]
    unit = trailing_volatility(returns)
    targets = _targets(returns, unit, horizons)
    inputs = _inputs(returns, unit, window.panel[:, window.mask], window.channels)
    chosen = np.isfinite(targets[:, :, 0]) & np.isfinite(returns)
    if chosen.sum() < fewest:
        raise ShortHistoryError(
            f"{model} cannot be fitted through {str(window.sessions[-1])[:10]}: {int(chosen.sum())} rows with a known "
            f"return ahead, {fewest} are needed; give the source an earlier start"
        )
    return Rows(inputs[chosen], targets[chosen], np.nonzero(chosen)[0])


def latest_inputs(window: Window) -> tuple[Floats, Floats]:
    """(s, f) inputs at the window's last session, and (s,) the volatility in whose units they speak."""
    panel = window.panel[-CONTEXT_SESSIONS:]
    returns = panel[:, :, window.channels.index(RETURN)]
    unit = ewma_volatility(returns[-VOLATILITY_SESSIONS:], DECAY)
    unit = np.where(window.mask & (unit > 0), unit, np.nan)
    tail = np.broadcast_to(unit, returns[-LAGS:].shape)
    return _inputs(returns[-LAGS:], tail, panel[-LAGS:], window.channels)[-1], unit


def trailing_volatility(returns: Floats) -> Floats:
    """(w, s) exponentially weighted volatility of the 63 sessions up to each; NaN before 63, or where it is zero."""
    out = np.full(returns.shape, np.nan)
    for end in range(VOLATILITY_SESSIONS, len(returns) + 1):
        out[end - 1] = ewma_volatility(returns[end - VOLATILITY_SESSIONS : end], DECAY)
    return np.where(out > 0, out, np.nan)


def _inputs(returns: Floats, unit: Floats, panel: Floats, channels: Sequence[str]) -> Floats:
    """(w, s, f) the last returns in units of today's volatility, then the other channels as they are."""
    lagged = [_shifted(returns, lag) / unit for lag in range(LAGS)]
    others = [panel[:, :, place] for place, name in enumerate(channels) if name != RETURN]
    return np.stack([*lagged, *others], axis=2)


def _shifted(values: Floats, lag: int) -> Floats:
    return np.concatenate([np.full((lag, *values.shape[1:]), np.nan), values[: len(values) - lag]])


def _targets(returns: Floats, unit: Floats, horizons: Sequence[int]) -> Floats:
    """(w, s, h) sums of the next returns; NaN if one of them is unknown or lies beyond the window."""
    out = np.full((*returns.shape, len(horizons)), np.nan)
    for place, horizon in enumerate(horizons):
        ahead = np.lib.stride_tricks.sliding_window_view(returns[1:], horizon, axis=0).sum(axis=2)
        out[: len(ahead), :, place] = ahead / (unit[: len(ahead)] * np.sqrt(horizon))
    return out

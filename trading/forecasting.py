"""The ports of forecasting: what a forecaster sees, says and tells while it learns.

All of them are handed on by `trading.interfaces`, from where everybody takes them. Letters of the shapes:
w bars of a window, s symbols, k symbols beside them, c channels, h horizons, q quantile levels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.errors import ModelError
from trading.frames import HORIZONS, LEVELS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
# What a training said of itself, one mapping an epoch.
Curves = tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Window:
    """History of all symbols up to one `as_of`, as a forecaster sees it.

    Attributes
    ----------
    as_of : moment (UTC) up to which everything in the window was known
    sessions : (w,) session labels, ascending; the last one is the deciding session
    symbols : (s,) symbols in fixed order
    channels : (c,) names of the feature columns; `log_return` is always among them
    panel : (w, s, c) float64, NaN where unknown (before a listing, a gap)
    mask : (s,) True where the symbol may be forecast: it was listed and has enough history
    basis : price basis from which the features were made
    timeframe : of the bars; a daily window has one a session
    context_symbols : (k,) what stands beside the names (SPY, QQQ, SMH, VIX); empty unless the model asked
    context : (w, k, c) the same channels of those, NaN where unknown; None unless the model asked
    """

    as_of: pd.Timestamp
    sessions: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    channels: tuple[str, ...]
    panel: Floats
    mask: Bools
    basis: str
    timeframe: str = "1D"
    context_symbols: tuple[str, ...] = ()
    context: Floats | None = None

    @property
    def bar_sessions(self) -> float:
        """How much of a session a bar spans: 1.0 of a daily one, 5.0 of a weekly one, 1/78 of five minutes."""
        return {"1D": 1.0, "1W": 5.0, "5min": 1 / 78}[self.timeframe]

    def channel(self, name: str) -> Floats:
        """One channel as (w, s)."""
        return self.panel[:, :, self.channels.index(name)]

    def beside(self, symbol: str, channel: str) -> Floats:
        """One channel of a symbol that stands beside the names, (w,).

        Raises
        ------
        ModelError
            If the window does not hold it.
        """
        if self.context is None or symbol not in self.context_symbols or channel not in self.channels:
            held = ", ".join(self.context_symbols) or "nothing"
            raise ModelError(
                f"the window holds no {channel} of {symbol}: beside the names it holds {held}, with the channels "
                f"{', '.join(self.channels)}; say `context=True` and the channels in the model's ModelSpec"
            )
        return self.context[:, self.context_symbols.index(symbol), self.channels.index(channel)]


@dataclass(frozen=True)
class Forecast:
    """Quantiles of cumulative log returns.

    Attributes
    ----------
    symbols : (s,)
    horizons : (h,) sessions ahead
    quantiles : (s, h, q) float64, non-decreasing in q; NaN rows where the symbol was masked
    levels : (q,) the fixed levels `trading.frames.LEVELS`
    fallback : empty, or why the model did not run where and how it was asked to
    """

    symbols: tuple[str, ...]
    horizons: tuple[int, ...]
    quantiles: Floats
    levels: tuple[float, ...] = LEVELS
    fallback: str = ""


class TrainingJournal(Protocol):
    """What a training tells of itself while it goes on, and what a killed one left."""

    def resume(self) -> bytes | None:
        """The state that a killed training of the same version gave last, None if there is none."""
        ...

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        """Epoch `number` (from 1) of at most `of` is done.

        `state` gives all that training needs to go on from here to the same bytes: weights, optimizer,
        generator, best epoch so far. It is called only if the journal keeps it.
        """
        ...


class SilentJournal:
    """Keeps nothing and says nothing."""

    def resume(self) -> bytes | None:
        """None: nothing was left."""
        return None

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        """Do nothing."""


SILENT: TrainingJournal = SilentJournal()


@runtime_checkable
class Forecaster(Protocol):
    """A model of future returns. `name` and `context_sessions` are facts of the class or instance."""

    @property
    def name(self) -> str:
        """Name of the model, the same for all its versions."""
        ...

    @property
    def context_sessions(self) -> int:
        """Sessions of history that `predict` looks at, at most."""
        ...

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:
        """A fitted copy, trained on `window` only; a zero-shot model returns itself.

        A model that learns step by step tells `journal` of each epoch, goes on from what a killed
        training left there, and begins at the weights that it was loaded with, if it was.
        """
        ...

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantile forecast of every unmasked symbol of `window`, as one batch of fixed shape."""
        ...

    def to_bytes(self) -> bytes:
        """Learned state as safetensors bytes (empty state allowed), the same for the same state."""
        ...

    def from_bytes(self, payload: bytes) -> Self:
        """A copy with the learned state of `payload`; raises CheckpointError if it does not fit."""
        ...


class BarStream(Protocol):
    """A forecaster that goes on from a state, one bar at a time."""

    def step(self, window: Window) -> Forecast:
        """The forecast at the end of `window`, which ends one bar later than the one before."""
        ...


@runtime_checkable
class StreamingForecaster(Protocol):
    """A forecaster whose state of a window can be kept, so that a further bar costs one recurrent step.

    Five-minute forecasts of such a model are those of its stream, which begins anew at every open from
    the window before it: in the evening's run as in a live session.
    """

    def streaming(self, window: Window) -> BarStream | None:
        """A stream that has read all bars of `window`; None if the model behind it keeps no state."""
        ...

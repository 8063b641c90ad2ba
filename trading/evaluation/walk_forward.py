"""One model walked forward over a range of sessions, without a home: for comparisons, planted edges and frozen figures.

At each session speaks the newest version that was trained before its period began. The line lets a version
challenge for a period first, so its champions are a period older.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from trading import calendar
from trading.frames import HORIZONS, LEVELS
from trading.history import History
from trading.interfaces import Floats, Forecaster, ModelVersion
from trading.stages.layout import DAILY
from trading.stages.maturity import MEDIAN, pinball
from trading.stages.training import (
    Cadence,
    Due,
    Start,
    Trainable,
    View,
    due_versions,
    train_version,
    training_window,
    window_at,
)
from trading.universe import SYMBOLS


class Walkable(Trainable, Protocol):
    """What must be known of a model; `models.forecasters.catalogue.ModelSpec` is one."""

    @property
    def view(self) -> View:
        """What of the features the model looks at."""
        ...


Told = Callable[[pd.Timestamp, int, int], None]


def untold(_session: pd.Timestamp, _done: int, _total: int) -> None:
    """Tell nobody how far it is."""


@dataclass(frozen=True)
class Walk:
    """Forecasts of one model at (n,) sessions, and what came.

    Attributes
    ----------
    quantiles : (n, s, h, q) NaN where a name was not forecast
    realized : (n, s, h) log return over the next h sessions, NaN where one of them is unknown
    contaminated : (n,) whether the weights may have seen the session
    """

    model: str
    sessions: pd.DatetimeIndex
    quantiles: Floats
    realized: Floats
    contaminated: np.ndarray

    @property
    def cases(self) -> pd.DataFrame:
        """One row a forecast that matured: session, horizon, symbol, model, median, realized, pinball, contaminated."""
        axes = [self.sessions, list(SYMBOLS), list(HORIZONS)]
        index = pd.MultiIndex.from_product(axes, names=["session", "symbol", "horizon"])
        frame = index.to_frame(index=False).assign(
            model=self.model,
            median=self.quantiles[..., MEDIAN].ravel(),
            realized=self.realized.ravel(),
            pinball=pinball(self.quantiles, self.realized).ravel(),
            contaminated=np.repeat(self.contaminated, len(SYMBOLS) * len(HORIZONS)),
        )
        known = np.isfinite(frame["median"]) & np.isfinite(frame["realized"])
        return frame[known.to_numpy()].astype({"model": "str", "symbol": "str"}).reset_index(drop=True)


def walk_forward(
    spec: Walkable,
    features: History,
    sessions: pd.DatetimeIndex,
    *,
    cadence: Cadence | None = None,
    told: Told = untold,
) -> Walk:
    """Train the model along `sessions` and let it forecast at each of them.

    Parameters
    ----------
    features : daily, reaching back far enough for the first training window
    cadence : in place of the model's own, if it is trained at all
    """
    own = spec.cadence if cadence is None or spec.cadence == "zero_shot" else cadence
    quantiles = np.full((len(sessions), len(SYMBOLS), len(HORIZONS), len(LEVELS)), np.nan)
    contaminated = np.zeros(len(sessions), dtype=bool)
    speaking: tuple[ModelVersion, Forecaster] | None = None
    changes = _changes(own, sessions)
    for place, session in enumerate(sessions):
        if place in changes:
            speaking = _trained(spec, features, changes[place], speaking)
        assert speaking is not None
        version, forecaster = speaking
        quantiles[place] = _forecast(forecaster, spec.view, features, session)
        contaminated[place] = version.is_contaminated(session)
        told(session, place + 1, len(sessions))
    return Walk(spec.name, sessions, quantiles, outcomes(features, sessions), contaminated)


def _changes(cadence: Cadence, sessions: pd.DatetimeIndex) -> Mapping[int, Due]:
    """At which places of `sessions` which version begins to speak."""
    dues = due_versions(cadence, sessions[0], sessions[-1])
    found: dict[int, Due] = {}
    for due in dues:
        place = 0 if due.live_from is None else int(sessions.searchsorted(due.live_from))
        if place < len(sessions):
            found[place] = due  # of several that began before the first session the newest
    return found


def _trained(
    spec: Walkable, features: History, due: Due, before: tuple[ModelVersion, Forecaster] | None
) -> tuple[ModelVersion, Forecaster]:
    window = None if due.trained_through is None else training_window(features, spec, due.trained_through)
    start = None
    if before is not None and spec.update == "incremental":
        start = Start(before[0].version, before[1].to_bytes())
    made = train_version(spec, due, window, start=start)
    return made.version, made.forecaster


def _forecast(forecaster: Forecaster, view: View, features: History, session: pd.Timestamp) -> Floats:
    length = forecaster.context_sessions
    rows = features.window(calendar.shift(session, 1 - length), session, calendar.as_of(session))
    return forecaster.predict(window_at(rows, session, length, view), horizons=HORIZONS).quantiles


def outcomes(features: History, sessions: pd.DatetimeIndex) -> Floats:
    """(n, s, h) log return of each name over the next h sessions, NaN where one of them is unknown."""
    last = calendar.shift(sessions[-1], max(HORIZONS))
    rows = features.window(sessions[0], last, calendar.as_of(last))
    returns = rows.cube("log_return", session=rows.sessions, timeframe=(DAILY,), symbol=SYMBOLS)[:, 0]
    places = rows.sessions.get_indexer(sessions)  # `sessions` may be every fifth one
    return np.stack([ahead[places] for ahead in _sums_ahead(returns)], axis=-1)


def _sums_ahead(returns: Floats) -> Iterator[Floats]:
    for horizon in HORIZONS:
        padded = np.vstack([returns[1:], np.full((horizon, returns.shape[1]), np.nan)])
        yield np.lib.stride_tricks.sliding_window_view(padded, horizon, axis=0).sum(axis=2)

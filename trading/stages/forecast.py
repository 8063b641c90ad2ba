"""The stage of one model: its live versions turn the features up to t into forecasts at t."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import calendar, market_hours
from trading.errors import ModelError, VersionMissingError
from trading.features.weekly import ends_week
from trading.frames import FORECAST_PREFIX, HORIZONS, QUANTILES
from trading.interfaces import Forecast, Forecaster, ModelVersion, Window
from trading.stages.layout import DAILY, FIVE_MINUTES, WEEKLY, Column, grid, same, selected, stacked
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.stages.training import View, window_at
from trading.stages.windows import (
    INTRADAY_BARS,
    INTRADAY_SESSIONS,
    WEEK_SESSIONS,
    WEEKS,
    IntradayWindows,
    intraday_windows,
    stream_of,
    weekly_window,
)

STOOD_IN = " instead: "  # in the column `fallback`, between who spoke and why
Ending = tuple[pd.Timestamp, Window]
Part = dict[str, Column]
MadeBy = Callable[[ModelVersion, Forecaster], Iterable[Part]]


def forecast_stage(
    model: str,
    context_sessions: int,
    view: View,
    look_back_sessions: int | None = None,
    timeframes: Sequence[str] = (DAILY,),
    *,
    weekly_look_back: int = 0,
    stand_in: Callable[[], Forecaster] | None = None,
) -> Stage:
    """The stage `forecast_<model>`.

    Parameters
    ----------
    context_sessions : length of the window that each version is given, always the same
    view : what of the features the model looks at, and how much history a symbol needs
    look_back_sessions : how far before t features must reach, where training needs more than the window
    timeframes : daily forecasts are always made; `1W` adds one at the last session of each week, `5min` one at the
        end of each five-minute bar from inception on
    weekly_look_back : how far before t weekly features must reach, where training needs more than the window
    stand_in : makes the zero-shot model that speaks where no version can, which the column `fallback` then says;
        without one that is an error
    """
    table = f"{FORECAST_PREFIX}{model}"
    windows = _Windows(context_sessions, view, tuple(timeframes), weekly_look_back)
    speakers = _Speakers(model, stand_in)

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        parts: list[dict[str, Column]] = []
        for ts, window in windows.at(moment, inputs):
            parts += speakers.rows(moment, window.timeframe, functools.partial(_at_bar, moment, window, ts))
        # Nothing is calibrated on five-minute forecasts, so none are made in the burn-in.
        if FIVE_MINUTES in timeframes and moment.session >= moment.inception:
            intraday = windows.intraday(moment, inputs)
            parts += speakers.rows(moment, FIVE_MINUTES, functools.partial(_by_bar, moment, intraday))
        return {table: stacked(parts)}

    depth = max(context_sessions - 1, look_back_sessions or 0)
    reads = (Read("features", lookback=depth, timeframe=DAILY), *windows.reads)
    return Stage(name=table, reads=reads, makes=(table,), make=make, uses_models=(model,))


@dataclass(frozen=True)
class _Windows:
    """The windows that a model is given at a session, one for each bar that ends with or in it."""

    context: int
    view: View
    timeframes: tuple[str, ...]
    weekly_look_back: int = 0

    @property
    def reads(self) -> tuple[Read, ...]:
        """Look-backs of the timeframes that are not daily."""
        depth = max(self._weeks * WEEK_SESSIONS - 1, self.weekly_look_back)
        weeks = Read("features", lookback=depth, timeframe=WEEKLY)
        bars = Read("features", lookback=INTRADAY_SESSIONS - 1, timeframe=FIVE_MINUTES)
        return tuple(read for read in (weeks, bars) if read.timeframe in self.timeframes)

    @property
    def _weeks(self) -> int:
        return min(self.context, WEEKS)

    def at(self, moment: Moment, inputs: Inputs) -> Iterator[Ending]:
        """Start and window of the daily bar, and of the weekly one where one ends."""
        session = moment.session
        yield (
            calendar.session_open(session),
            window_at(inputs["features"], session, self.context, self.view),
        )
        if WEEKLY in self.timeframes and ends_week(session):
            began = market_hours.bar_starts(pd.DatetimeIndex([session]), WEEKLY)[0]
            yield began, weekly_window(inputs[f"features {WEEKLY}"], session, self._weeks, self.view)

    def intraday(self, moment: Moment, inputs: Inputs) -> IntradayWindows:
        """Windows of the session's five-minute bars."""
        bars = min(self.context, INTRADAY_BARS)
        return intraday_windows(inputs[f"features {FIVE_MINUTES}"], moment.session, bars, self.view)


@dataclass(frozen=True)
class _Speakers:
    """Who speaks for a model: its versions that can, or else its stand-in."""

    model: str
    stand_in: Callable[[], Forecaster] | None

    def rows(self, moment: Moment, timeframe: str, made_by: MadeBy) -> list[Part]:
        """Rows of the versions that can speak: one whose artefact does not fit is silent, and the others go on.

        Raises
        ------
        VersionMissingError
            If the calendar wants a version that nobody trained.
        ModelError
            Of the first version that fails, if none can speak and there is no stand-in.
        """
        try:
            return _of_able(moment.models.live(self.model, moment.session, timeframe), made_by)
        except VersionMissingError:
            raise
        except ModelError as error:
            if self.stand_in is None:
                raise
            by = self.stand_in()
            *_, last = moment.models.records(self.model, moment.session, timeframe)
            said = f"{by.name}{STOOD_IN}{type(error).__name__}"
            return [part | same(len(part["symbol"]), fallback=said) for part in made_by(last, by)]


def _of_able(live: Sequence[tuple[ModelVersion, Forecaster]], made_by: MadeBy) -> list[Part]:
    made: list[Part] = []
    failed: list[ModelError] = []
    for version, by in live:
        try:
            made += list(made_by(version, by))  # all of a version or nothing
        except ModelError as error:
            failed.append(error)
    if failed and len(failed) == len(live):
        raise failed[0]
    return made


def _at_bar(
    moment: Moment, window: Window, ts: pd.Timestamp, version: ModelVersion, by: Forecaster
) -> Iterator[Part]:
    """Columns of one version's forecasts at the end of one window."""
    yield forecast_rows(version, by.predict(window), moment.session, window.timeframe, ts)


def _by_bar(
    moment: Moment, windows: IntradayWindows, version: ModelVersion, by: Forecaster
) -> Iterator[Part]:
    """Columns of one version's forecasts at each bar of a session that any symbol has."""
    if not any(window.mask.any() for _, window in windows.bars):
        return
    stream = stream_of(by, windows.before)
    for start, window in windows.bars:
        if stream is None and not window.mask.any():
            continue
        said = by.predict(window) if stream is None else stream.step(window)
        yield forecast_rows(version, said, moment.session, FIVE_MINUTES, pd.Timestamp(start))


def forecast_rows(
    version: ModelVersion, forecast: Forecast, session: pd.Timestamp, timeframe: str, ts: pd.Timestamp
) -> dict[str, Column]:
    """Columns of one version's forecasts at one bar, without the symbols that were masked."""
    cube = forecast.quantiles.transpose(1, 0, 2)  # (h, s, q)
    known = np.isfinite(cube).all(axis=2).ravel()
    _check(version, forecast, cube, session)
    keys = grid(horizon=forecast.horizons, symbol=forecast.symbols)
    texts = same(
        len(known),
        timeframe=timeframe,
        ts=ts,
        model=version.model,
        version=version.version,
        fallback=_fallback(version, forecast, timeframe),
    )
    values = dict(zip(QUANTILES, cube.reshape(-1, len(QUANTILES)).T, strict=True))
    contaminated = np.full(len(known), version.is_contaminated(session))
    return selected({**keys, **texts, **values, "contaminated": contaminated}, known)


def _fallback(version: ModelVersion, forecast: Forecast, timeframe: str) -> str:
    """How a forecast was made that was not made as it was asked for; empty of any other."""
    carried = version.trained_through is not None and version.timeframe != timeframe
    learned = f"learned from {version.timeframe} bars" if carried else ""
    return "; ".join(part for part in (learned, forecast.fallback) if part)


def _check(version: ModelVersion, forecast: Forecast, cube: np.ndarray, session: pd.Timestamp) -> None:
    """Refuse what the tables downstream must be able to rely on."""
    if forecast.horizons != HORIZONS:
        raise ModelError(f"model {version.model!r} forecast {forecast.horizons} bars ahead, not {HORIZONS}")
    crossed = (np.diff(cube, axis=2) < 0).any(axis=(0, 2))
    if crossed.any():
        symbol = forecast.symbols[int(np.argmax(crossed))]
        raise ModelError(
            f"model {version.model!r}, version {version.version}, gave crossing quantiles for {symbol} at "
            f"{session:%Y-%m-%d}; sort them in the model"
        )

"""Forecasts at the end of every five-minute bar of a live session, by the versions that speak in the evening's run.

The models of the session are loaded at its first bar and stay; a bar then costs its features and one forecast, or one
recurrent step. What is said is kept in `live_forecasts`. The evening's run makes the same rows from the same bars.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models.forecasters.catalogue import ModelSpec
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.errors import FablineError, StaleDataError
from trading.features.five_minute import WINDOW_SESSIONS
from trading.features.intraday import grid_of
from trading.history import History
from trading.interfaces import Floats, ModelVersion
from trading.market_hours import FIVE_MINUTES as BAR
from trading.stages.forecast import forecast_rows
from trading.stages.intraday_stream import IntradayStream
from trading.stages.layout import FIVE_MINUTES
from trading.stages.windows import INTRADAY_SESSIONS

TABLE = "live_forecasts"
# How long a bar is waited for of a name that had one before: a halted name must not hold the others up.
PATIENCE = pd.Timedelta(seconds=20)
Values = Mapping[tuple[str, pd.Timestamp], tuple[float, ...]]
Told = Callable[[str], None]


@dataclass
class _Speaker:
    """One version in one session."""

    version: ModelVersion
    stream: IntradayStream


@dataclass
class _Session:
    """What is known of the session that lasts.

    Attributes
    ----------
    label : of the session; starts : (n,) of its bars, UTC; expected : names that had a bar in it or the day before
    speakers : every live version of every model; place : of the next bar; made : its rows so far
    """

    label: pd.Timestamp
    starts: pd.DatetimeIndex
    expected: set[str]
    speakers: list[_Speaker]
    place: int = 0
    made: list[pd.DataFrame] = field(default_factory=list)


class LiveForecasts:
    """The models of a home while a session lasts.

    Parameters
    ----------
    home : open; its lock is the caller's affair
    specs : the models of the home
    symbols : whose bars the stream brings
    tell : shows a line to the person who listens
    """

    def __init__(
        self, home: OpenHome, specs: Sequence[ModelSpec], symbols: Sequence[str], tell: Told
    ) -> None:
        self._home, self._specs, self._symbols, self._tell = home, tuple(specs), tuple(symbols), tell
        self._session: _Session | None = None
        self._refused: set[pd.Timestamp] = set()

    def is_due(self, session: pd.Timestamp, values: Values, now: pd.Timestamp | None) -> bool:
        """Whether `take` would do anything; asked often, so that the home need not be held for nothing."""
        if session in self._refused or not values or not calendar.is_session(session):
            return False
        lasting = self._session
        other = lasting is None or lasting.label != session
        return other or next(_complete(lasting, values, now), None) is not None  # type: ignore[arg-type]

    def take(self, session: pd.Timestamp, values: Values, now: pd.Timestamp | None) -> None:
        """Forecast every bar of `session` that is complete, and keep what was said.

        A home that cannot speak (not run up to the session before, a version not trained) is told of once a
        session, and the bars are stored all the same.

        Parameters
        ----------
        values : (open, high, low, close, volume) of each symbol and bar start that is stored
        now : the present of the stream, UTC; None if bars that came are still to be stored: then none is late
        """
        try:
            lasting = self._lasting(session)
            made = [self._spoken(lasting, start, values, now) for start in _complete(lasting, values, now)]
        except FablineError as error:
            self._refused.add(session)
            self._home.notifier.notify(
                "live_forecast_refused", session=f"{session:%Y-%m-%d}", cause=str(error)
            )
            self._tell(f"no forecasts of {session:%Y-%m-%d}: {error}")
            return
        if made:
            lasting.made += made
            self._keep(lasting)

    def _lasting(self, label: pd.Timestamp) -> _Session:
        if self._session is None or self._session.label != label:
            self._session = self._opened(label)
        return self._session

    def _opened(self, label: pd.Timestamp) -> _Session:
        """The session as it stands at its open, with every version ready."""
        begun = time.perf_counter()
        history = self._history(label)
        book = self._home.models()
        speakers = [
            _Speaker(version, IntradayStream.prefill(forecaster, spec.view, label, history))
            for spec in self._specs
            for version, forecaster in book.live(spec.name, label, FIVE_MINUTES)
        ]
        grid = grid_of(pd.DatetimeIndex([label]))
        starts = pd.DatetimeIndex(grid.starts).tz_localize("UTC")
        before = calendar.shift(label, -1)
        bars = history["bars"].window(before, before, calendar.as_of(before))
        expected = set(bars["symbol"]) & set(self._symbols)
        took = (time.perf_counter() - begun) * 1e3
        self._tell(f"{label:%Y-%m-%d}: {len(speakers)} versions stand at the open, {took:.0f} ms")
        return _Session(label, starts, expected, speakers)

    def _history(self, label: pd.Timestamp) -> dict[str, History]:
        """What `IntradayStream.prefill` takes.

        Raises
        ------
        StaleDataError
            If the home was not run up to the session before: the evening would say something else.
        """
        store, before = self._home.store, calendar.shift(label, -1)
        listed = store.tables().set_index("table")["last_session"]
        if listed.get("features") != before:
            raise StaleDataError(
                f"features end at {listed.get('features')}, not with {before:%Y-%m-%d}; `fabline run --to "
                f"{before:%Y-%m-%d}` makes them, and the next session is forecast live"
            )
        spans = {"bars": WINDOW_SESSIONS, "features": INTRADAY_SESSIONS}
        found = {
            table: store.read(
                table, calendar.shift(label, -count), before, revisions=True, timeframe=FIVE_MINUTES
            )
            for table, count in spans.items()
        }
        first = calendar.shift(label, -WINDOW_SESSIONS)
        found["corporate_actions"] = store.read("corporate_actions", first, label, revisions=True)
        return {table: History.from_frame(table, frame) for table, frame in found.items()}

    def _spoken(
        self, lasting: _Session, start: pd.Timestamp, values: Values, now: pd.Timestamp | None
    ) -> pd.DataFrame:
        """Rows of all versions at the end of one bar."""
        parts = []
        begun = time.perf_counter()
        for speaker in lasting.speakers:
            said = speaker.stream.push(start, _cells(speaker.stream.symbols, start, values))
            rows = pd.DataFrame(forecast_rows(speaker.version, said, lasting.label, FIVE_MINUTES, start))
            parts.append(rows.assign(latency_ms=(time.perf_counter() - begun) * 1e3))
        lasting.place = lasting.starts.get_loc(start) + 1
        made = pd.concat(parts, ignore_index=True)
        took = (time.perf_counter() - begun) * 1e3
        names = made["symbol"].nunique()
        self._tell(f"{start:%H:%M} UTC: {len(parts)} versions, {names} names, {took:.0f} ms")
        self._home.log.info(
            "live_forecast", bar=start.isoformat(), versions=len(parts), milliseconds=round(took, 1)
        )
        moment = max(now or start + BAR, start + BAR).as_unit("us")
        return made.assign(session=lasting.label, known_at=moment, ts=start.as_unit("us"))

    def _keep(self, lasting: _Session) -> None:
        """Write what was said of the session so far."""
        rows = pd.concat(lasting.made, ignore_index=True).astype(frames.table_of(TABLE).dtypes)
        commit = {"run_id": "", "settings": self._home.settings_digest, "live": "true"}
        self._home.store.write({TABLE: rows}, lasting.label, lasting.label, commit=commit)


def _complete(lasting: _Session, values: Values, now: pd.Timestamp | None) -> Iterator[pd.Timestamp]:
    """Starts of the bars, not forecast yet, of which nothing more is waited for."""
    newest = max((start for _, start in values), default=None)
    for start in lasting.starts[lasting.place :]:
        there = {symbol for symbol, began in values if began == start}
        lasting.expected |= there
        begun = bool(there) or (newest is not None and newest > start)
        late = now is not None and now >= start + BAR + PATIENCE
        if not begun or not (late or lasting.expected <= there):
            return
        if there:
            yield start


def _cells(symbols: Sequence[str], start: pd.Timestamp, values: Values) -> Floats:
    """(s, 5) values of one bar, NaN for a name without one."""
    nothing = (np.nan,) * 5
    return np.array([values.get((symbol, start), nothing) for symbol in symbols], dtype=np.float64)

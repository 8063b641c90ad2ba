"""Inputs of one stage by hand: rows of a table from the columns that matter, cut as the stage declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from trading import calendar, frames
from trading.errors import UsageError
from trading.history import History, Rows
from trading.interfaces import ChampionDecision, Forecaster, ModelVersion
from trading.stages.layout import DAILY
from trading.stages.models_book import last_decision
from trading.stages.stage import ModelBook, Moment, Outputs, Stage


@dataclass(frozen=True)
class CalendarBook:
    """A model book of versions without forecasters."""

    versions: tuple[ModelVersion, ...] = ()
    decisions: tuple[ChampionDecision, ...] = ()

    def decided(self, model: str, session: pd.Timestamp) -> ChampionDecision | None:
        """What a person decided last about `model` with effect from `session`."""
        return last_decision(self.decisions, model, session)

    def records(self, model: str, session: pd.Timestamp, timeframe: str = DAILY) -> tuple[ModelVersion, ...]:
        """Versions of `model` that are live at `session`; on bars that are not daily too, the daily ones speak."""
        del timeframe
        return tuple(v for v in self.versions if v.model == model and v.is_live(session))

    def live(
        self, model: str, session: pd.Timestamp, timeframe: str = DAILY
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        """There are no forecasters in this book."""
        del timeframe
        raise UsageError(f"this book cannot forecast with {model!r} at {session:%Y-%m-%d}")


def version_of(model: str, version: str, **sessions: str | None) -> ModelVersion:
    """A version whose sessions not named are None."""

    def label(name: str) -> pd.Timestamp | None:
        given = sessions.get(name)
        return None if given is None else pd.Timestamp(given)

    return ModelVersion(
        model=model,
        version=version,
        trained_through=label("trained_through"),
        live_from=label("live_from"),
        champion_from=label("champion_from"),
        retired=label("retired"),
        data_through=label("data_through"),
    )


def history_of(table: str, sessions: Sequence[pd.Timestamp] | pd.DatetimeIndex, **columns: Any) -> History:
    """Validated rows of `table`, one a session given (which may repeat), known when it decided.

    A column that is not named is 0, False or empty; a timeframe is `1D`, a session the row's own, `ts`
    its open. A scalar stands for all rows.
    """
    if not len(sessions):
        return History.from_frame(table, frames.empty(table))
    labels = pd.DatetimeIndex(sessions).as_unit("us")
    dtypes = frames.table_of(table).dtypes
    known = {"session": labels, "known_at": calendar.as_of_each(labels)}
    columns = {"ts": calendar.open_each(labels)} | columns
    columns["ts"] = pd.to_datetime(columns["ts"], utc=True)  # a stage gives moments without their zone
    rest = {name: _column(columns.get(name, _default(name, kind)), labels) for name, kind in dtypes.items()}
    frame = pd.DataFrame({**rest, **known}, index=range(len(labels)))[list(dtypes)]
    return History.from_frame(table, frames.validated(table, frame.astype(dtypes)))


def _default(name: str, dtype: str) -> Any:
    if name == "timeframe":
        return "1D"
    return {"str": "", "bool": False, "datetime64[us]": None, "datetime64[us, UTC]": None}.get(dtype, 0)


def _column(value: Any, labels: pd.DatetimeIndex) -> Any:
    return labels if value is None else value


def made_by(
    stage: Stage,
    session: pd.Timestamp,
    histories: Mapping[str, History],
    *,
    models: ModelBook | None = None,
    is_first: bool = False,
) -> Outputs:
    """What `stage` makes at `session` of the histories that it declares; one not given is empty."""
    book = CalendarBook() if models is None else models
    moment = Moment(session, calendar.as_of(session), session, is_first, book)
    inputs: dict[str, Rows] = {}
    for read in (*stage.reads, *stage.keeps):
        last = calendar.shift(session, -read.offset)
        rows = of_timeframe(histories.get(read.table) or history_of(read.table, []), read.timeframe)
        inputs[read.name] = rows.window(calendar.shift(last, -read.lookback), last, moment.as_of)
    return stage.make(moment, inputs)


def of_timeframe(history: History, timeframe: str | None) -> History:
    """The rows of one timeframe, as a store gives them; all of them for None or where there are no others."""
    if timeframe is None or "timeframe" not in history.values:
        return history
    mine = history.values["timeframe"] == timeframe
    return history if mine.all() else History(history.table, {n: v[mine] for n, v in history.values.items()})


def frame_of(outputs: Outputs, table: str, session: pd.Timestamp) -> pd.DataFrame:
    """One table of what a stage made, validated and sorted, as the line would write it."""
    count = len(next(iter(outputs[table].values())))
    history = history_of(table, [session] * count, **outputs[table])
    return Rows(history, np.arange(count), session, session).frame.drop(columns=["session", "known_at"])


def fan(median: float, half_width: float) -> dict[str, float]:
    """Quantile columns around `median`: q125 and q875 lie `half_width` away, the outermost twice as far."""
    steps = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
    return {name: median + step * half_width for name, step in zip(frames.QUANTILES, steps, strict=True)}

"""Frames as Dagster types, and the facts about a frame that its materialisation shows."""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterator

import dagster as dg
import pandas as pd

from assets import plots
from assets.face import Face, Plot
from assets.glossary import meaning
from trading import frames
from trading.errors import SchemaError

PLOT_FROM_SESSIONS = 20
Facts = dict[str, dg.MetadataValue]


@functools.cache
def table_type(table: str) -> dg.DagsterType:
    """The Dagster type of frames of `table`: a value of another shape fails the step."""

    def check(_context: dg.TypeCheckContext, value: object) -> dg.TypeCheck:
        if not isinstance(value, pd.DataFrame):
            return dg.TypeCheck(success=False, description=f"{type(value).__name__} is no frame")
        try:
            frames.validated(table, value)
        except SchemaError as error:
            return dg.TypeCheck(success=False, description=str(error))
        return dg.TypeCheck(success=True)

    return dg.DagsterType(
        name=f"{table}_frame",
        type_check_fn=check,
        typing_type=pd.DataFrame,
        description=frames.table_of(table).model.__doc__,
    )


def facts(frame: pd.DataFrame, *, simulated: bool) -> Facts:
    """What a run has made of a table: rows, sessions, symbols, and whether its market is simulated."""
    sessions = frame["session"].drop_duplicates()
    shown: Facts = {
        "rows_of_run": dg.MetadataValue.int(len(frame)),
        "sessions_of_run": dg.MetadataValue.int(len(sessions)),
    }
    if len(frame):
        shown["first_session"] = dg.MetadataValue.text(f"{sessions.min():%Y-%m-%d}")
        shown["last_session"] = dg.MetadataValue.text(f"{sessions.max():%Y-%m-%d}")
    if "symbol" in frame:
        shown["symbols"] = dg.MetadataValue.text(", ".join(sorted(frame["symbol"].unique())))
    if simulated:
        shown["market"] = dg.MetadataValue.text("SIMULATED")
    return shown | _fallbacks(frame)


def _fallbacks(frame: pd.DataFrame) -> Facts:
    """How many forecasts were made otherwise than they were asked for, and how."""
    if "fallback" not in frame or not (marked := frame["fallback"] != "").any():
        return {}
    counted = frame.loc[marked, "fallback"].value_counts().sort_index()
    return {"fallbacks": dg.MetadataValue.json({str(how): int(rows) for how, rows in counted.items()})}


def facts_by_session(frame: pd.DataFrame, face: Face, *, simulated: bool) -> Iterator[tuple[str, Facts]]:
    """What belongs to one session of a run: its rows, and to the newest one the plot of the whole run.

    Every partition of a run carries the metadata of the run, so a picture there would be kept
    hundreds of times.
    """
    rows = frame["session"].value_counts(sort=False).sort_index()
    marked = set(frame.loc[frame["fallback"] != "", "session"]) if "fallback" in frame else set()
    newest = rows.index[-1] if len(rows) else None
    for session, count in rows.items():
        shown: Facts = {"dagster/partition_row_count": dg.MetadataValue.int(int(count))}
        if session in marked:
            shown |= _fallbacks(frame[frame["session"] == session])
        if face.plot is not None and session == newest and len(rows) >= PLOT_FROM_SESSIONS:
            shown["plot"] = picture_of(face.plot, frame, face.group, simulated=simulated)
        yield f"{session:%Y-%m-%d}", shown


def picture_of(plot: Plot, frame: pd.DataFrame, name: str, *, simulated: bool) -> dg.MetadataValue:
    """A plot of a frame, as a picture inside the metadata."""
    picture = base64.b64encode(plots.png(plot(frame), simulated=simulated)).decode()
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{picture})")


def columns_of(table: str) -> dg.TableSchema:
    """Names, types, meaning and limits of the columns, for the UI's schema tab."""
    declared = frames.table_of(table)
    fields = declared.model.to_schema().columns
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                dtype,
                description=meaning(table, name),
                constraints=dg.TableColumnConstraints(nullable=bool(fields[name].nullable)),
            )
            for name, dtype in declared.dtypes.items()
        ]
    )

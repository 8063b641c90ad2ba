"""Frames as Dagster types, and the facts about a frame that its materialisation shows."""

from __future__ import annotations

import base64
import functools

import dagster as dg
import pandas as pd

from assets.face import Face
from trading import frames
from trading.errors import SchemaError

PLOT_FROM_SESSIONS = 20


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


def facts(frame: pd.DataFrame, face: Face) -> dict[str, dg.MetadataValue]:
    """Rows, sessions, symbols and, over enough sessions, the plot."""
    sessions = frame["session"].drop_duplicates()
    shown: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(len(frame)),
        "sessions": dg.MetadataValue.int(len(sessions)),
    }
    if len(frame):
        shown["first_session"] = dg.MetadataValue.text(f"{sessions.min():%Y-%m-%d}")
        shown["last_session"] = dg.MetadataValue.text(f"{sessions.max():%Y-%m-%d}")
    if "symbol" in frame:
        shown["symbols"] = dg.MetadataValue.text(", ".join(sorted(frame["symbol"].unique())))
    if face.plot is not None and len(sessions) >= PLOT_FROM_SESSIONS:
        picture = base64.b64encode(face.plot(frame)).decode()
        shown["plot"] = dg.MetadataValue.md(f"![{face.group}](data:image/png;base64,{picture})")
    return shown


def columns_of(table: str) -> dg.TableSchema:
    """Column names and types for the UI's schema tab."""
    dtypes = frames.table_of(table).dtypes
    return dg.TableSchema(columns=[dg.TableColumn(name, dtype) for name, dtype in dtypes.items()])

"""What the tables of evidence share: they speak of all sessions at once, and are made anew and replaced whole."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd

from assets.face import Face
from assets.tables import columns_of, picture_of
from trading import calendar, frames
from trading.interfaces import Store

LAST = "-100"  # priority: what trades comes first


def declared(table: str, face: Face, deps: Sequence[str]) -> dict[str, Any]:
    """Arguments of the unpartitioned Dagster asset of a table."""
    return {
        "name": table,
        "deps": list(deps),
        "group_name": face.group,
        "description": face.description,
        "owners": [face.owner],
        "kinds": set(face.kinds),
        "metadata": {"dagster/column_schema": columns_of(table)},
        "op_tags": {"dagster/priority": LAST},
        "backfill_policy": dg.BackfillPolicy.single_run(),  # `dagster asset materialize` wants it of every asset
    }


def dated(table: str, made: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """Rows of a table of evidence, dated by the last session at which a forecast matured."""
    rows = made.assign(session=last, known_at=calendar.as_of(last))
    return frames.validated(table, rows.astype(frames.table_of(table).dtypes))


def replace_whole(store: Store, table: str, made: pd.DataFrame, commit: dict[str, str]) -> None:
    """Write a table in place of all that was there; nothing if nothing has matured yet."""
    if made.empty:
        return
    sessions = pd.concat([store.read(table)["session"], made["session"]])
    store.write({table: made}, sessions.min(), sessions.max(), commit=commit)


def facts(table: str, made: pd.DataFrame, face: Face, *, simulated: bool) -> dict[str, dg.MetadataValue]:
    """What the UI shows of a table: rows, models if it has any, last session, picture, and whether its market is simulated."""
    shown: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(len(made))}
    if simulated:
        shown["market"] = dg.MetadataValue.text("SIMULATED")
    if len(made) and face.plot is not None:
        if "model" in made:
            shown["models"] = dg.MetadataValue.text(", ".join(sorted(made["model"].unique())))
        shown["last_session"] = dg.MetadataValue.text(f"{made['session'].max():%Y-%m-%d}")
        shown["plot"] = picture_of(face.plot, made, table, simulated=simulated)
    return shown

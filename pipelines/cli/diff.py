"""`fabline diff`: which tables and sessions of two homes differ, byte by byte."""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from pipelines.environment import open_store
from resources.arrow_frames import to_arrow
from resources.store import HomeStore

SESSIONS_NAMED = 5


@dataclass(frozen=True)
class Difference:
    """Sessions of one table whose rows differ; a session that only one home has is among them."""

    table: str
    rows_a: int
    rows_b: int
    sessions: tuple[pd.Timestamp, ...]

    def __str__(self) -> str:
        """One line for a person."""
        named = [f"{session:%Y-%m-%d}" for session in self.sessions[:SESSIONS_NAMED]]
        more = f" ... {self.sessions[-1]:%Y-%m-%d}" if len(self.sessions) > SESSIONS_NAMED else ""
        count = f"{len(self.sessions)} sessions differ" if len(self.sessions) > 1 else "1 session differs"
        rows = f"({self.rows_a} and {self.rows_b} rows)"
        return f"{self.table}: {count} {rows}: {', '.join(named)}{more}"


def diff(home_a: Path, home_b: Path) -> bool:
    """Print the differences of two homes; True if there are none."""
    with closing(open_store(home_a)) as a, closing(open_store(home_b)) as b:
        found = differences(a, b)
    for difference in found:
        typer.echo(str(difference))
    if not found:
        typer.echo(f"{home_a} and {home_b} hold the same tables, byte for byte")
    return not found


def differences(a: HomeStore, b: HomeStore) -> tuple[Difference, ...]:
    """Tables of two stores that are not byte-identical, every revision included, by name."""
    names = sorted({*a.tables()["table"], *b.tables()["table"]})
    compared = [compare(name, a.read(name, revisions=True), b.read(name, revisions=True)) for name in names]
    return tuple(difference for difference in compared if difference is not None)


def compare(table: str, a: pd.DataFrame, b: pd.DataFrame) -> Difference | None:
    """The sessions in which two frames of one table differ, None if there are none."""
    left, right = _session_bytes(table, a), _session_bytes(table, b)
    different = sorted(day for day in {*left, *right} if left.get(day) != right.get(day))
    if not different:
        return None
    return Difference(table, len(a), len(b), tuple(pd.Timestamp(day) for day in different))


def _session_bytes(table: str, frame: pd.DataFrame) -> dict[np.datetime64, bytes]:
    """The Arrow bytes of each session's rows (sorted by key, as a store gives them).

    Rows are taken, not sliced: the bits around a slice would be written with it.
    """
    rows = to_arrow(table, frame).combine_chunks()
    days = frame["session"].to_numpy()
    bounds = [0, *(np.flatnonzero(days[1:] != days[:-1]) + 1), len(days)] if len(days) else []
    return {
        days[start]: _bytes(rows.take(pa.array(range(start, stop))))
        for start, stop in itertools.pairwise(bounds)
    }


def _bytes(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue())

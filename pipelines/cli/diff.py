"""`fabline diff`: which tables and sessions of two homes differ, byte by byte, and which fills."""

from __future__ import annotations

import itertools
import json
from collections.abc import Hashable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from pipelines.environment import market_line, open_store
from resources.arrow_frames import to_arrow
from resources.store import HomeStore
from trading.errors import UsageError
from trading.evaluation.fill_differences import KINDS, equity_difference, fill_differences
from trading.evaluation.trials import TABLE as TRIALS

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


@dataclass(frozen=True)
class Comparison:
    """What differs between two homes: tables, fills, and the equity that follows."""

    tables: tuple[Difference, ...]
    fills: pd.DataFrame
    equity: pd.DataFrame


def diff(home_a: Path, home_b: Path, format_: str = "table") -> bool:
    """Print the differences of two homes; True if there are none.

    Raises
    ------
    UsageError
        If one of them is no home: that is no difference.
    """
    for home in (home_a, home_b):
        if not home.is_dir():
            raise UsageError(f"there is no home {home}")
    with closing(open_store(home_a)) as a, closing(open_store(home_b)) as b:
        found = comparison(a, b)
    if format_ == "json":
        typer.echo(json.dumps(_as_json(found), indent=2))
    else:
        for line in (*_whose(home_a, home_b), *_lines(found)):
            typer.echo(line)
        if not found.tables:
            typer.echo(f"{home_a} and {home_b} hold the same tables, byte for byte")
    return not found.tables


def _whose(home_a: Path, home_b: Path) -> list[str]:
    """What the homes are, where they are not simply homes of a market."""
    told = [(side, market_line(home)) for side, home in (("A", home_a), ("B", home_b))]
    return [f"{side} {said}" for side, said in told if said]


def comparison(a: HomeStore, b: HomeStore) -> Comparison:
    """Everything that differs between two stores."""
    fills = fill_differences(a.read("fills"), b.read("fills"))
    equity = equity_difference(a.read("performance"), b.read("performance"))
    return Comparison(differences(a, b), fills, equity)


def _lines(found: Comparison) -> list[str]:
    lines = [str(difference) for difference in found.tables]
    if len(found.fills):
        counts = [f"{int((found.fills['kind'] == kind).sum())} {kind}" for kind in KINDS]
        lines += [f"fills: {', '.join(counts)}", *map(_fill_line, found.fills.to_dict("records"))]
    moved = found.equity[(found.equity["change"] != 0).to_numpy()]
    return lines + [
        f"equity of {row.strategy} at {row.session:%Y-%m-%d}: {row.equity_a:,.2f} and {row.equity_b:,.2f} USD, "
        f"{row.change:+,.2f} ({row.change_share:+.4%})"
        for row in moved.itertuples()
    ]


def _fill_line(fill: Mapping[Hashable, Any]) -> str:
    """One fill: + only in B, - only in A, ~ in both but not the same."""
    a, b = (f"{fill[f'quantity_{side}']:+.0f} at {fill[f'price_{side}']:.4f}" for side in "ab")
    said = {"added": f"+ {b}", "gone": f"- {a}", "changed": f"~ {a} -> {b}"}[fill["kind"]]
    where = f"{fill['session']:%Y-%m-%d} {fill['symbol']}, decided {fill['decision_session']:%Y-%m-%d}"
    return f"  {said[:1]} {where}:{said[1:]}"


def _as_json(found: Comparison) -> dict[str, object]:
    tables = [
        {
            "table": one.table,
            "rows_a": one.rows_a,
            "rows_b": one.rows_b,
            "sessions": [f"{day:%Y-%m-%d}" for day in one.sessions],
        }
        for one in found.tables
    ]
    fills, equity = (
        json.loads(rows.to_json(orient="records", date_format="iso"))
        for rows in (_dated(found.fills), _dated(found.equity))
    )
    return {"tables": tables, "fills": fills, "equity": equity}


def _dated(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with sessions as dates, for a reader in another language."""
    days = [name for name in rows if str(name).endswith("session")]
    return rows.assign(**{str(name): rows[name].dt.strftime("%Y-%m-%d") for name in days})


def differences(a: HomeStore, b: HomeStore) -> tuple[Difference, ...]:
    """Tables of two stores that are not byte-identical, every revision included, by name."""
    names = sorted(
        {*a.tables()["table"], *b.tables()["table"]} - {TRIALS}
    )  # who looked when is no number of the line
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

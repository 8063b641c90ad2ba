"""Which peers of a file a wider universe would take in, by the strength of their sub-industries."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipelines.cli import rendering
from trading import calendar
from trading.errors import UsageError
from trading.signals.expansion import PEER_GROUPS, WINDOWS, expansion
from trading.universe import SYMBOLS, groups

NEEDED = ("symbol", "session", "close")


def ranked(path: Path, as_of: str | None, format_: str) -> None:
    """Write one row a name, the strongest sub-industry first."""
    rendering.write(table_of(path, as_of), format_, None)


def table_of(path: Path, as_of: str | None) -> pd.DataFrame:
    """The ranking at the last session of a file of closes, or at `as_of`.

    A sub-industry comes from the file's column `group`, else from what is known of the peers; names without one
    are left out.

    Raises
    ------
    UsageError
        If the file cannot be read, lacks a column, or holds too few sessions.
    """
    rows = _rows(path)
    named = {**groups(), **PEER_GROUPS}
    if "group" in rows:
        named |= dict(zip(rows["symbol"], rows["group"], strict=True))
    closes = rows.pivot_table(index="session", columns="symbol", values="close").sort_index()
    closes = closes[[symbol for symbol in closes if symbol in named]]
    if as_of is not None:
        closes = closes.loc[: calendar.session_of(as_of)]
    if len(closes) <= WINDOWS[0] or not len(closes.columns):
        raise UsageError(
            f"{path} holds {len(closes)} sessions of {len(closes.columns)} names whose sub-industry is known; "
            f"the ranking looks back {WINDOWS[0]} sessions: give a longer file, a later --as-of, or a column group"
        )
    return expansion(closes, named, frozenset(SYMBOLS))


def _rows(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        missing = [name for name in NEEDED if name not in rows]
        if missing:
            raise UsageError(f"{path} has no column {missing[0]}; a file of closes has {', '.join(NEEDED)}")
        return rows.assign(session=pd.to_datetime(rows["session"]), close=rows["close"].astype(float))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no CSV or Parquet file of closes: {error}") from error

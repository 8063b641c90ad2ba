"""Figures of statements, taken in when they come: the files that hold them tell no date of filing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import pandas as pd

from pipelines.ingest.desk import Desk
from pipelines.ingest.tally import Tally, tally_of
from trading import frames
from trading.revisions import additions

TABLE = "fundamentals"


@runtime_checkable
class HasStatements(Protocol):
    """A source that holds statements."""

    def statements(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Figures with the columns of `fundamentals`, without `known_at`."""
        ...


def load_statements(desk: Desk, symbols: Sequence[str], *, refresh: bool = False) -> Tally:
    """Store what is new among a source's statements, known from this moment on and never before.

    So no session of the past sees them, however old their period. Figures that are stored already are passed
    over like bars of sessions that were loaded before, and only counted if a person asks to look again.
    """
    if not isinstance(desk.source, HasStatements):
        return Tally(TABLE)
    found = desk.source.statements(symbols)
    if found.empty:
        return Tally(TABLE)
    now = desk.clock().as_unit("us")
    rows = frames.validated(TABLE, found.assign(known_at=now)[frames.columns(TABLE)])
    first, last = rows["session"].min(), rows["session"].max()
    stored = desk.store.read(TABLE, first, last)
    new = additions(TABLE, desk.store.read(TABLE, first, last, revisions=True), rows, lambda: now)
    if len(new):
        commit = {**desk.commit, "source": desk.source.name, "symbols": ",".join(symbols)}
        desk.store.write({TABLE: new}, first, last, commit=commit)
    counted = rows if refresh else new
    return tally_of(TABLE, counted, new, stored, frames.empty("quarantine"))

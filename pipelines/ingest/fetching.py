"""What a source offers for a load: its rows as they are, good and bad."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from pipelines.ingest import chunks
from pipelines.ingest.desk import Desk
from resources.arrivals import check_same_basis
from resources.sources.holdings import extent_of, held_by
from trading import calendar
from trading.ingest import OVERLAP_SESSIONS, Load, unloaded
from trading.stages.layout import DAILY

Days = tuple[pd.Timestamp, pd.Timestamp]


def offered(desk: Desk, load: Load) -> pd.DataFrame:
    """Rows of the table that a load is about, with those of files that no other load would bring."""
    source = desk.source
    if load.table == "corporate_actions":
        return source.actions(load.symbols, load.first, load.last)
    if load.table == "earnings":
        return source.earnings(load.symbols, load.first, load.last)
    parts = [
        source.bars(tuple(symbols), first, last, load.timeframe)
        for (first, last), symbols in _days(desk, load).items()
    ]
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def refuse_another_basis(desk: Desk, load: Load) -> None:
    """Look at the stored bars beside a load of adjusted ones.

    Raises
    ------
    DataError
        If the source has adjusted its past anew since.
    """
    if load.table == "bars":
        for edge in _edges(desk, load):
            check_same_basis(desk.source, desk.store, load.symbols, edge)


def _days(desk: Desk, load: Load) -> dict[Days, list[str]]:
    """First and last day to ask for, and of whom.

    Files may hold rows of days that are no sessions, and rows dated before a symbol began or after
    today. None is to be lost: they come with the sessions beside them, and the rules judge them.
    """
    extent, held = extent_of(desk.source, load.timeframe), held_by(desk.source, load.timeframe)
    if extent is None or not held:
        return {(load.first, load.last): list(load.symbols)}
    newest = calendar.last_closed(desk.clock(), max(desk.source.delay, calendar.DECISION_DELAY))
    before, after = calendar.near(load.first, -1), calendar.near(load.last, 1)
    days: dict[Days, list[str]] = {}
    for symbol in load.symbols:
        begins, ends = held.get(symbol, extent)
        first = (
            extent[0]
            if before < max(begins, chunks.listed(symbol))
            else max(extent[0], min(load.first, before + pd.Timedelta(days=1)))
        )
        last = extent[1] if after > min(ends, newest) else load.last
        days.setdefault((first, last), []).append(symbol)
    return days


def _edges(desk: Desk, load: Load) -> Iterator[pd.Timestamp]:
    """The sessions after those stored earlier beside a load of adjusted daily bars, on either side."""
    if load.timeframe != DAILY or desk.source.basis == "raw":
        return
    for neighbour, edge in (
        (calendar.near(load.first, -1), load.first),
        (calendar.near(load.last, 1), calendar.near(load.last, 1 + OVERLAP_SESSIONS)),
    ):
        one = pd.DatetimeIndex([neighbour])
        before = desk.before["bars"]
        if any(not len(unloaded(before, DAILY, s, one, desk.source.delay)) for s in load.symbols):
            yield edge

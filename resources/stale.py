"""What is stale in a home: the rule of `trading.monitoring.staleness` over its tables and commits."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from resources.store import HomeStore
from trading.monitoring.staleness import StaleTable, arrivals, stale_tables
from trading.plan import SOURCES, Plan


def stale_in(store: HomeStore, plan: Plan) -> tuple[StaleTable, ...]:
    """Tables with stale sessions, in causal order."""
    commits = store.commits()
    arrived = {table: _arrived(store, plan, table, commits) for table in SOURCES}
    return stale_tables(plan, commits, arrived)


def remedy(stale: Sequence[StaleTable], inception: pd.Timestamp | None) -> str:
    """The command that makes stale sessions again; a range makes what leads up to the inception with it."""
    first = min(table.sessions[0] for table in stale)
    last = max(table.sessions[-1] for table in stale)
    begin = first if inception is None else max(first, inception)
    return f"fabline backfill --from {begin:%Y-%m-%d} --to {last:%Y-%m-%d}"


def _arrived(store: HomeStore, plan: Plan, table: str, commits: pd.DataFrame) -> pd.DataFrame:
    """Rows of a source with the moment at which each came in; only of a timeframe that some stage reads."""
    reads = [read for stage in plan.stages for read in stage.reads if read.table == table]
    timeframes = {read.timeframe for read in reads}
    only = timeframes.pop() if len(timeframes) == 1 else None
    rows = store.read(table, revisions=True, timeframe=only)
    own = commits[(commits["table"] == table).to_numpy()]
    return arrivals(table, rows, own)

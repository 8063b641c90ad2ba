"""What a home's own commits say of how fast and how reliably its evenings are made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from trading import calendar
from trading.evaluation.uncertainty import Estimate, mean_estimate

BEGUN, GRAPH, SOLVED, DONE = "bars", "graph_edges", "target_portfolio", "orders"


def operations(commits: pd.DataFrame) -> dict[str, Estimate]:
    """Seconds of an evening and of two of its stages, and the share of sessions decided in time, where there are any.

    Parameters
    ----------
    commits : table, first, last, run_id and written_at of every write of a home

    Returns
    -------
    `signal_seconds`: from the session's bars to its orders, in runs of one session; `graph_seconds` and
    `optimizer_seconds`: from the write before to that of the graph and of the target, so more than the stage itself;
    `uptime`: of the sessions since the home went live, the share whose orders were there before the next open.
    """
    evenings = list(_evenings(commits))
    found = {
        "signal_seconds": _mean([_between(run, BEGUN, DONE) for run in evenings]),
        "graph_seconds": _mean([_since_previous(run, GRAPH) for run in evenings]),
        "optimizer_seconds": _mean([_since_previous(run, SOLVED) for run in evenings]),
        "uptime": _mean(in_time(commits).astype(float).tolist()),
    }
    return {name: estimate for name, estimate in found.items() if estimate.observations}


def bar_seconds(live: pd.DataFrame) -> Estimate:
    """Seconds from a complete five-minute bar until the last model had spoken, over the bars of `live_forecasts`."""
    return _mean((live.groupby(["session", "ts"], sort=True)["latency_ms"].max() / 1000).tolist())


def highest(values: list[float]) -> Estimate:
    """The highest of some peaks, such as the memory of each run: it has no interval."""
    return Estimate(max(values, default=np.nan), np.nan, np.nan, len(values))


def in_time(commits: pd.DataFrame) -> np.ndarray:
    """(n,) whether the orders of each session since the home went live were there before the next open.

    Live since the first session whose orders were written between its decision and the next open.
    """
    orders = commits[(commits["table"] == DONE).to_numpy()].sort_values("written_at")
    if orders.empty:
        return np.zeros(0, dtype=bool)
    sessions = calendar.sessions_between(orders["first"].min(), orders["last"].max())
    written = pd.Series(pd.NaT, index=sessions, dtype="datetime64[us, UTC]")
    for row in orders.iloc[::-1].itertuples():  # the earliest write of a session comes last and stays
        written.loc[row.first : row.last] = row.written_at
    opens = calendar.open_each(pd.DatetimeIndex([calendar.shift(session, 1) for session in sessions]))
    due = np.asarray(written.to_numpy() < opens.to_numpy())
    alive = np.flatnonzero(due & np.asarray(written.to_numpy() >= calendar.as_of_each(sessions).to_numpy()))
    return due[alive[0] :] if len(alive) else np.zeros(0, dtype=bool)


def _evenings(commits: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The writes of each run that made the orders of one session, in their order."""
    for run_id, writes in commits.sort_values("written_at", kind="stable").groupby("run_id", sort=False):
        done = writes[(writes["table"] == DONE).to_numpy()]
        if run_id and len(done) == 1 and (done["first"] == done["last"]).all():
            yield writes.reset_index(drop=True)


def _between(run: pd.DataFrame, begun: str, done: str) -> float:
    first, last = (run.loc[run["table"] == table, "written_at"] for table in (begun, done))
    return (last.iloc[-1] - first.iloc[0]).total_seconds() if len(first) and len(last) else np.nan


def _since_previous(run: pd.DataFrame, table: str) -> float:
    places = np.flatnonzero((run["table"] == table).to_numpy())
    if not len(places):
        return np.nan
    written = run["written_at"].iloc[places[0]]
    before = run["written_at"][run["written_at"] < written]
    return (written - before.iloc[-1]).total_seconds() if len(before) else np.nan


def _mean(values: list[float]) -> Estimate:
    return mean_estimate(np.array(values, dtype=float))

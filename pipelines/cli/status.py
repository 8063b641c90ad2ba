"""`fabline status`: how far the line is, what failed, what is stale, and what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import typer

from pipelines import environment, settings
from pipelines.wiring import plan_of, source_of
from resources.halt import HaltSwitch
from resources.home import Home
from resources.sources.holdings import held_by
from resources.stale import stale_in
from resources.store import HomeStore
from trading.errors import FablineError, HomeError
from trading.execution.lifecycle import WORKING
from trading.monitoring.quarantine import PENDING, listing
from trading.monitoring.staleness import StaleTable
from trading.plan import SOURCES, Plan
from trading.stages.forecast import STOOD_IN
from trading.stages.layout import DAILY

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun


@dataclass(frozen=True)
class Progress:
    """How far each stage is.

    Attributes
    ----------
    heads : last session that each stage and source has made, None if none
    """

    heads: dict[str, pd.Timestamp | None]

    @property
    def newest(self) -> pd.Timestamp | None:
        """The last session that any stage has made."""
        return max((head for head in self.heads.values() if head is not None), default=None)

    @property
    def last_good(self) -> pd.Timestamp | None:
        """The last session that every stage has made."""
        heads = list(self.heads.values())
        return (
            None if any(head is None for head in heads) else min(head for head in heads if head is not None)
        )

    @property
    def behind(self) -> dict[str, pd.Timestamp | None]:
        """Stages that other stages have left behind, with their last sessions."""
        return {name: head for name, head in self.heads.items() if head != self.newest}


@dataclass(frozen=True)
class Failure:
    """The newest run, if it failed: which step, why, and the command that makes its range, where that alone helps."""

    run_id: str
    step: str
    cause: str
    remedy: str | None = None


def status(path: Path) -> None:
    """Print the state of a home."""
    home = Home.open(path)
    for line in report(home):
        typer.echo(line)


def report(home: Home) -> list[str]:
    """The lines of the state of a home, the last one being what to do."""
    facts, holder = home.facts, home.holder()
    simulated = " (SIMULATED)" if facts.source.get("simulated") == "true" else ""
    lines = [f"home          {home.path}", f"source        {facts.source.get('name', 'none yet')}{simulated}"]
    if said := environment.what_if_of(facts):
        lines.append(f"what if       {said}")
    if holder is not None:
        lines.append(f"writing now   {holder.command} (process {holder.pid}) since {holder.started}")
    halt = HaltSwitch(home.path).state()
    if halt is not None:
        lines.append(f"HALTED        since {halt.since} by {halt.by}: {halt.reason}; then `fabline resume`")
    failure = last_failure(home, busy=holder is not None)
    if failure is not None:
        lines.append(f"failed        {failure.step} in run {failure.run_id}: {failure.cause}")
    if facts.rebuilding is not None:
        lines.append("rebuild       broken off, its tables mix two settings: fabline backfill --rebuild")
    if facts.inception is None:
        return [
            *lines,
            "last session  none",
            *_of_market(home),
            f"to do         {_advice(failure, None, None, inception=None, busy=holder is not None) or _first_advice(home)}",
        ]
    with closing(environment.open_store(home.path)) as store:
        return [*lines, *_of_tables(home, store, failure, busy=holder is not None)]


def _of_market(home: Home) -> list[str]:
    """What was loaded into a home in which the line has not run yet, a line for each timeframe."""
    with suppress(HomeError), closing(environment.open_store(home.path)) as store:
        loaded = _loaded(store.commits())
        width = max((len(f"{rows:,}") for rows in loaded["rows"]), default=0)
        lines = [
            f"{'bars' if not place else '':<14}{timeframe:<5}{rows:>{width},} loaded, {_day(first)} to {_day(last)}"
            for place, (timeframe, rows, first, last) in enumerate(loaded.itertuples(name=None))
        ]
        return [*lines, *_kept_out(store)]
    return []


def _loaded(commits: pd.DataFrame) -> pd.DataFrame:
    """Rows of bars by timeframe as they were written, and their sessions; no row is read for it."""
    bars = commits[(commits["table"].eq("bars") & commits["rows"].gt(0)).to_numpy()]
    named = bars.assign(timeframe=[json.loads(facts).get("timeframe") or DAILY for facts in bars["facts"]])
    return named.groupby("timeframe").agg(rows=("rows", "sum"), first=("first", "min"), last=("last", "max"))


def _first_advice(home: Home) -> str:
    """What to do in a home in which the line has not run: it needs daily bars, wherever they come from."""
    loaded: list[str] = []
    with suppress(HomeError), closing(environment.open_store(home.path)) as store:
        loaded = list(_loaded(store.commits()).index)
    if not loaded or DAILY in loaded:
        return "fabline run"
    wanted = settings.load(home.path).settings
    kept = f"of {' and '.join(loaded)} only; the line reads daily ones"
    try:
        held = held_by(source_of(wanted), DAILY)
    except FablineError:  # `fabline doctor` says what is wrong with the source
        held = None
    if held is not None and not held:
        return (
            f"the bars are {kept}, and {wanted.source.data} holds none: `fabline show bars --timeframe 1D` makes them to "
            f"look at; for a run load a folder with daily bars into a home of its own"
        )
    return f"the bars are {kept}: `fabline run` loads them from {wanted.source.name}; what is here stays"


def _kept_out(store: HomeStore) -> list[str]:
    listed = listing(store.read("quarantine"), store.read("quarantine_decisions"))
    count = int((listed["decision"] == PENDING).sum())
    rows = "1 row waits" if count == 1 else f"{count:,} rows wait"
    return [f"quarantine    {rows} for a decision: fabline quarantine list"] if count else []


def _of_tables(home: Home, store: HomeStore, failure: Failure | None, *, busy: bool) -> list[str]:
    plan = plan_of(settings.load(home.path).settings)
    commits = store.commits()
    progress = progress_of(plan, commits)
    stale = stale_in(store, plan)
    lines = [f"inception     {home.facts.inception}", f"last session  {_day(progress.last_good)}"]
    lines += [f"behind        {name}: {_day(head)}" for name, head in progress.behind.items()]
    lines += told_stale(stale)
    begin = min((table.sessions[0] for table in stale), default=None)
    return [
        *lines,
        *_stood_in(store, progress),
        *_pending(store, progress),
        *_kept_out(store),
        f"to do         {_advice(failure, progress, begin, inception=home.inception, busy=busy)}",
    ]


def progress_of(plan: Plan, commits: pd.DataFrame) -> Progress:
    """How far each stage is, by the ranges that were written (a session may rightly have no rows)."""
    written = commits[_is_of_the_line(commits)].groupby("table")["last"].max()
    heads: dict[str, pd.Timestamp | None] = {SOURCES[0]: _head(written, (SOURCES[0],))}
    for stage in plan.stages:
        heads[stage.name] = _head(written, stage.makes)
    return Progress(heads)


def _is_of_the_line(commits: pd.DataFrame) -> list[bool]:
    """Whether each commit holds what the line reads: of bars the daily ones, not a feed that is still on."""
    return [json.loads(facts).get("timeframe") in (None, "", DAILY) for facts in commits["facts"]]


def _head(written: pd.Series, tables: tuple[str, ...]) -> pd.Timestamp | None:
    made = [written[table] for table in tables if table in written.index]
    return max(made, default=None)


def told_stale(stale: Sequence[StaleTable]) -> list[str]:
    """One line for all tables that are stale in the same sessions for the same cause, then each cause."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in stale:
        first, last, count = one.sessions[0], one.sessions[-1], len(one.sessions)
        spread = _day(first) if count == 1 else f"{_day(first)} to {_day(last)} ({count} sessions)"
        groups.setdefault((spread, str(one.cause)), []).append(one.table)
    lines = [f"stale         {spread}: {', '.join(tables)}" for (spread, _), tables in groups.items()]
    return [*lines, *(f"because       {cause}" for cause in dict.fromkeys(cause for _, cause in groups))]


def last_failure(home: Home, *, busy: bool) -> Failure | None:
    """The failure of the newest run that Dagster knows of, None if it went well or there was none."""
    import dagster as dg

    from pipelines.causes import storage_of

    if not any(home.dagster.glob("**/*.db")) and isinstance(environment.database_of(home), Path):
        return None
    with storage_of(home), environment.dagster_of(home) as instance:
        records = instance.get_run_records(limit=1)
        if not records:
            return None
        run = records[0].dagster_run
        if run.status == dg.DagsterRunStatus.FAILURE:
            return _failure_of(instance, run)
        if run.status == dg.DagsterRunStatus.STARTED and not busy:
            return _death_of(instance, run)
        return None


def _failure_of(instance: DagsterInstance, run: DagsterRun) -> Failure:
    import dagster as dg

    from pipelines.causes import cause_in

    failed = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    step = failed[0].get_dagster_event().step_key if failed else None
    cause = " ".join(str(cause_in(instance, run.run_id)).split())
    return Failure(run.run_id[:8], step or "no step", cause)


def _death_of(instance: DagsterInstance, run: DagsterRun) -> Failure:
    """A run that has not ended although nobody holds the home: its process is gone."""
    import dagster as dg

    from pipelines.partitions import RANGE_TAGS

    begun = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
    step = begun[-1].get_dagster_event().step_key if begun else None
    first, last = (run.tags.get(name) for name in RANGE_TAGS)
    remedy = f"fabline backfill --from {first} --to {last}" if first and last else None
    cause = "the run never ended: it was killed, the machine went down, or the disk was full"
    return Failure(run.run_id[:8], step or "no step yet", cause, remedy)


def _stood_in(store: HomeStore, progress: Progress) -> list[str]:
    """Models whose versions could not speak in the last session, and what spoke for them."""
    last = progress.last_good
    if last is None:
        return []
    said = store.read("forecasts", last, last)[["model", "fallback"]].drop_duplicates()
    replaced = said[said["fallback"].str.contains(STOOD_IN, regex=False).to_numpy()]
    return [
        f"stand-in      {model} at {_day(last)}: {how}" for model, how in replaced.itertuples(index=False)
    ]


def _pending(store: HomeStore, progress: Progress) -> list[str]:
    last = progress.last_good
    if last is None:
        return []
    orders = store.read("orders", last, last)
    count = int(orders["status"].isin(WORKING).sum())
    return [f"orders        {count} to trade at the next open"] if count else []


def _advice(
    failure: Failure | None,
    progress: Progress | None,
    stale: pd.Timestamp | None,
    *,
    inception: pd.Timestamp | None,
    busy: bool,
) -> str:
    """The command that helps; empty where the line has not run and nothing is wrong."""
    if busy:
        return "a run is under way; wait for it"
    if failure is not None and failure.remedy:
        return failure.remedy
    if failure is not None:
        return "mend the cause, then run the same command again: what was made stays, the rest is made"
    if progress is None or progress.newest is None:
        return "" if progress is None else "fabline run"
    first = (progress.last_good or inception) if progress.behind else None
    begin = min((day for day in (stale, first) if day is not None), default=None)
    if begin is not None:
        begin = begin if inception is None else max(begin, inception)
        return f"fabline backfill --from {_day(begin)} --to {_day(progress.newest)}"
    return "nothing; `fabline report --open` shows the result"


def _day(session: pd.Timestamp | None) -> str:
    return "none" if session is None else f"{session:%Y-%m-%d}"

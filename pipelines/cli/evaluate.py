"""`fabline evaluate`: what a home's line was worth out of sample, by whom, when and on what, and how sure that is."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines import environment, settings
from pipelines.cli import evaluation_view, rendering
from pipelines.cli.dates import say, session_range
from pipelines.variants import choice_table, variants_of
from resources.home import Home
from resources.registry import MlflowRegistry
from resources.store import HomeStore
from resources.trial_mirror import mirror_trials
from resources.trials import record_books, trials_of
from trading.errors import UsageError
from trading.evaluation import evaluation as work
from trading.evaluation.trials import Trials

COMMAND = "evaluate"


@dataclass(frozen=True)
class Asked:
    """What is to be evaluated.

    Attributes
    ----------
    first, last : dates as a person types them, None for all that there is
    held_out : whether the last three months are looked at instead of what lies before them
    variants : `models`, or a file of returns, to judge a choice among them; empty for the line itself
    """

    first: str | None = None
    last: str | None = None
    held_out: bool = False
    variants: str = ""

    @property
    def cut(self) -> str:
        """The sessions that a person chose, in words; empty if none were."""
        return f"{self.first or 'inception'} to {self.last or 'now'}" if self.first or self.last else ""


def evaluate(home: Path, asked: Asked, format_: str, output: Path | None) -> None:
    """Write the evaluation, and enter the look into the home's book of trials.

    Raises
    ------
    UsageError
        If the home has not traded, or the sessions that were asked for hold none that counts.
    """
    opened = Home.open(home)
    with closing(environment.open_store(home)) as store:
        tables, span = tables_of(store), span_of(store, asked)
        if asked.variants:
            chosen = variants_of(asked.variants, tables, span)
            found, new = choice_table(chosen, store, opened.facts.settings or "")
            _show(opened, store, new=new)
        else:
            looked(opened, store, asked, span)
            found = work.evaluation(tables, span, trials_of(store), held_out=asked.held_out)
        trials = trials_of(store)
    if format_ != "table":
        rendering.write(found, format_, output)
        return
    own = work.of_strategy(tables, main_strategy(home, tables["performance"]))
    facts = [environment.market_line(home), *_said(work.walked_forward(own), span, trials, asked)]
    evaluation_view.write(found, [fact for fact in facts if fact], output)


def main_strategy(home: Path, performance: pd.DataFrame) -> str:
    """The strategy of a home that its challengers stand beside; the first one where its settings name another."""
    main, traded = settings.load(home).settings.main, work.strategies(performance)
    return main if main in traded else traded[0]


def tables_of(store: HomeStore) -> dict[str, pd.DataFrame]:
    """The tables that an evaluation reads, from the first traded session on.

    Raises
    ------
    UsageError
        If there is none.
    """
    performance = store.read("performance")
    if performance.empty:
        raise UsageError(
            "there is nothing to evaluate yet: this home has no traded session; run: fabline run"
        )
    first = performance["session"].min()
    others = (name for name in work.TABLES if name != "performance")
    return {"performance": performance, **{name: store.read(name, first) for name in others}}


def span_of(store: HomeStore, asked: Asked) -> work.Span:
    """The sessions that are asked for, with the tail that is kept apart.

    Raises
    ------
    UsageError
        If no traded session is among them, or only such as are kept apart.
    """
    traded = pd.DatetimeIndex(store.read("performance")["session"].unique())
    first, last = session_range(asked.first, asked.last)
    span = work.Span.of(traded, first, last)
    told = f"{traded[0]:%Y-%m-%d} to {traded[-1]:%Y-%m-%d}"
    if span.first > traded[-1] or span.last < traded[0]:
        raise UsageError(f"this home has traded from {told}; ask for sessions among them")
    if asked.held_out and not span.has_tail:
        raise UsageError(
            f"nothing is held out of {told}: the last {work.HELD_OUT_SESSIONS} sessions are kept apart once there are twice "
            f"as many, and --to must reach into them"
        )
    if not asked.held_out and span.first > span.end:
        raise UsageError(
            f"sessions from {span.held_out:%Y-%m-%d} on are held out; look at them with --held-out, which counts as a trial"
        )
    return span


def looked(home: Home, store: HomeStore, asked: Asked, span: work.Span) -> None:
    """Enter the look into the book of trials, and show it in MLflow."""
    record = functools.partial(record_books, store, command=COMMAND, settings=home.facts.settings or "")
    new = record()
    if asked.cut:
        new |= record(cut=asked.cut, between=(span.first, span.end))
    if asked.held_out and span.held_out is not None:
        cut = f"held out from {span.held_out:%Y-%m-%d}"
        new |= record(cut=cut, between=(span.held_out, span.last))
    _show(home, store, new=new)


def _show(home: Home, store: HomeStore, *, new: bool) -> None:
    simulated = home.facts.source.get("simulated") == "true"
    registry = MlflowRegistry(home.models, home.mlflow, simulated=simulated)
    if not mirror_trials(registry, store, new=new):
        say("MLflow could not be written; the book of trials has the look, and the next one mirrors it")


def _said(facts: work.WalkedForward, span: work.Span, trials: Trials, asked: Asked) -> Iterator[str]:
    """What a reader must know of the figures, a line each."""
    end = span.last if asked.held_out else span.end
    begin = span.held_out if asked.held_out and span.held_out is not None else span.first
    yield f"sessions       {begin:%Y-%m-%d} to {end:%Y-%m-%d}"
    if asked.held_out:
        yield "held out       these are the last three months; looking at them has counted as a trial"
    elif span.has_tail:
        yield f"held out       {span.held_out:%Y-%m-%d} to {span.last:%Y-%m-%d}: in no figure here; --held-out looks, and counts as a trial"
    elif span.held_out is None:
        yield f"held out       nothing: fewer than {2 * work.HELD_OUT_SESSIONS} sessions"
    apart = f", the nearest {facts.nearest} sessions after its training" if facts.spoken else ""
    yield (
        f"walk-forward   {facts.spoken:,} sessions of trained champions, {facts.overlaps:,} of which spoke of what they had "
        f"learned{apart}; {facts.zero_shot:,} of models that learn nothing here"
    )
    yield f"contaminated   {facts.contaminated:,} of {facts.sessions:,} sessions may have been seen by pre-trained weights, and are left out"
    yield f"trials         {trials.count} in the book of this home (fabline show trials); other homes, and what was tried before, are not counted"
    if trials.lost:
        yield f"               {trials.lost} of them were deleted from the book, and count"
    yield "names          chosen with hindsight: equal weight of them is a yardstick and no rival"

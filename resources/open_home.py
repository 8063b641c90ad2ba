"""A home that is open for a run: what an asset needs of the outside, as one value."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pandas as pd
from structlog.typing import FilteringBoundLogger

from resources.home import Home
from resources.memory_log import peak_megabytes
from resources.notifier import Notifier
from resources.registry import MlflowRegistry, MovedAlias
from resources.sources import AlpacaSource, BorrowedIndices, FilesSource, MappedSource, SimulatedSource
from resources.sources.stored import StoredSource
from resources.store import HomeStore
from resources.training_journal import HomeJournal
from trading.calendar import next_to_decide
from trading.interfaces import ChampionDecision, Clock, MarketDataSource, ModelRegistry, ModelVersion
from trading.line import Progress, silent
from trading.stages.stage import ModelBook
from trading.stages.trading_rules import TradingRules


@dataclass(frozen=True)
class OpenHome:
    """Everything of one home that stages and sources need while a run lasts.

    Attributes
    ----------
    home : folder, facts and lock
    store : its tables
    source : where its bars come from
    registry : where its model versions live
    notifier : where people are told of what they should know
    log : structured events of the run, as JSON lines in the home's logs
    book : makes the model versions that may speak, as the registry has them now
    settings_digest : of the settings that change numbers
    clock : the present, for real ingestion times and to refuse the future
    progress : told after each session of each stage, and after each epoch of a training
    strategy : the main one; others trade beside it on paper
    """

    home: Home
    store: HomeStore
    source: MarketDataSource
    registry: MlflowRegistry
    notifier: Notifier
    log: FilteringBoundLogger
    book: Callable[[ModelRegistry], ModelBook]
    settings_digest: str
    clock: Clock
    progress: Progress = field(default=silent)
    strategy: str = TradingRules.strategy

    def inception(self, first: pd.Timestamp) -> pd.Timestamp:
        """The home's first traded session; `first` while nothing was made, which does not fix it yet.

        Raises
        ------
        UsageError
            If `first` lies before the inception.
        """
        return self.home.inception_for(first)

    def begin(self, first: pd.Timestamp) -> None:
        """Fix the inception at `first` unless it is: only once bars were written is there a home."""
        self.home.fix_inception(first)

    def models(self) -> ModelBook:
        """The model versions of the registry."""
        return self.book(self.registry)

    def journal(self, version: ModelVersion) -> HomeJournal:
        """Where the training of a version is kept; each epoch is told to `progress`."""
        through = "" if version.trained_through is None else f" {version.trained_through:%Y-%m-%d}"
        tell = functools.partial(self.progress, f"train {version.model}{through}")
        return HomeJournal(self.home.models, version, self.log, tell)

    def tell_made(self, stage: str, sessions: tuple[str, str], rows: Mapping[str, int]) -> None:
        """Log that a stage has made its tables over a range of sessions."""
        self.log.info(
            "stage_made",
            stage=stage,
            session=sessions[1],
            first_session=sessions[0],
            rows=dict(rows),
            peak_megabytes=peak_megabytes(),
        )

    def after_write(self, made: Mapping[str, pd.DataFrame]) -> None:
        """Mirror the champions of the newest session to the registry's aliases, where they changed.

        MLflow takes seconds to load, so it is left alone on the many evenings that change nothing.
        """
        champions = made.get("champions")
        if champions is None or not len(champions):
            return
        self.registry.follow(champions)
        if self.registry.is_behind:
            self.mirror()

    def mirror(self) -> None:
        """Bring MLflow up to date and take up what was moved there; where it cannot be, tell people and go on.

        The champions stand in the home's own table and folder, so that nothing waits for MLflow: the next run mirrors.
        """
        try:
            moved = self.registry.mirror()
        except Exception as error:  # noqa: BLE001 - of MLflow, its database or its files: none may stop the line
            reason = (
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
            )
            self.notifier.notify("mlflow_mirror_failed", reason=reason, then="the next run mirrors again")
            return
        self.adopt_moved(moved)

    def adopt_moved(self, moved: Iterable[MovedAlias]) -> None:
        """Take up aliases that were moved by hand: each is a decision that takes effect in the next session.

        One that names a version which will not be live then is told, and comes to nothing.
        """
        now = self.clock()
        effective = next_to_decide(now)
        for alias in moved:
            live = any(
                v.version == alias.version and v.is_live(effective)
                for v in self.registry.versions(alias.model)
            )
            if live:
                note = "alias moved in MLflow"
                self.registry.decide(
                    ChampionDecision(alias.model, alias.version, "promote", effective, now, note)
                )
            outcome = (
                f"champion from {effective:%Y-%m-%d}"
                if live
                else f"not live at {effective:%Y-%m-%d}: ignored"
            )
            self.notifier.notify(
                "alias_moved_by_hand", model=alias.model, version=alias.version, outcome=outcome
            )

    @contextmanager
    def held(self, command: str, run_id: str, *, wait: bool) -> Iterator[OpenHome]:
        """The same, while this process alone may write to the home and its settings fit."""
        with self.home.writing(command, run_id=run_id, wait=wait):
            self.home.fix_settings(self.settings_digest)
            self.home.fix_source(source_facts(self.source), empty=not len(self.store.commits()))
            yield replace(self, log=self.log.bind(run_id=run_id))


def source_facts(source: MarketDataSource) -> dict[str, str]:
    """What binds a home to one source: everything that decides which bars it gives."""
    if isinstance(source, StoredSource):
        return source.facts
    if isinstance(source, BorrowedIndices):
        return {**source_facts(source.vendor), "indices": str(source_facts(source.lender)["folder"])}
    facts = {"name": source.name, "basis": source.basis, "simulated": str(source.simulated).lower()}
    if isinstance(source, SimulatedSource):
        facts |= {"seed": str(source.market.options.seed), "edge": source.market.options.edge}
    if isinstance(source, AlpacaSource):
        facts |= {"feed": source.feed}
    if isinstance(source, (FilesSource, MappedSource)):
        facts |= {"folder": str(source.folder.resolve())}
    return facts

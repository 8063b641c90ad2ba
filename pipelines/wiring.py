"""The one place where settings become models, models become stages, and stages become a plan."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from structlog.typing import FilteringBoundLogger

from models.forecasters.catalogue import ModelSpec, model_specs
from models.forecasters.inference import CPU, CUDA, require_device
from pipelines import environment
from pipelines.settings import Settings
from resources import clock as wall
from resources.home import Home
from resources.logs import log_to
from resources.notifier import LogNotifier, Notifier
from resources.open_home import OpenHome
from resources.prediction_cache import LiveForecaster, PredictionCache
from resources.registry import MlflowRegistry
from resources.registry_book import Flawed, RegistryBook, Spoken
from resources.source_digest import with_code
from resources.sources import open_source
from resources.sources.stored import StoredSource
from resources.store import HomeStore, store_at
from trading.calendar import session_of
from trading.interfaces import Clock, Forecaster, MarketDataSource, ModelVersion
from trading.line import Progress, silent
from trading.monitoring.table_rules import BookLimits, CoverageBand
from trading.plan import Plan
from trading.stages.champions import champions_stage
from trading.stages.ensemble_forecast import ensemble_forecast_stage
from trading.stages.ensemble_intervals import ensemble_intervals_stage
from trading.stages.ensemble_weights import ensemble_weights_stage
from trading.stages.features import features_stage
from trading.stages.forecasts import forecasts_stage
from trading.stages.graph import graph_stage
from trading.stages.regimes import regimes_stage
from trading.stages.selection import selection_stage
from trading.stages.side_by_side import side_by_side
from trading.stages.signals import signals_stage
from trading.stages.stage import Stage
from trading.stages.trading_session import trading_session_stage
from trading.stages.version_intervals import version_intervals_stage
from trading.stages.version_losses import version_losses_stage
from trading.testing.market import MarketOptions


def specs_of(settings: Settings) -> tuple[ModelSpec, ...]:
    """The models of a home, each with the code that it rests on."""
    return tuple(with_code(spec) for spec in _chosen(settings))


def _chosen(settings: Settings) -> tuple[ModelSpec, ...]:
    """The models of a home, without looking at their code, which takes a moment."""
    return model_specs(
        settings.models,
        timesfm_checkpoint=settings.timesfm_checkpoint,
        timesfm_data_through=_session_or_none(settings.timesfm_data_through),
        device=device_of(settings.inference.device),
        training=settings.training,
    )


@functools.cache
def device_of(wanted: str) -> str:
    """The device that a setting means; torch is asked, which takes seconds to load, only about CUDA.

    Raises
    ------
    ModelError
        If CUDA is wanted and torch sees none.
    """
    if wanted == CPU:
        return CPU
    if wanted == CUDA:
        require_device(CUDA)
        return CUDA
    import torch

    return CUDA if torch.cuda.is_available() else CPU


def _session_or_none(text: str) -> pd.Timestamp | None:
    return pd.Timestamp(text).as_unit("us") if text else None


@dataclass(frozen=True)
class Part:
    """A stage, and all that it was told: two stages of one name that were told the same make the same of the same.

    Attributes
    ----------
    told : settings that can be compared
    """

    stage: Stage
    told: tuple[object, ...]


def parts_of(settings: Settings) -> tuple[Part, ...]:
    """Every stage of the line, in causal order, with what each was told."""
    specs = _chosen(settings)
    names, timeframes = tuple(spec.name for spec in specs), settings.timeframes
    intervals, ensemble, books = settings.intervals, settings.ensemble, settings.books
    return (
        Part(features_stage(timeframes), (timeframes,)),
        Part(graph_stage(), ()),
        *(Part(spec.stage_of(timeframes), (timeframes, *_told_to_models(settings))) for spec in specs),
        Part(version_losses_stage(names, timeframes), (names, timeframes)),
        Part(version_intervals_stage(names, intervals.chosen), (names, intervals)),
        Part(champions_stage(names, settings.promotion), (names, settings.promotion)),
        Part(forecasts_stage(names, timeframes), (names, timeframes)),
        Part(
            ensemble_weights_stage(names, ensemble.chosen, settings.degradation),
            (names, replace(ensemble, combination="quantiles"), settings.degradation),
        ),
        Part(ensemble_forecast_stage(ensemble.combination), (ensemble.combination,)),
        Part(ensemble_intervals_stage(intervals.chosen), (intervals,)),
        Part(
            regimes_stage(settings.regimes.chosen, settings.regime_rules),
            (settings.regimes, settings.regime_rules),
        ),
        Part(selection_stage(settings.selection), (settings.selection,)),
        Part(
            side_by_side([signals_stage(book.signals, timeframes) for book in books]),
            (*(book.signals for book in books), timeframes),
        ),
        Part(
            side_by_side([trading_session_stage(book.trading) for book in books]),
            tuple(book.trading for book in books),
        ),
    )


def _told_to_models(settings: Settings) -> tuple[object, ...]:
    """What decides, beside its name, how a model learns and forecasts."""
    weights = (settings.timesfm_checkpoint, settings.timesfm_data_through)
    return (*weights, settings.inference.device, settings.training)


def plan_of(settings: Settings) -> Plan:
    """Every stage of the line, in causal order."""
    return Plan.of((part.stage for part in parts_of(settings)), settings.burn_in_sessions)


def source_of(settings: Settings) -> MarketDataSource:
    """The market data source that the settings name."""
    chosen = settings.source
    data = Path(chosen.data) if chosen.data else None
    market = MarketOptions(seed=chosen.seed, edge=chosen.edge)
    return open_source(
        chosen.name,
        data=data,
        basis=chosen.basis,
        market=market,
        url=chosen.url,
        requests_per_hour=chosen.requests_per_hour,
        keys=environment.alpaca_keys(),
        feed=chosen.feed,
        indices=Path(chosen.indices) if chosen.indices else None,
    )


def limits_of(settings: Settings) -> BookLimits:
    """The limits that a check holds every target portfolio to: the loosest of all strategies."""
    books = [book.flat() for book in settings.books]
    return BookLimits(
        position=max(flat["trading.sizer.position_limit"] for flat in books),
        group=max(flat["trading.optimizer.group_cap"] for flat in books),
    )


def band_of(settings: Settings) -> CoverageBand:
    """The band around the promised coverage, outside of which a check warns."""
    return CoverageBand(target=1 - settings.intervals.target)


@dataclass(frozen=True)
class Workshop:
    """A home with its settings, and the plan that follows from them: what every entry point starts from.

    Attributes
    ----------
    home : the folder
    settings : in force, command line included
    plan : the stages
    clock : the present
    """

    home: Home
    settings: Settings
    plan: Plan
    clock: Clock = wall.now

    @classmethod
    def of(cls, home: Home, settings: Settings, clock: Clock = wall.now) -> Workshop:
        """The workshop of a home."""
        return cls(home, settings, plan_of(settings), clock)

    def open(self, progress: Progress = silent) -> OpenHome:
        """The home with its store, source and registry, ready for a run."""
        specs = specs_of(self.settings)
        database = environment.database_of(self.home)
        store = store_at(self.home.tables, database, clock=self.clock, home=self.home.facts.id)
        source = self._source(store)
        log, notifier = log_to(self.home.logs), LogNotifier(self.home.logs)
        spoken = self._spoken(specs, log)
        return OpenHome(
            home=self.home,
            store=store,
            source=source,
            registry=MlflowRegistry(self.home.models, self.home.mlflow, simulated=source.simulated),
            notifier=notifier,
            log=log,
            book=lambda known: RegistryBook(known, specs, spoken, _told(notifier)),
            settings_digest=self.settings.digest(),
            clock=self.clock,
            progress=progress,
            strategy=self.settings.main,
        )

    def _spoken(self, specs: tuple[ModelSpec, ...], log: FilteringBoundLogger) -> Spoken:
        """How versions speak here: what they forecast of slow models is kept, and their fallbacks are logged."""
        chosen = self.settings.inference
        cache = PredictionCache(self.home.cache, chosen.cache_megabytes << 20, log) if chosen.cache else None
        slow = {spec.name for spec in specs if spec.slow}
        prototypes = {spec.name: spec.prototype() for spec in specs}

        def spoken(version: ModelVersion, load: Callable[[], Forecaster]) -> Forecaster:
            kept = cache if version.model in slow else None
            return LiveForecaster(version, load, prototypes[version.model], log, kept)

        return spoken

    def _source(self, store: HomeStore) -> MarketDataSource:
        """The source that the settings name; of a what-if copy, the bars that it holds."""
        facts = self.home.facts
        if not facts.what_if:
            return source_of(self.settings)
        beyond = (lambda: source_of(self.settings)) if facts.what_if.get("continues") else None
        return StoredSource(store, facts.source, session_of(facts.what_if["last"]), beyond)


def _told(notifier: Notifier) -> Flawed:
    """Tells people of a version that cannot speak."""

    def tell(version: ModelVersion, flaw: str) -> None:
        notifier.notify("version_cannot_speak", model=version.model, version=version.version, reason=flaw)

    return tell

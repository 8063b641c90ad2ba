"""The Dagster definitions of one home: the graph, its jobs, schedules, sensors, checks and resources.

`dagster dev`, `fabline up` and the command line all load them from here; FABLINE_HOME says for
which home. Settings are read when the definitions load: after a change, reload the code location.
"""

import warnings
from collections.abc import Iterator
from contextlib import closing

import dagster as dg
import pandas as pd

from assets.attribution import attribution_asset
from assets.checks import market_checks
from assets.comparison import comparison_asset
from assets.coverage import coverage_asset
from assets.factory import IO_MANAGER, stage_assets
from assets.frontier import frontier_asset
from assets.market import market_assets
from assets.regime_transitions import regime_transitions_asset
from assets.scoreboard import scoreboard_asset
from assets.staleness import staleness_check
from assets.stress import stress_asset
from assets.training import training_asset
from assets.training_triggers import triggers_asset
from pipelines import environment, settings
from pipelines.alias_sensor import alias_sensor
from pipelines.faces import faces_of
from pipelines.freshness import with_freshness
from pipelines.heads import heads_in
from pipelines.jobs import line_jobs
from pipelines.partitions import DEFAULT_START, session_partitions
from pipelines.review_job import review_job, weekly_review
from pipelines.run_logs import STRUCTURED, structured_logger
from pipelines.schedules import after_close, quarterly_training
from pipelines.sensors import failure_sensor, new_bars_sensor, overdue_sensor
from pipelines.stale_sensor import staleness_sensor
from pipelines.training_sensor import training_sensor
from pipelines.wiring import Workshop, band_of, limits_of, specs_of
from resources.dagster_storage import batch_events
from resources.home import Home
from resources.notifier import LogNotifier
from resources.open_home import OpenHome
from resources.sources import SimulatedSource
from resources.store import HomeStore
from resources.table_io_manager import TableIOManager
from resources.version_folder import VersionFolder
from trading.errors import HomeError
from trading.line import Progress, silent


def definitions_of(workshop: Workshop, *, progress: Progress = silent, wait: bool = True) -> dg.Definitions:
    """Everything that Dagster knows of a home.

    Parameters
    ----------
    progress : told after each session of each stage of a run in this process
    wait : whether a run waits for its turn to write the home, or fails naming who has it
    """
    with warnings.catch_warnings():
        # Single-run back-fills and mappings past the first partition are in beta; both are tested here.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _definitions(workshop, progress, wait=wait)


def _definitions(workshop: Workshop, progress: Progress, *, wait: bool) -> dg.Definitions:
    home = workshop.home
    partitions = session_partitions(home.inception or DEFAULT_START)
    staleness = staleness_check(workshop.plan)
    review = review_job(workshop.settings.models)
    return dg.Definitions(
        assets=_assets(workshop, partitions),
        asset_checks=[*market_checks(limits_of(workshop.settings), band_of(workshop.settings)), staleness],
        jobs=[*line_jobs(apart=[staleness]), review],
        schedules=[after_close, quarterly_training, weekly_review(review)],
        sensors=[
            new_bars_sensor(lambda: heads_of(workshop)),
            overdue_sensor(lambda: heads_of(workshop), workshop.clock),
            staleness_sensor(lambda: _open_store(home), workshop.plan, lambda: home.inception),
            failure_sensor(LogNotifier(home.logs)),
            alias_sensor(home.mlflow / "mlflow.db", workshop.open),
            training_sensor(workshop.settings.models, lambda: VersionFolder(home.models)),
        ],
        resources=resources_of(workshop, progress=progress, wait=wait),
        executor=dg.in_process_executor,
        loggers={STRUCTURED: structured_logger(home.logs)},
    )


def _assets(workshop: Workshop, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The assets of the line; over a simulated market each of them is tagged so."""
    plan, faces = workshop.plan, faces_of(workshop.settings)
    made = [
        *market_assets(plan, partitions),
        training_asset(plan, specs_of(workshop.settings), workshop.settings.timeframes),
        *(stage_assets(stage, plan, faces, partitions) for stage in plan.stages),
        triggers_asset(specs_of(workshop.settings), workshop.settings.triggers),
        comparison_asset(),
        coverage_asset(),
        attribution_asset(),
        regime_transitions_asset(),
        scoreboard_asset(),
        frontier_asset(workshop.settings.trading),
        stress_asset(workshop.settings.trading),
    ]
    assets = with_freshness(made)
    if workshop.settings.source.name != SimulatedSource.name:  # asked without opening it: it may be away
        return assets
    return list(dg.map_asset_specs(lambda spec: spec.merge_attributes(tags={"market": "SIMULATED"}), assets))


def resources_of(
    workshop: Workshop, *, progress: Progress, wait: bool
) -> dict[str, dg.ResourceDefinition | dg.IOManagerDefinition]:
    """The open home, held for as long as a run lasts, and the door through which frames pass."""

    @dg.resource(description="The home: its store, source and model registry, held by one run at a time.")
    def open_home(context: dg.InitResourceContext) -> Iterator[OpenHome]:
        run_id = context.run.run_id if context.run is not None else ""
        ready = workshop.open(progress)
        with closing(ready.store), ready.held("a Dagster run", run_id, wait=wait) as opened:
            yield opened

    @dg.io_manager(
        required_resource_keys={"home"}, description="Computed tables: a range of sessions in, a range out."
    )
    def tables(context: dg.InitResourceContext) -> TableIOManager:
        opened: OpenHome = context.resources.home
        return TableIOManager(
            opened.store, lambda table, first: _made_from(workshop, table, first), opened.settings_digest
        )

    return {"home": open_home, IO_MANAGER: tables}


def _made_from(workshop: Workshop, table: str, first: pd.Timestamp) -> pd.Timestamp:
    """Where a run that begins at `first` begins to make `table`."""
    inception = workshop.home.inception or first
    return workshop.plan.sessions(workshop.plan.makers[table].name, inception, first, first)[0]


def heads_of(workshop: Workshop) -> dict[str, pd.Timestamp]:
    """The newest session of each table; of none in a home that has not run yet."""
    store = _open_store(workshop.home)
    if store is None:
        return {}
    with closing(store):
        return {str(table): head for table, head in heads_in(store).items() if pd.notna(head)}


def _open_store(home: Home) -> HomeStore | None:
    """The store of a home, None if nothing was ever written to it."""
    try:
        return environment.open_store(home.path)
    except HomeError:
        return None


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the home that the environment names, made when Dagster asks for them."""
    batch_events()  # for the run that this process may be about to execute
    home = environment.open_or_create(environment.home_path())
    return definitions_of(Workshop.of(home, settings.load(home.path).settings))

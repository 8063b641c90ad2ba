"""Training: the model versions that the calendar asks for."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import dagster as dg
import pandas as pd

from assets.face import RESEARCH
from assets.failures import translated
from models.forecasters.catalogue import ModelSpec, earlier, start_of, train
from resources.open_home import OpenHome
from resources.training_journal import HomeJournal
from trading import calendar, frames
from trading.errors import CheckpointError, FablineError, MissingBarsError, ShortHistoryError, UsageError
from trading.history import History
from trading.interfaces import ModelRegistry, ModelVersion
from trading.plan import Plan
from trading.stages.challengers import VOID, standing
from trading.stages.layout import DAILY
from trading.stages.timeframe_training import dues_of, training_span
from trading.stages.training import (
    MADE_OF,
    Due,
    Start,
    made_of,
    require_same_making,
)

ASSET = "model_versions"
READ = ("bars", "features")


class TrainingRequest(dg.Config):
    """Which models are trained and up to when; without either everything that the calendar asks for."""

    models: list[str] = []  # noqa: RUF012 - pydantic copies it
    through: str = ""


def training_asset(
    plan: Plan, specs: Iterable[ModelSpec], timeframes: Sequence[str] = (DAILY,)
) -> dg.AssetsDefinition:
    """`model_versions`: unpartitioned, because versions follow the calendar's quarters and not its sessions."""
    chosen, bars = tuple(specs), tuple(timeframes)

    @dg.asset(
        name=ASSET,
        deps=["features"],
        group_name="training",
        owners=[RESEARCH],
        kinds={"python", "mlflow", "pytorch"},
        backfill_policy=dg.BackfillPolicy.single_run(),  # `dagster asset materialize` wants it of every asset
        description="Each model gets a version at each quarter's (or year's) end, trained on what was known by then: "
        "a challenger for one quarter, champion in the next unless its losses were worse, then a shadow that can come "
        "back. Versions that exist are never trained again, unless "
        "everything is made again from the inception and code, settings or weights have changed since. A training "
        "that was killed goes on from where it was.",
    )
    def model_versions(
        context: dg.AssetExecutionContext, config: TrainingRequest, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            renew = makes_everything(context.run, plan, home.home.inception)
            asked = named(chosen, config.models)
            made = train_due(plan, home, asked, renew=renew, through=_day_of(config.through), timeframes=bars)
            for one in made:
                home.registry.trace(one, lineage_of(context.run.run_id, home))
            if made or home.registry.is_behind:
                home.mirror()
        listed = [
            {
                "model": one.model,
                "version": one.version,
                "timeframe": one.timeframe,
                "trained_through": str(one.trained_through),
            }
            for one in made
        ]
        return dg.MaterializeResult(
            metadata={"trained": len(made), "versions": dg.MetadataValue.json(listed)}
        )

    return model_versions


def lineage_of(run_id: str, home: OpenHome) -> dict[str, str]:
    """The run that trains, and the versions of the tables that it reads."""
    versions = home.store.tables().set_index("table")["version"]
    return {
        "dagster_run": run_id,
        **{f"{table}_version": str(versions[table]) for table in READ if table in versions},
    }


def makes_everything(run: dg.DagsterRun, plan: Plan, inception: pd.Timestamp | None) -> bool:
    """Whether a run makes every table from the inception on, so that no row of older versions stays."""
    begin = run.tags.get("dagster/asset_partition_range_start")
    selected = {
        key.to_user_string() for key in run.asset_selection or ()
    }  # empty: no selection, all of the job
    whole = not selected or set(plan.tables) <= selected
    return whole and begin is not None and inception is not None and pd.Timestamp(begin) <= inception


def named(specs: Sequence[ModelSpec], names: Sequence[str]) -> tuple[ModelSpec, ...]:
    """The home's models of some names, all of them if none is named.

    Raises
    ------
    UsageError
        If the home has no model of a name.
    """
    unknown = sorted(set(names) - {spec.name for spec in specs})
    if unknown:
        known = ",".join(spec.name for spec in specs)
        raise UsageError(
            f"this home has no model {unknown[0]!r}; it has {known}: add it with `fabline config set models "
            f"{known},{unknown[0]}` and `fabline backfill --rebuild`"
        )
    return tuple(spec for spec in specs if not names or spec.name in names)


def _day_of(text: str) -> pd.Timestamp | None:
    return calendar.session_of(text) if text else None


def train_due(
    plan: Plan,
    home: OpenHome,
    specs: Iterable[ModelSpec],
    *,
    renew: bool = False,
    through: pd.Timestamp | None = None,
    timeframes: Sequence[str] = (DAILY,),
) -> list[ModelVersion]:
    """Train and register every version that is not there, of those that the sessions made so far and the next need.

    Parameters
    ----------
    renew : train again what was made of other code, settings or weights
    through : only versions that learn from nothing after this session; None: as far as there are features
    timeframes : of the bars that there are; where too few of one are there, the daily version is carried over

    Raises
    ------
    MissingBarsError
        If there are no features to train on yet.
    ModelError
        If a version was made of something else than its model is now and this is not to be renewed.
    """
    inception = home.home.inception
    last = _last_features(home)
    if inception is None or last is None:
        raise MissingBarsError("there are no features to train on; make some sessions first (fabline run)")
    if through is not None and through > last:
        raise MissingBarsError(
            f"features end at {last:%Y-%m-%d}: nothing can be trained through {through:%Y-%m-%d}; "
            f"`fabline run --to {through:%Y-%m-%d}` makes them"
        )
    wanted: list[tuple[ModelSpec, Due, ModelVersion | None]] = []
    for spec in specs:
        first = plan.first_session(f"forecast_{spec.name}", inception)
        # The version that a quarter's last session is learned into speaks from the session after it.
        triggers = home.registry.triggers(spec.name)
        dues = dues_of(spec, timeframes, first, calendar.shift(through or last, 1), triggers)
        wanted.extend(_known(home.registry, spec, dues, renew=renew))
    return list(_train_absent(home, wanted))


def _known(
    registry: ModelRegistry, spec: ModelSpec, dues: Iterable[Due], *, renew: bool
) -> Iterator[tuple[ModelSpec, Due, ModelVersion | None]]:
    """Each of `dues` with its version that is made of what the model is made of now, if there is one."""
    newest = {(one.trained_through, one.timeframe): one for one in registry.versions(spec.name)}
    for due in dues:
        wanted = made_of(spec, due.timeframe)
        version = newest.get((due.trained_through, due.timeframe))
        if version is not None and not renew:
            require_same_making(version, wanted)
        same = version is not None and version.facts.get(MADE_OF) == wanted
        yield spec, due, version if same else None


def _train_absent(
    home: OpenHome, wanted: Sequence[tuple[ModelSpec, Due, ModelVersion | None]]
) -> Iterator[ModelVersion]:
    """Train what has no version yet, each model's on each timeframe in the order of time."""
    absent = sum(version is None for *_, version in wanted)
    regular: list[ModelVersion] = []
    done = 0
    for spec, due, known in wanted:
        version = known
        if version is None:
            before = earlier([one for one in regular if one.model == spec.name], due)
            version = _trained_if_possible(home, spec, due, before)
            done += 1
            home.progress(ASSET, done, absent)
        if version is not None:
            if known is None:
                yield version
            regular += [version] if due.is_regular else []


def _trained_if_possible(
    home: OpenHome, spec: ModelSpec, due: Due, before: ModelVersion | None
) -> ModelVersion | None:
    """The version that is due; a trigger whose challenger cannot be trained is withdrawn, because no session waits for it."""
    triggers = [
        one for one in standing(home.registry.triggers(spec.name)) if one.session == due.trained_through
    ]
    if due.is_regular or not triggers:
        return _trained_if_enough(home, spec, due, before)
    try:
        return _trained_if_enough(home, spec, due, before)
    except FablineError as error:
        if due.timeframe != DAILY:
            raise
        home.registry.trigger(replace(triggers[0], kind=VOID, known_at=home.clock(), reason=str(error)))
        home.notifier.notify("challenger_training_failed", model=spec.name, reason=str(error))
        return None


def _trained_if_enough(
    home: OpenHome, spec: ModelSpec, due: Due, before: ModelVersion | None
) -> ModelVersion | None:
    """The version that is due; None of a timeframe with too little history, where the daily one is carried over."""
    try:
        return _trained(home, spec, due, before)
    except ShortHistoryError as error:
        if due.timeframe == DAILY:
            raise
        through = f"{due.trained_through:%Y-%m-%d}"
        home.log.info(
            "version_carried_over",
            model=spec.name,
            timeframe=due.timeframe,
            trained_through=through,
            reason=str(error),
        )
        return None


def _start(home: OpenHome, spec: ModelSpec, timeframe: str, before: ModelVersion | None) -> Start | None:
    """The weights at which an incremental update begins."""
    if before is None or spec.update == "full" or (before.model, before.timeframe) != (spec.name, timeframe):
        return None
    return start_of(spec, before, home.registry.load(before, spec.prototype()))


def _trained(home: OpenHome, spec: ModelSpec, due: Due, before: ModelVersion | None) -> ModelVersion:
    """Train one version, from where a killed training of it was, and register it with its curves."""
    start = _start(home, spec, due.timeframe, before)
    features = _features_through(home, spec, due)
    journals: list[HomeJournal] = []

    def journal(version: ModelVersion) -> HomeJournal:
        journals.append(home.journal(version))
        return journals[-1]

    begun = time.perf_counter()
    try:
        trained = train(spec, features, due, start=start, journals=journal)
    except CheckpointError:
        if not (journals and journals[-1].resumed):
            raise
        journals[-1].discard()  # of code that has changed without saying so
        trained = train(spec, features, due, start=start, journals=journal)
    curves = journals[-1].curves if journals else ()
    metrics = {**trained.metrics, "training_seconds": time.perf_counter() - begun}
    if curves:
        metrics["training_epochs"] = float(len(curves))
    home.registry.log(trained.version, trained.forecaster, metrics, curves)
    if journals:
        journals[-1].done()
    return trained.version


def _last_features(home: OpenHome) -> pd.Timestamp | None:
    tables = home.store.tables().set_index("table")
    return tables.loc["features", "last_session"] if "features" in tables.index else None


def _features_through(home: OpenHome, spec: ModelSpec, due: Due) -> History:
    """Only what training may see: the window that ends with the session trained through."""
    if due.trained_through is None:
        return History.from_frame("features", frames.empty("features"))
    first = calendar.shift(due.trained_through, -training_span(spec, due.timeframe))
    rows = home.store.read("features", first, due.trained_through, timeframe=due.timeframe)
    return History.from_frame("features", rows)

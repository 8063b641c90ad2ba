"""Training: the model versions that the calendar asks for."""

from collections.abc import Iterable

import dagster as dg
import pandas as pd

from assets.face import RESEARCH
from assets.failures import translated
from models.forecasters.catalogue import ModelSpec, train
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.errors import MissingBarsError
from trading.history import History
from trading.interfaces import ModelRegistry, ModelVersion
from trading.plan import Plan
from trading.stages.training import MADE_OF, Due, due_versions, made_of, require_same_making


def training_asset(plan: Plan, specs: Iterable[ModelSpec]) -> dg.AssetsDefinition:
    """`model_versions`: unpartitioned, because versions follow the calendar's quarters and not its sessions."""
    chosen = tuple(specs)

    @dg.asset(
        deps=["features"],
        group_name="training",
        owners=[RESEARCH],
        kinds={"python", "mlflow", "pytorch"},
        backfill_policy=dg.BackfillPolicy.single_run(),  # `dagster asset materialize` wants it of every asset
        description="Each model gets a version at each quarter's end, trained on what was known by then: a challenger "
        "for one quarter, champion in the next. Versions that exist are never trained again, unless everything is "
        "made again from the inception and code, settings or weights have changed since.",
    )
    def model_versions(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = train_due(
                plan, home, chosen, renew=makes_everything(context.run, plan, home.home.inception)
            )
            if made:
                home.tell_moved(home.registry.mirror())
        listed = {
            version.model: f"{version.version} trained through {version.trained_through}" for version in made
        }
        return dg.MaterializeResult(
            metadata={"trained": len(made), "versions": dg.MetadataValue.json(listed)}
        )

    return model_versions


def makes_everything(run: dg.DagsterRun, plan: Plan, inception: pd.Timestamp | None) -> bool:
    """Whether a run makes every table from the inception on, so that no row of older versions stays."""
    begin = run.tags.get("dagster/asset_partition_range_start")
    selected = {
        key.to_user_string() for key in run.asset_selection or ()
    }  # empty: no selection, all of the job
    whole = not selected or set(plan.tables) <= selected
    return whole and begin is not None and inception is not None and pd.Timestamp(begin) <= inception


def train_due(
    plan: Plan, home: OpenHome, specs: Iterable[ModelSpec], *, renew: bool = False
) -> list[ModelVersion]:
    """Train and register every version that is not there, of those that the sessions made so far and the next need.

    Parameters
    ----------
    renew : train again what was made of other code, settings or weights

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
    made: list[ModelVersion] = []
    for spec in specs:
        first = plan.first_session(f"forecast_{spec.name}", inception)
        # The version that a quarter's last session is learned into speaks from the session after it.
        dues = due_versions(spec.cadence, first, calendar.shift(last, 1))
        for due in _absent(home.registry, spec, dues, renew=renew):
            trained = train(spec, _features_through(home, spec, due.trained_through), due)
            home.registry.log(trained.version, trained.forecaster, trained.metrics)
            made.append(trained.version)
    return made


def _absent(registry: ModelRegistry, spec: ModelSpec, dues: Iterable[Due], *, renew: bool) -> list[Due]:
    """Which of `dues` are to be trained: those without a version made of what the model is made of now."""
    newest = {version.trained_through: version for version in registry.versions(spec.name)}
    wanted = made_of(spec)
    absent = []
    for due in dues:
        version = newest.get(due.trained_through)
        if version is not None and not renew:
            require_same_making(version, wanted)
        if version is None or version.facts.get(MADE_OF) != wanted:
            absent.append(due)
    return absent


def _last_features(home: OpenHome) -> pd.Timestamp | None:
    tables = home.store.tables().set_index("table")
    return tables.loc["features", "last_session"] if "features" in tables.index else None


def _features_through(home: OpenHome, spec: ModelSpec, through: pd.Timestamp | None) -> History:
    """Only what training may see: the window that ends at `through`."""
    if through is None:
        return History.from_frame("features", frames.empty("features"))
    first = calendar.shift(through, -spec.training_sessions)
    return History.from_frame("features", home.store.read("features", first, through))

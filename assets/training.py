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
from trading.interfaces import ModelVersion
from trading.plan import Plan
from trading.stages.training import due_versions


def training_asset(plan: Plan, specs: Iterable[ModelSpec]) -> dg.AssetsDefinition:
    """`model_versions`: unpartitioned, because versions follow the calendar's quarters and not its sessions."""
    chosen = tuple(specs)

    @dg.asset(
        deps=["features"],
        group_name="training",
        owners=[RESEARCH],
        kinds={"python", "mlflow", "pytorch"},
        description="Each model gets a version at each quarter's end, trained on what was known by then: a challenger "
        "for one quarter, champion in the next. Versions that exist are never trained again.",
    )
    def model_versions(home: dg.ResourceParam[OpenHome]) -> dg.MaterializeResult[None]:
        with translated():
            made = train_due(plan, home, chosen)
            if made:
                home.tell_moved(home.registry.mirror())
        listed = {
            version.model: f"{version.version} trained through {version.trained_through}" for version in made
        }
        return dg.MaterializeResult(
            metadata={"trained": len(made), "versions": dg.MetadataValue.json(listed)}
        )

    return model_versions


def train_due(plan: Plan, home: OpenHome, specs: Iterable[ModelSpec]) -> list[ModelVersion]:
    """Train and register every version that the sessions made so far need and that is not there.

    Raises
    ------
    MissingBarsError
        If there are no features to train on yet.
    """
    inception = home.home.inception
    last = _last_features(home)
    if inception is None or last is None:
        raise MissingBarsError("there are no features to train on; make some sessions first (fabline run)")
    made: list[ModelVersion] = []
    for spec in specs:
        first = plan.first_session(f"forecast_{spec.name}", inception)
        known = {version.trained_through for version in home.registry.versions(spec.name)}
        for due in due_versions(spec.cadence, first, last):
            if due.trained_through not in known:
                trained = train(spec, _features_through(home, spec, due.trained_through), due)
                home.registry.log(trained.version, trained.forecaster, trained.metrics)
                made.append(trained.version)
    return made


def _last_features(home: OpenHome) -> pd.Timestamp | None:
    tables = home.store.tables().set_index("table")
    return tables.loc["features", "last_session"] if "features" in tables.index else None


def _features_through(home: OpenHome, spec: ModelSpec, through: pd.Timestamp | None) -> History:
    """Only what training may see: the window that ends at `through`."""
    if through is None:
        return History.from_frame("features", frames.empty("features"))
    first = calendar.shift(through, -spec.training_sessions)
    return History.from_frame("features", home.store.read("features", first, through))

"""A Dagster run from the command line: in this process, into the home's own instance, and its outcome as our errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import dagster as dg
import pandas as pd

from assets.training import ASSET
from pipelines import environment
from pipelines.causes import cause_of, storage_of, told_by
from pipelines.definitions import definitions_of
from pipelines.jobs import LINE, TRAIN
from pipelines.partitions import range_tags
from pipelines.run_logs import RUN_CONFIG
from pipelines.wiring import Workshop
from trading.errors import UsageError
from trading.line import Progress


def instance_of(workshop: Workshop) -> dg.DagsterInstance:
    """The Dagster instance of the home, the one that its UI shows."""
    return environment.dagster_of(workshop.home)


def run_range(
    workshop: Workshop,
    first: pd.Timestamp,
    last: pd.Timestamp,
    *,
    progress: Progress,
    select: str | None = None,
    instance: dg.DagsterInstance | None = None,
) -> str:
    """Materialise the line, or a selection of it, over a range in one run; returns the run's id.

    Raises
    ------
    UsageError
        If the selection names no asset.
    FablineError
        What made the run fail, of the class that the failing stage raised.
    """
    definitions = definitions_of(workshop, progress=progress, wait=False)
    keys = None if select is None else selected(definitions, select)
    job = definitions.resolve_job_def(LINE)
    tags = range_tags(first, last)
    return _executed(workshop, job, RUN_CONFIG, instance, tags=tags, asset_selection=keys).run_id


def run_training(
    workshop: Workshop,
    models: Sequence[str],
    through: pd.Timestamp | None,
    *,
    progress: Progress,
    instance: dg.DagsterInstance | None = None,
) -> list[tuple[str, str]]:
    """Train what is due in one run; the (model, version) of each version that was trained, in that order.

    Parameters
    ----------
    models : their names; none means all of the home
    through : last session that is learned from; None means as far as there are features

    Raises
    ------
    FablineError
        What made the run fail, of the class that the training raised.
    """
    job = definitions_of(workshop, progress=progress, wait=False).resolve_job_def(TRAIN)
    asked = {"models": list(models), "through": "" if through is None else f"{through:%Y-%m-%d}"}
    config = {**RUN_CONFIG, "ops": {ASSET: {"config": asked}}}
    result = _executed(workshop, job, config, instance)
    (made,) = result.asset_materializations_for_node(ASSET)
    return [(one["model"], one["version"]) for one in cast("Any", made.metadata["versions"].value)]


def _executed(
    workshop: Workshop,
    job: dg.JobDefinition,
    config: Mapping[str, Any],
    instance: dg.DagsterInstance | None,
    **wanted: Any,
) -> dg.ExecuteInProcessResult:
    """One run in this process, its failure raised as the error that made it fail."""
    with storage_of(workshop.home), instance or instance_of(workshop) as opened:
        result = job.execute_in_process(instance=opened, run_config=config, raise_on_error=False, **wanted)
    if not result.success:
        raise told_by(workshop.home, cause_of(result.all_events))
    return result


def selected(definitions: dg.Definitions, select: str) -> list[dg.AssetKey]:
    """Asset keys of a selection in Dagster's own syntax (`features+`, `group:market`, ...), stages whole."""
    graph = definitions.resolve_asset_graph()
    try:
        wanted = dg.AssetSelection.from_string(select)
        keys = wanted.required_multi_asset_neighbors().resolve(graph)
    except dg.DagsterInvalidSubsetError:  # it names an asset that is not there
        keys = set()
    except (dg.DagsterError, ValueError) as error:
        raise UsageError(
            f"--select {select!r} is no asset selection: {' '.join(str(error).split())}"
        ) from None
    if not keys:
        names = ", ".join(sorted(key.to_user_string() for key in graph.get_all_asset_keys()))
        raise UsageError(f"--select {select!r} matches no asset; the assets are {names}")
    return sorted(keys)

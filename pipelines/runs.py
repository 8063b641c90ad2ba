"""A Dagster run from the command line: in this process, into the home's own instance, and its outcome as our errors."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from pipelines import environment
from pipelines.causes import cause_of, storage_of, told_by
from pipelines.definitions import definitions_of
from pipelines.jobs import LINE
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
    job = definitions.resolve_job_def(LINE)
    keys = None if select is None else selected(definitions, select)
    with storage_of(workshop.home), instance or instance_of(workshop) as opened:
        result = job.execute_in_process(
            instance=opened,
            tags=range_tags(first, last),
            asset_selection=keys,
            run_config=RUN_CONFIG,
            raise_on_error=False,
        )
    if not result.success:
        raise told_by(workshop.home, cause_of(result.all_events))
    return result.run_id


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

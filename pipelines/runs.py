"""A Dagster run from the command line: in this process, into the home's own instance, and its outcome as our errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd

import trading.errors
from pipelines import environment
from pipelines.definitions import definitions_of
from pipelines.jobs import LINE
from pipelines.partitions import range_tags
from pipelines.run_logs import RUN_CONFIG
from pipelines.wiring import Workshop
from trading.errors import DataError, FablineError, UsageError
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
    with instance or instance_of(workshop) as opened:
        result = job.execute_in_process(
            instance=opened,
            tags=range_tags(first, last),
            asset_selection=keys,
            run_config=RUN_CONFIG,
            raise_on_error=False,
        )
    if not result.success:
        raise cause_of(result.all_events)
    return result.run_id


def selected(definitions: dg.Definitions, select: str) -> list[dg.AssetKey]:
    """Asset keys of a selection in Dagster's own syntax (`features+`, `group:market`, ...), stages whole."""
    graph = definitions.resolve_asset_graph()
    try:
        keys = dg.AssetSelection.from_string(select).required_multi_asset_neighbors().resolve(graph)
    except (dg.DagsterError, ValueError) as error:
        raise UsageError(
            f"--select {select!r} is no asset selection: {' '.join(str(error).split())}"
        ) from None
    if not keys:
        names = ", ".join(sorted(key.to_user_string() for key in graph.get_all_asset_keys()))
        raise UsageError(f"--select {select!r} matches no asset; the assets are {names}")
    return sorted(keys)


def cause_of(events: Sequence[dg.DagsterEvent]) -> FablineError:
    """The first failure of a run, as the error that the stage raised."""
    for event in events:
        if event.is_step_failure:
            return _of_step(event.step_failure_data)
        if event.event_type_value == "RESOURCE_INIT_FAILURE":
            return _of_trace(event.engine_event_data.error)
    failed = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type_value == "ASSET_CHECK_EVALUATION" and not event.asset_check_evaluation_data.passed
    ]
    if failed:
        names = ", ".join(f"{check.check_name} on {check.asset_key.to_user_string()}" for check in failed)
        return DataError(
            f"the run stopped because a check failed: {names}; the Dagster UI shows what it found"
        )
    return FablineError("the run failed; its log in the Dagster UI says why")


def _of_step(data: Any) -> FablineError:
    user = data.user_failure_data
    if user is None or "error" not in user.metadata:
        return _of_trace(data.error)
    return _named(str(user.metadata["error"].value), user.description)


def _of_trace(trace: Any) -> FablineError:
    """The innermost cause of a serialised trace; its message begins with the name of its class."""
    while trace is not None and trace.cause is not None:
        trace = trace.cause
    if trace is None:
        return FablineError("the run failed without saying why; its log in the Dagster UI may")
    name, _, message = " ".join(trace.message.split()).partition(": ")
    return _named(name.rpartition(".")[2], message or name)


def _named(name: str, message: str) -> FablineError:
    kind = getattr(trading.errors, name, None)
    return FablineError(f"{name}: {message}") if kind is None else kind(message)

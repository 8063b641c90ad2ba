"""Why a run failed, from its events: as the error that the failing stage raised."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

import trading.errors
from resources.home import Home
from trading.errors import DataError, FablineError, HomeError, SourceUnavailableError

SCARCE_BYTES = 32_000_000
TELLING = (
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RESOURCE_INIT_FAILURE,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
)


@contextmanager
def storage_of(home: Home) -> Iterator[None]:
    """Say in our words that the storage in which Dagster keeps the home's runs fails.

    Raises
    ------
    HomeError, SourceUnavailableError
        If it is damaged, or cannot be reached or written.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        text = " ".join(str(error.orig).split())
        if "not a database" in text or "malformed" in text:
            raise HomeError(
                f"Dagster's storage of the home {home.path} is damaged ({text}); move the folder {home.dagster} "
                f"away: the history of runs goes with it, the tables stay"
            ) from error
        raise SourceUnavailableError(
            f"Dagster's storage of the home {home.path} fails: {text}; free disk space, or see that its database answers"
        ) from error


def told_by(home: Home, cause: FablineError) -> FablineError:
    """`cause`, or a full disk where nothing was recorded: then not even the reason could be written."""
    free = shutil.disk_usage(home.path).free
    if type(cause) is not FablineError or free > SCARCE_BYTES:
        return cause
    return HomeError(
        f"the run failed and could not write why: {free / 1e6:.1f} MB are left on the disk of {home.path}; free disk "
        f"space, then run the same command again"
    )


def cause_in(instance: dg.DagsterInstance, run_id: str) -> FablineError:
    """The cause of a failed run that `instance` has recorded."""
    logged = instance.all_logs(run_id, of_type=set(TELLING))
    return cause_of([entry.get_dagster_event() for entry in logged])


def cause_of(events: Sequence[dg.DagsterEvent]) -> FablineError:
    """The first failure of a run, as the error that the stage raised, or what a check found."""
    for event in events:
        if event.is_step_failure and not _by_check(event.step_failure_data):
            return of_step(event.step_failure_data)
        if event.event_type_value == "RESOURCE_INIT_FAILURE":
            return _of_trace(event.engine_event_data.error)
    evaluated = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    failed = [check for check in evaluated if not check.passed]
    stopping = [check for check in failed if check.blocking] or failed
    if stopping:
        found = ", ".join(
            f"{check.check_name} on {check.asset_key.to_user_string()} ({check.description})"
            for check in stopping
        )
        return DataError(f"the run stopped because a check failed: {found}; see `fabline show quarantine`")
    return FablineError("the run failed; its log in the Dagster UI says why")


def _by_check(data: Any) -> bool:
    """Whether Dagster itself stopped the run because a blocking check had failed."""
    return data.error is not None and data.error.cls_name == "DagsterAssetCheckFailedError"


def of_step(data: Any) -> FablineError:
    """Why a step failed, from what Dagster keeps of it."""
    user = data.user_failure_data
    if user is None or "error" not in user.metadata:
        return _of_trace(data.error)
    return _named(str(user.metadata["error"].value), user.description)


def _of_trace(trace: Any) -> FablineError:
    """The error of ours in a serialised trace, or its innermost cause; a message begins with the name of its class."""
    chain = []
    while trace is not None:
        chain.append(trace)
        trace = trace.cause
    if not chain:
        return FablineError("the run failed without saying why; its log in the Dagster UI may")
    told = [_named(*_named_message(link.message)) for link in chain]
    return next((error for error in told if type(error) is not FablineError), told[-1])


def _named_message(text: str) -> tuple[str, str]:
    name, _, message = " ".join(text.split()).partition(": ")
    return name.rpartition(".")[2], message or name


def _named(name: str, message: str) -> FablineError:
    kind = getattr(trading.errors, name, None)
    return FablineError(f"{name}: {message}") if kind is None else kind(message)

"""The book of trials in MLflow: one run a variant in the experiment `trials`, for people; the book is the truth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from resources.registry import MlflowRegistry
from trading.evaluation.trials import TABLE
from trading.interfaces import Store
from trading.portfolio.covariance import SESSIONS_PER_YEAR

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT, VARIANT = "trials", "fabline.variant"
BEHIND = "trials_behind"
MOST_RUNS = 10_000
PARAMETERS = ("label", "command", "settings", "code", "cut")


def mirror_trials(registry: MlflowRegistry, store: Store, *, new: bool) -> bool:
    """Make a run of every variant that MLflow was never shown, if one is `new` or an earlier mirror failed.

    A run that somebody deleted there stays deleted: the book keeps the trial all the same.

    Returns
    -------
    False if MLflow could not be written, which stops nothing: the next new trial, or `fabline evaluate`, tries again.
    """
    behind = registry.root / BEHIND
    if not new and not behind.exists():
        return True
    try:
        registry.root.mkdir(parents=True, exist_ok=True)
        behind.touch()  # before anything is shown, so that no kill can come between
        with registry.connected() as client:
            _complete(client, store.read(TABLE), registry.tags)
        behind.unlink(missing_ok=True)
    except Exception:  # noqa: BLE001 - of MLflow, its database or its files: none may stop the line
        return False
    return True


def _complete(client: MlflowClient, rows: pd.DataFrame, tags: dict[str, str]) -> None:
    experiment = _experiment(client)
    shown = client.search_runs([experiment], run_view_type=_all_runs(), max_results=MOST_RUNS)
    known = {run.data.tags.get(VARIANT) for run in shown if run.info.status == "FINISHED"}
    for variant, looks in rows.groupby("variant", sort=False):
        if variant not in known:
            _show(client, experiment, looks.sort_values("known_at"), tags)


def _show(client: MlflowClient, experiment: str, looks: pd.DataFrame, tags: dict[str, str]) -> None:
    """The run of one variant: its settings as parameters, its ratio and sessions as metrics, a step a look."""
    first = looks.iloc[0]
    named = {VARIANT: str(first["variant"]), **tags}
    run = client.create_run(
        experiment, tags=named, run_name=f"{first['command']} {first['label']}"
    ).info.run_id
    for name in PARAMETERS:
        client.log_param(run, name, first[name])
    for step, look in enumerate(looks.itertuples(), start=1):
        client.log_metric(run, "sessions", float(look.n), step=step)
        if math.isfinite(look.sharpe):
            client.log_metric(run, "annual_sharpe", look.sharpe * math.sqrt(SESSIONS_PER_YEAR), step=step)
    client.set_terminated(run)


def _experiment(client: MlflowClient) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    return str(client.create_experiment(EXPERIMENT) if found is None else found.experiment_id)


def _all_runs() -> int:
    from mlflow.entities import ViewType

    return int(ViewType.ALL)

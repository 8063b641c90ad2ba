"""Trials in MLflow: one run a variant, and nothing that is done there makes the book forget."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from resources.registry import MlflowRegistry
from resources.store import HomeStore, store_at
from resources.trial_mirror import BEHIND, EXPERIMENT, VARIANT, mirror_trials
from resources.trials import record_trial, trials_of
from trading import calendar
from trading.digest import generator

DAYS = calendar.sessions_between(calendar.session_of("2023-01-03"), calendar.session_of("2023-06-30"))
RETURNS = pd.Series(generator("returns").normal(0, 0.01, len(DAYS)), index=DAYS)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of MLflow: setting one up takes seconds."""
    folder = tmp_path_factory.mktemp("template")
    with MlflowRegistry(folder, folder / "mlflow").connected() as client:
        client.search_experiments()
    return folder / "mlflow" / "mlflow.db"


@pytest.fixture
def registry(tmp_path: Path, template: Path) -> MlflowRegistry:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "folder.txt").write_text(str(tmp_path / "mlflow"), encoding="utf-8")
    shutil.copy(template, tmp_path / "mlflow" / "mlflow.db")
    return MlflowRegistry(tmp_path / "models", tmp_path / "mlflow", simulated=True)


@pytest.fixture
def store(tmp_path: Path) -> HomeStore:
    return store_at(tmp_path / "tables", tmp_path / "fabline.db")


def look(store: HomeStore, settings: str) -> bool:
    return record_trial(store, RETURNS, command="run", label="swing", settings=settings)


def runs(registry: MlflowRegistry) -> dict[str, dict[str, str]]:
    """Tags of each run that people see, by variant."""
    with registry.connected() as client:
        found = client.get_experiment_by_name(EXPERIMENT)
        shown = client.search_runs([found.experiment_id]) if found else []
        return {run.data.tags[VARIANT]: {**run.data.tags, "run_id": run.info.run_id} for run in shown}


def test_a_variant_is_one_run_that_says_what_it_is_and_of_which_market(
    registry: MlflowRegistry, store: HomeStore
) -> None:
    assert mirror_trials(registry, store, new=look(store, "a"))
    assert mirror_trials(registry, store, new=True)

    (shown,) = runs(registry).values()
    with registry.connected() as client:
        run = client.get_run(shown["run_id"])
    assert run.data.params["settings"] == "a"
    assert run.data.metrics["sessions"] == len(DAYS)
    assert shown["market"] == "SIMULATED"


def test_deleting_the_run_makes_nobody_forget_the_trial(registry: MlflowRegistry, store: HomeStore) -> None:
    mirror_trials(registry, store, new=look(store, "a"))
    (shown,) = runs(registry).values()
    with registry.connected() as client:
        client.delete_run(shown["run_id"])

    mirror_trials(registry, store, new=look(store, "b"))

    assert trials_of(store).count == 2
    assert len(runs(registry)) == 1  # deleted there is deleted there


def test_what_mlflow_missed_it_is_shown_the_next_time(
    registry: MlflowRegistry, store: HomeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise OSError

    new = look(store, "a")
    with monkeypatch.context() as patch:
        patch.setattr(registry, "connected", gone)
        assert not mirror_trials(registry, store, new=new)
    assert (registry.root / BEHIND).exists()

    assert mirror_trials(registry, store, new=look(store, "a"))

    assert len(runs(registry)) == 1
    assert not (registry.root / BEHIND).exists()


def test_an_evening_without_a_new_trial_leaves_mlflow_alone(
    registry: MlflowRegistry, store: HomeStore
) -> None:
    mirror_trials(registry, store, new=look(store, "a"))
    stamp = (registry.root.parent / "mlflow" / "mlflow.db").stat().st_mtime_ns

    mirror_trials(registry, store, new=look(store, "a"))

    assert (registry.root.parent / "mlflow" / "mlflow.db").stat().st_mtime_ns == stamp

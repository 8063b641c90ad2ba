"""The mirror in MLflow: what people see there, how it is completed, and aliases moved by hand."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.forecasters.ar1 import PooledAR1
from resources import registry as registry_module
from resources.registry import MlflowRegistry, MovedAlias, _example
from resources.version_folder import CHAMPION, FACTS, WEIGHTS
from trading.errors import CheckpointError, UsageError
from trading.interfaces import ModelVersion

LIVE = [pd.Timestamp(day) for day in ("2023-04-03", "2023-07-03", "2023-10-02")]
IMPORTED = """
import sys
from resources.registry import MlflowRegistry
from models.forecasters.ar1 import PooledAR1
registry = MlflowRegistry(sys.argv[1], sys.argv[2])
for version in registry.versions("ar1"):
    registry.load(version, PooledAR1())
    registry.promote("ar1", version.version)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"mlflow", "torch", "dagster"}))
"""


def version(number: int) -> ModelVersion:
    facts = {"code_version": "1"}
    return ModelVersion(
        "ar1", f"digest{number}", LIVE[number], LIVE[number], LIVE[number], None, LIVE[number], facts
    )


def fitted() -> PooledAR1:
    return PooledAR1(decay=0.9, coefficients_=np.array([0.001, 0.1]))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of MLflow: setting one up takes seconds."""
    folder = tmp_path_factory.mktemp("template")
    with MlflowRegistry(folder, folder / "mlflow")._client() as client:
        client.search_registered_models()
    return folder / "mlflow" / "mlflow.db"


@pytest.fixture
def registry(tmp_path: Path, template: Path) -> Iterator[MlflowRegistry]:
    made = MlflowRegistry(tmp_path / "models", tmp_path / "mlflow")
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "folder.txt").write_text(str(tmp_path / "mlflow"))
    shutil.copy(template, tmp_path / "mlflow" / "mlflow.db")
    made.log(version(0), fitted(), {"pinball": 0.25})
    made.log(version(1), fitted(), {"pinball": 0.5})
    yield made
    forget_engines()


def forget_engines() -> None:
    """MLflow keeps an engine for every database that it ever opened."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for engine in getattr(SqlAlchemyStore, "_engine_map", {}).values():
        engine.dispose()


def shown(registry: MlflowRegistry) -> dict[str, object]:
    """What MLflow shows of ar1: digests by number, the alias, and how many runs."""
    with registry._client() as client:
        found = client.search_model_versions("name = 'ar1'")
        experiment = client.get_experiment_by_name("training")
        return {
            "versions": {int(v.version): v.tags["fabline.version"] for v in found},
            "champion": client.get_registered_model("ar1").aliases.get("champion"),
            "runs": len(client.search_runs([experiment.experiment_id])),
        }


def move_alias_by_hand(registry: MlflowRegistry, number: str) -> None:
    with registry._client() as client:
        client.set_registered_model_alias("ar1", "champion", number)


def test_each_training_is_a_run_with_parameters_metrics_and_data_range(registry: MlflowRegistry) -> None:
    registry.mirror()
    with registry._client() as client:
        experiment = client.get_experiment_by_name("training").experiment_id
        run = client.search_runs([experiment], "tags.`fabline.version` = 'digest0'")[0]
    assert run.data.params["decay"] == "0.9"
    assert run.data.params["trained_through"] == "2023-04-03"
    assert run.data.metrics == {"pinball": 0.25}
    assert run.data.tags["fabline.code_version"] == "1"
    assert "market" not in run.data.tags
    assert (run.info.run_name, run.info.status) == ("ar1 2023-04-03", "FINISHED")


@pytest.mark.usefixtures("registry")
def test_over_a_simulated_market_each_run_and_version_says_so(tmp_path: Path) -> None:
    simulated = MlflowRegistry(tmp_path / "models", tmp_path / "mlflow", simulated=True)
    simulated.mirror()
    with simulated._client() as client:
        experiment = client.get_experiment_by_name("training").experiment_id
        runs = client.search_runs([experiment], "tags.market = 'SIMULATED'")
        versions = client.search_model_versions("name = 'ar1'")
    assert len(runs) == 2
    assert [found.tags["market"] for found in versions] == ["SIMULATED"] * 2


def test_mirroring_again_changes_nothing(registry: MlflowRegistry) -> None:
    registry.promote("ar1", "digest0")
    registry.mirror()
    before = shown(registry)
    assert registry.mirror() == ()
    assert shown(registry) == before
    assert before["versions"] == {1: "digest0", 2: "digest1"}
    assert before["champion"] == 1


def test_a_mirror_that_was_killed_half_way_is_completed(
    registry: MlflowRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry_module, "_log_model", killed)
    with pytest.raises(KeyboardInterrupt):
        registry.mirror()
    monkeypatch.undo()
    registry.mirror()
    assert (shown(registry)["versions"], shown(registry)["runs"]) == ({1: "digest0", 2: "digest1"}, 2)


def test_the_registered_model_forecasts_like_the_one_that_was_logged(registry: MlflowRegistry) -> None:
    import mlflow

    from resources.registered_model import window_of

    registry.promote("ar1", "digest1")
    registry.mirror()
    with registry._client():
        served = mlflow.pyfunc.load_model("models:/ar1@champion").predict(_example())
    expected = fitted().predict(window_of(_example())).quantiles.reshape(-1, 7)
    np.testing.assert_array_equal(served.filter(regex=r"^q\d").to_numpy(), expected)
    assert served["symbol"].tolist() == ["NVDA"] * 3 + ["AMD"] * 3


def test_nothing_is_pickled(registry: MlflowRegistry, tmp_path: Path) -> None:
    registry.mirror()
    files = [path for path in (tmp_path / "mlflow" / "artifacts").rglob("*") if path.is_file()]
    kept = {path.suffix for path in files if "__pycache__" not in path.parts}
    assert kept <= {"", ".json", ".yaml", ".txt", ".py", ".safetensors"}


def test_the_champions_table_moves_mlflows_alias(registry: MlflowRegistry) -> None:
    rows = [("2024-01-02", "digest1", "champion"), ("2024-01-03", "digest0", "champion")]
    rows.append(("2024-01-03", "digest1", "challenger"))
    champions = pd.DataFrame(rows, columns=["session", "version", "role"]).assign(model="ar1")
    registry.follow(champions)
    assert registry.is_behind
    assert registry.mirror() == ()
    assert not registry.is_behind
    assert (registry.champion("ar1"), shown(registry)["champion"]) == ("digest0", 1)


def test_an_alias_moved_by_hand_is_reported_and_left_until_the_line_follows(registry: MlflowRegistry) -> None:
    registry.promote("ar1", "digest0")
    registry.mirror()
    move_alias_by_hand(registry, "2")
    assert registry.mirror() == (MovedAlias("ar1", "digest1"),)
    assert shown(registry)["champion"] == 2
    registry.promote("ar1", "digest1")
    assert registry.mirror() == ()
    registry.promote("ar1", "digest0")
    assert registry.mirror() == ()
    assert shown(registry)["champion"] == 1


def test_the_mirror_of_a_copied_home_begins_anew(registry: MlflowRegistry, tmp_path: Path) -> None:
    registry.mirror()
    before = registry.logged("ar1")[0].mirrored
    shutil.copytree(tmp_path / "mlflow", tmp_path / "copy")
    copied = MlflowRegistry(tmp_path / "models", tmp_path / "copy")
    copied.mirror()
    with copied._client() as client:
        source = client.get_experiment_by_name("training").artifact_location
    assert source == (tmp_path / "copy" / "artifacts").as_uri()
    assert shown(copied)["versions"] == {1: "digest0", 2: "digest1"}
    assert copied.logged("ar1")[0].mirrored["run_id"] != before["run_id"]


def test_sessions_use_versions_and_weights_without_loading_mlflow(
    registry: MlflowRegistry, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-c", IMPORTED, tmp_path / "models", tmp_path / "mlflow"]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert registry.champion("ar1") == "digest1"
    assert ran.stdout == "[]\n"


def test_a_registry_without_versions_leaves_mlflow_alone(tmp_path: Path) -> None:
    assert MlflowRegistry(tmp_path / "none", tmp_path / "mlflow").mirror() == ()
    assert not (tmp_path / "mlflow").exists()


def test_weights_that_were_deleted_are_named(registry: MlflowRegistry, tmp_path: Path) -> None:
    (tmp_path / "models" / "ar1" / "digest0" / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=r"ar1 version digest0: .* is missing; delete the folder"):
        registry.load(version(0), PooledAR1())


def test_a_damaged_version_is_named(registry: MlflowRegistry, tmp_path: Path) -> None:
    (tmp_path / "models" / "ar1" / "digest0" / FACTS).write_text("{}")
    with pytest.raises(UsageError, match=r"version.json is not a model version"):
        registry.versions("ar1")


def test_a_logging_that_was_killed_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = MlflowRegistry(tmp_path / "models", tmp_path / "mlflow")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        registry.log(version(0), fitted(), {})
    monkeypatch.undo()
    assert registry.versions("ar1") == ()
    registry.log(version(0), fitted(), {})
    assert registry.versions("ar1") == (version(0),)
    assert [path.name for path in (tmp_path / "models" / "ar1").iterdir()] == ["digest0"]


def test_promoting_the_champion_again_writes_nothing(registry: MlflowRegistry, tmp_path: Path) -> None:
    registry.promote("ar1", "digest0")
    path = tmp_path / "models" / "ar1" / CHAMPION
    before = path.stat().st_mtime_ns
    registry.promote("ar1", "digest0")
    assert path.stat().st_mtime_ns == before


def test_a_description_that_names_a_class_of_elsewhere_is_refused() -> None:
    from resources.registered_model import built

    with pytest.raises(CheckpointError, match="is no model of Fabline"):
        built({"class": "subprocess:Popen", "settings": {"args": "true"}})


def test_a_symbol_whose_last_return_is_unknown_is_masked_in_the_served_window() -> None:
    from resources.registered_model import window_of

    rows = _example()
    rows.loc[rows.index[-1], "log_return"] = float("nan")
    window = window_of(rows.sample(frac=1, random_state=1))
    assert window.symbols == ("NVDA", "AMD")
    assert window.mask.tolist() == [False, True]
    np.testing.assert_array_equal(window.channel("log_return")[:, 1], rows["log_return"].to_numpy()[::2])


CURVES = ({"validation_loss": 0.5, "training_loss": 0.75}, {"validation_loss": 0.25, "training_loss": 0.5})


def learned() -> ModelVersion:
    """A version that sees a context symbol and was updated from another one."""
    facts = {"channels": "log_return,rsi_14", "beside": "SPY", "trained_from": "2022-01-03"}
    facts |= {"data_version": "d474", "started_from": "digest1"}
    return replace(version(2), facts=facts)


@pytest.mark.usefixtures("registry")
def test_a_run_shows_the_curves_of_its_training_and_the_version_of_its_data(tmp_path: Path) -> None:
    simulated = MlflowRegistry(tmp_path / "models", tmp_path / "mlflow", simulated=True)
    simulated.log(learned(), fitted(), {"training_seconds": 1.5}, CURVES)
    simulated.mirror()
    (logged,) = [one for one in simulated.logged("ar1") if one.version == learned()]

    with simulated._client() as client:
        run = client.get_run(logged.mirrored["run_id"])
        history = client.get_metric_history(run.info.run_id, "epoch/validation_loss")
        shown = client.get_model_version("ar1", logged.mirrored["number"])

    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]
    assert logged.curves == CURVES
    (data,) = [given.dataset for given in run.inputs.dataset_inputs]
    assert (data.name, data.digest) == ("features", "d474")
    assert run.data.params["data_version"] == shown.tags["data_version"] == "d474"
    assert "trained on 2022-01-03 to 2023-10-02" in shown.description
    assert "started_from `digest1`" in shown.description
    assert shown.description.endswith("CONTAMINATED up to 2023-10-02; SIMULATED")


def test_a_version_is_served_with_its_own_channels_and_what_stands_beside(registry: MlflowRegistry) -> None:
    import mlflow

    registry.log(learned(), fitted(), {})
    registry.promote("ar1", "digest2")
    registry.mirror()
    rows = _example(("log_return", "rsi_14"), ("SPY",))

    with registry._client():
        loaded = mlflow.pyfunc.load_model("models:/ar1@champion")
        served = loaded.predict(rows)

    assert loaded.metadata.signature.inputs.input_names() == ["session", "symbol", "log_return", "rsi_14"]
    assert set(served["symbol"]) == {"AMD", "NVDA"}


def test_a_served_window_has_the_names_in_the_universe_s_order_and_the_rest_beside_them() -> None:
    from resources.registered_model import window_of

    rows = _example(("log_return",), ("SPY", "VIX"))

    window = window_of(rows, ("SPY", "VIX"))

    assert window.symbols == ("NVDA", "AMD")
    assert window.beside("VIX", "log_return").tolist() == rows["log_return"][rows["symbol"] == "VIX"].tolist()
    amd = rows["log_return"][rows["symbol"] == "AMD"]
    assert window.channel("log_return")[:, 1].tolist() == amd.tolist()

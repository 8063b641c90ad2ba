"""What a reviewer of models finds in MLflow after a run, held against the home's own tables."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.wiring import Workshop, specs_of
from tests.e2e.homes import LAST
from tests.e2e.mlflow_engines import forget_engines
from trading import calendar
from trading.frames import QUANTILES

KEYS = ["symbol", "horizon"]


@pytest.fixture(scope="module")
def client(made_in_one_run: Workshop) -> Iterator[Any]:
    """A client of the home's registry."""
    opened = made_in_one_run.open()
    with opened.registry._client() as client:
        yield client
    opened.store.close()
    forget_engines()


def rows(workshop: Workshop, table: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    opened = workshop.open()
    try:
        return opened.store.read(table, first, last)
    finally:
        opened.store.close()


def speaking(workshop: Workshop, model: str) -> str:
    """The version of `model` that the champions table lets speak in the newest session."""
    champions = rows(workshop, "champions", LAST, LAST)
    speaks = (champions["model"] == model) & (champions["role"] == "champion")
    (version,) = champions.loc[speaks, "version"]
    return version


def runs_of(client: Any) -> list[Any]:
    return client.search_runs([client.get_experiment_by_name("training").experiment_id])


def test_each_version_that_ever_forecast_is_a_finished_run(client: Any, made_in_one_run: Workshop) -> None:
    forecasts = rows(
        made_in_one_run, "forecast_ar1", made_in_one_run.plan.first_session("forecast_ar1", LAST), LAST
    )
    runs = {run.data.tags["fabline.version"]: run for run in runs_of(client)}
    assert set(forecasts["version"]) <= set(runs)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_a_training_shows_parameters_metrics_data_range_and_code_version(client: Any) -> None:
    trained = [run.data for run in runs_of(client) if "trained_through" in run.data.params]
    assert len(trained) >= 2
    for data in trained:
        assert data.params["forecaster"].startswith("models.forecasters.")
        assert data.params["trained_from"] < data.params["trained_through"] < data.params["live_from"]
        assert data.metrics
        assert data.tags["fabline.code_version"]


def test_a_registered_version_has_a_signature_and_an_input_example(client: Any) -> None:
    from mlflow.models import get_model_info

    for version in client.search_model_versions("name = 'ar1'"):
        info = get_model_info(version.source)
        assert info.signature.inputs.input_names() == ["session", "symbol", "log_return", "volatility_21"]
        assert info.signature.outputs.input_names() == [*KEYS, *QUANTILES]
        assert info.saved_input_example_info is not None


@pytest.mark.parametrize("model", ["random_walk", "ar1"])
def test_the_alias_champion_is_who_the_champions_table_lets_speak(
    model: str, client: Any, made_in_one_run: Workshop
) -> None:
    aliased = client.get_model_version_by_alias(model, "champion")
    assert aliased.tags["fabline.version"] == speaking(made_in_one_run, model)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("model", ["random_walk", "ar1"])
def test_the_champion_loaded_by_mlflow_forecasts_what_the_line_did(
    model: str, made_in_one_run: Workshop
) -> None:
    import mlflow

    (spec,) = [spec for spec in specs_of(made_in_one_run.settings) if spec.name == model]
    first = calendar.shift(LAST, 1 - spec.prototype().context_sessions)
    features = rows(made_in_one_run, "features", first, LAST)
    loaded = mlflow.pyfunc.load_model(f"models:/{model}@champion")
    served = loaded.predict(features[["session", "symbol", "log_return", "volatility_21"]])

    made = rows(made_in_one_run, f"forecast_{model}", LAST, LAST)
    made = made[made["version"] == speaking(made_in_one_run, model)]
    both = made.merge(served, on=KEYS, suffixes=("", "_served"))
    assert len(both) == len(made)
    # The served batch holds the benchmarks too, and a product over another batch rounds otherwise.
    np.testing.assert_allclose(
        both[[f"{name}_served" for name in QUANTILES]], both[list(QUANTILES)], rtol=1e-12, atol=1e-15
    )

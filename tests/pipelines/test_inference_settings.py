"""Where models run and what is kept of their forecasts: settings that reach the models, and those that change nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.settings import Settings, load, set_value
from pipelines.wiring import Workshop, device_of, specs_of
from resources.home import Home
from resources.registry import MlflowRegistry
from trading import calendar
from trading.errors import ModelError, UsageError
from trading.stages.training import due_versions, made_of, train_version
from trading.testing.feature_history import window_of
from trading.universe import SYMBOLS

DAY = calendar.session_of("2024-06-28")
WINDOW = window_of(np.random.default_rng(6).normal(0, 0.02, (512, len(SYMBOLS))))
MODELS = ("random_walk", "timesfm")


def forecasts(home: Path, *, cache: bool) -> dict[str, bytes]:
    """What the live versions of a home say, as its sessions ask them."""
    settings = Settings(models=MODELS).with_value("inference.cache", cache)
    opened = Workshop.of(Home.open_or_create(home), settings).open()
    registry = MlflowRegistry(home / "models", home / "mlflow")
    for spec in specs_of(settings):
        (due,) = due_versions(spec.cadence, DAY, DAY)
        trained = train_version(spec, due, None)
        registry.log(trained.version, trained.forecaster, {})
    book = opened.models()
    spoken = {model: by.predict(WINDOW) for model in MODELS for _, by in book.live(model, DAY)}
    opened.store.close()
    return {model: forecast.quantiles.tobytes() for model, forecast in spoken.items()}


def kept(home: Path) -> list[str]:
    return [path.parent.name for path in (home / "cache").rglob("*.forecast")]


def test_a_home_keeps_the_forecasts_of_slow_models_and_says_the_same_bytes_again_or_without(
    tmp_path: Path,
) -> None:
    first = forecasts(tmp_path / "home", cache=True)

    assert kept(tmp_path / "home") == ["timesfm"]
    assert forecasts(tmp_path / "home", cache=True) == first
    assert forecasts(tmp_path / "other", cache=False) == first
    assert kept(tmp_path / "other") == []


@pytest.mark.parametrize(("name", "value"), [("inference.cache", False), ("inference.cache_megabytes", 7)])
def test_what_is_kept_changes_no_number_and_so_no_digest(name: str, value: object) -> None:
    assert Settings().with_value(name, value).digest() == Settings().digest()


def test_the_device_changes_numbers_and_so_the_digest() -> None:
    assert Settings().with_value("inference.device", "auto").digest() != Settings().digest()


@pytest.mark.parametrize(("name", "text"), [("inference.device", "tpu"), ("inference.cache_megabytes", "0")])
def test_a_value_that_makes_no_sense_is_refused(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=name):
        set_value(tmp_path, name, text)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_cuda_auto_means_the_cpu_and_cuda_is_refused_with_the_remedy(tmp_path: Path) -> None:
    set_value(tmp_path, "inference.device", "auto")
    auto = specs_of(load(tmp_path).settings)

    assert [made_of(spec) for spec in auto] == [made_of(spec) for spec in specs_of(Settings())]
    with pytest.raises(ModelError, match=r"'cuda'.*inference.device cpu"):
        device_of("cuda")

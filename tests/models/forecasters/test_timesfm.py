"""TimesFM from folders: what it reads, what it refuses and how fast, and that it follows volatility."""

import json
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from models.forecasters.catalogue import UNKNOWN_DATA, model_specs
from models.forecasters.random_walk import RandomWalk
from models.forecasters.timesfm import TimesFM
from models.forecasters.timesfm_checkpoints import CHECKPOINTS
from trading.errors import CheckpointError
from trading.frames import LEVELS
from trading.testing.feature_history import window_of

SHIPPED = CHECKPOINTS / "timesfm_small"
RETURNS = np.random.default_rng(2).normal(0, 0.02, (512, 4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped checkpoint that a test may damage."""
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    return tmp_path


def test_a_folder_gives_what_the_shipped_name_gives(folder: Path) -> None:
    window = window_of(RETURNS)

    from_folder = TimesFM(checkpoint=str(folder)).predict(window).quantiles

    assert from_folder.tobytes() == TimesFM().predict(window).quantiles.tobytes()


def test_the_decoder_of_the_package_gives_the_same_quantiles(folder: Path) -> None:
    from timesfm3 import TimesFM3Forecaster

    paths = [path - path[-1] for path in np.cumsum(RETURNS, axis=0).T]
    theirs = TimesFM3Forecaster.from_pretrained(
        str(folder), device="cpu", per_core_batch_size=32, local_files_only=True
    ).predict_batch(paths, horizon=20, return_quantiles=True, use_symmetric_averaging=True)

    ours = TimesFM().predict(window_of(RETURNS)).quantiles

    expected = np.stack([output.quantiles[[0, 4, 19]] for output in theirs])
    assert ours == pytest.approx(expected, abs=1e-5)  # another batch size: single precision


def test_a_mirrored_path_gives_the_mirrored_forecast() -> None:
    up = TimesFM().predict(window_of(RETURNS)).quantiles
    down = TimesFM().predict(window_of(-RETURNS)).quantiles

    assert down == pytest.approx(-up[:, :, ::-1], abs=1e-6)  # rows change places in the batch


def test_quantiles_at_one_horizon_do_not_depend_on_the_others() -> None:
    window = window_of(RETURNS)

    alone = TimesFM().predict(window, horizons=(5,)).quantiles

    assert alone[:, 0].tobytes() == TimesFM().predict(window).quantiles[:, 1].tobytes()


def test_widths_follow_recent_volatility() -> None:
    calm, wild = RETURNS.copy(), RETURNS.copy()
    calm[-40:] /= 2
    wild[-40:] *= 2

    width = {
        k: np.ptp(TimesFM().predict(window_of(v)).quantiles[:, 0], axis=1)
        for k, v in {1: calm, 2: wild}.items()
    }

    assert (width[2] > 2 * width[1]).all()


def test_a_one_session_interval_is_about_as_wide_as_the_random_walk_s() -> None:
    window = window_of(RETURNS)

    ours, floor = (
        np.ptp(m.predict(window).quantiles[:, 0], axis=1).mean() for m in (TimesFM(), RandomWalk())
    )

    assert ours == pytest.approx(floor, rel=0.25)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_an_incomplete_folder_is_refused_at_once(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    started = time.perf_counter()

    with pytest.raises(CheckpointError, match=missing):
        TimesFM(checkpoint=str(folder)).predict(window_of(RETURNS))

    assert time.perf_counter() - started < 10  # never asks the hub, which would try for 23 s


@pytest.mark.parametrize(
    "checkpoint", ["/nowhere/at/all", "no-such-name", "../escape", "somebody/unknown-weights"]
)
def test_what_is_nowhere_is_refused_at_once_and_says_what_to_do(checkpoint: str) -> None:
    TimesFM().predict(window_of(RETURNS))  # imports do not count
    started = time.perf_counter()

    with pytest.raises(CheckpointError, match="folder"):
        TimesFM(checkpoint=checkpoint).predict(window_of(RETURNS))

    assert time.perf_counter() - started < 10


class Bomb:
    """Pickled, it would run code when loaded."""

    def __reduce__(self) -> tuple:
        return (pytest.fail, ("a pickle was loaded",))


def test_a_pickle_is_never_loaded(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(CheckpointError, match="not safetensors"):
        TimesFM(checkpoint=str(folder)).predict(window_of(RETURNS))


def test_damaged_weights_are_refused(folder: Path) -> None:
    raw = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(raw[: len(raw) // 2])

    with pytest.raises(CheckpointError, match="not safetensors"):
        TimesFM(checkpoint=str(folder)).predict(window_of(RETURNS))


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["transformer_config"]["num_layers"] += 1
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(CheckpointError, match="do not fit their configuration"):
        TimesFM(checkpoint=str(folder)).predict(window_of(RETURNS))


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": "bert"}'])
def test_a_configuration_of_something_else_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)

    with pytest.raises(CheckpointError, match="configuration"):
        TimesFM(checkpoint=str(folder)).predict(window_of(RETURNS))


def test_a_network_with_deciles_speaks_at_our_levels(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from timesfm3.torch.model import TimesFM3Torch

    config = json.loads((folder / "config.json").read_text())
    config["quantiles"] = [round(0.1 * place, 1) for place in range(1, 10)]
    torch.manual_seed(0)
    save_file(TimesFM3Torch(**config).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))

    quantiles = TimesFM(checkpoint=str(folder)).predict(window_of(RETURNS)).quantiles

    assert quantiles.shape == (4, 3, len(LEVELS))
    assert not (np.diff(quantiles, axis=2) < 0).any()


def test_the_callers_thread_count_is_left_as_it_was() -> None:
    import torch

    before = torch.get_num_threads()

    TimesFM(threads=before + 1).predict(window_of(RETURNS))

    assert torch.get_num_threads() == before


def test_other_weights_count_as_contaminated_until_someone_says_what_they_saw(folder: Path) -> None:
    shipped, other = (model_specs(["timesfm"], timesfm_checkpoint=name)[0] for name in ("", str(folder)))

    assert shipped.data_through is None
    assert other.data_through == UNKNOWN_DATA
    assert other.prototype().checkpoint == str(folder)

"""TimesFM 2.5 beside transformers' class and the package's own forecast: one set of weights, equal answers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.forecasters.timesfm import TimesFM
from models.forecasters.timesfm_checkpoints import CHECKPOINTS
from models.forecasters.timesfm_networks import (
    PUBLISHED_2P5,
    Version2p5,
    build,
    from_transformers,
    to_transformers,
)
from trading.testing.feature_history import window_of

SHIPPED = CHECKPOINTS / "timesfm_2p5_small"
STEPS = [0, 4, 19]
# Everything that the published configuration has, at the smallest size.
DECILES = {
    **PUBLISHED_2P5,
    "model_type": "timesfm2_5",
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 2,
    "head_dim": 16,
    "num_key_value_heads": 2,
    "horizon_length": 64,
    "output_quantile_len": 96,
}


def returns(columns: int = 5) -> np.ndarray:
    out = np.random.default_rng(4).standard_t(4, (512, columns)) * 0.02
    out[:200, 1] = np.nan  # listed late, inside a patch
    out[:448, 2] = np.nan
    return out


def paths() -> list[torch.Tensor]:
    known = (column[np.isfinite(column)] for column in returns().T)
    return [torch.tensor(path.cumsum() - path.sum(), dtype=torch.float32) for path in known]


@pytest.fixture
def deciles(tmp_path: Path) -> Path:
    """A folder as `transformers` writes it, of random weights in the published configuration's words."""
    from safetensors.torch import save_file

    module = Version2p5(DECILES).module
    generator = torch.Generator().manual_seed(3)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2, generator=generator)
    save_file(to_transformers(module.state_dict()), tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps(DECILES))
    return tmp_path


def transformers_says(folder: Path) -> np.ndarray:
    """(s, k, m) without the mean, from transformers' own loader."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers import TimesFm2_5ModelForPrediction

    model = TimesFm2_5ModelForPrediction.from_pretrained(folder)
    with torch.inference_mode():
        said = model(past_values=paths(), forecast_context_len=512, truncate_negative=False)
    return said.full_predictions[:, :20, 1:].numpy()


@pytest.mark.filterwarnings("ignore")  # theirs, on import
def test_transformers_loads_the_shipped_folder_and_says_the_same_to_1e_5() -> None:
    ours = TimesFM(str(SHIPPED)).predict(window_of(returns())).quantiles

    assert ours == pytest.approx(np.sort(transformers_says(SHIPPED))[:, STEPS], abs=1e-5)  # the bound


@pytest.mark.filterwarnings("ignore")
def test_the_continuous_head_of_the_published_configuration_is_that_of_transformers(deciles: Path) -> None:
    forecaster = TimesFM(str(deciles))
    network = forecaster.network
    values = torch.zeros(2, 5, 512)
    for row, path in enumerate(paths()):
        values[:, row, -len(path) :] = torch.stack([path, -path])
    masked = torch.tensor([[place < 512 - len(path) for place in range(512)] for path in paths()])

    with torch.inference_mode():
        up, down = (network.ahead(rows, masked, 20) for rows in values)

    expected = transformers_says(deciles)
    assert np.abs(expected).max() > 0.01
    assert ((up - down.flip(-1)) / 2).numpy() == pytest.approx(expected, abs=1e-5)


def test_the_package_s_own_forecast_is_the_same(deciles: Path) -> None:
    from timesfm import ForecastConfig
    from timesfm.timesfm_2p5.timesfm_2p5_torch import TimesFM_2p5_200M_torch

    theirs = TimesFM_2p5_200M_torch.__new__(TimesFM_2p5_200M_torch)
    theirs.model = TimesFM(str(deciles)).network.module
    theirs.compile(
        ForecastConfig(
            max_context=512,
            max_horizon=64,
            per_core_batch_size=5,
            normalize_inputs=True,
            use_continuous_quantile_head=True,
            infer_is_positive=False,
        )
    )
    _, expected = theirs.forecast(20, [path.numpy() for path in paths()])

    said, _ = TimesFM(str(deciles))._decode(
        np.stack([np.pad(path.numpy(), (512 - len(path), 0)) for path in paths()]),
        np.array([[place < 512 - len(path) for place in range(512)] for path in paths()]),
        20,
        None,
    )

    assert said == pytest.approx(expected[:, :, 1:], abs=1e-5)  # single precision, scaled once more


def test_weights_move_there_and_back_without_a_changed_bit(deciles: Path) -> None:
    network = TimesFM(str(deciles)).network
    own = network.module.state_dict()

    back = from_transformers(to_transformers(own), own)

    assert list(back) == list(own)
    assert all(torch.equal(back[name], tensor) for name, tensor in own.items())


def test_weights_in_the_package_s_spelling_are_known_by_their_names(deciles: Path) -> None:
    network = TimesFM(str(deciles)).network
    config = {key: value for key, value in DECILES.items() if key != "model_type"}

    again = build(config, network.module.state_dict(), "here")

    assert again.architecture == "2.5"
    path, mask = torch.randn(1, 64), torch.zeros(1, 64, dtype=torch.bool)
    assert torch.equal(again.ahead(path, mask, 20), network.ahead(path, mask, 20))

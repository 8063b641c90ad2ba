"""Bar by bar says what a whole pass says, at the cost of one recurrent step."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models.forecasters.bar_inputs import bar_inputs
from models.forecasters.tsmamba import TSMamba, mirrored_tensor, pack_network, unit_of
from models.forecasters.tsmamba_network import NetworkShape, TSMambaNetwork
from models.forecasters.tsmamba_stream import TSMambaStream
from models.layers import mamba_encoder
from trading.errors import ModelError
from trading.frames import HORIZONS
from trading.interfaces import Floats
from trading.testing.feature_history import window_of

TINY = NetworkShape(d_model=16, d_state=4, layers=2, patch=4, backward=3)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model(*, symmetric: bool = True) -> TSMamba:
    torch.manual_seed(3)
    network = TSMambaNetwork(TINY)
    torch.nn.init.normal_(network.head.weight, std=0.1)
    return TSMamba(payload_=pack_network(network), symmetric=symmetric)


def returns_of(bars: int = 150) -> Floats:
    returns = np.random.default_rng(5).standard_t(4, (bars, 4)) * 0.02
    returns[:70, 1] = np.nan
    returns[110, 2] = np.nan
    return returns


def whole_pass(forecaster: TSMamba, returns: Floats) -> Floats:
    """(s, h, q) of all bars at once."""
    inputs = torch.from_numpy(bar_inputs(returns.T).astype(np.float32))
    with torch.no_grad():
        said = forecaster.network(inputs)[:, 0]
        if forecaster.symmetric:
            said = (said - forecaster.network(mirrored_tensor(inputs))[:, 0].flip(-1)) / 2
    scale = unit_of(returns)[:, None] * np.sqrt(HORIZONS)
    return np.asarray(scale[:, :, None] * said.double().numpy())


@pytest.mark.parametrize("symmetric", [True, False])
def test_every_new_bar_says_what_a_whole_pass_says(*, symmetric: bool) -> None:
    forecaster, returns = model(symmetric=symmetric), returns_of()
    stream = TSMambaStream.begun(forecaster, window_of(returns[:100]))

    for bar in range(100, 120):  # more than a patch, so that every sequel comes more than once
        forecast, stream = stream.after(returns[bar])
        expected = whole_pass(forecaster, returns[: bar + 1])

        assert forecast.quantiles / unit_of(returns[: bar + 1])[:, None, None] == pytest.approx(
            expected / unit_of(returns[: bar + 1])[:, None, None], abs=1e-5
        )  # the bound, in units of volatility


def test_a_new_bar_advances_the_forward_encoder_by_one_step_and_reads_a_fixed_number_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    returns = returns_of()
    streams = [TSMambaStream.begun(model(), window_of(returns[:bars])) for bars in (40, 140)]
    read: list[int] = []
    original = mamba_encoder.MambaLayer.forward, mamba_encoder.MambaLayer.advance

    def forward(layer: mamba_encoder.MambaLayer, x: torch.Tensor) -> torch.Tensor:
        read.append(x.shape[1])
        return original[0](layer, x)

    def advance(layer: mamba_encoder.MambaLayer, x: torch.Tensor, state: object) -> object:
        read.append(x.shape[1])
        return original[1](layer, x, state)  # type: ignore[arg-type]

    monkeypatch.setattr(mamba_encoder.MambaLayer, "forward", forward)
    monkeypatch.setattr(mamba_encoder.MambaLayer, "advance", advance)
    for stream in streams:
        read.clear()
        stream.after(returns[145])

        assert read == [1, 1, 3, 3]  # two layers ahead, two back over three patches, whatever came before


def test_a_stream_is_a_value() -> None:
    returns = returns_of()
    stream = TSMambaStream.begun(model(), window_of(returns[:100]))

    first, _ = stream.after(returns[100])
    other, _ = stream.after(2 * returns[100])
    again, _ = stream.after(returns[100])

    assert first.quantiles.tobytes() == again.quantiles.tobytes()
    assert first.quantiles.tobytes() != other.quantiles.tobytes()


def test_masked_symbols_stay_masked() -> None:
    returns = returns_of()
    window = window_of(returns[:100], mask=[True, False, True, True])

    forecast, _ = TSMambaStream.begun(model(), window).after(returns[100])

    assert np.isnan(forecast.quantiles[1]).all()
    assert np.isfinite(forecast.quantiles[[0, 2, 3]]).all()


def test_two_patches_are_the_least_to_begin_with() -> None:
    with pytest.raises(ModelError, match="two patches of 4 bars, 7 were given"):
        TSMambaStream.begun(model(), window_of(returns_of()[:7]))

"""TSMamba as a forecaster: refined on a window, the same for a seed, resumed after a kill."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from models.forecasters.tsmamba import Refinement, TSMamba, pack_network
from models.forecasters.tsmamba_network import NetworkShape, TSMambaNetwork
from trading.errors import CheckpointError, ModelError
from trading.interfaces import Floats
from trading.testing.feature_history import window_of

TINY = NetworkShape(d_model=16, d_state=4, layers=1, patch=8, backward=2)
BRIEF = Refinement(epochs=3, batch=16, steps=4, origins=4, learning_rate=5e-3)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(**settings: object) -> TSMamba:
    torch.manual_seed(2)
    payload = pack_network(TSMambaNetwork(TINY))
    return TSMamba(context_sessions=96, refinement=BRIEF, payload_=payload, **settings)  # type: ignore[arg-type]


def returns_of(bars: int = 200, symbols: int = 3) -> Floats:
    """Returns that go on from one bar to the next."""
    shocks = np.random.default_rng(4).normal(0, 0.02, (bars, symbols))
    for bar in range(1, bars):
        shocks[bar] += 0.7 * shocks[bar - 1]
    return shocks


class KilledError(Exception):
    """The process is gone."""


@dataclass
class Notebook:
    """Keeps the state of each epoch; kills the training after the first if it is to."""

    kills: bool = False
    kept: bytes | None = None
    told: list[Mapping[str, float]] = field(default_factory=list)

    def resume(self) -> bytes | None:
        return self.kept

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        assert number <= of
        self.told.append(metrics)
        self.kept = state()
        if self.kills:
            raise KilledError


def test_refining_learns_what_the_window_repeats() -> None:
    notebook = Notebook()

    fitted = tiny().fit(window_of(returns_of()), journal=notebook)

    losses = [epoch["validation_loss"] for epoch in notebook.told]
    assert losses[-1] < losses[0]
    assert fitted.to_bytes() != tiny().to_bytes()


def test_a_killed_refinement_goes_on_to_the_same_bytes() -> None:
    window, notebook = window_of(returns_of()), Notebook(kills=True)
    with pytest.raises(KilledError):
        tiny().fit(window, journal=notebook)

    resumed = tiny().fit(window, journal=Notebook(kept=notebook.kept))

    assert resumed.to_bytes() == tiny().fit(window).to_bytes()


def test_the_seed_decides_and_what_saves_memory_does_not() -> None:
    window = window_of(returns_of())

    usual = tiny().fit(window).to_bytes()

    assert tiny(checkpointing=True).fit(window).to_bytes() == usual
    assert tiny(seed=1).fit(window).to_bytes() != usual


def test_the_first_stage_s_heads_and_the_future_take_no_part() -> None:
    fitted, before = tiny().fit(window_of(returns_of())).network, tiny().network

    assert torch.equal(fitted.next_patch.weight, before.next_patch.weight)
    assert not torch.equal(fitted.embedding.weight, before.embedding.weight)


def test_turned_returns_have_turned_forecasts() -> None:
    fitted, returns = tiny().fit(window_of(returns_of())), returns_of()

    up, down = (fitted.predict(window_of(sign * returns)).quantiles for sign in (1, -1))

    assert up == pytest.approx(-down[:, :, ::-1], abs=1e-7)
    assert np.abs(up[:, :, 3]).max() > 1e-4  # it does prefer a direction where the returns have one


def test_a_training_starts_at_the_weights_that_were_loaded() -> None:
    window, still = window_of(returns_of()), Refinement(epochs=0)
    first = tiny().fit(window)

    again = TSMamba(context_sessions=96, refinement=still).from_bytes(first.to_bytes()).fit(window)

    assert again.to_bytes() == first.to_bytes()


def test_without_a_checkpoint_the_profile_and_the_seed_say_where_it_begins() -> None:
    full = TSMamba(checkpoint="", profile="full")

    assert full.network.shape.d_model == 256
    assert TSMamba(checkpoint="").to_bytes() == TSMamba(checkpoint="").to_bytes()
    assert TSMamba(checkpoint="").to_bytes() != TSMamba(checkpoint="", seed=1).to_bytes()


def test_too_short_a_window_is_refused() -> None:
    with pytest.raises(ModelError, match="tsmamba cannot be trained"):
        tiny().fit(window_of(returns_of(90)))


def test_a_horizon_that_was_not_trained_is_refused() -> None:
    with pytest.raises(ModelError, match="not for 3"):
        tiny().predict(window_of(returns_of()), horizons=(1, 3))


def test_a_folder_is_a_checkpoint_and_a_missing_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(tiny().to_bytes())

    assert TSMamba(checkpoint=str(tmp_path)).network.shape == TINY
    with pytest.raises(CheckpointError, match="no TSMamba checkpoint 'nowhere'"):
        _ = TSMamba(checkpoint="nowhere").network


def test_weights_that_are_not_finite_are_refused() -> None:
    network = TSMambaNetwork(TINY)
    torch.nn.init.constant_(network.head.bias, torch.nan)

    with pytest.raises(CheckpointError, match="not finite"):
        tiny().from_bytes(pack_network(network))

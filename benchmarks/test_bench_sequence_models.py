"""TSMamba's training step beside the same network with a GRU or a transformer, its streaming step, its memory.

`pytest benchmarks/test_bench_sequence_models.py -s`. Processor seconds of one thread, the least of some after
one to warm up, peers in turns in the same run. Memory is what waits for the backward pass, each storage once.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.forecasters.tsmamba_network import FULL, SMALL, NetworkShape, TSMambaNetwork
from models.forecasters.tsmamba_stream import PatchStream
from models.layers.mamba_encoder import MambaEncoder
from models.training.losses import pinball

pytest.importorskip("numba", reason="the kernels need numba")

BARS, ROUNDS = 512, 3
Run = Callable[[], object]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


class Gru(nn.Module):
    """As many layers of the same width."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.GRU(width, width, layers, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)[0]
        return y


class Transformer(nn.Module):
    """As many layers of the same width, four heads, twice the width inside, causal."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        y: Tensor = self.layers(x, mask=mask, is_causal=True)
        return y


def encoder(kind: str, shape: NetworkShape, *, checkpointing: bool = False) -> nn.Module:
    if kind == "Mamba":
        return MambaEncoder(shape.block, shape.layers, checkpointing=checkpointing)
    return {"GRU": Gru, "transformer": Transformer}[kind](shape.d_model, shape.layers)


def network(kind: str, shape: NetworkShape) -> TSMambaNetwork:
    """TSMamba with encoders of a kind."""
    made = TSMambaNetwork(shape)
    made.forward_encoder = encoder(kind, shape)
    made.backward_encoder = encoder(kind, shape)
    return made


def step(model: nn.Module, inputs: Tensor, loss: Callable[[Tensor], Tensor]) -> Run:
    optimizer = torch.optim.AdamW(model.parameters())

    def run() -> None:
        optimizer.zero_grad()
        loss(model(inputs)).backward()
        optimizer.step()

    return run


def held(model: nn.Module, inputs: Tensor) -> float:
    """MB that wait for the backward pass, weights left out."""
    weights = {of.untyped_storage().data_ptr() for of in model.parameters()}
    storages: dict[int, int] = {}

    def keep(of: Tensor) -> Tensor:
        storage = of.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return of

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda of: of):
        output = model(inputs)
    assert output.requires_grad
    return sum(storages.values()) / 1e6


def in_turns(runs: dict[str, Run], rounds: int = ROUNDS) -> dict[str, float]:
    """Least processor seconds of each, after one run to warm up."""
    best = dict.fromkeys(runs, np.inf)
    for turn in range(rounds + 1):
        for name, run in runs.items():
            start = time.process_time()
            run()
            if turn:
                best[name] = min(best[name], time.process_time() - start)
    return best


def report(title: str, best: dict[str, float], unit: str = "s of processor") -> None:
    first = next(iter(best.values()))
    print(f"\n{title}")
    for name, value in best.items():
        print(f"  {name:28s} {value:9.4f} {unit}   {value / first:6.2f} x the first")


@pytest.mark.parametrize(("name", "shape", "batch"), [("small", SMALL, 32), ("full", FULL, 8)])
def test_training_step_of_the_whole_model(name: str, shape: NetworkShape, batch: int) -> None:
    inputs, targets = torch.randn(batch, BARS, 3), torch.randn(batch, 1, 3)

    best = in_turns(
        {
            kind: step(network(kind, shape), inputs, lambda said: pinball(said, targets).mean())
            for kind in ("Mamba", "GRU", "transformer")
        }
    )

    report(f"training step, profile {name}, B={batch}, {BARS} bars in patches of {shape.patch}", best)


def test_training_step_of_encoders_over_every_bar() -> None:
    shape, inputs = NetworkShape(d_model=256), torch.randn(4, BARS, 256)

    best = in_turns(
        {
            kind: step(encoder(kind, shape), inputs, lambda said: said.square().mean())
            for kind in ("Mamba", "GRU", "transformer")
        }
    )

    report("training step of an encoder, d_model 256, two layers, B=4, 512 tokens", best)
    assert best["Mamba"] < best["GRU"]


def test_memory_for_the_backward_pass() -> None:
    shape, inputs = NetworkShape(d_model=256), torch.randn(4, BARS, 256)

    found = {kind: held(encoder(kind, shape), inputs) for kind in ("Mamba", "GRU", "transformer")}
    found["Mamba, computed again"] = held(encoder("Mamba", shape, checkpointing=True), inputs)

    report("held for the backward pass, d_model 256, two layers, B=4, 512 tokens", found, "MB")
    assert found["Mamba, computed again"] < found["Mamba"] / 8


@pytest.mark.parametrize(("name", "shape"), [("small", SMALL), ("full", FULL)])
def test_a_new_bar_in_a_stream(name: str, shape: NetworkShape) -> None:
    model, inputs = (
        TSMambaNetwork(shape).eval(),
        torch.randn(20, BARS, 3),
    )  # ten names and their mirror images

    with torch.no_grad():
        stream = PatchStream.begun(model, inputs)
        best = in_turns(
            {
                "one bar": lambda: stream.after(inputs[:, 0]),
                "all 512 bars": lambda: model(inputs),
                "to begin a stream": lambda: PatchStream.begun(model, inputs),
            },
            rounds=10,
        )

    report(f"profile {name}, 20 rows", best)
    assert best["one bar"] < best["all 512 bars"]

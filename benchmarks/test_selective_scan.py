"""The selective scan on CPU beside its peers, in one run and in turns: ratios of processor time.

`pytest benchmarks/test_selective_scan.py -s`. L = 512, d_inner = 512, N = 16, gate, skip and softplus on;
one thread. Peers: the readable scan step by step in torch, and where they are installed mambapy's parallel
scan and transformers' slow path (a whole block, beside ours of the same weights). The floor does the same
work in C++ (scan_floor.cpp, softplus, skip, gate and allocation included), compiled here by g++ where there
is one.
"""

# ruff: noqa: PLR0917 - arguments in mamba_ssm's order

import ctypes
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.layers.mamba_block import MambaBlock, MambaShape
from models.layers.reference import reference_scan
from models.layers.selective_scan import selective_scan

pytest.importorskip("numba", reason="the kernels need numba")

LENGTH, CHANNELS, STATES, ROUNDS = 512, 512, 16, 5
Run = Callable[[], object]

FLOOR = Path(__file__).parent / "scan_floor.cpp"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def given(batch: int) -> dict[str, Tensor]:
    by_channel = {name: torch.randn(batch, LENGTH, CHANNELS) for name in ("u", "delta", "z")}
    by_state = {name: torch.randn(batch, LENGTH, STATES) for name in ("B", "C")}
    A = -torch.arange(1.0, STATES + 1).repeat(CHANNELS, 1)
    return {
        **by_channel,
        **by_state,
        "A": A,
        "D": torch.ones(CHANNELS),
        "delta_bias": -3 * torch.ones(CHANNELS),
    }


def forward(scan: Callable[..., tuple[Tensor, Tensor]], tensors: dict[str, Tensor]) -> Run:
    def run() -> None:
        with torch.no_grad():
            scan(**tensors, delta_softplus=True)

    return run


def forward_of(tensors: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        return selective_scan(**tensors, delta_softplus=True)[0]


def training(scan: Callable[..., tuple[Tensor, Tensor]], tensors: dict[str, Tensor]) -> Run:
    leaves = {name: of.clone().requires_grad_() for name, of in tensors.items()}
    return lambda: scan(**leaves, delta_softplus=True)[0].sum().backward()


def mambapy_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, z: Tensor, delta_bias: Tensor,
    *, delta_softplus: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As mambapy's MambaBlock calls its parallel scan."""
    from mambapy.pscan import pscan

    assert delta_softplus
    step = torch.nn.functional.softplus(delta + delta_bias)
    states = pscan(torch.exp(step[..., None] * A), step[..., None] * B[:, :, None] * u[..., None])
    y = (states @ C[..., None]).squeeze(3) + D * u
    return y * torch.nn.functional.silu(z), states[:, -1]


class Floor:
    """The loops of scan_floor.cpp over the same tensors, allocating what they write as torch does."""

    def __init__(self, tensors: dict[str, Tensor], folder: Path) -> None:
        library = folder / "floor.so"
        flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
        subprocess.run(["g++", *flags, str(FLOOR), "-o", str(library), "-lmvec", "-lm"], check=True)
        self.library = ctypes.CDLL(str(library))
        self.tensors = tensors
        self.batch = len(tensors["u"])

    def call(self, function: str, *others: Tensor | None) -> None:
        given = [self.tensors[name] for name in ("u", "delta", "A", "B", "C", "D", "z", "delta_bias")]
        places = [None if of is None else ctypes.c_void_p(of.data_ptr()) for of in (*given, *others)]
        sizes = [ctypes.c_long(size) for size in (self.batch, LENGTH, CHANNELS)]
        getattr(self.library, function)(*sizes, *places)

    def forward(self, *, keep: bool = False) -> tuple[Tensor, Tensor | None]:
        y, last = torch.empty(self.batch, LENGTH, CHANNELS), torch.empty(self.batch, CHANNELS, STATES)
        kept = torch.empty(self.batch, LENGTH // 32, CHANNELS, STATES) if keep else None
        self.call("scan_forward", y, last, kept)
        return y, kept

    def training(self) -> list[Tensor]:
        y, kept = self.forward(keep=True)
        names = ("u", "delta", "A", "B", "C", "D", "z", "delta_bias")
        gradients = [torch.zeros_like(self.tensors[name]) for name in names]
        self.call("scan_backward", kept, torch.ones_like(y), *gradients)
        return [y, *gradients]


def in_turns(runs: dict[str, Run]) -> dict[str, tuple[float, float]]:
    """Least processor and wall seconds of each, after one run to warm up."""
    best = dict.fromkeys(runs, (np.inf, np.inf))
    for turn in range(ROUNDS + 1):
        for name, run in runs.items():
            wall, processor = time.perf_counter(), time.process_time()
            run()
            took = time.process_time() - processor, time.perf_counter() - wall
            if turn:
                best[name] = min(best[name][0], took[0]), min(best[name][1], took[1])
    return best


def report(title: str, best: dict[str, tuple[float, float]]) -> None:
    ours = best["ours"][0]
    print(f"\n{title}")
    for name, (processor, wall) in best.items():
        print(
            f"  {name:14s} processor {processor:7.3f} s   wall {wall:7.3f} s   {processor / ours:6.2f} x ours"
        )


def has(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


@pytest.mark.parametrize("batch", [2, 8, 32])
def test_forward(batch: int, tmp_path: Path) -> None:
    tensors = given(batch)
    runs = {"ours": forward(selective_scan, tensors)}
    if shutil.which("g++"):
        floor = Floor(tensors, tmp_path)
        assert floor.forward()[0] == pytest.approx(forward_of(tensors), abs=1e-4)  # the same thing is timed
        runs["C++ floor"] = floor.forward
    runs["torch steps"] = forward(reference_scan, tensors)
    if has("mambapy"):
        runs["mambapy"] = forward(mambapy_scan, tensors)

    best = in_turns(runs)

    report(f"forward, B={batch}", best)
    assert "C++ floor" not in best or best["ours"][0] < 1.5 * best["C++ floor"][0]
    assert "mambapy" not in best or best["ours"][0] < best["mambapy"][0] / 8


@pytest.mark.parametrize("batch", [2, 8, 32])
def test_forward_and_backward(batch: int, tmp_path: Path) -> None:
    tensors = given(batch)
    runs = {"ours": training(selective_scan, tensors)}
    if shutil.which("g++"):
        runs["C++ floor"] = Floor(tensors, tmp_path).training
    if batch <= 8:  # the readable scan keeps every step for its gradient
        runs["torch steps"] = training(reference_scan, tensors)
    if has("mambapy"):
        runs["mambapy"] = training(mambapy_scan, tensors)

    best = in_turns(runs)

    report(f"forward and backward, B={batch}", best)
    assert "C++ floor" not in best or best["ours"][0] < 1.5 * best["C++ floor"][0]
    assert "mambapy" not in best or best["ours"][0] < best["mambapy"][0] / 8


def blocks() -> tuple[MambaBlock, torch.nn.Module]:
    """Our block and transformers' slow path with the same weights, d_model 256."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    config = MambaConfig(hidden_size=256, state_size=16, conv_kernel=4, expand=2, num_hidden_layers=1)
    ours, theirs = MambaBlock(MambaShape(256)), MambaMixer(config, layer_idx=0)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def test_whole_block_beside_transformers() -> None:
    ours, theirs = blocks()
    x = torch.randn(4, LENGTH, 256)
    runs: dict[str, Run] = {"ours": lambda: ours(x), "transformers": lambda: theirs(x)}

    with torch.no_grad():
        best = in_turns(runs)

    report("block of d_model 256, B=4, forward", best)
    assert best["ours"][0] < best["transformers"][0]


@pytest.mark.parametrize("length", [128, 256, 512])  # theirs goes backward faster than linearly slower
def test_whole_block_with_its_gradient_beside_transformers(length: int) -> None:
    ours, theirs = blocks()
    x = torch.randn(2, length, 256)
    runs: dict[str, Run] = {
        "ours": lambda: ours(x).sum().backward(),
        "transformers": lambda: theirs(x).sum().backward(),
    }

    best = in_turns(runs)

    report(f"block of d_model 256, B=2, L={length}, forward and backward", best)
    assert best["ours"][0] < best["transformers"][0]


def test_streaming_step() -> None:
    block, x = MambaBlock(MambaShape(256)), torch.randn(1, 257, 256)

    def steps(count: int) -> Run:
        def run() -> None:
            state = block.empty_state(1)
            with torch.no_grad():
                for t in range(count):
                    _, state = block.step(x[:, t], state)

        return run

    best = in_turns({"ours": steps(1), "256 steps": steps(256)})

    report("one row, d_model 256: one step, and 256 of them", best)

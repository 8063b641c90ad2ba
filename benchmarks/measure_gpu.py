"""What TSMamba takes on CUDA beside the CPU: time a batch, memory, and whether both say the same.

    python benchmarks/measure_gpu.py [--output docs/gpu-table.md]

Prints one table in Markdown. Without a GPU only the CPU's column has figures and the others say so. With one,
and `mamba_ssm` (extra `gpu`) installed, its fused scan is held against the project's and timed beside it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from models.forecasters.inference import fixed_threads
from models.forecasters.tsmamba_network import FULL, SMALL, NetworkShape, TSMambaNetwork
from models.layers.selective_scan import implementation, selective_scan

BATCH, BARS, WARM, ROUNDS = 32, 512, 2, 5
NOT_RUN = "not run"
Row = tuple[str, dict[str, str]]


def devices() -> list[str]:
    """The CPU, and CUDA where torch sees it."""
    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def seconds(run: Callable[[], object], device: str) -> float:
    """Median wall seconds of a call, after two to warm up; on CUDA until the device is done."""
    taken = []
    for turn in range(WARM + ROUNDS):
        _synchronise(device)
        start = time.perf_counter()
        run()
        _synchronise(device)
        if turn >= WARM:
            taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def peak(run: Callable[[], object], device: str) -> str:
    """Largest memory that torch held on the device during a call; the CPU has no such count."""
    if device == "cpu":
        return NOT_RUN
    torch.cuda.reset_peak_memory_stats()
    run()
    return f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB"


def model_rows(name: str, shape: NetworkShape) -> Iterator[Row]:
    """Inference and a training step of a profile."""
    ahead: dict[str, str] = {}
    step: dict[str, str] = {}
    memory: dict[str, str] = {}
    said: dict[str, torch.Tensor] = {}
    for device in devices():
        torch.manual_seed(0)
        network = TSMambaNetwork(shape)
        torch.nn.init.normal_(network.head.weight, std=0.02)
        network, inputs = network.to(device), torch.randn(BATCH, BARS, 3).to(device)

        def infer(network: TSMambaNetwork = network, inputs: torch.Tensor = inputs) -> torch.Tensor:
            with torch.inference_mode():
                return network.eval()(inputs)

        def train(network: TSMambaNetwork = network, inputs: torch.Tensor = inputs) -> None:
            network.train()(inputs).square().mean().backward()

        said[device] = infer().cpu()
        ahead[device], step[device] = (f"{1e3 * seconds(run, device):.1f} ms" for run in (infer, train))
        memory[device] = peak(train, device)
    yield f"TSMamba {name}, forecast of {BATCH} x {BARS}", ahead
    yield f"TSMamba {name}, training step of {BATCH} x {BARS}", step
    yield f"TSMamba {name}, peak memory of the training step", memory
    if "cuda" in said:
        apart = (said["cpu"] - said["cuda"]).abs().max().item()
        yield f"TSMamba {name}, largest difference to the CPU", {"cuda": f"{apart:.1e}"}


def scan_rows() -> Iterator[Row]:
    """The scan by itself, L = 512, 512 channels, 16 states; on CUDA by mamba_ssm where it is installed."""
    times: dict[str, str] = {}
    said: dict[str, torch.Tensor] = {}
    how: dict[str, str] = {}
    for device in devices():
        torch.manual_seed(0)
        tensors = {
            **{name: torch.randn(8, BARS, 512) for name in ("u", "delta", "z")},
            **{name: torch.randn(8, BARS, 16) for name in ("B", "C")},
            "A": -torch.arange(1.0, 17.0).repeat(512, 1),
            "D": torch.ones(512),
            "delta_bias": -3 * torch.ones(512),
        }
        given = {name: of.to(device) for name, of in tensors.items()}

        def run(given: dict[str, torch.Tensor] = given) -> torch.Tensor:
            with torch.inference_mode():
                return selective_scan(**given, delta_softplus=True)[0]

        how[device] = implementation(given["u"])
        said[device] = run().cpu()
        times[device] = f"{1e3 * seconds(run, device):.1f} ms"
    yield "selective scan, B = 8: implementation", how
    yield "selective scan, B = 8: forward", times
    if "cuda" in said:
        yield (
            "selective scan, largest difference to the CPU",
            {"cuda": f"{(said['cpu'] - said['cuda']).abs().max().item():.1e}"},
        )


def table(rows: list[Row]) -> str:
    """Markdown; what a device did not run says so."""
    here = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU here"
    lines = [
        f"torch {torch.__version__}, one thread on the CPU; CUDA: {here}. Inputs are random numbers.",
        "",
        "| | CPU | CUDA |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {found.get('cpu', '')} | {found.get('cuda', NOT_RUN)} |" for name, found in rows]
    return "\n".join(lines)


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure and print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--output", type=Path)
    output = parser.parse_args().output
    with fixed_threads(1), torch.inference_mode(mode=False):
        rows = [*scan_rows(), *model_rows("small", SMALL), *model_rows("full", FULL)]
    print(table(rows))
    if output:
        output.write_text(table(rows) + "\n")


if __name__ == "__main__":
    main()

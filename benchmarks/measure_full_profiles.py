"""The full profiles of TSMamba and SAMBA in training: does the loss fall, what does a step take, what memory.

    python benchmarks/measure_full_profiles.py [--epochs 3 --steps 4 --batch 8]
    python benchmarks/measure_full_profiles.py samba --epochs 12 --steps 0 --batch 32 --judged 150

Each case is a process of its own, one thread, on SIMULATED data: TSMamba on series with patterns, SAMBA on a market with
a planted momentum. Few steps show that it learns; the second line is SAMBA's whole course, hours on two cores.
TSMamba's whole course, both stages: `python -m pipelines.training.train_tsmamba --profile full --journal DIR --output DIR`.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CASES = ("tsmamba", "tsmamba-checkpointing", "samba")


@dataclass
class Curve:
    """What each epoch came to."""

    epochs: list[tuple[float, float]] = field(default_factory=list)

    def resume(self) -> bytes | None:
        """Nothing was kept."""
        return None

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:  # noqa: ARG002 - as the protocol has it
        """Remember both losses."""
        self.epochs.append((metrics["training_loss"], metrics["validation_loss"]))


def network_and_loss(case: str) -> tuple[object, Callable[..., object], int]:
    """What is trained, its loss, and how many samples there are, in order of time."""
    if case == "samba":
        from models.forecasters.samba import Samba
        from models.training.samples import cut_cross_sections
        from trading.testing.feature_history import window_of
        from trading.testing.planted_market import PlantedMarket

        model, window = Samba(profile="full"), window_of(PlantedMarket(sessions_count=1008).returns)
        samples = cut_cross_sections(window, model="samba", length=model.context_sessions)
        network = model._beginning(window.symbols)  # noqa: SLF001 - the same beginning as fit's
        return network, model._loss(network, samples, 0), len(samples.origin)  # noqa: SLF001 - and its loss
    from models.forecasters.tsmamba_network import FULL, TSMambaNetwork
    from models.training.loop import seeded
    from pipelines.training.train_tsmamba import Series, second_stage

    with seeded("full", 0, 1):
        network = TSMambaNetwork(FULL, checkpointing=case.endswith("checkpointing"))
    series = Series.made(np.random.default_rng(0), 1024, 1.0, 8, FULL.patch)
    return network, second_stage(network, series), 1024


def measure(case: str, asked: argparse.Namespace) -> str:
    """One line of the table."""
    import torch

    from models.training.loop import Schedule, train
    from models.training.samples import Split

    torch.set_num_threads(1)
    network, loss, count = network_and_loss(case)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    curve, steps = Curve(), [0]

    def timed(rows: np.ndarray) -> object:
        steps[0] += network.training  # type: ignore[attr-defined]
        return loss(rows)

    began = time.process_time()
    split = Split(np.arange(count - asked.judged), np.arange(count - asked.judged, count))
    plan = Schedule(asked.epochs, asked.epochs, asked.batch, asked.steps, 1e-3)
    train(network, timed, split, plan, name=case, journal=curve)
    taken = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    weights = sum(of.numel() for of in network.parameters()) / 1e6  # type: ignore[attr-defined]
    told = " → ".join(f"{learned:.4f}" for learned, _ in curve.epochs)
    judged = " → ".join(f"{later:.4f}" for _, later in curve.epochs)
    each = taken / steps[0]
    return f"| {case} | {weights:.2f} | {steps[0]} | {told} | {judged} | {each:.2f} | {peak - held:,.0f} |"


def main() -> None:
    """Print the table, a process for each line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="of an epoch; 0: every sample once")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--judged", type=int, default=16, help="the last samples, that judge")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        print(measure(asked.cases[0], asked), flush=True)
        return
    print(
        "| profile full | weights, million | steps | training loss by epoch | validation loss | "
        "processor s a step, judging included | MB more at the peak |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    numbers = [f"--{name}={getattr(asked, name)}" for name in ("epochs", "steps", "batch", "judged")]
    for case in asked.cases:
        inside = [sys.executable, __file__, case, "--inside", *numbers]
        subprocess.run(inside, check=True, cwd=Path(__file__).parents[1])


if __name__ == "__main__":
    main()

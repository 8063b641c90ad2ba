"""Train the small TSMamba checkpoint that Fabline ships, on SIMULATED series only.

    python -m pipelines.training.train_tsmamba --output models/checkpoints/tsmamba_small

Two stages, as in the paper (arXiv 2411.02941): first both encoders learn what stands after and before each
patch; then the head learns to speak quantiles and refines them. The same seed, thread count, library
versions and machine give the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from models.forecasters.bar_inputs import bar_inputs, mirrored
from models.forecasters.tsmamba import WEIGHTS, pack_network
from models.forecasters.volatility import ewma_volatility
from pipelines.training.synthetic_paths import Floats, SyntheticMarket
from pipelines.training.synthetic_patterns import SyntheticPatterns
from trading.digest import digest
from trading.frames import HORIZONS

if TYPE_CHECKING:
    from torch import Tensor

    from models.forecasters.tsmamba_network import TSMambaNetwork
    from models.training.loop import Loss, Progress, Schedule
    from models.training.samples import Rows

CONTEXT, AHEAD = 512, max(HORIZONS)
VOLATILITY_BARS, DECAY = 63, 0.94  # the unit in which the forecaster speaks
LATE_SHARE, SHORTEST = 0.2, 64
HELD_OUT, TEST = 2048, 4096


@dataclass(frozen=True)
class Course:
    """How much is trained.

    Attributes
    ----------
    series : SIMULATED ones that are made; patterned : share of them that hold a pattern
    first_epochs, epochs : of the two stages; steps : of an epoch; batch : series of a step
    origins : forecasts of each series, a patch apart
    backbone_share : of the learning rate in the second stage, for everything before the head
    profile : `small` or `full`; full is trained with gradient checkpointing
    """

    series: int = 49152
    patterned: float = 0.4
    first_epochs: int = 1
    epochs: int = 4
    steps: int = 96
    batch: int = 64
    origins: int = 16
    learning_rate: float = 2e-3
    backbone_share: float = 0.5
    seed: int = 7
    profile: str = "small"


@dataclass(frozen=True)
class Series:
    """SIMULATED returns, and what came after some places of them.

    Attributes
    ----------
    returns : (n, 512) NaN before a late listing
    targets : (n, j, h) returns after the last j patches, in units of volatility and the root of the horizon;
        NaN before 64 known bars
    """

    returns: Floats
    targets: Floats

    @classmethod
    def made(cls, rng: np.random.Generator, count: int, patterned: float, origins: int, patch: int) -> Series:
        """`count` series, the patterned ones first, a fifth of all listed late."""
        loud = round(count * patterned)
        parts = [
            maker.returns(rng, size, CONTEXT + AHEAD)
            for maker, size in ((SyntheticPatterns(), loud), (SyntheticMarket(), count - loud))
            if size
        ]
        whole = np.concatenate(parts)
        starts = rng.integers(0, CONTEXT - 2 * SHORTEST, count) * (rng.random(count) < LATE_SHARE)
        whole[np.arange(CONTEXT + AHEAD) < starts[:, None]] = np.nan
        ends = CONTEXT - patch * np.arange(origins)[::-1]  # bars seen at each origin
        targets = np.stack([_targets(whole, end) for end in ends], axis=1)
        return cls(whole[:, :CONTEXT].astype(np.float32), targets.astype(np.float32))


def _targets(returns: Floats, end: int) -> Floats:
    """(n, h) after the first `end` bars; NaN where fewer than 64 of them are known."""
    unit = ewma_volatility(returns[:, end - VOLATILITY_BARS : end].T, DECAY)
    sums = np.stack([returns[:, end : end + horizon].sum(axis=1) for horizon in HORIZONS], axis=1)
    few = np.isfinite(returns[:, :end]).sum(axis=1) < SHORTEST
    unit = np.where(few | ~(unit > 0), np.nan, unit)
    return np.asarray(sums / (unit[:, None] * np.sqrt(np.asarray(HORIZONS))))


@dataclass
class Report:
    """Tells of each epoch, and keeps the state after it in a file, so that a killed course goes on."""

    stage: str
    tell: Callable[[str], None]
    started: float
    kept: Path | None = None

    def resume(self) -> bytes | None:
        """What a killed course of the same settings left."""
        return self.kept.read_bytes() if self.kept is not None and self.kept.exists() else None

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        """The state, then one line."""
        if self.kept is not None:
            part = self.kept.with_suffix(".part")
            part.write_bytes(state())
            part.replace(self.kept)
        losses = " ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        self.tell(
            f"{self.stage} {number}/{of} {losses} {time.process_time() - self.started:.0f} s of processor"
        )


def first_stage(network: TSMambaNetwork, series: Series) -> Loss:
    """Huber's loss of what each encoder says of the patch that it has not read yet."""
    import torch
    from torch.nn import functional

    def loss(rows: Rows) -> Tensor:
        inputs = torch.from_numpy(bar_inputs(series.returns[rows].astype(float)).astype(np.float32))
        ahead, back, patches = network.neighbours(inputs)
        losses = (
            functional.huber_loss(ahead[:, :-1], patches[:, 1:], reduction="none"),
            functional.huber_loss(back[:, 1:], patches[:, :-1], reduction="none"),
        )
        return (losses[0] + losses[1]).mean(dim=(1, 2))

    return loss


def second_stage(network: TSMambaNetwork, series: Series) -> Loss:
    """Pinball loss at the horizons, half of the series mirrored in training."""
    import torch

    from models.training.losses import pinball

    def loss(rows: Rows) -> Tensor:
        inputs = bar_inputs(series.returns[rows].astype(float))
        targets = series.targets[rows].copy()
        if network.training:
            turned = torch.rand(len(rows)).numpy() < 0.5  # noqa: PLR2004 - a coin
            inputs[turned], targets[turned] = mirrored(inputs[turned]), -targets[turned]
        said = network(torch.from_numpy(inputs.astype(np.float32)), targets.shape[1])
        return pinball(said, torch.from_numpy(targets))

    return loss


def train_course(
    course: Course, tell: Callable[[str], None], threads: int = 1, journal: Path | None = None
) -> tuple[TSMambaNetwork, dict[str, float]]:
    """The network after both stages, and the best validation loss of each; `journal` is a folder in which a killed course finds how far it was."""
    from models.forecasters.tsmamba_network import FULL, SMALL, TSMambaNetwork
    from models.training.loop import Schedule, seeded

    started, full = time.process_time(), course.profile == "full"
    with seeded("tsmamba/pretraining", course.seed, threads):
        network = TSMambaNetwork(FULL if full else SMALL, checkpointing=full)
    rng = np.random.default_rng(course.seed)
    series = Series.made(rng, course.series, course.patterned, course.origins, network.shape.patch)
    order = np.random.default_rng(course.seed + 1).permutation(course.series)
    series = Series(series.returns[order], series.targets[order])
    tell(f"made {course.series:,} SIMULATED series, {time.process_time() - started:.0f} s of processor")
    plan = Schedule(course.first_epochs, 99, course.batch, course.steps, course.learning_rate)
    patches = _run(
        network,
        first_stage(network, series),
        plan,
        course,
        report=Report("patches", tell, started, _kept(journal, course, threads, "patches")),
        threads=threads,
    )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not name.startswith(("next_patch", "previous_patch")))
        parameter.rate_share = 1.0 if name.startswith("head") else course.backbone_share
    plan = replace(plan, epochs=course.epochs)
    quantiles = _run(
        network,
        second_stage(network, series),
        plan,
        course,
        report=Report("quantiles", tell, started, _kept(journal, course, threads, "quantiles")),
        threads=threads,
    )
    return network, {"patches": patches.best_loss, "quantiles": quantiles.best_loss}


def _kept(journal: Path | None, course: Course, threads: int, stage: str) -> Path | None:
    """The file of a stage, named by all that decides its numbers."""
    if journal is None:
        return None
    journal.mkdir(parents=True, exist_ok=True)
    return journal / f"{digest(course, threads)}-{stage}.state"


def _run(
    network: TSMambaNetwork, loss: Loss, plan: Schedule, course: Course, *, report: Report, threads: int
) -> Progress:
    """One stage; the first series judge it."""
    from models.training.loop import train
    from models.training.samples import Split

    held_out = min(HELD_OUT, course.series // 4)
    split = Split(np.arange(held_out, course.series), np.arange(held_out))
    return train(
        network, loss, split, plan, name=f"tsmamba/{report.stage}", seed=course.seed, threads=threads,
        journal=report,
    )  # fmt: skip


def measured(
    network: TSMambaNetwork, seed: int, patterned: float, count: int = TEST
) -> dict[str, dict[str, float]]:
    """Pinball loss by horizon on new SIMULATED series, of the network and of a driftless Student-t."""
    import torch

    from models.layers.quantiles import monotone_quantiles, neutral_bias
    from models.training.losses import pinball

    series = Series.made(np.random.default_rng(seed), count, patterned, 1, network.shape.patch)
    targets = torch.from_numpy(series.targets[:, 0])
    neutral = monotone_quantiles(neutral_bias())
    with torch.inference_mode():
        said = []
        for start in range(0, count, 256):
            inputs = torch.from_numpy(
                bar_inputs(series.returns[start : start + 256].astype(float)).astype(np.float32)
            )
            turned = network(inputs * inputs.new_tensor([-1.0, 1.0, 1.0]))[:, 0].flip(-1)
            said.append((network(inputs)[:, 0] - turned) / 2)  # as the forecaster does
        both = {"model": torch.cat(said), "floor": neutral.expand(count, len(HORIZONS), -1)}
    return {
        name: {
            f"h{horizon}": float(pinball(of[:, [place]], targets[:, [place]]).mean())
            for place, horizon in enumerate(HORIZONS)
        }
        for name, of in both.items()
    }


def save(network: TSMambaNetwork, folder: Path, facts: Mapping[str, object]) -> None:
    """Write `model.safetensors`, which knows its shape, and `training.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(pack_network(network))
    (folder / "training.json").write_text(json.dumps(facts, indent=2) + "\n")


def main(  # noqa: PLR0917 - options of a command
    output: Path = Path("models/checkpoints/tsmamba_small"),
    seed: int = Course.seed,
    threads: Annotated[int, typer.Option(help="fixed: other counts give other last digits")] = 1,
    first_epochs: int = Course.first_epochs,
    epochs: int = Course.epochs,
    series: int = Course.series,
    profile: Annotated[str, typer.Option(help="small, or full: width 256, three layers each way")] = "small",
    journal: Annotated[
        Path | None, typer.Option(help="folder from which a killed course goes on; may be removed afterwards")
    ] = None,
) -> None:
    """Train on SIMULATED series and write the checkpoint."""
    course = Course(seed=seed, first_epochs=first_epochs, epochs=epochs, series=series, profile=profile)
    network, validation = train_course(course, typer.echo, threads, journal)
    learned = {"course": asdict(course), "validation": validation}
    save(network, output, learned)  # measuring may fail; training took minutes
    facts = {
        **learned,
        "patterns": asdict(SyntheticPatterns()),
        "test_plain": measured(network, seed + 2_000_000, 0.0),
        "test_patterned": measured(network, seed + 3_000_000, 1.0),
    }
    save(network, output, facts)
    typer.echo(json.dumps(facts, indent=2))
    typer.echo(f"wrote {output}: {sum(p.numel() for p in network.parameters()):,} parameters")


if __name__ == "__main__":
    typer.run(main)

"""Train a small TimesFM that the repository ships, from SIMULATED series alone.

    python -m pipelines.training.train_timesfm --architecture 2.5 --output models/checkpoints/timesfm_2p5_small
    python -m pipelines.training.train_timesfm --architecture 3.0 --output models/checkpoints/timesfm_small

Seeded and single-threaded: the same seed, steps and machine give the same weights. Architecture 2.5 learns
from the whole mix (the extra `train`), 3.0 from the stylised stocks alone, as it did when it was made.
Letters of the shapes: b series, n patches, p sessions a patch, k steps ahead, q quantile levels.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import typer
from numpy.typing import NDArray

from pipelines.training.small_networks import PATCH, STEPS_AHEAD, Architecture, Trainee, of_module, trainee
from pipelines.training.synthetic_mix import SyntheticMix
from pipelines.training.synthetic_paths import Floats, SyntheticMarket
from trading.frames import HORIZONS, LEVELS

CONTEXT = 512
LONGEST = max(HORIZONS)
SHORTEST_HISTORY = 64
EWMA_DECAY = 0.94
FURTHEST = 20.0  # a jump of a pattern must not decide a step


class Source(Protocol):
    """Where series come from."""

    def returns(self, rng: np.random.Generator, count: int, length: int) -> Floats:
        """(n, t) log returns."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes
    ----------
    average : decay of the averaged weights that are kept
    pool : series that are simulated at once; held_out : series on which progress is measured
    """

    steps: int = 4500
    batch: int = 64
    learning_rate: float = 2e-3
    warm_up: int = 200
    average: float = 0.998
    pool: int = 4096
    held_out: int = 1024
    seed: int = 7

    def rate(self, step: int) -> float:
        """Share of the learning rate at `step`: linear warm-up, then a cosine to 2 %."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True)
class Paths:
    """Series as the network sees them, with what came next.

    Attributes
    ----------
    values : (b, 512 + 32) log prices; masked : (b, 512) True before a late listing
    volatility : (b, 512) exponentially weighted volatility of one session at each session
    """

    values: NDArray[np.float32]
    masked: NDArray[np.bool_]
    volatility: NDArray[np.float32]

    def take(self, rows: slice) -> Paths:
        """Some of the series."""
        return Paths(self.values[rows], self.masked[rows], self.volatility[rows])


@dataclass(frozen=True)
class Course:
    """What a network learns, and for how long."""

    schedule: Schedule = field(default_factory=Schedule)
    source: Source = field(default_factory=SyntheticMix)


def course_of(architecture: Architecture, schedule: Schedule) -> Course:
    """The mix for a 2.5, the stylised stocks for a 3.0."""
    return Course(schedule, SyntheticMix() if architecture == "2.5" else SyntheticMarket())


def simulate(source: Source, rng: np.random.Generator, count: int, late_share: float = 0.2) -> Paths:
    """SIMULATED paths; `late_share` of them start late, as a listing does."""
    returns = source.returns(rng, count, CONTEXT + STEPS_AHEAD)
    late = rng.random(count) < late_share
    start = np.where(late, rng.integers(0, CONTEXT - 2 * SHORTEST_HISTORY, count), 0)
    masked = np.arange(CONTEXT) < start[:, None]
    volatility = np.sqrt(_ewma(returns[:, :CONTEXT] ** 2))
    return Paths(returns.cumsum(axis=1).astype(np.float32), masked, volatility.astype(np.float32))


def _ewma(squares: Floats) -> Floats:
    out = np.empty_like(squares)
    state = squares[:, :21].mean(axis=1)
    for t in range(squares.shape[1]):
        state = EWMA_DECAY * state + (1 - EWMA_DECAY) * squares[:, t]
        out[:, t] = state
    return np.maximum(out, 1e-10)


def batches(course: Course) -> Iterator[Paths]:
    """Fresh series for every step, made a pool at a time."""
    rng, schedule = np.random.default_rng(course.schedule.seed), course.schedule
    while True:
        pool = simulate(course.source, rng, schedule.pool)
        for start in range(0, schedule.pool, schedule.batch):
            yield pool.take(slice(start, start + schedule.batch))


def relative_pinball(network: Trainee, paths: Paths) -> Any:
    """Pinball loss in units of recent volatility, (b, n, k, q), and where it counts, (b, n, 1, 1)."""
    import torch

    values = torch.from_numpy(paths.values)
    masks = torch.from_numpy(paths.masked).view(len(values), -1, PATCH)
    context = values[:, :CONTEXT].reshape(masks.shape)
    quantiles = network.levels(context, masks)[:, :, :LONGEST]  # (b, n, k, q)
    ends = torch.arange(PATCH, CONTEXT + 1, PATCH)
    future = values[:, ends[:, None] + torch.arange(LONGEST)]  # (b, n, k)
    scale = torch.from_numpy(paths.volatility)[:, ends - 1, None] * torch.arange(1, LONGEST + 1).sqrt()
    error = (future[..., None] - quantiles) / scale[..., None]
    levels = torch.tensor(LEVELS)
    seen = (~masks).sum(-1).cumsum(-1)  # (b, n)
    return torch.maximum(levels * error, (levels - 1) * error), (seen >= SHORTEST_HISTORY)[..., None, None]


def _step_loss(network: Trainee, paths: Paths) -> Any:
    import torch

    loss, counts = relative_pinball(network, paths)
    weight = torch.arange(1, LONGEST + 1)[:, None] ** -0.5
    return (loss.clamp(max=FURTHEST) * weight * counts).sum() / (counts.sum() * weight.sum() * len(LEVELS))


def validate(network: Trainee, paths: Paths) -> dict[str, float]:
    """Pinball loss at the end of the context by horizon, in units of recent volatility."""
    import torch

    with torch.inference_mode():
        loss, _ = relative_pinball(network, paths)
    last = loss[:, -1].clamp(max=FURTHEST).mean(dim=(0, 2))
    return {f"h{horizon}": float(last[horizon - 1]) for horizon in HORIZONS}


def train(begin: Trainee, course: Course, report: Callable[[str], None]) -> Trainee:
    """The averaged network after all steps; `report(line)` hears how it goes."""
    import torch

    schedule, module = course.schedule, begin.module
    average = torch.optim.swa_utils.AveragedModel(
        module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(schedule.average)
    )
    optimizer = torch.optim.AdamW(module.parameters(), lr=schedule.learning_rate, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule.rate)
    held_out = simulate(course.source, np.random.default_rng(schedule.seed + 1_000_000), schedule.held_out)
    started = time.process_time()
    for step, paths in zip(range(schedule.steps), batches(course), strict=False):
        loss = _step_loss(begin, paths)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        rate.step()
        average.update_parameters(module)
        if step % 250 == 0 or step + 1 == schedule.steps:
            found = validate(of_module(average.module), held_out)
            spent = time.process_time() - started
            report(_line(step, float(loss.detach()), found, spent))
    return of_module(average.module)


def _line(step: int, loss: float, held_out: dict[str, float], seconds: float) -> str:
    scores = " ".join(f"{key} {value:.4f}" for key, value in held_out.items())
    return f"step {step} loss {loss:.4f} held out {scores} {seconds:.0f} s of processor"


def save(network: Trainee, folder: Path, facts: dict[str, Any]) -> None:
    """Write `config.json` and `model.safetensors`, the same bytes for the same weights.

    A 2.5 is written under the names of `transformers`, whose mean becomes the median: nobody trained it.
    """
    from safetensors.torch import save as pack

    from models.forecasters.timesfm_networks import to_transformers

    state = network.module.state_dict()
    if network.config.get("model_type"):
        state = to_transformers(_median_as_mean(state, network.config))
    folder.mkdir(parents=True, exist_ok=True)
    ordered = {name: tensor.contiguous() for name, tensor in sorted(state.items())}
    (folder / "model.safetensors").write_bytes(pack(ordered, metadata={"format": "pt"}))
    (folder / "config.json").write_text(json.dumps(network.config, indent=2) + "\n")
    (folder / "training.json").write_text(json.dumps(facts, indent=2) + "\n")


def _median_as_mean(state: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The tensors with the rows of the mean replaced by those of the median."""
    channels, out = 1 + len(config["quantiles"]), dict(state)
    for part in ("output_layer", "residual_layer"):
        name = f"output_projection_point.{part}.weight"
        rows = state[name].clone().view(-1, channels, state[name].shape[1])
        rows[:, 0] = rows[:, config["decode_index"]]
        out[name] = rows.view(state[name].shape)
    return out


def main(
    output: Path = Path("models/checkpoints/timesfm_2p5_small"),
    architecture: str = "2.5",
    steps: int = Schedule.steps,
    seed: int = Schedule.seed,
    threads: Annotated[int, typer.Option(help="fixed: other counts give other last digits")] = 1,
) -> None:
    """Train on SIMULATED series and write the checkpoint."""
    import torch

    torch.set_num_threads(threads)
    version: Architecture = "3.0" if architecture == "3.0" else "2.5"
    course = course_of(version, Schedule(steps=steps, seed=seed))
    network = train(trainee(version, seed), course, typer.echo)
    test = simulate(course.source, np.random.default_rng(seed + 2_000_000), 4096, late_share=0.0)
    facts = {
        "architecture": version,
        "schedule": asdict(course.schedule),
        "source": {type(course.source).__name__: asdict(course.source)},  # type: ignore[call-overload]
        "test": validate(network, test),
    }
    save(network, output, facts)
    count = sum(p.numel() for p in network.module.parameters())
    typer.echo(f"wrote {output}: {count:,} parameters, test {facts['test']}")


if __name__ == "__main__":
    typer.run(main)

"""Train the small TimesFM 3 that the repository ships, from SIMULATED paths alone.

    python -m pipelines.training.train_timesfm --output models/checkpoints/timesfm_small

Seeded and single-threaded: the same seed, steps and machine give the same weights. Letters of the
shapes: b series, n patches, p sessions a patch, k steps ahead, q quantile levels.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from pipelines.training.synthetic_paths import Floats, SyntheticMarket
from trading.frames import HORIZONS, LEVELS

CONTEXT, PATCH, STEPS_AHEAD = 512, 32, 32
LONGEST = max(HORIZONS)
SHORTEST_HISTORY = 64
EWMA_DECAY = 0.94
HALF_NORMAL = (-1.645, -1.150, -0.674, 0.0, 0.674, 1.150, 1.645)

NETWORK: dict[str, Any] = {
    "input_patch_len": PATCH,
    "output_patch_len": STEPS_AHEAD,
    "quantiles": list(LEVELS),
    "residual_block_config": {
        "hidden_dims": 256,
        "output_dims": 128,
        "use_bias": False,
        "activation": "relu",
    },
    "transformer_config": {
        "num_layers": 4,
        "transformer": {
            "model_dims": 128,
            "hidden_dims": 256,
            "num_heads": 4,
            "attention_norm": "rms",
            "feedforward_norm": "rms",
            "qk_norm": "rms",
            "use_rope_seq": True,
            "use_rope_var": False,
            "use_bias": False,
            "ff_activation": "relu",
            "deterministic": True,
        },
    },
    "use_variate_attention": False,
    "use_stitching": False,
    "use_linear_detrending": False,
    "use_iterative_cpm_revin": False,
}


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes
    ----------
    average : decay of the averaged weights that are kept
    pool : series that are simulated at once; held_out : series on which progress is measured
    """

    steps: int = 3000
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


def simulate(rng: np.random.Generator, count: int, late_share: float = 0.2) -> Paths:
    """SIMULATED paths; `late_share` of them start late, as a listing does."""
    returns = SyntheticMarket().returns(rng, count, CONTEXT + STEPS_AHEAD)
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


def batches(schedule: Schedule) -> Iterator[Paths]:
    """Fresh series for every step, made a pool at a time."""
    rng = np.random.default_rng(schedule.seed)
    while True:
        pool = simulate(rng, schedule.pool)
        for start in range(0, schedule.pool, schedule.batch):
            yield pool.take(slice(start, start + schedule.batch))


def build_network() -> Any:
    """The network before training: it starts as a random walk that can see differences.

    Channel 0 of the residual stream carries the last value of the patch to every output, and the
    first hidden units are the rectified differences of neighbours, from which volatility follows.
    """
    import torch
    from timesfm3.torch.model import TimesFM3Torch

    network = TimesFM3Torch(**NETWORK)
    block, head = network.pre_transformer_resblock, network.output_head
    spread = torch.tensor(HALF_NORMAL)[None] * 0.1 * torch.arange(1, STEPS_AHEAD + 1)[:, None].sqrt()
    with torch.no_grad():
        block.residual_layer.weight[0] = torch.eye(block.residual_layer.in_features)[PATCH - 1]
        block.output_layer.weight[0] = 0.0
        for layer in network.transformer_stack.layers:
            layer.post_seq_attn_ln.weight[0] = 0.0
            layer.post_ff_ln.weight[0] = 0.0
        for unit in range(PATCH - 1):
            difference = torch.zeros(block.hidden_layer.in_features)
            difference[unit + 1], difference[unit] = 5.0, -5.0
            block.hidden_layer.weight[2 * unit], block.hidden_layer.weight[2 * unit + 1] = (
                difference,
                -difference,
            )
        head.weight.mul_(0.1)
        head.weight[:, 0] = 1.0
        head.bias.copy_(spread.flatten())
    return network


def relative_pinball(network: Any, paths: Paths) -> Any:
    """Pinball loss in units of recent volatility, (b, n, k, q), and where it counts, (b, n, 1, 1)."""
    import torch

    count = len(paths.values)
    values = torch.from_numpy(paths.values)
    masks = torch.from_numpy(paths.masked).view(count, 1, -1, PATCH)
    context = values[:, :CONTEXT].reshape(count, 1, -1, PATCH)
    inputs = {
        "values": context,
        "masks": masks,
        "patch_is_target": torch.ones(context.shape[:3], dtype=torch.bool),
    }
    quantiles = network(inputs)["logits"][:, 0, :, :LONGEST]  # (b, n, k, q)
    ends = torch.arange(PATCH, CONTEXT + 1, PATCH)
    future = values[:, ends[:, None] + torch.arange(LONGEST)]  # (b, n, k)
    scale = torch.from_numpy(paths.volatility)[:, ends - 1, None] * torch.arange(1, LONGEST + 1).sqrt()
    error = (future[..., None] - quantiles) / scale[..., None]
    levels = torch.tensor(LEVELS)
    seen = (~masks[:, 0]).sum(-1).cumsum(-1)  # (b, n)
    return torch.maximum(levels * error, (levels - 1) * error), (seen >= SHORTEST_HISTORY)[..., None, None]


def _step_loss(network: Any, paths: Paths) -> Any:
    import torch

    loss, counts = relative_pinball(network, paths)
    weight = torch.arange(1, LONGEST + 1)[:, None] ** -0.5
    return (loss.clamp(max=20.0) * weight * counts).sum() / (counts.sum() * weight.sum() * len(LEVELS))


def validate(network: Any, paths: Paths) -> dict[str, float]:
    """Pinball loss at the end of the context by horizon, in units of recent volatility."""
    import torch

    with torch.inference_mode():
        loss, _ = relative_pinball(network, paths)
    last = loss[:, -1].mean(dim=(0, 2))
    return {f"h{horizon}": float(last[horizon - 1]) for horizon in HORIZONS}


def train(schedule: Schedule, report: Any) -> Any:
    """The averaged network after all steps; `report(line)` hears how it goes."""
    import torch

    torch.manual_seed(schedule.seed)
    network = build_network()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(schedule.average)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule.rate)
    held_out = simulate(np.random.default_rng(schedule.seed + 1_000_000), schedule.held_out)
    started = time.perf_counter()
    for step, paths in zip(range(schedule.steps), batches(schedule), strict=False):
        loss = _step_loss(network, paths)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        rate.step()
        average.update_parameters(network)
        if step % 250 == 0 or step + 1 == schedule.steps:
            scores = " ".join(
                f"{key} {value:.4f}" for key, value in validate(average.module, held_out).items()
            )
            report(
                f"step {step} loss {float(loss.detach()):.4f} held out {scores} {time.perf_counter() - started:.0f} s"
            )
    return average.module


def save(network: Any, folder: Path, facts: dict[str, Any]) -> None:
    """Write `config.json` and `model.safetensors`, the same bytes for the same weights."""
    from safetensors.torch import save as pack

    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in sorted(network.state_dict().items())}
    (folder / "model.safetensors").write_bytes(pack(state))
    (folder / "config.json").write_text(json.dumps(NETWORK, indent=2) + "\n")
    (folder / "training.json").write_text(json.dumps(facts, indent=2) + "\n")


def main(
    output: Path = Path("models/checkpoints/timesfm_small"),
    steps: int = Schedule.steps,
    seed: int = Schedule.seed,
    threads: Annotated[int, typer.Option(help="fixed: other counts give other last digits")] = 1,
) -> None:
    """Train on SIMULATED paths and write the checkpoint."""
    import torch

    torch.set_num_threads(threads)
    schedule = Schedule(steps=steps, seed=seed)
    network = train(schedule, typer.echo).eval()
    test = simulate(np.random.default_rng(schedule.seed + 2_000_000), 4096, late_share=0.0)
    facts = {
        "schedule": asdict(schedule),
        "market": asdict(SyntheticMarket()),
        "test": validate(network, test),
    }
    save(network, output, facts)
    typer.echo(f"wrote {output}: {sum(p.numel() for p in network.parameters()):,} parameters")


if __name__ == "__main__":
    typer.run(main)

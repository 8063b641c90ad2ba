"""One training loop for all networks: AdamW, a cosine, clipped gradients, early stopping.

For a seed and a number of threads the weights are the same bytes, also when a killed training goes on from
what its journal kept: everything random in an epoch (order of the samples, dropout) is drawn from the name,
the seed and the epoch's number, so that the state of a generator need not be kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from models.training.samples import Rows, Split
from trading.digest import generator
from trading.errors import CheckpointError, ModelError
from trading.interfaces import SILENT, TrainingJournal

Loss = Callable[[Rows], Tensor]
"""Of the samples at these rows: (b,), differentiable in the network's weights."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Parameters
    ----------
    epochs : at most; patience : epochs without a better validation loss until it stops
    batch : samples of a step; steps : of an epoch at most, 0 for every sample once
    learning_rate : at its highest; warm_up : share of all steps that lead up to it
    weight_decay : of AdamW, on matrices only; clip : largest norm of a step's gradient
    """

    epochs: int = 20
    patience: int = 4
    batch: int = 64
    steps: int = 0
    learning_rate: float = 1e-3
    warm_up: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0

    def steps_of(self, samples: int) -> int:
        """Steps of one epoch."""
        every = math.ceil(samples / self.batch)
        return min(every, self.steps) if self.steps else every

    def share(self, done: float) -> float:
        """Share of the learning rate when the share `done` of all steps is done: linear up, a cosine to 2 %."""
        if done < self.warm_up:
            return (done + 1e-3) / (self.warm_up + 1e-3)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up)))


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    curve : (training loss, validation loss) of each epoch that is done
    best_epoch : the one, from 1, whose weights are kept; 0 for those before training
    best_loss : its validation loss
    """

    curve: tuple[tuple[float, float], ...] = ()
    best_epoch: int = 0
    best_loss: float = math.inf

    def then(self, training: float, validation: float) -> Progress:
        """After one more epoch."""
        curve = (*self.curve, (training, validation))
        if validation < self.best_loss:
            return Progress(curve, len(curve), validation)
        return replace(self, curve=curve)


@dataclass
class _Run:
    """What changes while a network trains."""

    network: nn.Module
    optimizer: torch.optim.AdamW
    best: dict[str, Tensor]
    progress: Progress = field(default_factory=Progress)


def train(
    network: nn.Module,
    loss: Loss,
    split: Split,
    schedule: Schedule,
    *,
    name: str,
    seed: int = 0,
    threads: int = 1,
    journal: TrainingJournal = SILENT,
) -> Progress:
    """Train `network` in place; it ends with the weights of the best epoch and in evaluation mode.

    The weights it begins with are among those to choose from: a network never gets worse on validation.

    Parameters
    ----------
    loss : of samples at rows, as the network is now
    name : with `seed` it decides everything random

    Raises
    ------
    ModelError
        If the loss is not finite.
    CheckpointError
        If what the journal kept belongs to another network.
    """
    run = _Run(network, _optimizer(network, schedule), _copy(network))
    with seeded(f"{name}/training", seed, threads):
        kept = journal.resume()
        if kept is None:
            run.progress = Progress(best_loss=_validate(run, loss, split, schedule))
        else:
            run.progress = restore(run.network, run.optimizer, run.best, kept)
        while not _is_done(run.progress, schedule):
            _epoch(run, loss, split, schedule, name=name, seed=seed)
            _tell(run, schedule, journal)
    network.load_state_dict(run.best)
    network.eval()
    return run.progress


@contextmanager
def seeded(name: str, seed: int, threads: int) -> Iterator[None]:
    """Torch with a generator of its own and a fixed number of threads; both are put back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(_number(name, seed))
            yield
    finally:
        torch.set_num_threads(before)


def state_bytes(
    network: nn.Module, optimizer: torch.optim.Optimizer, best: dict[str, Tensor], progress: Progress
) -> bytes:
    """All that training needs to go on from here, as safetensors."""
    from safetensors.torch import save

    tensors = {f"weights/{key}": of for key, of in network.state_dict().items()}
    tensors |= {f"best/{key}": of for key, of in best.items()}
    for place, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{place}/{key}": of for key, of in moments.items()}
    facts = {
        "curve": [[value.hex() for value in epoch] for epoch in progress.curve],
        "best_epoch": progress.best_epoch,
        "best_loss": progress.best_loss.hex(),
    }
    ordered = {key: tensors[key].detach().clone().contiguous() for key in sorted(tensors)}
    return save(ordered, metadata={"progress": json.dumps(facts, sort_keys=True)})


def restore(
    network: nn.Module, optimizer: torch.optim.Optimizer, best: dict[str, Tensor], kept: bytes
) -> Progress:
    """Put network, optimizer and best weights where `state_bytes` found them; how far that was.

    Raises
    ------
    CheckpointError
        If the bytes are damaged or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(kept)
        network.load_state_dict(_under("weights/", tensors))
        best.update({key: tensors[f"best/{key}"] for key in best})
        moments: dict[int, dict[str, Tensor]] = {}
        for key, of in _under("optimizer/", tensors).items():
            place, moment = key.split("/")
            moments.setdefault(int(place), {})[moment] = of
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
        return _progress_of(kept)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"what a killed training left does not fit this network ({str(error).splitlines()[0]}); "
            "delete it and train again from the beginning"
        ) from None


def _epoch(run: _Run, loss: Loss, split: Split, schedule: Schedule, *, name: str, seed: int) -> None:
    """One epoch, and the best weights so far."""
    number = len(run.progress.curve)
    torch.manual_seed(_number(f"{name}/epoch {number}", seed))
    order = generator(f"{name}/order {number}", seed=seed).permutation(split.training)
    steps = schedule.steps_of(len(order))
    run.network.train()
    total = 0.0
    for step in range(steps):
        rate = schedule.learning_rate * schedule.share((number * steps + step) / (schedule.epochs * steps))
        rows = order[step * schedule.batch : (step + 1) * schedule.batch]
        total += _step(run, loss(rows).mean(), rate, schedule.clip)
    run.progress = run.progress.then(total / steps, _validate(run, loss, split, schedule))
    if run.progress.best_epoch == number + 1:
        run.best = _copy(run.network)


def _step(run: _Run, value: Tensor, rate: float, clip: float) -> float:
    found = float(value.detach())
    if not math.isfinite(found):
        raise ModelError("the training loss is not finite; lower the learning rate, or look for wrong bars")
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["share"]
    run.optimizer.zero_grad()
    value.backward()  # type: ignore[no-untyped-call,unused-ignore]
    nn.utils.clip_grad_norm_(run.network.parameters(), clip)
    run.optimizer.step()
    return found


def _validate(run: _Run, loss: Loss, split: Split, schedule: Schedule) -> float:
    """Mean loss of the later samples."""
    run.network.eval()
    rows, size = split.validation, 4 * schedule.batch
    with torch.no_grad():
        parts = [loss(rows[start : start + size]).double().sum() for start in range(0, len(rows), size)]
    return float(sum(parts)) / len(rows)


def _tell(run: _Run, schedule: Schedule, journal: TrainingJournal) -> None:
    training, validation = run.progress.curve[-1]
    journal.epoch(
        len(run.progress.curve),
        schedule.epochs,
        {"training_loss": training, "validation_loss": validation},
        lambda: state_bytes(run.network, run.optimizer, run.best, run.progress),
    )


def _is_done(progress: Progress, schedule: Schedule) -> bool:
    epochs = len(progress.curve)
    return epochs >= schedule.epochs or epochs - progress.best_epoch >= schedule.patience


def _optimizer(network: nn.Module, schedule: Schedule) -> torch.optim.AdamW:
    """AdamW; a parameter may say `no_weight_decay`, and its `rate_share` of the learning rate."""
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for of in network.parameters():
        if of.requires_grad:
            decays = of.ndim > 1 and not getattr(of, "no_weight_decay", False)
            groups.setdefault((decays, getattr(of, "rate_share", 1.0)), []).append(of)
    return torch.optim.AdamW(
        [
            {"params": params, "weight_decay": schedule.weight_decay if decays else 0.0, "share": share}
            for (decays, share), params in groups.items()
        ],
        lr=schedule.learning_rate,
    )


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {key: of.detach().clone() for key, of in network.state_dict().items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): of for key, of in tensors.items() if key.startswith(prefix)}


def _progress_of(kept: bytes) -> Progress:
    header = json.loads(kept[8 : 8 + int.from_bytes(kept[:8], "little")])
    facts = json.loads(header["__metadata__"]["progress"])
    curve = tuple((float.fromhex(a), float.fromhex(b)) for a, b in facts["curve"])
    return Progress(curve, int(facts["best_epoch"]), float.fromhex(facts["best_loss"]))


def _number(name: str, seed: int) -> int:
    return int(generator(name, seed=seed).integers(2**63))

"""TSMamba (Ma et al., arXiv 2411.02941): a state-space model of one symbol's returns, read both ways.

Two stages. The first taught the shipped checkpoint on SIMULATED series what comes before and after a patch,
and a head to speak quantiles; the second, `fit`, refines all of it on the home's own bars, the backbone
more slowly than the head. `predict` reads a window of fixed length from nothing, which is what the daily
line does; `models.forecasters.tsmamba_stream` goes on bar by bar from a state.

The forward encoder's state advances by one recurrent step a bar. The backward encoder's cannot be cached:
it begins at the newest patch, so every new bar changes all that it said. It therefore reads the newest
`backward` patches only (8 of 8 bars), anew for every forecast, in training as in use: what a live forecast
costs is bounded, and what it says is what a whole pass says.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from models.forecasters.bar_channels import BESIDE, bar_channels, channels_of, require
from models.forecasters.bar_inputs import SIGNS, bar_inputs, mirrored
from models.forecasters.inference import infer
from models.forecasters.tabular import places_of
from models.forecasters.volatility import ewma_volatility
from trading.errors import CheckpointError
from trading.frames import HORIZONS
from trading.interfaces import SILENT, BarStream, Floats, Forecast, TrainingJournal, Window

if TYPE_CHECKING:
    from models.forecasters.tsmamba_network import NetworkShape, TSMambaNetwork
    from models.training.loop import Loss
    from models.training.samples import Rows, Samples

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
SHIPPED = "tsmamba_small"
WEIGHTS = "model.safetensors"
RETURN = "log_return"
VOLATILITY_BARS, DECAY = 63, 0.94  # the unit in which quantiles are spoken; training's samples use the same
LEAST_UNIT = 1e-8


@dataclass(frozen=True)
class Refinement:
    """How `fit` goes on from the checkpoint.

    Parameters
    ----------
    epochs, patience, batch, steps, learning_rate : of `models.training.loop.Schedule`
    backbone_share : of the learning rate, for everything before the head
    origins : forecasts that one sample is judged by, a patch apart, the newest last
    """

    epochs: int = 8
    patience: int = 2
    batch: int = 32
    steps: int = 12
    learning_rate: float = 1e-3
    backbone_share: float = 0.3
    origins: int = 8


@dataclass(frozen=True)
class TSMamba:
    """Quantiles of the cumulative log return from each symbol's own returns.

    Parameters
    ----------
    checkpoint : name of a shipped checkpoint, or a folder with `model.safetensors`; empty: none, then
        `profile` says which network `fit` trains from random weights
    profile : `small` (width 64, two layers each way) or `full` (width 256, three); a checkpoint knows its own
    batch : rows of a batch; threads : of torch, in training too
    symmetric : average the forecasts of the returns and of their mirror image, so that the model itself
        prefers neither direction
    reads : `returns`, or `ohlcv`: `fit` then teaches the network to read opening gap, range and volume too, whose
        columns (`models.forecasters.bar_channels.CHANNELS`) its windows must hold; before that it reads returns.
        With `symmetric`, volume and range say how wide and how much of a return goes on, never by themselves where to
    checkpointing : train with less memory and a third more time
    device : `cpu` or `cuda`
    payload_ : weights and configuration from a registry or a fit, in place of the checkpoint
    """

    name: ClassVar[str] = "tsmamba"
    checkpoint: str = field(default=SHIPPED, metadata={"digest": False})  # the weights are digested
    profile: str = "small"
    context_sessions: int = 512
    batch: int = 32
    threads: int = 1
    symmetric: bool = True
    refinement: Refinement = field(default_factory=Refinement)
    reads: Literal["returns", "ohlcv"] = "returns"
    seed: int = 0
    checkpointing: bool = field(default=False, metadata={"digest": False})  # gradients are the same
    device: str = "cpu"
    payload_: bytes | None = field(default=None, compare=False, repr=False)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:
        """A copy refined on `window`, from the weights that this one has.

        Raises
        ------
        ModelError
            If the window holds fewer than 200 samples, or no later ones to be judged by, or lacks a channel.
        """
        from models.training.loop import Schedule, train
        from models.training.samples import cut, point_in_time_split

        if self.reads == "ohlcv":
            require(window.channels)
        samples = cut(window, model=self.name, length=self.context_sessions)
        chosen, network = self.refinement, self._beginning()
        for name, parameter in network.named_parameters():
            first_stage_only = name.startswith(("next_patch", "previous_patch"))
            parameter.requires_grad_(not first_stage_only)
            new = name.startswith(("head", "channels"))
            parameter.rate_share = 1.0 if new else chosen.backbone_share
        train(
            network.to(self.device),
            self._loss(network, samples, window.channels),
            point_in_time_split(samples.origin),
            Schedule(chosen.epochs, chosen.patience, chosen.batch, chosen.steps, chosen.learning_rate),
            name=self.name,
            seed=self.seed,
            threads=self.threads,
            journal=journal,
        )
        return replace(self, payload_=pack_network(network.to("cpu")))

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q).

        Raises
        ------
        CheckpointError
            If the weights are missing or damaged.
        ModelError
            If a horizon was not trained.
        """
        places = places_of(horizons, self.name)
        returns = window.channel(RETURN)[-self.context_sessions :]
        inputs = self.inputs(window)
        said = infer(
            self.speak, (_single(inputs),), batch=self.batch, device=self.device, threads=self.threads
        )
        forecast = spoken(window, said.values, horizons, places, unit_of(returns))
        return replace(forecast, fallback=said.fallback)

    def inputs(self, window: Window) -> Floats:
        """(s, l, c) what the network reads of the window's last bars, unknown ones before them.

        Raises
        ------
        ModelError
            If the window lacks a channel that the network has learned to read.
        """
        returns = window.channel(RETURN)[-self.context_sessions :]
        lacking = self.context_sessions - len(returns)
        read = bar_inputs(np.pad(returns, ((lacking, 0), (0, 0)), constant_values=np.nan).T)
        if not self.network.shape.beside:
            return read
        beside = bar_channels(window)[:, -self.context_sessions :]
        return np.concatenate([read, np.pad(beside, ((0, 0), (lacking, 0), (0, 0)))], axis=-1)

    def speak(self, device: str, tensors: tuple[Any, ...]) -> Any:
        """Quantiles (b, h, q) in units of volatility, of inputs (b, l, 3) on a device."""
        network, inputs = self.network.to(device), tensors[0]
        quantiles = network(inputs)[:, 0]
        if not self.symmetric:
            return quantiles
        return (quantiles - network(mirrored_tensor(inputs))[:, 0].flip(-1)) / 2

    def streaming(self, window: Window) -> BarStream:
        """A stream that has read `window`: what its steps say rests on that and on all bars since."""
        from models.forecasters.tsmamba_stream import SessionStream

        return SessionStream(self, window)

    def to_bytes(self) -> bytes:
        """The weights as safetensors, with the configuration in their metadata."""
        if self.payload_ is not None:
            return self.payload_
        return _read(self.checkpoint) if self.checkpoint else self._untrained

    def from_bytes(self, payload: bytes) -> Self:
        """A copy that uses the weights of `payload`; CheckpointError if they are not a TSMamba's."""
        loaded = replace(self, payload_=payload)
        _ = loaded.network
        return loaded

    def _beginning(self) -> TSMambaNetwork:
        """The network to train; with channels that say nothing yet where it has never read any."""
        network = _build(self.to_bytes(), checkpointing=self.checkpointing)
        if self.reads == "returns" or network.shape.beside:
            return network
        from models.forecasters.tsmamba_network import TSMambaNetwork
        from models.training.loop import seeded

        with seeded(f"{self.name}/channels", self.seed, self.threads):
            widened = TSMambaNetwork(replace(network.shape, beside=BESIDE), checkpointing=self.checkpointing)
        widened.load_state_dict(widened.state_dict() | network.state_dict())
        return widened

    @functools.cached_property
    def network(self) -> TSMambaNetwork:
        """The network with its weights, built when it is first needed."""
        return _build(self.to_bytes()).eval()

    @functools.cached_property
    def _untrained(self) -> bytes:
        from models.forecasters.tsmamba_network import FULL, SMALL, TSMambaNetwork
        from models.training.loop import seeded

        with seeded(f"{self.name}/weights", self.seed, self.threads):
            return pack_network(TSMambaNetwork({"small": SMALL, "full": FULL}[self.profile]))

    def _loss(self, network: TSMambaNetwork, samples: Samples, channels: Sequence[str]) -> Loss:
        """Pinball loss; in training of several origins a sample, half of them mirrored."""
        import torch

        from models.training.losses import pinball

        aims = np.concatenate([samples.scaled_targets(), np.full((1, len(HORIZONS)), np.nan)])  # row -1: none
        patch, device = network.shape.patch, self.device
        places = require(channels) if network.shape.beside else []

        def loss(rows: Rows) -> torch.Tensor:
            origins = self.refinement.origins if network.training else 1
            contexts = samples.contexts(rows)  # (b, l, c)
            inputs = bar_inputs(contexts[:, :, samples.returns])
            if places:
                beside = channels_of(*(contexts[:, :, place].T for place in places))
                inputs = np.concatenate([inputs, beside], axis=-1)
            lags = [patch * back for back in reversed(range(origins))]
            targets = _single(aims[samples.rows_before(rows, lags)])  # (b, j, h)
            if network.training:
                turned = torch.rand(len(rows)).numpy() < 0.5  # noqa: PLR2004 - a coin
                inputs[turned], targets[turned] = mirrored(inputs[turned]), -targets[turned]
            said = network(torch.from_numpy(_single(inputs)).to(device), origins)
            return pinball(said, torch.from_numpy(targets).to(device))

        return loss


def unit_of(returns: Floats) -> Floats:
    """(s,) volatility of one bar from the last 63 of (w, s)."""
    return np.fmax(ewma_volatility(returns[-VOLATILITY_BARS:], DECAY), LEAST_UNIT)


def spoken(
    window: Window, said: Floats, horizons: Sequence[int], places: list[int], unit: Floats
) -> Forecast:
    """The forecast of a window from quantiles (s, 3, q) in units (s,) of volatility."""
    scale = unit[:, None] * np.sqrt(np.asarray(horizons, dtype=float))  # (s, h)
    quantiles = scale[:, :, None] * said[:, places].astype(np.float64)
    quantiles[~window.mask] = np.nan
    return Forecast(window.symbols, tuple(horizons), quantiles)


def mirrored_tensor(inputs: Any) -> Any:
    """`mirrored`, of a tensor."""
    return inputs * inputs.new_tensor(SIGNS[: inputs.shape[-1]])


def pack_network(network: TSMambaNetwork) -> bytes:
    """Weights as safetensors with the shape of the network in their metadata, the same for the same weights."""
    from safetensors.torch import save

    config = {"model": "tsmamba", "shape": asdict(network.shape)}
    state = {name: tensor.detach().contiguous() for name, tensor in sorted(network.state_dict().items())}
    return save(state, metadata={"config": json.dumps(config, sort_keys=True)})


def _read(checkpoint: str) -> bytes:
    for folder in (CHECKPOINTS / checkpoint, Path(checkpoint).expanduser()):
        if (folder / WEIGHTS).is_file():
            return (folder / WEIGHTS).read_bytes()
    raise CheckpointError(
        f"there is no TSMamba checkpoint {checkpoint!r}: name {SHIPPED!r}, or a folder with {WEIGHTS}"
    )


def _build(payload: bytes, *, checkpointing: bool = False) -> TSMambaNetwork:
    """The network of `pack_network`'s bytes."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    from models.forecasters.tsmamba_network import TSMambaNetwork

    try:
        state = load(payload)
        network = TSMambaNetwork(_shape(payload), checkpointing=checkpointing)
        network.load_state_dict(state)
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"these are not the weights of a TSMamba ({reason}); train it again") from None
    if any(not tensor.isfinite().all() for tensor in state.values()):
        raise CheckpointError("the weights of TSMamba are not finite; train it again")
    return network


def _shape(payload: bytes) -> NetworkShape:
    from models.forecasters.tsmamba_network import NetworkShape

    header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
    return NetworkShape(**json.loads(header["__metadata__"]["config"])["shape"])


def _single(values: Floats) -> Any:
    return values.astype(np.float32)

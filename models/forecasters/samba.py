"""SAMBA (Mehrabian et al., arXiv 2410.03707), its nodes being names and its inputs causal.

The paper's nodes are 82 features of one index, several of which hold the next day's return
(docs/decisions/0018). Here each name is a node: bidirectional Mamba reads its bars inside the window, and graph
convolutions with weights of each node's own carry what one name did to those it is linked with. Links are
the paper's learned ones, joined with the correlations of the last thirty sessions of the window itself.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.forecasters.bar_inputs import bar_inputs, mirrored
from models.forecasters.inference import infer
from models.forecasters.log_paths import padded
from models.forecasters.tabular import places_of
from models.forecasters.tsmamba import mirrored_tensor, spoken, unit_of
from models.forecasters.weights import pack
from trading.errors import CheckpointError, NotFittedError
from trading.features.correlation import pairwise_correlation
from trading.features.graph import link_weights
from trading.frames import HORIZONS
from trading.interfaces import SILENT, Bools, Floats, Forecast, TrainingJournal, Window

if TYPE_CHECKING:
    from models.forecasters.samba_network import SambaNetwork, SambaShape
    from models.training.loop import Loss
    from models.training.samples import CrossSections, Rows

RETURN = "log_return"
NEWCOMER = -1
Single = NDArray[np.float32]


@dataclass(frozen=True)
class GraphLearning:
    """How `fit` learns.

    Parameters
    ----------
    epochs, patience, batch, learning_rate, weight_decay : of `models.training.loop.Schedule`, a sample being a session
    newcomers : share of the names that a step takes for new ones, so that the network learns what to make of them
    """

    epochs: int = 12
    patience: int = 3
    batch: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    newcomers: float = 0.05


class GraphInputs(NamedTuple):
    """What the network is given: x (b, l, s, c), links of correlation (b, s, s), presence (b, s)."""

    x: Single
    given: Single
    present: Bools


@dataclass(frozen=True)
class Samba:
    """Quantiles of the cumulative log return of all names at once.

    A name's forecast rests on the others' bars: that is what the graph is for.

    Parameters
    ----------
    profile : `small` (width 16, one Mamba block, two graph layers) or `full` (width 128, two and four)
    context_sessions : that the inputs, their units and the correlations are made of
    correlation_sessions, threshold, minimum_returns : of the links of correlation
    batch : names of the one graph of a session; those that are there are padded up to it
    threads : of torch, in training too
    symmetric : average the forecasts of the returns and of their mirror image
    device : `cpu` or `cuda`
    payload_ : weights, sizes and the symbols of the training
    """

    name: ClassVar[str] = "samba"
    profile: str = "small"
    context_sessions: int = 128
    correlation_sessions: int = 30
    threshold: float = 0.3
    minimum_returns: int = 21
    batch: int = 32
    threads: int = 1
    symmetric: bool = True
    learning: GraphLearning = field(default_factory=GraphLearning)
    seed: int = 0
    device: str = "cpu"
    payload_: bytes | None = field(default=None, compare=False, repr=False)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:
        """A copy trained on the unmasked names of `window`, from random weights or those that this one has.

        Raises
        ------
        ModelError
            If the window holds fewer than 60 sessions to learn from, or no later ones to be judged by.
        """
        from models.training.loop import Schedule, train
        from models.training.samples import cut_cross_sections, point_in_time_split

        taught = _only(window, window.mask)
        samples = cut_cross_sections(taught, model=self.name, length=self.context_sessions)
        network, chosen = self._beginning(taught.symbols), self.learning
        train(
            network.to(self.device),
            self._loss(network, samples, window.channels.index(RETURN)),
            point_in_time_split(samples.origin),
            Schedule(
                chosen.epochs,
                chosen.patience,
                chosen.batch,
                learning_rate=chosen.learning_rate,
                weight_decay=chosen.weight_decay,
            ),
            name=self.name,
            seed=self.seed,
            threads=self.threads,
            journal=journal,
        )
        return replace(self, payload_=pack_samba(network.to("cpu"), taught.symbols))

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q), from one graph of fixed size.

        Raises
        ------
        NotFittedError
            Before `fit` or `from_bytes`.
        ModelError
            If a horizon was not trained, or there are more than `batch` symbols.
        """
        places = places_of(horizons, self.name)
        returns = window.channel(RETURN)[-self.context_sessions :]
        before = np.full((self.context_sessions - len(returns), returns.shape[1]), np.nan)
        context = np.concatenate([before, returns]).T  # (s, l)
        there = padded(window.mask & np.isfinite(context).any(axis=1), self.batch, self.name)
        inputs = self.inputs(padded(context, self.batch, self.name).T[np.newaxis], there[np.newaxis])
        rows = np.full((1, self.batch), NEWCOMER)
        rows[0, : len(context)] = self._places(window.symbols)
        said = infer(self.speak, (*inputs, rows), batch=1, device=self.device, threads=self.threads)
        forecast = spoken(window, said.values[0, : len(context)], horizons, places, unit_of(returns))
        return replace(forecast, fallback=said.fallback)

    def inputs(self, returns: Floats, present: Bools) -> GraphInputs:
        """Of contexts (b, l, s), NaN where unknown, and who is present (b, s); correlations among those alone."""
        sessions, _, names = returns.shape
        bars = self._shape.bars
        rows = returns.transpose(0, 2, 1).reshape(sessions * names, -1)
        x = bar_inputs(rows)[:, -bars:].reshape(sessions, names, bars, -1).transpose(0, 2, 1, 3)
        # Absent names are unknown here, so that what they did cannot choose how the others' sums are made.
        there = np.where(present[:, np.newaxis], returns[:, -self.correlation_sessions :], np.nan)
        given = link_weights(pairwise_correlation(there, self.minimum_returns), self.threshold)
        return GraphInputs(_single(x), _single(given), present)

    def speak(self, device: str, tensors: tuple[Any, ...]) -> Any:
        """Quantiles (b, s, h, q) in units of volatility, on a device."""
        x, *others = tensors
        network = self._fitted[0].to(device)
        quantiles = network(x, *others)
        if not self.symmetric:
            return quantiles
        return (quantiles - network(mirrored_tensor(x), *others).flip(-1)) / 2

    def to_bytes(self) -> bytes:
        """The weights as safetensors, with sizes and symbols in their metadata; no tensor before the fit."""
        return pack({}) if self.payload_ is None else self.payload_

    def from_bytes(self, payload: bytes) -> Self:
        """A copy that uses the weights of `payload`; CheckpointError if they are not those of this profile."""
        network, _ = unpack_samba(payload)
        if network.shape != self._shape:
            raise CheckpointError(
                f"these weights are of a SAMBA of {network.shape}, the profile {self.profile!r} is {self._shape}"
            )
        return replace(self, payload_=payload)

    def _places(self, symbols: Sequence[str]) -> list[int]:
        """Row of each symbol's embedding."""
        known = {symbol: place for place, symbol in enumerate(self._fitted[1])}
        return [known.get(symbol, NEWCOMER) for symbol in symbols]

    @property
    def _shape(self) -> SambaShape:
        from models.forecasters.samba_network import FULL, SMALL

        return {"small": SMALL, "full": FULL}[self.profile]

    @functools.cached_property
    def _fitted(self) -> tuple[SambaNetwork, tuple[str, ...]]:
        if self.payload_ is None:
            raise NotFittedError("samba was asked to predict before fit; train it or load a version")
        network, symbols = unpack_samba(self.payload_)
        return network.eval(), symbols

    def _beginning(self, symbols: tuple[str, ...]) -> SambaNetwork:
        """A network for `symbols` with random weights, or with those of an earlier training."""
        from models.forecasters.samba_network import SambaNetwork
        from models.training.loop import seeded

        with seeded(f"{self.name}/weights", self.seed, self.threads):
            network = SambaNetwork(self._shape, len(symbols))
        if self.payload_ is not None:
            _take_over(network, symbols, *unpack_samba(self.payload_))
        return network

    def _loss(self, network: SambaNetwork, samples: CrossSections, returns: int) -> Loss:
        """Pinball loss of sessions, `returns` being the channel; in training half of them mirrored, and some names taken for new ones."""
        import torch

        from models.training.losses import pinball

        aims, present = samples.scaled_targets(), np.isfinite(samples.unit)
        places = np.arange(present.shape[1])

        def loss(rows: Rows) -> torch.Tensor:
            x, given, there = self.inputs(samples.contexts(rows)[..., returns], present[rows])
            targets, each = _single(aims[rows]), np.tile(places, (len(rows), 1))
            if network.training:
                turned = torch.rand(len(rows)).numpy() < 0.5  # noqa: PLR2004 - a coin
                x[turned], targets[turned] = _single(mirrored(x[turned])), -targets[turned]
                each[torch.rand(each.shape).numpy() < self.learning.newcomers] = NEWCOMER
            tensors = (torch.from_numpy(of).to(self.device) for of in (x, given, there, each))
            return pinball(network(*tensors), torch.from_numpy(targets).to(self.device))

        return loss


def pack_samba(network: SambaNetwork, symbols: tuple[str, ...]) -> bytes:
    """Weights as safetensors, with sizes and symbols in their metadata; the same for the same weights."""
    from safetensors.torch import save

    config = {"model": Samba.name, "shape": asdict(network.shape), "symbols": list(symbols)}
    state = {name: tensor.detach().contiguous() for name, tensor in sorted(network.state_dict().items())}
    return save(state, metadata={"config": json.dumps(config, sort_keys=True)})


def unpack_samba(payload: bytes) -> tuple[SambaNetwork, tuple[str, ...]]:
    """The network of `pack_samba`'s bytes and the symbols of its embeddings.

    Raises
    ------
    CheckpointError
        If the bytes are anything else, or hold a number that is not finite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from models.forecasters.samba_network import SambaNetwork, SambaShape

    try:
        state = load(payload)
        header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
        config = json.loads(header["__metadata__"]["config"])
        symbols = tuple(config["symbols"])
        network = SambaNetwork(SambaShape(**config["shape"]), len(symbols))
        network.load_state_dict(state)
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"these are not the weights of a SAMBA ({reason}); train it again") from None
    if any(not tensor.isfinite().all() for tensor in state.values()):
        raise CheckpointError("the weights of SAMBA are not finite; train it again")
    return network, symbols


def _take_over(
    network: SambaNetwork, symbols: tuple[str, ...], earlier: SambaNetwork, known: tuple[str, ...]
) -> None:
    """Put the weights of an earlier training into `network`; a name that it did not see begins at the mean."""
    state = dict(earlier.state_dict())
    table = state["embedding"]
    rows = [table[known.index(symbol)] if symbol in known else table.mean(0) for symbol in symbols]
    network.load_state_dict(state | {"embedding": table.new_tensor([row.tolist() for row in rows])})


def _only(window: Window, mask: Bools) -> Window:
    """The window of the symbols at which `mask` (s,) is True."""
    symbols = tuple(symbol for symbol, kept in zip(window.symbols, mask, strict=True) if kept)
    return replace(window, symbols=symbols, panel=window.panel[:, mask], mask=mask[mask])


def _single(values: Floats) -> Single:
    return values.astype(np.float32)

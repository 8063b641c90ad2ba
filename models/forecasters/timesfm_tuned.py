"""TimesFM that goes on learning from the home's own bars, with or without covariates beside the path.

Training begins at a checkpoint's weights. A 3.0 that reads one path only is given attention between series
first, which says nothing until it has learned something: what it forecasts before its first step is what
the checkpoint forecasts. What the checkpoint has seen, the tuned weights have seen: its `data_through` holds.
Letters of the shapes: b samples, l bars of context, k bars ahead, h horizons, m model levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from models.forecasters.log_paths import log_paths
from models.forecasters.timesfm import LONGEST, SHIPPED, TimesFM
from models.forecasters.timesfm_checkpoints import Checkpoint, pack
from models.forecasters.timesfm_covariates import Covariates
from trading.errors import ModelError
from trading.frames import HORIZONS
from trading.interfaces import SILENT, Forecast, TrainingJournal, Window

if TYPE_CHECKING:
    from models.forecasters.timesfm_networks import Network
    from models.training.samples import Rows, Samples

RETURN = "log_return"
WIDENED = "use_variate_attention"
LOUDER = 16.0  # a white series makes tokens about 6 times as large as its last value, a path a third of it


@dataclass(frozen=True)
class Tuning:
    """How `fit` goes on from the checkpoint.

    Parameters
    ----------
    epochs, patience, batch, steps, learning_rate : of `models.training.loop.Schedule`
    base_share : of the learning rate, for all that the checkpoint brought; attention between series that it
        did not bring begins at nothing and learns at the full rate
    stride : sessions between the origins of a symbol's samples
    fewest : samples without which nothing is learned
    """

    epochs: int = 5
    patience: int = 2
    batch: int = 32
    steps: int = 8
    learning_rate: float = 1e-2
    base_share: float = 0.03
    stride: int = 4
    fewest: int = 200


@dataclass(frozen=True)
class TunedTimesFM(TimesFM):
    """TimesFM, fine-tuned on the training window.

    Samples are masked where nothing was known, and split by time: the last 15 % of the origins judge, after an
    embargo of the longest horizon. The best epoch's weights are kept, those of the checkpoint among them.

    Parameters
    ----------
    tuning : how it learns
    seed : of everything random in it
    """

    name: ClassVar[str] = "timesfm_tuned"
    checkpoint: str = field(default=SHIPPED, metadata={"digest": False})
    tuning: Tuning = field(default_factory=Tuning)
    seed: int = 0

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:
        """A copy tuned on `window`, from the weights that this one has.

        Raises
        ------
        ModelError
            If the window holds too few samples, or lacks a covariate.
        CheckpointError
            If the weights are missing or damaged.
        """
        from models.training.loop import Schedule, train
        from models.training.samples import cut, point_in_time_split

        chosen = self.tuning
        length, fewest = self.context_sessions, chosen.fewest
        samples = cut(window, model=self.name, length=length, stride=chosen.stride, fewest=fewest)
        config, network = self._begin()
        for name, parameter in network.module.named_parameters():
            parameter.rate_share = 1.0 if "var_attn" in name else chosen.base_share
        returns = replace(samples, panel=window.channel(RETURN)[:, :, None])
        train(
            network.module.to(self.device),
            self._loss(network, returns, self._beside(window, LONGEST)),
            point_in_time_split(samples.origin),
            Schedule(chosen.epochs, chosen.patience, chosen.batch, chosen.steps, chosen.learning_rate),
            name=self.name,
            seed=self.seed,
            threads=self.threads,
            journal=journal,
        )
        return replace(self, payload_=pack(config, network.module.to("cpu").state_dict()))

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q), before `fit` those of the checkpoint."""
        if self.covariates and not self.network.reads_covariates:
            return replace(self, covariates=(), symmetric=False).predict(window, horizons=horizons)
        return super().predict(window, horizons=horizons)

    def _begin(self) -> tuple[dict[str, Any], Network]:
        """Configuration and network to train, with attention between series if there are any."""
        from models.forecasters.timesfm_networks import build

        given = self.given
        if self.covariates and not given.config.get(WIDENED, True):
            given = _widened(given)
        network = build(*given)
        if self.covariates and not network.reads_covariates:
            raise ModelError(
                f"architecture {network.architecture} reads no covariates; leave `covariates` empty, or begin at a "
                "checkpoint of architecture 3.0"
            )
        return given.config, network

    def _loss(self, network: Network, samples: Samples, beside: Covariates | None) -> Callable[[Rows], Any]:
        """Pinball loss at the network's own levels, in units of each sample's volatility.

        Where forecasts are averaged with their mirror images, every second sample is one.
        """
        import torch

        from models.training.losses import pinball

        steps = [horizon - 1 for horizon in HORIZONS]
        targets = torch.from_numpy(samples.scaled_targets().astype(np.float32)).to(self.device)
        scale = samples.unit[:, None] * np.sqrt(np.asarray(HORIZONS, dtype=float))
        units = torch.from_numpy(scale.astype(np.float32)).to(self.device)
        mirrored = self.symmetric and beside is None

        def loss(rows: Rows) -> Any:
            returns = samples.contexts(rows)[:, :, 0]  # (b, l)
            paths, masked = log_paths(returns.T, self.context_sessions)
            sign = torch.from_numpy(np.where(mirrored & (rows % 2 == 1), -1.0, 1.0)[:, None]).float()
            sign = sign.to(self.device)
            inputs = self._tensors(paths.astype(np.float32), masked)
            levels = network.ahead(inputs[0] * sign, inputs[1], LONGEST, self._cut(beside, samples, rows))
            scaled = levels[:, steps] / units[rows][..., None]  # (b, h, m)
            return pinball(scaled, targets[rows] * sign, levels=network.quantiles)

        return loss

    def _cut(self, beside: Covariates | None, samples: Samples, rows: Rows) -> Any:
        """What stands beside these samples, or nothing."""
        from models.forecasters.timesfm_networks import Beside

        if beside is None:
            return None
        return Beside(*self._tensors(*beside.at(samples.origin[rows], samples.symbol[rows])))

    def _tensors(self, *arrays: np.ndarray) -> tuple[Any, ...]:
        import torch

        return tuple(torch.from_numpy(np.ascontiguousarray(array)).to(self.device) for array in arrays)


def _widened(given: Checkpoint) -> Checkpoint:
    """The same 3.0 with attention between series that says nothing yet and has an easy start.

    Every series looks at those that are unlike itself and takes their tokens as they are, the last value
    (channel 0 of the networks that are trained here) made as loud as the rest of a token; the norm behind
    scales the answer by zero, and that scale is what learns first.
    """
    import torch

    from models.forecasters.timesfm_networks import unweighted

    config = {**given.config, WIDENED: True}
    state = unweighted(config).module.state_dict()
    for name in (name for name in state if "_var_attn" in name or ".var_attn." in name):
        if ".post_var_attn_ln." in name:
            state[name].zero_()
        elif "_proj." in name:
            state[name].copy_(torch.eye(len(state[name])) * (-1.0 if ".key_proj." in name else 1.0))
        if ".value_proj." in name:
            state[name][0, 0] = LOUDER
    return Checkpoint(config, {**state, **given.tensors}, given.origin)

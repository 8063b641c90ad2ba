"""TimesFM (Das et al., arXiv 2310.10688, and the package `timesfm`): a zero-shot foundation model.

One class for architectures 2.5 and 3.0 (the checkpoint's configuration says which), for the small
checkpoints that Fabline ships, which have seen synthetic data only, and for the weights that Google
publishes, which may have seen the future (declare `data_through` for those).
Letters of the shapes: b rows, s symbols, w bars of context, k bars ahead, h horizons, m model levels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from models.forecasters.inference import BATCH, CPU, infer
from models.forecasters.log_paths import at_levels, log_paths
from models.forecasters.timesfm_covariates import Covariate, Covariates, covariates_of
from trading.errors import ModelError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Bools, Floats, Forecast, TrainingJournal, Window

if TYPE_CHECKING:
    from models.forecasters.timesfm_checkpoints import Checkpoint
    from models.forecasters.timesfm_networks import Network

SHIPPED = "timesfm_small"
LONGEST = max(HORIZONS)


@dataclass(frozen=True)
class TimesFM:
    """Quantiles of the cumulative log return from the log-price path of each symbol.

    Parameters
    ----------
    checkpoint : name of a shipped checkpoint, a folder with `config.json` and `model.safetensors`, or
        the hub name of weights that are in the local hub cache (nothing is ever downloaded from here)
    batch : rows of a batch; a mirror image is a row of its own
    threads : of torch while it predicts
    symmetric : average the forecasts of the path and of its mirror image, so that the model itself
        prefers neither direction; without meaning when covariates are read, which have no mirror image
    covariates : series read beside the path, by an architecture 3.0 that has attention between series
    device : `cpu` or `cuda`
    payload_ : weights and configuration from a registry, in place of the checkpoint
    """

    name: ClassVar[str] = "timesfm"
    checkpoint: str = field(
        default=SHIPPED, metadata={"digest": False}
    )  # the weights themselves are digested
    context_sessions: int = 512
    batch: int = BATCH
    threads: int = 1
    symmetric: bool = True
    covariates: tuple[Covariate, ...] = ()
    device: str = CPU
    payload_: bytes | None = field(default=None, compare=False, repr=False)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:  # noqa: ARG002 - zero-shot
        """Itself."""
        return self

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q), in batches of fixed shape.

        Raises
        ------
        CheckpointError
            If the weights are missing, damaged or of another shape.
        ModelError
            If the weights cannot read the covariates, or the window does not hold them.
        """
        network = self._reading_network()
        ahead = max(*horizons, LONGEST)  # other lengths would let it see other parts of the calendar
        paths, masked = log_paths(window.channel("log_return"), self.context_sessions)
        levels, fallback = self._decode(paths, masked, ahead, self._beside(window, ahead))
        steps = [horizon - 1 for horizon in horizons]
        quantiles = at_levels(levels[:, steps], network.quantiles, LEVELS)
        quantiles[~window.mask] = np.nan
        return Forecast(window.symbols, tuple(horizons), quantiles, fallback=fallback)

    def to_bytes(self) -> bytes:
        """The weights as safetensors, with the configuration in their metadata."""
        if self.payload_ is not None:
            return self.payload_
        from models.forecasters.timesfm_checkpoints import pack

        given = self.given
        return pack(given.config, given.tensors)

    def from_bytes(self, payload: bytes) -> Self:
        """A copy that uses the weights of `payload`; CheckpointError if they are not a TimesFM."""
        loaded = replace(self, payload_=payload)
        _ = loaded.network
        return loaded

    @property
    def given(self) -> Checkpoint:
        """The checkpoint, read anew."""
        from models.forecasters.timesfm_checkpoints import read, unpack

        return read(self.checkpoint) if self.payload_ is None else unpack(self.payload_)

    @functools.cached_property
    def network(self) -> Network:
        """The network with its weights, built when it is first needed."""
        from models.forecasters.timesfm_networks import build

        return build(*self.given)

    def _reading_network(self) -> Network:
        """The network, if it can read what it is to read."""
        if self.covariates and not self.network.reads_covariates:
            raise ModelError(
                f"the weights {self.checkpoint!r} read one path and no covariates; leave `covariates` empty, name a "
                "checkpoint of architecture 3.0 with attention between series, or train `timesfm_tuned` with them"
            )
        return self.network

    def _beside(self, window: Window, ahead: int) -> Covariates | None:
        if not self.covariates:
            return None
        return covariates_of(window, self.covariates, self.context_sessions, ahead)

    def _decode(
        self, paths: Floats, masked: Bools, ahead: int, beside: Covariates | None
    ) -> tuple[Floats, str]:
        """(s, k, m) levels of the path ahead, relative to its last value, and what went wrong."""
        single, count = paths.astype(np.float32), len(paths)
        if beside is not None:
            origin, symbol = np.full(count, len(beside.past) - 1), np.arange(count)
            return self._run((single, masked, *beside.at(origin, symbol)), ahead)
        if not self.symmetric:
            return self._run((single, masked), ahead)
        said, fallback = self._run((np.concatenate([single, -single]), np.tile(masked, (2, 1))), ahead)
        return np.asarray((said[:count] - said[count:, :, ::-1]) / 2), fallback

    def _run(self, inputs: Sequence[NDArray[Any]], ahead: int) -> tuple[Floats, str]:
        """(b, k, m) what the network says of paths and masks (b, w), and of what is beside them if anything."""
        from models.forecasters.timesfm_networks import Beside

        network = self.network

        def speak(device: str, tensors: tuple[Any, ...]) -> Any:
            network.module.to(device)
            beside = Beside(*tensors[2:]) if len(tensors) > 2 else None  # noqa: PLR2004 - the path and its mask
            return network.ahead(tensors[0], tensors[1], ahead, beside).double()

        return infer(speak, inputs, batch=self.batch, device=self.device, threads=self.threads)

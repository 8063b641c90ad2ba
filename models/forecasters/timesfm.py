"""TimesFM 3 (Das et al., arXiv 2310.10688, and the `timesfm` package): a zero-shot foundation model.

One class for the small checkpoint that Fabline ships, which has seen synthetic data only, and for the
weights that Google publishes, which may have seen the future (declare `data_through` for those).
Letters of the shapes: b rows of the fixed batch, w sessions of context, k steps ahead, m model levels.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from models.forecasters.inference import fixed_threads
from models.forecasters.log_paths import at_levels, log_paths, padded
from trading.errors import CheckpointError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Bools, Floats, Forecast, TrainingJournal, Window

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
SHIPPED = "timesfm_small"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
LEVELS_KEY = "quantiles"


@dataclass(frozen=True)
class TimesFM:
    """Quantiles of the cumulative log return from the log-price path of each symbol.

    Parameters
    ----------
    checkpoint : name of a shipped checkpoint, a folder with `config.json` and `model.safetensors`, or
        the hub name of weights that are in the local hub cache (nothing is ever downloaded from here)
    batch : rows of the one batch; a session's symbols are padded up to it
    threads : of torch while it predicts
    symmetric : average the forecasts of the path and of its mirror image, so that the model itself
        prefers neither direction
    payload_ : weights and configuration from a registry, in place of the checkpoint
    """

    name: ClassVar[str] = "timesfm"
    checkpoint: str = field(
        default=SHIPPED, metadata={"digest": False}
    )  # the weights themselves are digested
    context_sessions: int = 512
    batch: int = 16
    threads: int = 1
    symmetric: bool = True
    payload_: bytes | None = field(default=None, compare=False, repr=False)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:  # noqa: ARG002 - zero-shot
        """Itself."""
        return self

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q), from one batch of fixed shape.

        Raises
        ------
        CheckpointError
            If the weights are missing, damaged or of another shape.
        """
        paths, masked = log_paths(window.channel("log_return"), self.context_sessions)
        count = len(paths)
        batch = padded(paths, self.batch, self.name), padded(masked, self.batch, self.name)
        levels = self._decode(*batch, max(horizons))[:count]  # (s, k, m)
        steps = [horizon - 1 for horizon in horizons]
        quantiles = at_levels(levels[:, steps], self.network.quantiles, LEVELS)
        quantiles[~window.mask] = np.nan
        return Forecast(window.symbols, tuple(horizons), quantiles)

    def to_bytes(self) -> bytes:
        """The weights as safetensors, with the configuration in their metadata."""
        if self.payload_ is not None:
            return self.payload_
        from safetensors.torch import save

        config, state = _read(_folder(self.checkpoint))
        return save(dict(sorted(state.items())), metadata={"config": json.dumps(config, sort_keys=True)})

    def from_bytes(self, payload: bytes) -> Self:
        """A copy that uses the weights of `payload`; CheckpointError if they are not a TimesFM 3."""
        loaded = replace(self, payload_=payload)
        _ = loaded.network
        return loaded

    @functools.cached_property
    def network(self) -> Any:
        """The network with its weights, built when it is first needed."""
        if self.payload_ is None:
            return _build(*_read(_folder(self.checkpoint)), self.checkpoint)
        return _build(*_unpack(self.payload_), "payload")

    def _decode(self, paths: Floats, masked: Bools, ahead: int) -> Floats:
        """(b, k, m) levels of the path ahead, relative to its last value."""
        import torch

        values, masks = torch.from_numpy(paths.astype(np.float32))[:, None], torch.from_numpy(masked)
        if self.symmetric:
            values, masks = torch.cat([values, -values]), torch.cat([masks, masks])
        with fixed_threads(self.threads):
            out = self.network.decode(values, horizon=ahead, mask=masks)[:, 0].double().numpy()
        if not self.symmetric:
            return np.asarray(out)
        out = np.sort(out, axis=-1)
        return np.asarray((out[: len(paths)] - out[len(paths) :, :, ::-1]) / 2)


def _folder(checkpoint: str) -> Path:
    """The folder of a checkpoint; never the network."""
    shipped, given = CHECKPOINTS / checkpoint, Path(checkpoint).expanduser()
    for folder in (shipped, given):
        if folder.is_dir():
            return folder
    parts = checkpoint.split("/")
    if len(parts) == 2 and all(part and not part.startswith((".", "~")) for part in parts):  # noqa: PLR2004 - owner/name
        return _cached(checkpoint)
    raise CheckpointError(
        f"there is no TimesFM checkpoint {checkpoint!r}: name {SHIPPED!r}, or a folder with {CONFIG} and {WEIGHTS}"
    )


def _cached(hub_name: str) -> Path:
    """The newest snapshot of `hub_name` in the local hub cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_name, local_files_only=True))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        raise CheckpointError(
            f"the weights {hub_name!r} are neither a folder here nor in the local hub cache; "
            f"fetch them once with `hf download {hub_name}`, or name a folder with {CONFIG} and {WEIGHTS}"
        ) from None


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and tensors of a folder."""
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(
                f"the checkpoint folder {folder} holds no {name}; only safetensors with their configuration "
                "are read, pickled weights never are"
            )
    return _config((folder / CONFIG).read_bytes()), _tensors((folder / WEIGHTS).read_bytes())


def _unpack(payload: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and tensors of what `to_bytes` made."""
    tensors = _tensors(payload)
    header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
    return _config(header.get("__metadata__", {}).get("config", "").encode()), tensors


def _config(raw: bytes) -> dict[str, Any]:
    try:
        config = json.loads(raw)
    except ValueError:
        raise CheckpointError(
            "the checkpoint's configuration is not JSON; get the checkpoint again"
        ) from None
    if not isinstance(config, dict) or "transformer_config" not in config:
        raise CheckpointError("the checkpoint's configuration is not that of a TimesFM 3")
    return config


def _tensors(raw: bytes) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(raw)
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"the weights are not safetensors ({error}); get the checkpoint again"
        ) from None


def _build(config: dict[str, Any], state: dict[str, Any], origin: str) -> Any:
    from timesfm3.torch.model import TimesFM3Torch

    try:
        network = TimesFM3Torch(**config)
        network.load_state_dict(state)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"the weights of {origin} do not fit their configuration: {reason}") from None
    if any(not tensor.isfinite().all() for tensor in state.values()):
        raise CheckpointError(f"the weights of {origin} are not finite; get the checkpoint again")
    return network.eval()

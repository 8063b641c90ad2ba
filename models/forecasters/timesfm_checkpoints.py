"""Where TimesFM's weights come from: a shipped name, a folder, the local hub cache, or a registry's bytes.

Never the network, and never a pickle. A folder holds `config.json` and `model.safetensors`, as `timesfm`
and `transformers` write them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from models.forecasters.timesfm_networks import is_timesfm
from trading.errors import CheckpointError

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
SHIPPED = "timesfm_small"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


class Checkpoint(NamedTuple):
    """What a network is made of.

    Attributes
    ----------
    config : of the architecture; tensors : by name, in either spelling; origin : for messages
    """

    config: dict[str, Any]
    tensors: dict[str, Any]
    origin: str


def read(name: str) -> Checkpoint:
    """The checkpoint of a shipped name, a folder, or a hub name in the local cache.

    Raises
    ------
    CheckpointError
        If there is none, or it is no TimesFM, saying what to do.
    """
    folder = _folder(name)
    for part in (CONFIG, WEIGHTS):
        if not (folder / part).is_file():
            raise CheckpointError(
                f"the checkpoint folder {folder} holds no {part}; only safetensors with their configuration "
                "are read, pickled weights never are"
            )
    tensors = _tensors((folder / WEIGHTS).read_bytes())
    return Checkpoint(_config((folder / CONFIG).read_bytes(), frozenset(tensors)), tensors, name)


def unpack(payload: bytes) -> Checkpoint:
    """What `pack` packed.

    Raises
    ------
    CheckpointError
        If the bytes are something else.
    """
    tensors = _tensors(payload)
    header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
    config = header.get("__metadata__", {}).get("config", "")
    return Checkpoint(_config(config.encode(), frozenset(tensors)), tensors, "payload")


def pack(config: Mapping[str, Any], tensors: Mapping[str, Any]) -> bytes:
    """Safetensors with the configuration in their metadata, the same bytes for the same state."""
    from safetensors.torch import save

    ordered = {name: tensors[name].detach().contiguous() for name in sorted(tensors)}
    return save(ordered, metadata={"config": json.dumps(dict(config), sort_keys=True)})


def _folder(name: str) -> Path:
    shipped, given = CHECKPOINTS / name, Path(name).expanduser()
    for folder in (shipped, given):
        if folder.is_dir():
            return folder
    parts = name.split("/")
    if len(parts) == 2 and all(part and not part.startswith((".", "~")) for part in parts):  # noqa: PLR2004 - owner/name
        return _cached(name)
    raise CheckpointError(
        f"there is no TimesFM checkpoint {name!r}: name {SHIPPED!r}, or a folder with {CONFIG} and {WEIGHTS}"
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


def _config(raw: bytes, names: frozenset[str]) -> dict[str, Any]:
    try:
        config = json.loads(raw)
    except ValueError:
        raise CheckpointError(
            "the checkpoint's configuration is not JSON; get the checkpoint again"
        ) from None
    if not isinstance(config, dict) or not is_timesfm(config, names):
        raise CheckpointError("the checkpoint's configuration is not that of a TimesFM 2.5 or 3.0")
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

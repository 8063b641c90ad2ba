"""Names by content and numbers by name: digests and seeded generators that depend on nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def digest(*parts: object, length: int = 12) -> str:
    """Hexadecimal digest of values: strings, numbers, mappings, dataclasses, bytes and arrays."""
    hasher = hashlib.sha256()
    for part in parts:
        raw = _raw(part)
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return hasher.hexdigest()[:length]


def _raw(part: object) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, np.ndarray):
        return _raw_array(part)
    if is_dataclass(part) and not isinstance(part, type):
        part = {"type": type(part).__name__, **asdict(part)}
    return json.dumps(part, sort_keys=True, default=str).encode()


def _raw_array(values: NDArray[np.generic]) -> bytes:
    return f"{values.dtype.str}{values.shape}".encode() + np.ascontiguousarray(values).tobytes()


def generator(name: str, session: pd.Timestamp | None = None, seed: int = 0) -> np.random.Generator:
    """A random generator that depends on its name, session and seed alone."""
    text = f"{name}/{'' if session is None else session.isoformat()}/{seed}"
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def settings_digest(settings: Mapping[str, object]) -> str:
    """Digest of the settings that change numbers."""
    return digest(dict(settings))

"""Learned state as safetensors bytes: the same state gives the same bytes, and nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.errors import CheckpointError

Arrays = Mapping[str, NDArray[Any]]


def pack(arrays: Arrays) -> bytes:
    """Safetensors bytes of named arrays, ordered by name."""
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})


Shape = tuple[int | str, ...]


def unpack(payload: bytes, shapes: Mapping[str, Shape], model: str) -> dict[str, NDArray[Any]]:
    """The arrays of `payload`, which must be finite float64 of exactly these names and shapes.

    Parameters
    ----------
    shapes : a letter in place of a size stands for any, the same wherever that letter is

    Raises
    ------
    CheckpointError
        If the bytes are not safetensors, or hold anything else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(payload)
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"the state of {model} is not safetensors ({error}); train it again") from None
    found = {name: array.shape for name, array in arrays.items()}
    if not _fit(found, shapes):
        raise CheckpointError(
            f"the state of {model} holds {found}, not {dict(shapes)}: it belongs to another model or version"
        )
    for name, array in arrays.items():
        if array.dtype != np.float64 or not np.isfinite(array).all():
            raise CheckpointError(f"the state of {model}: {name} is not finite float64; train it again")
    return arrays


def _fit(found: Mapping[str, tuple[int, ...]], shapes: Mapping[str, Shape]) -> bool:
    """Whether names and sizes are as declared, every letter standing for one size."""
    if {name: len(shape) for name, shape in found.items()} != {name: len(s) for name, s in shapes.items()}:
        return False
    meanings: dict[int | str, set[int]] = {}
    for name, declared in shapes.items():
        for letter, size in zip(declared, found[name], strict=True):
            meanings.setdefault(letter, set()).add(size)
    return all(
        len(sizes) == 1 and (isinstance(letter, str) or letter in sizes) for letter, sizes in meanings.items()
    )


def names_in(payload: bytes) -> frozenset[str]:
    """Names of the arrays of `payload`; none of bytes that are not safetensors."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return frozenset(load(payload))
    except (SafetensorError, KeyError, ValueError):
        return frozenset()

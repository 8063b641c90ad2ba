"""How networks are run so that the same input gives the same bytes, on a CPU or on CUDA.

One thread count, no gradient, one fixed shape: a matrix product gives other last digits for another
number of threads or rows. When CUDA's memory does not suffice, half the batch is tried and then the
CPU, and the answer says so: its digits are then those of the smaller batch or of the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.errors import ModelError

BATCH = 32
CPU, CUDA = "cpu", "cuda"
Device = Literal["cpu", "cuda"]
Arrays = Sequence[NDArray[Any]]
Run = Callable[[str, tuple[Any, ...]], Any]


class Inferred(NamedTuple):
    """What a network said, and where it ran if not where it was asked to.

    Attributes
    ----------
    values : (n, ...) one row a row of the input
    fallback : empty, or what was done about too little memory; goes into `Forecast.fallback`
    """

    values: NDArray[Any]
    fallback: str


def infer(run: Run, inputs: Arrays, *, batch: int = BATCH, device: str = CPU, threads: int = 1) -> Inferred:
    """Run a network over the rows of `inputs` in batches of one fixed shape.

    Parameters
    ----------
    run : (device, tensors of `batch` rows on it) to a tensor of `batch` rows; the network is its affair
    inputs : arrays with the same number n of rows; rows of zeros fill the last batch up
    batch : rows of a batch: the memory that is needed does not grow with n
    device : `cpu` or `cuda`
    threads : of torch meanwhile

    Raises
    ------
    ModelError
        If torch sees no such device.
    """
    if device == CPU:
        return Inferred(_batched(run, inputs, batch, device, threads), "")
    require_device(device)
    attempts = ((device, batch), (device, max(1, batch // 2)), (CPU, batch))
    return _first_that_fits(run, inputs, attempts, threads)


def require_device(device: str) -> None:
    """Refuse a device that torch does not see.

    Raises
    ------
    ModelError
        Naming the remedy.
    """
    import torch

    if device != CPU and not (device == CUDA and torch.cuda.is_available()):
        raise ModelError(
            f"models are to run on {device!r}, but torch {torch.__version__} sees no such device here; "
            "`fabline config set inference.device cpu`, or install torch with CUDA where there is a GPU"
        )


def _first_that_fits(run: Run, inputs: Arrays, attempts: Sequence[tuple[str, int]], threads: int) -> Inferred:
    """The answer of the first of `attempts` (device, batch) whose memory suffices; the last one must."""
    import torch

    fallback = ""
    for device, batch in attempts[:-1]:
        try:
            return Inferred(_batched(run, inputs, batch, device, threads), fallback)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()  # does nothing where CUDA was never begun
            fallback = f"{device} ran out of memory with {batch} rows: {_next(attempts, device, batch)}"
    device, batch = attempts[-1]
    return Inferred(_batched(run, inputs, batch, device, threads), fallback)


def _next(attempts: Sequence[tuple[str, int]], device: str, batch: int) -> str:
    then, rows = attempts[attempts.index((device, batch)) + 1]
    return f"{then} with {rows} rows"


def _batched(run: Run, inputs: Arrays, batch: int, device: str, threads: int) -> NDArray[Any]:
    """The rows of all batches, the filling rows of the last one left out."""
    import torch

    count = len(inputs[0])
    parts = []
    with fixed_threads(threads):
        for start in range(0, max(count, 1), batch):
            rows = (filled(array[start : start + batch], batch) for array in inputs)
            tensors = tuple(torch.from_numpy(row).to(device) for row in rows)
            parts.append(run(device, tensors).cpu().numpy())
    return np.concatenate(parts)[:count]


def filled(rows: NDArray[Any], batch: int) -> NDArray[Any]:
    """`rows` with rows of zeros below, up to `batch`; always a copy."""
    out = np.zeros((batch, *rows.shape[1:]), dtype=rows.dtype)
    out[: len(rows)] = rows
    return out


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Torch in inference mode with a fixed number of threads, which is put back afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)

"""How networks are run so that the same input gives the same bytes: one thread count, no gradient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Torch in inference mode with a fixed number of threads, which is put back afterwards.

    A matrix product is split among threads, and another split gives other last digits.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)

"""The one place where Fabline's errors become Dagster's failures and retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from trading.errors import FablineError

RETRIES = 3
WAIT_SECONDS = 10


@contextmanager
def translated() -> Iterator[None]:
    """Turn a transient error into a retry, and any other of ours into a failure that no retry can mend."""
    try:
        yield
    except FablineError as error:
        if error.transient:
            raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=WAIT_SECONDS) from error
        raise dg.Failure(
            description=str(error), metadata={"error": type(error).__name__}, allow_retries=False
        ) from error

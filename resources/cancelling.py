"""Ending a task for certain."""

from __future__ import annotations

import asyncio

ASK_AGAIN_SECONDS = 0.2


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel `task` again and again until it has ended; what it raised is left in it.

    Once is not enough for a task that runs a vendor's client: until Python 3.12 `asyncio.wait_for`, which such
    clients use around every read, loses a cancellation that comes in the same turn as an answer, and the
    task reads on for ever.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=ASK_AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()  # looked at, so that the loop does not call it forgotten

"""A task that loses a cancellation ends all the same."""

import asyncio

import pytest

from resources.cancelling import cancelled


async def losing(cancellations: int, reached: list[int]) -> None:
    """Does what a client does whose read was answered in the turn in which it was cancelled: goes on."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            reached.append(1)
            if len(reached) > cancellations:
                raise


async def failing() -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        raise ValueError("while it closes")


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_it_asks_until_the_task_has_ended(lost: int) -> None:
    async def run() -> list[int]:
        reached: list[int] = []
        task = asyncio.create_task(losing(lost, reached))
        await asyncio.sleep(0)
        await cancelled(task)
        assert task.cancelled()
        return reached

    assert len(asyncio.run(run())) == lost + 1


def test_an_error_while_it_ends_is_left_in_the_task() -> None:
    async def run() -> BaseException | None:
        task = asyncio.create_task(failing())
        await asyncio.sleep(0)
        await cancelled(task)
        return task.exception()

    assert isinstance(asyncio.run(run()), ValueError)


def test_a_task_that_has_ended_is_left_alone() -> None:
    async def run() -> None:
        task = asyncio.create_task(asyncio.sleep(0))
        await task
        await cancelled(task)
        assert not task.cancelled()

    asyncio.run(run())

"""Progress of a run on the terminal: a bar a stage, or a line a stage where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from trading import line
from trading.plan import Plan


@contextmanager
def progress_bars(plan: Plan, *, simulated: bool, console: Console | None = None) -> Iterator[line.Progress]:
    """A callback that draws how far each stage is."""
    out = console or Console(stderr=True)
    if simulated:
        out.print("market: SIMULATED", style="bold yellow")
    if not out.is_terminal:
        yield _Lines(out)
        return
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as bars:
        tasks = {stage.name: bars.add_task(stage.name, total=None, start=False) for stage in plan.stages}

        def tell(stage: str, done: int, total: int) -> None:
            if done == 1:
                bars.start_task(tasks[stage])
            bars.update(tasks[stage], completed=done, total=total)

        yield tell


class _Lines:
    """One line for each stage that is done."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def __call__(self, stage: str, done: int, total: int) -> None:
        if done == total:
            self._out.print(f"{stage}: {total} sessions", highlight=False)

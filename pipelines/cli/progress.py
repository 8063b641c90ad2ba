"""Progress of a run on the terminal: a bar a stage, or a line a stage where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from trading import line
from trading.plan import Plan

# What comes one after another in what is no stage.
UNITS = {"model_versions": "versions", "markets": "markets"} | dict.fromkeys(
    ("backup", "verify", "restore"), "files"
)
TRAINING = "train "


@contextmanager
def progress_bars(
    plan: Plan | None, *, simulated: bool, console: Console | None = None
) -> Iterator[line.Progress]:
    """A callback that draws how far each stage of `plan` is, and each training while it lasts."""
    out = console or Console(stderr=True)
    if simulated:
        out.print("market: SIMULATED", style="bold yellow")
    if not out.is_terminal:
        yield _Lines(out)
        return
    stages = () if plan is None else plan.stages
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as bars:
        tasks = {stage.name: bars.add_task(stage.name, total=None, start=False) for stage in stages}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            if done == 1:
                bars.start_task(tasks[stage])
            bars.update(tasks[stage], completed=done, total=total)

        yield tell


class _Lines:
    """One line for each stage that is done, and for each training."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._last = ("", 0)

    def __call__(self, stage: str, done: int, total: int) -> None:
        if done == total and self._last != (stage, total):  # a training says once more that it is done
            unit = "epochs" if stage.startswith(TRAINING) else UNITS.get(stage, "sessions")
            self._out.print(f"{stage}: {total} {unit}", highlight=False)
            self._last = (stage, total)

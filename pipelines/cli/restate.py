"""`fabline restate`: a what-if copy of a home, as if all that was known at one moment had been known in time."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from pipelines import environment, settings, what_if
from pipelines.cli.dates import moment_told
from pipelines.cli.progress import progress_bars
from pipelines.wiring import plan_of
from resources import clock as wall
from resources.home import Home


def restate(path: Path, *, as_of: str, target: Path | None) -> None:
    """Make the copy, its report, and say how to compare it; the home at `path` is only read."""
    from pipelines.cli.report import conclude

    asked = what_if.Restatement.of(Home.open(path), target, moment_told(as_of), wall.now())
    console = Console(highlight=False)
    started = time.monotonic()
    home = what_if.begin(asked)
    console.print(environment.what_if_of(home.facts), soft_wrap=True)
    simulated = home.facts.source.get("simulated") == "true"
    with progress_bars(plan_of(settings.load(home.path).settings), simulated=simulated) as progress:
        workshop, run_id = what_if.make(asked, home, progress)
    conclude(workshop, run_id=run_id, seconds=time.monotonic() - started)
    console.print(f"what it changes: fabline diff {asked.origin.path} {home.path}", soft_wrap=True)

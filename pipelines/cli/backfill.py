"""`fabline backfill`: make sessions again, all assets or some."""

from __future__ import annotations

from pathlib import Path

from pipelines import environment, settings
from pipelines.cli.run import check_source, checked_range, make, reach_of
from pipelines.ranges import Asked, Reach
from pipelines.wiring import Workshop
from trading import calendar
from trading.errors import UsageError


def backfill(
    path: Path, *, first: str | None, last: str | None, select: str | None, rebuild: bool, wait: bool
) -> None:
    """Make a range again.

    Raises
    ------
    UsageError
        If the range begins before the inception and this is no rebuild.
    """
    asked = Asked(first, last)
    wanted = settings.load(path).settings
    check_source(path, wanted)
    reach = reach_of(path)
    if reach.inception is not None and first and calendar.session_of(first) < reach.inception and not rebuild:
        raise UsageError(
            f"this home begins at {reach.inception:%Y-%m-%d}; to begin at {first}, run again with --rebuild"
        )
    begin, end = checked_range(wanted, asked, _rebuilt(reach, asked) if rebuild else reach)
    home = environment.open_or_create(path)
    with home.writing(f"fabline backfill --from {begin:%Y-%m-%d} --to {end:%Y-%m-%d}", wait=wait):
        if rebuild:
            home.fix_settings(wanted.digest(), rebuild=True)
            home.fix_inception(begin, rebuild=True)
        make(Workshop.of(home, wanted), begin, end, select)


def _rebuilt(reach: Reach, asked: Asked) -> Reach:
    """A rebuild begins at the earlier of the old inception and what is asked for, and reaches the head."""
    if reach.inception is None or asked.first is None:
        return reach
    return Reach(min(reach.inception, calendar.session_of(asked.first)), reach.head)

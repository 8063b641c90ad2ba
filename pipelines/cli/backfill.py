"""`fabline backfill`: make sessions again, all assets or some."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pandas as pd

from pipelines import settings
from pipelines.cli.run import check_source, checked_range, make, reach_of
from pipelines.definitions import definitions_of
from pipelines.ranges import Asked, Reach
from pipelines.runs import selected
from pipelines.settings import Settings
from pipelines.what_if import refuse_going_on
from pipelines.wiring import Workshop
from resources.home import Home
from trading import calendar
from trading.errors import UsageError


def backfill(
    path: Path, *, first: str | None, last: str | None, select: str | None, rebuild: bool, wait: bool
) -> None:
    """Make a range again.

    A rebuild with other settings than the home's makes every asset from the inception to the head.

    Raises
    ------
    HomeError
        If there is no home.
    UsageError
        If no range is named, or the range begins before the inception and this is no rebuild, or if a
        rebuild with other settings is asked for some assets alone.
    """
    home = Home.open(path)
    asked = Asked(first, last)
    if not (rebuild or first or last):
        raise UsageError("which sessions? name them with --from and --to, or make all again with --rebuild")
    wanted = settings.load(path).settings
    check_source(path, wanted)
    begin, end, inception = _range_of(home, wanted, asked, select, rebuild=rebuild)
    refuse_going_on(home, end)
    workshop = Workshop.of(home, wanted)
    if select is not None:
        selected(definitions_of(workshop), select)
    command = f"fabline backfill --from {begin:%Y-%m-%d} --to {end:%Y-%m-%d}"
    with home.writing(command, wait=wait):
        if wait:  # another run may have moved the head meanwhile
            begin, end, inception = _range_of(home, wanted, asked, select, rebuild=rebuild)
        changed = rebuild and _is_changed(home, wanted)
        with home.rebuilding(wanted.digest()) if changed else nullcontext():
            home.fix_settings(wanted.digest())
            if rebuild and inception is not None:
                home.move_inception(inception)
            make(workshop, begin, end, select)


def _range_of(
    home: Home, wanted: Settings, asked: Asked, select: str | None, *, rebuild: bool
) -> tuple[pd.Timestamp, pd.Timestamp, pd.Timestamp | None]:
    """First and last session to make, and the inception that the home then has."""
    reach, changed = reach_of(home.path), _is_changed(home, wanted)
    if rebuild:
        _check_selection(select, changed=changed)
        asked, reach = _rebuilt(asked, reach, changed=changed)
    elif reach.inception is not None and (first := asked.dates()[0]) and first < reach.inception:
        raise UsageError(
            f"this home begins at {reach.inception:%Y-%m-%d}; to begin at {first:%Y-%m-%d}, run again with --rebuild"
        )
    begin, end = checked_range(wanted, _to_the_head(asked, reach), reach)
    return begin, end, reach.inception


def _is_changed(home: Home, wanted: Settings) -> bool:
    return home.inception is not None and home.needs_rebuild(wanted.digest())


def _to_the_head(asked: Asked, reach: Reach) -> Asked:
    """Without an end, a back-fill ends where the home does; going on to today is what a run does."""
    first, last = asked.dates()
    if reach.inception is None or reach.head is None or last is not None:
        return asked
    begin = reach.inception if first is None else first
    return Asked(f"{begin:%Y-%m-%d}", f"{max(begin, reach.head):%Y-%m-%d}")


def _check_selection(select: str | None, *, changed: bool) -> None:
    if select is not None and changed:
        raise UsageError(
            "the settings have changed since this home was made: a rebuild makes all of its assets; "
            "leave --select out, or undo the change"
        )


def _rebuilt(asked: Asked, reach: Reach, *, changed: bool) -> tuple[Asked, Reach]:
    """What a rebuild makes, and the inception that the home then has.

    It begins at the earlier of the old inception and what is asked for; later too, where nothing was
    traded yet. With changed settings it makes everything from there to the head.
    """
    if reach.inception is None:
        return asked, reach
    wished = calendar.session_of(asked.first) if asked.first else reach.inception
    if reach.head is None:
        return Asked(f"{wished:%Y-%m-%d}", asked.last), Reach(wished, None)
    inception = min(reach.inception, wished)
    if changed:
        asked = Asked(f"{inception:%Y-%m-%d}", asked.last or f"{reach.head:%Y-%m-%d}")
    return asked, Reach(inception, reach.head)

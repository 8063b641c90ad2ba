"""What-if copies: a home made again as if all that was known at one moment had been known in time.

The copy holds the original's bars and corporate actions as they were in force at that moment, each known
from its declared time on, and everything that the line makes of them, models included. The original is
only read. A copy says in home.json what it is; until it is whole it is no home.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from pipelines import environment, settings
from pipelines.runs import run_range
from pipelines.wiring import Workshop
from resources.champions_log import copy_known
from resources.home import Home
from resources.store import HomeStore
from trading import calendar
from trading.errors import HomeError, UsageError
from trading.frames import names
from trading.line import Progress
from trading.restatement import as_if_known
from trading.revisions import APPEND_ONLY

RESTATED = ("bars", "corporate_actions", "extended_bars", "earnings", "fundamentals")
KEPT = ("quarantine",)  # what was kept out stays out


@dataclass(frozen=True)
class Restatement:
    """A copy that is asked for.

    Attributes
    ----------
    origin : the home that is copied
    target : folder of the copy
    as_of : what came in later counts for nothing
    first, last : sessions that the copy trades
    """

    origin: Home
    target: Path
    as_of: pd.Timestamp
    first: pd.Timestamp
    last: pd.Timestamp

    @classmethod
    def of(cls, origin: Home, target: Path | None, as_of: pd.Timestamp, now: pd.Timestamp) -> Restatement:
        """The copy of what `origin` has traded up to `as_of`.

        Raises
        ------
        UsageError
            If the moment lies in the future or before the first traded session has decided, if the home
            has not traded yet or is itself a copy, or if there is something in the way.
        """
        if as_of > now:
            raise UsageError(
                f"{as_of:%Y-%m-%d %H:%M} UTC has not come yet, so nobody knows what was known then"
            )
        if origin.facts.what_if:
            raise UsageError(f"{origin.path} is a what-if copy; restate {origin.facts.what_if['of']} instead")
        first, last = _traded(origin)
        if as_of < calendar.as_of(first):
            raise UsageError(
                f"at {as_of:%Y-%m-%d %H:%M} UTC the first session of {origin.path}, {first:%Y-%m-%d}, had not "
                f"decided yet; name a later moment"
            )
        chosen = target or origin.path.with_name(f"{origin.path.name}-what-if-{as_of:%Y%m%dT%H%M}")
        _check_free(chosen)
        return cls(origin, chosen.absolute(), as_of, first, min(last, calendar.last_closed(as_of)))

    def facts(self) -> dict[str, str]:
        """What the copy says of itself."""
        return {
            "as_of": self.as_of.isoformat(),
            "of": str(self.origin.path),
            "id": self.origin.facts.id,
            "last": f"{self.last:%Y-%m-%d}",
        }


def _traded(origin: Home) -> tuple[pd.Timestamp, pd.Timestamp]:
    if origin.inception is None:
        raise UsageError(f"{origin.path} has not run yet; there is nothing to restate: fabline run")
    with closing(environment.open_store(origin.path)) as store:
        head = store.tables().set_index("table")["last_session"].get("performance")
    if head is None or pd.isna(head):
        raise UsageError(f"{origin.path} has no traded session yet; finish its run first: fabline run")
    return origin.inception, head


def _check_free(target: Path) -> None:
    """Only a copy that was broken off may be in the way: it goes."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    try:
        Home(target, unfinished=True)
    except HomeError:
        unfinished = False
    else:
        unfinished = Home(target, unfinished=True).facts.is_unfinished
    if not unfinished:
        raise UsageError(f"{target} is there already; name another folder with --to, or remove it")


def begin(asked: Restatement) -> Home:
    """The copy with settings and restated rows, but nothing made of them yet."""
    if asked.target.exists():
        shutil.rmtree(asked.target)
    template = environment.ROOT / "dagster.yaml"
    home = Home.create_what_if(
        asked.target,
        asked.facts(),
        created_by=version("fabline"),
        dagster_yaml=template if template.exists() else None,
    )
    if asked.origin.settings.exists():
        shutil.copyfile(asked.origin.settings, home.settings)
    home.fix_source(asked.origin.facts.source, empty=True)
    copy = Workshop.of(home, settings.load(home.path).settings).open().store
    with closing(environment.open_store(asked.origin.path)) as original, closing(copy):
        for table in RESTATED + KEPT:
            _write_restated(table, asked, original, copy)
    copy_known(asked.origin.models, home.models, asked.as_of)
    return home


def _write_restated(table: str, asked: Restatement, original: HomeStore, copy: HomeStore) -> None:
    if table not in names("recorded") or table not in APPEND_ONLY:
        return
    rows = original.read(table, None, asked.last, revisions=True)
    held = (
        as_if_known(table, rows, asked.as_of)
        if table in RESTATED
        else rows[(rows["known_at"] <= asked.as_of).to_numpy()]
    )
    if len(held):
        commit = {"restated_as_of": asked.as_of.isoformat()}
        copy.write({table: held}, held["session"].min(), asked.last, commit=commit)


def make(asked: Restatement, home: Home, progress: Progress) -> tuple[Workshop, str]:
    """Make the whole line of the copy, which then is a home; returns its workshop and the run's id."""
    workshop = Workshop.of(home, settings.load(home.path).settings)
    with home.writing(f"fabline restate --as-of {asked.as_of.isoformat()}"):
        run_id = run_range(workshop, asked.first, asked.last, progress=progress)
        home.finish_what_if()
    return workshop, run_id


def refuse_going_on(home: Home, last: pd.Timestamp) -> None:
    """Refuse to make sessions of a what-if copy that were not restated, unless it was asked to go on.

    Raises
    ------
    UsageError
        Naming the last restated session and the option.
    """
    what_if = home.facts.what_if
    if what_if and not what_if.get("continues") and last > calendar.session_of(what_if["last"]):
        raise UsageError(
            f"{environment.what_if_of(home.facts)}. It ends at {what_if['last']} and is no live home; to let it go "
            f"on with bars of its source: fabline run --continue-what-if"
        )


def refuse_news(home: Home) -> None:
    """Refuse to load market data into a what-if copy that was not asked to go on.

    Raises
    ------
    UsageError
        Naming the copy and the home that takes news.
    """
    what_if = home.facts.what_if
    if what_if and not what_if.get("continues"):
        raise UsageError(
            f"{environment.what_if_of(home.facts)}. It takes no news; load them into {what_if['of']}, or let the "
            f"copy go on: fabline run --continue-what-if"
        )

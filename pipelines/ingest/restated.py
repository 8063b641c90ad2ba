"""Files that were changed since they were loaded: what they now say of sessions that a load passes over.

An ordinary load asks only for sessions that no load has seen, so a restated history would stay out in
silence. Each commit therefore tells the digests of the files as they were taken in. Only where one
differs are the rows compared with what is stored, as a refresh would see them; so a file that merely
grew, or was touched, is not named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from pipelines.ingest.chunks import Wanted, spans_of
from pipelines.ingest.desk import Desk
from pipelines.ingest.fetching import offered
from pipelines.ingest.loading import planned
from resources import arrivals
from resources.sources.digests import changed, digests_of
from resources.sources.holdings import held_by
from resources.store import HomeStore
from trading import calendar, frames, revisions
from trading.errors import FablineError
from trading.ingest import Load, held_again
from trading.interfaces import Bools
from trading.monitoring.separation import NO_SESSION

FACT = "files_"  # and the timeframe: what a commit tells of files
_NAMED = 5


@dataclass
class Restated:
    """What changed files say otherwise than the store.

    Attributes
    ----------
    files : names of those that changed
    rows : how many rows of each table would be stored by a refresh
    days : their sessions in each table; a line that names no day has none
    """

    files: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    days: dict[str, set[pd.Timestamp]] = field(default_factory=dict)

    def named(self, table: str) -> list[str]:
        """The sessions of a table, written and sorted."""
        return [f"{session:%Y-%m-%d}" for session in sorted(self.days.get(table, ()))]

    def __str__(self) -> str:
        total, sessions = sum(self.rows.values()), sorted(set().union(*self.days.values()))
        named = ", ".join(f"{session:%Y-%m-%d}" for session in sessions[:_NAMED])
        more = ", …" if len(sessions) > _NAMED else ""
        count = "1 session" if len(sessions) == 1 else f"{len(sessions)} sessions"
        where = f" of {count} ({named}{more})" if sessions else ""
        rows = "1 row" if total == 1 else f"{total} rows"
        return (
            f"{', '.join(self.files)} changed since loaded: {rows}{where} not stored as the file has it now"
        )


def taken_in(store: HomeStore, timeframe: str) -> dict[str, str] | None:
    """The digests of the files as they were last taken in, None if no commit tells."""
    for facts in reversed(store.commits()["facts"].tolist()):
        said: Mapping[str, str] = json.loads(facts)
        if FACT + timeframe in said:
            read: dict[str, str] = json.loads(said[FACT + timeframe])
            return read
    return None


def watched(desk: Desk, timeframe: str) -> tuple[Desk, tuple[str, ...]]:
    """A desk whose commits tell the files that are taken in, and the names of those that changed since they were.

    A changed file counts as taken in only once `settled` has found nothing in it that the store lacks.
    """
    now = digests_of(desk.source, timeframe)
    if now is None:
        return desk, ()
    before = taken_in(desk.store, timeframe)
    loaded = (desk.before["bars"]["timeframe"] == timeframe).any()
    names = changed(now, before or {}) if loaded else ()
    known = {name: digest for name, digest in now.items() if name not in names}
    known |= {name: digest for name, digest in (before or {}).items() if name in names}
    told = {**desk.commit, FACT + timeframe: json.dumps(known, sort_keys=True)}
    return replace(desk, commit=told), names


def settled(desk: Desk, timeframe: str, names: tuple[str, ...]) -> Restated:
    """What the changed files say of loaded sessions and the store does not; if it is nothing, that is noted.

    Parameters
    ----------
    desk : of `watched`; the load is over
    """
    held = held_by(desk.source, timeframe)
    if not names or not held:
        return Restated()
    after = Desk.of(desk.store, desk.source, desk.clock, desk.commit)
    first, last = min(a for a, _ in held.values()), max(b for _, b in held.values())
    wanted = Wanted(timeframe, spans_of(tuple(held), first, last, held), last, refresh=True)
    found = Restated(names)
    for load in planned(after, wanted):
        for table, rows in _unlike(after, load):
            found.rows[table] = found.rows.get(table, 0) + len(rows)
            found.days.setdefault(table, set()).update(set(rows["session"]) - {NO_SESSION})
    if any(found.rows.values()):
        return found
    facts = {**desk.commit, FACT + timeframe: json.dumps(digests_of(desk.source, timeframe), sort_keys=True)}
    desk.store.write({"quarantine": frames.empty("quarantine")}, first, last, commit=facts)
    return Restated()


def _unlike(desk: Desk, load: Load) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows of each table that a refresh of a load would store."""
    try:
        taken = desk.take_apart(load, offered(desk, load))
    except FablineError:
        return  # an ordinary load has said so already, or a refresh will
    for table, accepted in taken.accepted.items():
        again = accepted[held_again(accepted, desk.before[table])]
        stored = arrivals.stored_before(load, table, again, desk.store, desk.before[table])
        yield table, again[revisions.is_news(table, stored, again)]
    bad = taken.bad
    if len(bad):
        known = desk.store.read("quarantine", bad["session"].min(), bad["session"].max())
        new = revisions.additions("quarantine", known, bad[_is_looked_at(bad, load, desk)])
        for table in new["table"].unique():
            yield str(table), new[(new["table"] == table).to_numpy()]


def _is_looked_at(bad: pd.DataFrame, load: Load, desk: Desk) -> Bools:
    """(n,) False for bad rows of sessions that no load has seen: an ordinary one will bring them."""
    named = bad.assign(symbol=load.symbols[0])  # its own may be the fault
    named = named.assign(timeframe=load.timeframe) if load.timeframe else named
    seen = held_again(named, desk.before[load.table])
    days = bad["session"].isin(calendar.all_sessions()).to_numpy()
    looked: Bools = seen | ~days
    return looked

"""Where live bars are put: validated, dated by their arrival, each of them once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from pipelines.ingest.tally import Tally, summed
from resources.arrivals import assess_stored
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.five_minutes import rows_of
from trading.ingest import Load
from trading.interfaces import LiveBar, LiveBars
from trading.market_hours import by_phase
from trading.monitoring.bar_rules import Separation, separate_bars, separate_extended_bars
from trading.monitoring.minute_rules import quarantined

TABLES = ("bars", "extended_bars")
CLOCKS_APART = pd.Timedelta(minutes=1)  # how far the vendor's clock may be ahead of ours
_VALUES = ["open", "high", "low", "close", "volume"]
Key = tuple[str, pd.Timestamp]
Values = dict[Key, tuple[float, ...]]
BadKey = tuple[str, str, str, str]


class LiveTables:
    """Stores what a stream brought: new bars, revisions of stored ones, and bad bars in quarantine.

    A bar that says what is stored already is a duplicate and is not written, so the same bars may come
    any number of times: after a lost connection, or after this process was killed.

    Parameters
    ----------
    home : an open home; its lock is the caller's affair
    source : the stream, for its name, basis and delay
    symbols : whose bars may come

    Attributes
    ----------
    newest : start of the newest regular bar of each symbol that is stored
    """

    def __init__(self, home: OpenHome, source: LiveBars, symbols: Sequence[str]) -> None:
        self._home, self._source, self._symbols = home, source, tuple(symbols)
        self._stored: dict[tuple[str, pd.Timestamp], Values] = {}
        self._tallies: list[Tally] = []
        self._known_bad: set[BadKey] = set()
        self._settled: set[pd.Timestamp] = set()
        self.newest: dict[str, pd.Timestamp] = {}

    def tallies(self, repeated: int = 0) -> list[Tally]:
        """Counts of each table; `repeated` bars that came again were not even built anew."""
        return summed([*self._tallies, Tally("bars", duplicates=repeated)], TABLES)

    def put(self, bars: Sequence[LiveBar], faulty: Sequence[tuple[LiveBar, str]] = ()) -> None:
        """Store five-minute bars, no two of one symbol and start, and quarantine `faulty` ones of any length."""
        rows = rows_of(bars, source=self._source.name, basis=self._source.basis, delay=self._source.delay)
        bad = quarantined(faulty, source=self._source.name)
        sessions = {*rows["session"], *bad["session"]}
        for session in sorted(sessions):
            mine = [frame[(frame["session"] == session).to_numpy()] for frame in (rows, bad)]
            self._put_session(session, *mine)

    def latest(self) -> tuple[pd.Timestamp, Values] | None:
        """The newest session with regular bars of this stream, and all its stored values by symbol and start."""
        sessions = [session for (table, session), held in self._stored.items() if table == "bars" and held]
        return (max(sessions), self._stored["bars", max(sessions)]) if sessions else None

    def unsettled(self, now: pd.Timestamp, delay: pd.Timedelta) -> list[pd.Timestamp]:
        """Sessions with bars of this stream that closed `delay` ago, and were not judged as a whole since."""
        touched = {session for _, session in self._stored if calendar.is_session(session)}
        closed = [session for session in touched if calendar.session_close(session) + delay <= now]
        return sorted(set(closed) - self._settled)

    def settle(self, session: pd.Timestamp, now: pd.Timestamp) -> None:
        """Write findings, figures of quality and comparisons of a session that is over."""
        load = Load("bars", "5min", self._symbols, session, session, self._source.name)
        commit = {"run_id": "", "settings": self._home.settings_digest, "live": "true"}
        assess_stored(load, self._home.store, commit, now=now)
        self._settled.add(session)

    def _put_session(self, session: pd.Timestamp, rows: pd.DataFrame, bad: pd.DataFrame) -> None:
        separations = self._separated(rows)
        held = {table: self._held(table, session) for table in separations}
        new = {table: _news(one.accepted, held[table]) for table, one in separations.items()}
        refused = self._unseen([bad, *(one.quarantined for one in separations.values())])
        written = {table: frame for table, frame in {**new, "quarantine": refused}.items() if len(frame)}
        if written:
            self._settled.discard(session)
            load = Load("bars", "5min", self._symbols, session, session, self._source.name)
            commit = {"run_id": "", "settings": self._home.settings_digest, "live": "true", **load.facts()}
            self._home.store.write(written, session, session, commit=commit)
        self._known_bad.update(_bad_keys(refused))
        for table, one in separations.items():
            self._count(table, one, new[table], refused)
            held[table].update(_values(new[table]))
        self._reach(new.get("bars", rows[:0]))

    def _separated(self, rows: pd.DataFrame) -> dict[str, Separation]:
        """What fits each table and what does not; a table for which nothing came is left out, `bars` never."""
        regular, extended = by_phase(rows)
        basis, now = self._source.basis, self._source.now() + CLOCKS_APART
        made = {"bars": separate_bars(regular, basis=basis, symbols=self._symbols, now=now)}
        if len(extended):
            made["extended_bars"] = separate_extended_bars(
                extended, basis=basis, symbols=self._symbols, now=now
            )
        return made

    def _held(self, table: str, session: pd.Timestamp) -> Values:
        """Newest stored values of a session by symbol and start; read once, then kept up to date."""
        if (table, session) not in self._stored:
            rows = self._home.store.read(table, session, session, timeframe="5min")
            self._stored[table, session] = _values(rows)
            if table == "bars":
                self._reach(rows)
            bad = self._home.store.read("quarantine", session, session)
            self._known_bad.update(_bad_keys(bad))
        return self._stored[table, session]

    def _count(self, table: str, one: Separation, new: pd.DataFrame, refused: pd.DataFrame) -> None:
        held = self._stored[table, new["session"].iloc[0]] if len(new) else {}
        revised = sum(key in held for key in _values(new))
        tally = Tally(
            table,
            accepted=len(new) - revised,
            quarantined=int((refused["table"] == table).sum()),
            duplicates=len(one.accepted) - len(new),
            revised=revised,
        )
        self._tallies = summed([*self._tallies, tally], TABLES)

    def _reach(self, rows: pd.DataFrame) -> None:
        """Remember how far each symbol is."""
        for symbol, start in rows.groupby("symbol")["ts"].max().items():
            self.newest[str(symbol)] = max(start, self.newest.get(str(symbol), start))

    def _unseen(self, parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Bad rows that are not in quarantine yet, whenever they came."""
        filled = [part for part in parts if len(part)]
        if not filled:
            return frames.empty("quarantine")
        bad = pd.concat(filled, ignore_index=True)
        return bad[np.array([key not in self._known_bad for key in _bad_keys(bad)], dtype=bool)]


def _values(rows: pd.DataFrame) -> Values:
    keys = zip(rows["symbol"], rows["ts"], strict=True)
    return dict(zip(keys, rows[_VALUES].itertuples(index=False, name=None), strict=True))


def _news(rows: pd.DataFrame, held: Values) -> pd.DataFrame:
    """Rows whose values differ from those that are held of their symbol and start."""
    news = [held.get(key) != values for key, values in _values(rows).items()]
    return rows[np.array(news, dtype=bool)]


def _bad_keys(bad: pd.DataFrame) -> list[BadKey]:
    """What makes a bad row the same when it comes again: all of it but the moment."""
    keys = []
    for table, symbol, reason, row in bad[["table", "symbol", "reason", "row"]].itertuples(index=False):
        said = {name: value for name, value in json.loads(row).items() if name != "known_at"}
        keys.append((table, symbol, reason, json.dumps(said, sort_keys=True)))
    return keys

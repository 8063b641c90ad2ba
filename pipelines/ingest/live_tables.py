"""Where live bars are put: validated, dated by their arrival, each of them once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from pipelines.ingest.tally import Tally, summed, tally_of
from resources import arrivals
from resources.open_home import OpenHome
from trading import frames
from trading.five_minutes import rows_of
from trading.ingest import Load
from trading.interfaces import LiveBar, LiveBars
from trading.market_hours import by_phase
from trading.monitoring.bar_rules import Separation, separate_bars, separate_extended_bars
from trading.monitoring.minute_rules import quarantined

TABLES = ("bars", "extended_bars")
CLOCKS_APART = pd.Timedelta(minutes=1)  # how far the vendor's clock may be ahead of ours
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
        self._stored: dict[tuple[str, pd.Timestamp], pd.DataFrame] = {}
        self._tallies: list[Tally] = []
        self._known_bad: set[BadKey] = set()
        self.newest: dict[str, pd.Timestamp] = {}

    def tallies(self, repeated: int = 0) -> list[Tally]:
        """Counts of each table; `repeated` bars that came again were not even built anew."""
        return summed([*self._tallies, Tally("bars", duplicates=repeated)], TABLES)

    def put(self, bars: Sequence[LiveBar], faulty: Sequence[tuple[LiveBar, str]] = ()) -> None:
        """Store five-minute bars, no two of one symbol and start, and quarantine `faulty` ones of any length."""
        rows = rows_of(bars, source=self._source.name, basis=self._source.basis, delay=self._source.delay)
        bad = quarantined(faulty, source=self._source.name)
        sessions = [*rows["session"].unique(), *bad["session"].unique()]
        for session in sorted(set(pd.DatetimeIndex(sessions).as_unit("us"))):
            mine = [frame[(frame["session"] == session).to_numpy()] for frame in (rows, bad)]
            self._put_session(session, *mine)

    def _put_session(self, session: pd.Timestamp, rows: pd.DataFrame, bad: pd.DataFrame) -> None:
        separations = dict(zip(TABLES, self._separated(rows), strict=True))
        valid = {table: one.accepted for table, one in separations.items()}
        new = {table: self._news(table, session, frame) for table, frame in valid.items()}
        refused = self._unseen([bad, *(one.quarantined for one in separations.values())])
        if len(refused) or any(map(len, new.values())):
            load = Load("bars", "5min", self._symbols, session, session, self._source.name)
            commit = {"run_id": "", "settings": self._home.settings_digest, "live": "true"}
            written = {table: frame for table, frame in new.items() if len(frame)}
            arrivals.record(load, written, refused, self._home.store, commit)
        self._count(session, valid, new, refused)

    def _separated(self, rows: pd.DataFrame) -> tuple[Separation, Separation]:
        regular, extended = by_phase(rows)
        rules = {
            "basis": self._source.basis,
            "symbols": self._symbols,
            "now": self._source.now() + CLOCKS_APART,
        }
        if not len(extended):  # the usual case of a session: half the time
            nothing = Separation(frames.empty("extended_bars"), frames.empty("quarantine"))
            return separate_bars(regular, **rules), nothing
        return separate_bars(regular, **rules), separate_extended_bars(extended, **rules)

    def _news(self, table: str, session: pd.Timestamp, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows whose values differ from those that are stored of their symbol and start."""
        stored = self._held(table, session)
        key = pd.MultiIndex.from_frame(rows[["symbol", "ts"]])
        held = stored.reindex(key)[_VALUES].to_numpy()
        return rows[(rows[_VALUES].to_numpy() != held).any(axis=1)]

    def _held(self, table: str, session: pd.Timestamp) -> pd.DataFrame:
        """Newest stored values of a session by symbol and start; read once, then kept up to date."""
        if (table, session) not in self._stored:
            rows = self._home.store.read(table, session, session, timeframe="5min")
            self._stored[table, session] = rows.set_index(["symbol", "ts"])
            self._remember(table, rows)
            bad = self._home.store.read("quarantine", session, session)
            self._known_bad.update(_bad_keys(bad))
        return self._stored[table, session]

    def _count(
        self,
        session: pd.Timestamp,
        valid: Mapping[str, pd.DataFrame],
        new: Mapping[str, pd.DataFrame],
        refused: pd.DataFrame,
    ) -> None:
        for table, frame in new.items():
            bad = refused[(refused["table"] == table).to_numpy()]
            stored = self._stored[table, session]
            self._tallies.append(tally_of(table, valid[table], frame, stored.reset_index(), bad))
            if len(frame):
                joined = pd.concat([stored, frame.set_index(["symbol", "ts"])[stored.columns]])
                self._stored[table, session] = joined[~joined.index.duplicated(keep="last")]
            self._remember(table, frame)
        self._tallies = summed(self._tallies, TABLES)

    def _remember(self, table: str, rows: pd.DataFrame) -> None:
        if table == "bars":
            for symbol, start in rows.groupby("symbol")["ts"].max().items():
                self.newest[str(symbol)] = max(start, self.newest.get(str(symbol), start))

    def _unseen(self, parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Bad rows that are not in quarantine yet, whenever they came."""
        filled = [part for part in parts if len(part)]
        if not filled:
            return frames.empty("quarantine")
        bad = pd.concat(filled, ignore_index=True)
        keys = _bad_keys(bad)
        fresh = [key not in self._known_bad for key in keys]
        self._known_bad.update(keys)
        return bad[fresh]


_VALUES = ["open", "high", "low", "close", "volume"]


def _bad_keys(bad: pd.DataFrame) -> list[BadKey]:
    """What makes a bad row the same when it comes again: all of it but the moment."""
    keys = []
    for table, symbol, reason, row in bad[["table", "symbol", "reason", "row"]].itertuples(index=False):
        said = {name: value for name, value in json.loads(row).items() if name != "known_at"}
        keys.append((table, symbol, reason, json.dumps(said, sort_keys=True)))
    return keys

"""The bars that a what-if copy holds, as its source: no vendor is asked for what was restated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from trading import calendar
from trading.errors import MissingBarsError
from trading.interfaces import MarketDataSource, Store


class StoredSource:
    """`MarketDataSource` over the tables of a home, up to the last session that was restated.

    Parameters
    ----------
    store : of the copy
    facts : of the source from which the bars once came: name, basis, simulated, ...
    last : the last session that was restated
    beyond : opens the source of later sessions, where the copy was asked to go on
    """

    delay = pd.Timedelta(0)  # each row says when it was known

    def __init__(
        self,
        store: Store,
        facts: Mapping[str, str],
        last: pd.Timestamp,
        beyond: Callable[[], MarketDataSource] | None = None,
    ) -> None:
        self.facts = dict(facts)
        self.name, self.basis = facts["name"], facts["basis"]
        self.simulated = facts["simulated"] == "true"
        self._store, self._last, self._open_beyond = store, last, beyond
        self._beyond: MarketDataSource | None = None

    def first_session(self) -> pd.Timestamp:
        """The first session of the restated bars.

        Raises
        ------
        MissingBarsError
            If there are none.
        """
        listed = self._store.tables().set_index("table")["first_session"]
        if "bars" not in listed.index or pd.isna(listed["bars"]):
            raise MissingBarsError("this what-if copy holds no bars; make it anew with fabline restate")
        return listed["bars"]

    def last_session(self) -> pd.Timestamp:
        """The last session that was restated, or the last of the source beyond it."""
        beyond = self._later()
        return self._last if beyond is None else max(self._last, beyond.last_session())

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        """Bars of the range as they were restated; later ones as the source beyond gives them."""
        held = self._store.read("bars", first, min(last, self._last), timeframe=timeframe)
        beyond, begin = self._after(first, last)
        later = [] if beyond is None else [beyond.bars(symbols, begin, last, timeframe)]
        return _joined(_of(held, symbols), later)

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Corporate actions of the range, as `bars`."""
        held = self._store.read("corporate_actions", first, min(last, self._last))
        beyond, begin = self._after(first, last)
        later = [] if beyond is None else [beyond.actions(symbols, begin, last)]
        return _joined(_of(held, symbols), later)

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Announcements that are stored."""
        held = self._store.read("earnings", first, last)
        return _of(held, symbols)

    def _after(self, first: pd.Timestamp, last: pd.Timestamp) -> tuple[MarketDataSource | None, pd.Timestamp]:
        """The source of what lies beyond the restated sessions, if any does, and from where on."""
        following = calendar.shift(self._last, 1)
        return (self._later() if last >= following else None), max(first, following)

    def _later(self) -> MarketDataSource | None:
        if self._beyond is None and self._open_beyond is not None:
            self._beyond = self._open_beyond()
        return self._beyond


def _of(rows: pd.DataFrame, symbols: Sequence[str]) -> pd.DataFrame:
    return rows[rows["symbol"].isin(list(symbols)).to_numpy()].reset_index(drop=True)


def _joined(held: pd.DataFrame, later: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([part for part in (held, *later) if len(part)] or [held], ignore_index=True)

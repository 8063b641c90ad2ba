"""The bars that a what-if copy holds, as its source: no vendor is asked for what was restated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

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
        held = held[held["symbol"].isin(list(symbols))]
        beyond = self._later() if last > self._last else None
        if beyond is None:
            return held.reset_index(drop=True)
        after = first if first > self._last else self._last + pd.Timedelta(days=1)
        return _joined(held, beyond.bars(symbols, after, last, timeframe))

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Corporate actions of the range, as `bars`."""
        held = self._store.read("corporate_actions", first, min(last, self._last))
        held = held[held["symbol"].isin(list(symbols))]
        beyond = self._later() if last > self._last else None
        if beyond is None:
            return held.reset_index(drop=True)
        after = first if first > self._last else self._last + pd.Timedelta(days=1)
        return _joined(held, beyond.actions(symbols, after, last))

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Announcements that are stored."""
        held = self._store.read("earnings", first, last)
        return held[held["symbol"].isin(list(symbols))].reset_index(drop=True)

    def _later(self) -> MarketDataSource | None:
        if self._beyond is None and self._open_beyond is not None:
            self._beyond = self._open_beyond()
        return self._beyond


def _joined(held: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([part for part in (held, later) if len(part)] or [held], ignore_index=True)

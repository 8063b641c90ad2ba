"""Five-minute bars built of what a stream hands over, which is mostly minutes.

A bar whose five minutes are all there is ready at once. One that lacks a minute (nobody traded in it,
or the message was lost) waits for a while after its end and is then made of what there is. What comes
or changes later makes the bar again, which a store keeps as a revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from trading import calendar, frames
from trading.interfaces import LiveBar
from trading.market_hours import FIVE_MINUTES

PATIENCE = pd.Timedelta(seconds=60)  # vendors correct a minute about half a minute after its end
LINGER = pd.Timedelta(seconds=2)  # what changes one bar comes in a burst: one revision, not five
_WHOLE = 5

Key = tuple[str, pd.Timestamp]


@dataclass
class _Parts:
    """What came of one five-minute bar, when the last of it did, and whether it was handed on."""

    received: pd.Timestamp
    bars: dict[pd.Timestamp, LiveBar] = field(default_factory=dict)
    taken: bool = False

    @property
    def is_complete(self) -> bool:
        return sum(bar.minutes for bar in self.bars.values()) >= _WHOLE


class FiveMinuteBars:
    """Collects bars of a stream until those of five minutes are ready to be stored.

    Parameters
    ----------
    patience : how long after its end a bar waits for minutes that are missing

    Attributes
    ----------
    repeated : how many bars came that said nothing new
    """

    def __init__(self, patience: pd.Timedelta = PATIENCE) -> None:
        self.repeated = 0
        self._patience = patience
        self._parts: dict[Key, _Parts] = {}
        self._changed: dict[Key, None] = {}
        self._closed: dict[str, pd.Timestamp] = {}

    def add(self, bar: LiveBar) -> bool:
        """Take a bar of one or of five minutes; one that is held with the same values changes nothing.

        Returns
        -------
        False if it is a part of a bar whose other parts were forgotten: it cannot be made again.
        """
        key = (bar.symbol, bar.ts.floor(FIVE_MINUTES))
        if key not in self._parts and key[1] <= self._closed.get(bar.symbol, key[1] - FIVE_MINUTES):
            return False
        parts = self._parts.setdefault(key, _Parts(bar.received))
        held = parts.bars.get(bar.ts)
        if held is not None and _values(held) == _values(bar):
            self.repeated += 1
            return True
        parts.bars[bar.ts] = bar
        parts.received = max(parts.received, bar.received)
        self._changed[key] = None
        return True

    def take(self, now: pd.Timestamp, *, quiet: bool = True) -> list[LiveBar]:
        """Bars of five minutes that are ready, each with the moment at which it was.

        Parameters
        ----------
        now : the present of the stream
        quiet : whether nothing more is waiting to be added; if not, only complete bars are ready
        """
        ready = [key for key in self._changed if self._is_ready(key, now, quiet=quiet)]
        return [self._taken(key, now) for key in ready]

    def next_due(self) -> pd.Timestamp | None:
        """When the next waiting bar is ready even if nothing more comes; None if none waits."""
        return min((self._due(key) for key in self._changed), default=None)

    def forget_before(self, moment: pd.Timestamp) -> None:
        """Drop bars of which nothing came since `moment`; those that wait stay."""
        old = [key for key, parts in self._parts.items() if parts.received < moment and parts.taken]
        for symbol, start in old:
            if (symbol, start) not in self._changed:
                del self._parts[symbol, start]
                self._closed[symbol] = max(start, self._closed.get(symbol, start))

    def _is_ready(self, key: Key, now: pd.Timestamp, *, quiet: bool) -> bool:
        parts = self._parts[key]
        if parts.is_complete and not parts.taken:
            return True
        return quiet and now >= self._due(key)

    def _due(self, key: Key) -> pd.Timestamp:
        return max(key[1] + FIVE_MINUTES + self._patience, self._parts[key].received + LINGER)

    def _taken(self, key: Key, now: pd.Timestamp) -> LiveBar:
        parts = self._parts[key]
        at_once = parts.is_complete and not parts.taken
        parts.taken = True
        del self._changed[key]
        return joined(list(parts.bars.values()), parts.received if at_once else now)


def joined(bars: Sequence[LiveBar], received: pd.Timestamp) -> LiveBar:
    """The five-minute bar that begins with the earliest of `bars`, all of one symbol and five minutes.

    Its open is that of the earliest, its close that of the latest, its volume the sum.
    """
    ordered = sorted(bars, key=lambda bar: bar.ts)
    return LiveBar(
        symbol=ordered[0].symbol,
        ts=ordered[0].ts.floor(FIVE_MINUTES),
        minutes=_WHOLE,
        open=ordered[0].open,
        high=max(bar.high for bar in ordered),
        low=min(bar.low for bar in ordered),
        close=ordered[-1].close,
        volume=sum(bar.volume for bar in ordered),
        received=received,
    )


def rows_of(bars: Sequence[LiveBar], *, source: str, basis: str, delay: pd.Timedelta) -> pd.DataFrame:
    """Five-minute bars as rows of `bars`, not yet validated.

    A row is known from the moment at which it came in, and never before its end plus `delay`, however
    wrong a clock is.
    """
    starts = pd.DatetimeIndex([bar.ts for bar in bars], tz="UTC").as_unit("us")
    received = pd.DatetimeIndex([bar.received for bar in bars], tz="UTC").as_unit("us")
    columns = {
        "session": session_each(starts),
        "timeframe": "5min",
        "ts": starts,
        "symbol": [bar.symbol for bar in bars],
        "known_at": received.where(received >= starts + FIVE_MINUTES + delay, starts + FIVE_MINUTES + delay),
        **{name: [getattr(bar, name) for bar in bars] for name in ("open", "high", "low", "close", "volume")},
        "basis": basis,
        "source": source,
    }
    return pd.DataFrame(columns)[frames.columns("bars")]


def session_each(moments: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The date in New York of each moment: the session it would belong to, if there is one."""
    return moments.tz_convert(calendar.TIMEZONE).tz_localize(None).normalize().as_unit("us")


def _values(bar: LiveBar) -> tuple[float, ...]:
    return (bar.open, bar.high, bar.low, bar.close, bar.volume)

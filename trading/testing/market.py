"""A simulated market of the whole universe, with known regimes, earnings, splits and dividends.

    >>> market = SimulatedMarket(MarketOptions(seed=7))
    >>> market.bars(("NVDA",), pd.Timestamp("2024-03-01"), pd.Timestamp("2024-03-04"))["close"].size
    2

What happens in a session depends on the options, on the session and on the market's start, never on
the range that is asked for: asking for a later end changes nothing before it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames
from trading.errors import MissingBarsError, UsageError
from trading.interfaces import Floats
from trading.testing.market_intraday import DayBars, split_day
from trading.testing.market_model import TRADED, Edge, MarketOptions
from trading.testing.market_paths import Paths, simulate
from trading.universe import SYMBOLS, instrument

__all__ = ["ALL_SYMBOLS", "PAY_LAG_SESSIONS", "SOURCE", "Edge", "MarketOptions", "SimulatedMarket"]

ALL_SYMBOLS: tuple[str, ...] = (*TRADED, "VIX")
SOURCE = "simulated"
PAY_LAG_SESSIONS = 15
EARNINGS_LAG = pd.Timedelta(minutes=30)  # after the close and after the decision: nobody trades on it
FIVE_MINUTES = pd.Timedelta(minutes=5)
_PRICES = ("open", "high", "low", "close")


@functools.lru_cache(maxsize=4)
def _paths(options: MarketOptions) -> Paths:
    return simulate(options)


class SimulatedMarket:
    """The market that `options` describe, as tables of raw bars, corporate actions and labels.

    Bars and actions have the columns of `trading.frames` and are clean: they pass validation.
    """

    def __init__(self, options: MarketOptions | None = None) -> None:
        self.options = options or MarketOptions()

    @property
    def paths(self) -> Paths:
        """The arrays behind the tables, made once a process."""
        return _paths(self.options)

    @property
    def delay(self) -> pd.Timedelta:
        """From a bar's end until it is published."""
        return pd.Timedelta(minutes=self.options.delay_minutes)

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Every session of the market, up to the calendar's end."""
        return self.paths.sessions

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        """Raw bars of a range of sessions, `1D` or `5min`; no row before a symbol's listing.

        Raises
        ------
        UsageError
            If a symbol is not in the universe or the timeframe is another one.
        MissingBarsError
            If the range begins before the market does.
        """
        columns, span = _columns_of(symbols), self._span(first, last)
        if timeframe == "1D":
            return self._daily(columns, span)
        if timeframe == "5min":
            return self._five_minutes(columns, span)
        raise UsageError(f"the simulated market has bars of 1D and 5min, not {timeframe!r}")

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Splits and dividends that take effect in a range of sessions, known since their announcement."""
        paths, span = self.paths, self._span(first, last)
        columns = [column for column in _columns_of(symbols) if column < len(TRADED)]
        splits = _happened(paths.split_notice, span, columns)
        dividends = _happened(paths.dividend_notice, span, columns)
        parts = (
            self._actions("split", splits, paths.split_notice[splits], {"ratio": paths.ratio[splits]}),
            self._actions(
                "dividend", dividends, paths.dividend_notice[dividends], {"amount": paths.dividend[dividends]}
            ),
        )
        return _sorted("corporate_actions", parts)

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Announcements after the close: session, symbol, known_at, surprise (fraction of the estimate).

        The gap that answers an announcement is that of the next session.
        """
        span = self._span(first, last)
        columns = [column for column in _columns_of(symbols) if column < len(SYMBOLS)]
        known = ~np.isnan(self.paths.surprise[span][:, columns])
        rows, places = np.nonzero(known)
        sessions = self.sessions[span][rows]
        surprise = self.paths.surprise[span][:, columns][rows, places]
        frame = {
            "session": sessions,
            "symbol": _symbols(np.array(columns, dtype=np.int64)[places]),
            "known_at": calendar.as_of_each(sessions, EARNINGS_LAG),
            "surprise": surprise,
        }
        return pd.DataFrame(frame)

    def regimes(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """The true regime of each session: session, regime (of `frames.REGIMES`)."""
        span = self._span(first, last)
        names = np.array(frames.REGIMES, dtype=object)[self.paths.regimes[span]]
        return pd.DataFrame({"session": self.sessions[span], "regime": pd.Series(names, dtype="str")})

    def _span(self, first: pd.Timestamp, last: pd.Timestamp) -> slice:
        if first < self.sessions[0]:
            raise MissingBarsError(
                f"the simulated market begins at {self.sessions[0]:%Y-%m-%d}; {first:%Y-%m-%d} lies before it"
            )
        start = int(self.sessions.searchsorted(first))
        return slice(start, int(self.sessions.searchsorted(last, side="right")))

    def _daily(self, columns: Sequence[int], span: slice) -> pd.DataFrame:
        rows, places = np.nonzero(self._listed(span)[:, columns])
        picked = np.array(columns, dtype=np.int64)[places]
        sessions = self.sessions[span][rows]
        values = {name: cube[rows, picked] for name, cube in self._cubes(span).items()}
        moments = calendar.open_each(sessions), calendar.as_of_each(sessions, self.delay)
        return _bar_frame("1D", sessions, moments, picked, values)

    def _five_minutes(self, columns: Sequence[int], span: slice) -> pd.DataFrame:
        parts = list(self._days(columns, span))
        return _sorted("bars", parts)

    def _days(self, columns: Sequence[int], span: slice) -> Iterator[pd.DataFrame]:
        cubes, listed = self._cubes(span), self._listed(span)
        for row, session in enumerate(self.sessions[span]):
            day = DayBars(**{name: cube[row] for name, cube in cubes.items()})
            opened, closed = calendar.session_open(session), calendar.session_close(session)
            starts = pd.date_range(opened, closed, freq=FIVE_MINUTES, inclusive="left").as_unit("us")
            bars = split_day(self.options.seed, session, day, len(starts))
            picked = np.array([column for column in columns if listed[row, column]], dtype=np.int64)
            sessions = pd.DatetimeIndex([session]).repeat(len(picked) * len(starts)).as_unit("us")
            repeated = starts[np.tile(np.arange(len(starts)), len(picked))]
            moments = repeated, repeated + (FIVE_MINUTES + self.delay)
            values = {name: cube[picked].ravel() for name, cube in bars.items()}
            yield _bar_frame("5min", sessions, moments, np.repeat(picked, len(starts)), values)

    def _cubes(self, span: slice) -> dict[str, Floats]:
        """Each value (t, s) of the daily bars of all symbols, VIX last and without volume."""
        paths = self.paths
        cubes = {
            name: np.column_stack([getattr(paths, name)[span], paths.vix[span, place]])
            for place, name in enumerate(_PRICES)
        }
        cubes["volume"] = np.column_stack([paths.volume[span], np.zeros(len(paths.volume[span]))])
        return cubes

    def _listed(self, span: slice) -> NDArray[np.bool_]:
        listed = self.paths.listed[span]
        return np.column_stack([listed, np.ones(len(listed), dtype=np.bool_)])

    def _actions(
        self,
        kind: str,
        where: tuple[NDArray[np.int64], NDArray[np.int64]],
        notice: NDArray[np.int64],
        values: Mapping[str, Floats],
    ) -> pd.DataFrame:
        rows, places = where
        paid = np.minimum(rows + PAY_LAG_SESSIONS * (kind == "dividend"), len(self.sessions) - 1)
        frame = {
            "session": self.sessions[rows],
            "symbol": _symbols(places),
            "kind": pd.Series([kind] * len(rows), dtype="str"),
            "known_at": calendar.as_of_each(self.sessions[notice], self.delay),
            "ratio": np.ones(len(rows)),
            "amount": np.zeros(len(rows)),
            "pay_session": self.sessions[paid],
            "source": pd.Series([SOURCE] * len(rows), dtype="str"),
        }
        return pd.DataFrame(frame | dict(values))


def _columns_of(symbols: Sequence[str]) -> list[int]:
    """Columns of the symbols in the order of the universe, whatever the order asked for."""
    return sorted({ALL_SYMBOLS.index(instrument(symbol).symbol) for symbol in symbols})


def _symbols(places: NDArray[np.int64]) -> pd.Series:
    return pd.Series(pd.array(list(ALL_SYMBOLS), dtype="str").take(places))


def _happened(
    notice: NDArray[np.int64], span: slice, columns: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices (session, instrument) at which something announced takes effect within `span`."""
    rows, places = np.nonzero(notice[span][:, columns] >= 0)
    return rows + span.start, np.array(columns, dtype=np.int64)[places]


def _bar_frame(
    timeframe: str,
    sessions: pd.DatetimeIndex,
    moments: tuple[pd.DatetimeIndex, pd.DatetimeIndex],
    places: NDArray[np.int64],
    values: Mapping[str, Floats],
) -> pd.DataFrame:
    """Bars with the moments of their start and of their publication."""
    constant = {"timeframe": timeframe, "basis": "raw", "source": SOURCE}
    frame = {
        "session": sessions,
        "ts": moments[0],
        "known_at": moments[1],
        "symbol": _symbols(places),
        **values,
    }
    frame |= {name: pd.Series([word] * len(places), dtype="str") for name, word in constant.items()}
    return pd.DataFrame({name: frame[name] for name in frames.columns("bars")})


def _sorted(table: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    if not filled:
        return frames.empty(table)
    joined = pd.concat(filled, ignore_index=True)[frames.columns(table)]
    return joined.sort_values(list(frames.table_of(table).key), kind="stable", ignore_index=True)

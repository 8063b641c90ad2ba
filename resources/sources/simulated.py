"""The simulated market as a source: always there, clean, and marked SIMULATED."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from resources.sources.weekly import weekly_bars
from trading.testing.market import MarketOptions, SimulatedMarket


class SimulatedSource:
    """`MarketDataSource` over a simulated market of raw bars, up to the calendar's end.

    Parameters
    ----------
    options : which market; the delay that is declared is the market's own
    """

    name = "simulated"
    basis = "raw"
    simulated = True

    def __init__(self, options: MarketOptions | None = None) -> None:
        self.market = SimulatedMarket(options)
        self.delay = self.market.delay

    def first_session(self) -> pd.Timestamp:
        """The market's start."""
        return self.market.sessions[0]

    def last_session(self) -> pd.Timestamp:
        """The calendar's last session: the market goes on as long as it is asked."""
        return self.market.sessions[-1]

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        """Raw bars of `5min`, `1D` or `1W`; a symbol has none before its listing."""
        if timeframe == "1W":
            return weekly_bars(
                self.market.bars,
                symbols,
                first,
                last,
                begins=self.first_session(),
                actions=self.actions,
                delay=self.delay,
            )
        return self.market.bars(symbols, first, last, timeframe)

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Splits and dividends that take effect in the range, known since their announcement."""
        return self.market.actions(symbols, first, last)

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Announcements, each known half an hour after the close of its session."""
        return self.market.earnings(symbols, first, last).assign(release="after_close")

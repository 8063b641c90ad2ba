"""A vendor without indices, and a folder of files that lends it the one it lacks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from resources.sources.holdings import held_by
from trading import frames
from trading.errors import UsageError
from trading.interfaces import MarketDataSource
from trading.universe import instrument


class BorrowedIndices:
    """`MarketDataSource` over a vendor, the bars of indices apart, which come from files.

    An index is never adjusted, so its bars are on the basis of whatever they stand beside.

    Parameters
    ----------
    vendor : of everything else
    lender : files of the indices
    """

    def __init__(self, vendor: MarketDataSource, lender: MarketDataSource) -> None:
        self.vendor, self.lender = vendor, lender
        self.name, self.basis = vendor.name, vendor.basis
        self.delay, self.simulated = vendor.delay, vendor.simulated
        if not self._held("1D"):
            raise UsageError("the folder of source.indices holds no daily bars of an index, such as VIX")

    def first_session(self) -> pd.Timestamp:
        """That of the vendor."""
        return self.vendor.first_session()

    def last_session(self) -> pd.Timestamp:
        """That of the vendor; where the files end earlier, the index is unknown."""
        return self.vendor.last_session()

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        """Bars of the vendor, and those of indices as far as the files hold them."""
        indices = {symbol: span for symbol, span in self._held(timeframe).items() if symbol in symbols}
        others = [symbol for symbol in symbols if symbol not in indices]
        parts = [self.vendor.bars(others, first, last, timeframe)] if others else []
        for symbol, (begins, ends) in indices.items():
            begin, end = max(first, begins), min(last, ends)
            if begin <= end:
                rows = self.lender.bars((symbol,), begin, end, timeframe)
                parts.append(rows.assign(basis=self.basis))
        filled = [part for part in parts if len(part)]
        if not filled:
            return frames.empty("bars")
        key = ["session", "ts", "symbol"]
        return pd.concat(filled).sort_values(key, kind="stable", ignore_index=True)

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Those of the vendor: indices have none."""
        return self.vendor.actions(symbols, first, last)

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Those of the vendor."""
        return self.vendor.earnings(symbols, first, last)

    def _held(self, timeframe: str) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        held = held_by(self.lender, timeframe) or {}
        return {symbol: span for symbol, span in held.items() if _is_index(symbol)}


def _is_index(symbol: str) -> bool:
    try:
        return instrument(symbol).role == "index"
    except UsageError:
        return False

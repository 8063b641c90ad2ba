"""Sources that know what they hold: files do, vendors must be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import pandas as pd

from trading.interfaces import MarketDataSource

Holdings: TypeAlias = Mapping[str, tuple[pd.Timestamp, pd.Timestamp]]


@runtime_checkable
class Holder(Protocol):
    """A source that knows what it holds."""

    def held(self, timeframe: str) -> Holdings:
        """First and last day of each symbol with bars of a timeframe; empty if there are none."""
        ...


def held_by(source: MarketDataSource, timeframe: str) -> Holdings | None:
    """What a source holds of a timeframe, None if only asking it tells."""
    return source.held(timeframe) if isinstance(source, Holder) else None


def extent_of(source: MarketDataSource, timeframe: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """First and last day of any row that a source holds, whether its date can be true or not."""
    extent = getattr(source, "extent", None)
    if extent is not None:
        first, last = extent(timeframe)
        return first, last
    held = held_by(source, timeframe)
    return (min(a for a, _ in held.values()), max(b for _, b in held.values())) if held else None


@runtime_checkable
class Shortlived(Protocol):
    """A source that keeps bars of some timeframes for a shorter time than others."""

    def first_session_of(self, timeframe: str) -> pd.Timestamp:
        """The first session for which it still has bars of a timeframe."""
        ...


def first_session_of(source: MarketDataSource, timeframe: str) -> pd.Timestamp:
    """The first session for which a source has bars of a timeframe."""
    if isinstance(source, Shortlived):
        return source.first_session_of(timeframe)
    return source.first_session()

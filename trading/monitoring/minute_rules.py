"""What a bar of a stream must be before it may become a part of a longer one.

A sum hides its parts: the highest of five highs is above the lowest of five lows although one minute
had them swapped. So each bar is judged as it comes, by the rules of `bar_rules` and in its words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pandas as pd

from trading import frames
from trading.five_minutes import session_each
from trading.interfaces import LiveBar
from trading.monitoring.bar_rules import LARGEST_PRICE, LARGEST_VOLUME, ROUNDING, SMALLEST_PRICE
from trading.monitoring.separation import DETAIL, MISSING


def fault_of(bar: LiveBar) -> str:
    """The first rule that a bar of a stream breaks, empty if it keeps all.

    >>> now = pd.Timestamp("2024-03-01 15:00", tz="UTC")
    >>> fault_of(LiveBar("NVDA", now, 1, open=9.0, high=8.0, low=9.0, close=9.0, volume=1.0, received=now))
    'high is below low'
    """
    prices = (bar.open, bar.high, bar.low, bar.close)
    named = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close, "volume": bar.volume}
    absent = [name for name, value in named.items() if math.isnan(value)]
    if absent:
        return MISSING + DETAIL + ", ".join(absent)
    if any(math.isinf(value) for value in (*prices, bar.volume)):
        return "a value is infinite"
    if bar.ts != bar.ts.floor(f"{bar.minutes}min"):
        return "not on the five-minute grid"
    if min(prices) <= 0:
        return "a price is not positive"
    if not SMALLEST_PRICE <= min(prices) <= max(prices) <= LARGEST_PRICE or bar.volume > LARGEST_VOLUME:
        return "a number is beyond all sense"
    return _fault_of_range(bar)


def _fault_of_range(bar: LiveBar) -> str:
    if bar.high < bar.low * (1 - ROUNDING):
        return "high is below low"
    if max(bar.open, bar.close) > bar.high * (1 + ROUNDING):
        return "open or close lies outside low to high"
    if min(bar.open, bar.close) < bar.low * (1 - ROUNDING):
        return "open or close lies outside low to high"
    return "negative volume" if bar.volume < 0 else ""


def quarantined(faulty: Sequence[tuple[LiveBar, str]], *, source: str) -> pd.DataFrame:
    """Rows of `quarantine` for bars of a stream, each with its reason; a bar that comes again is one row."""
    if not faulty:
        return frames.empty("quarantine")
    bars = [bar for bar, _ in faulty]
    frame = pd.DataFrame(
        {
            "session": session_each(pd.DatetimeIndex([bar.ts for bar in bars], tz="UTC")),
            "table": "bars",
            "symbol": [bar.symbol for bar in bars],
            "reason": [reason for _, reason in faulty],
            "row": [_written(bar) for bar in bars],
            "known_at": [bar.received for bar in bars],
            "source": source,
        }
    )
    key = list(frames.table_of("quarantine").key)
    once = frame.drop_duplicates(key).astype(frames.table_of("quarantine").dtypes)
    return frames.validated("quarantine", once)


def _written(bar: LiveBar) -> str:
    """The bar as it came, as JSON; without the moment, so that the same bar is the same row."""
    values = {name: _finite(getattr(bar, name)) for name in ("open", "high", "low", "close", "volume")}
    return json.dumps({"symbol": bar.symbol, "ts": str(bar.ts), "minutes": bar.minutes, **values})


def _finite(value: float) -> float | str | None:
    return None if math.isnan(value) else str(value) if math.isinf(value) else value

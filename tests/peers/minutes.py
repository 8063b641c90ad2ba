"""SIMULATED minute bars for the peers, and the five-minute bars that they must become."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from trading import calendar
from trading.digest import generator

MINUTE = pd.Timedelta(minutes=1)
Bar = dict[str, Any]


def minute_bars(symbols: Sequence[str], session: pd.Timestamp, count: int, seed: int = 7) -> list[Bar]:
    """`count` minutes of each symbol from the open on, as Alpaca writes them, minute by minute."""
    source = generator("peer/minutes", session, seed)
    closes = 100 * np.exp(source.normal(0, 1e-3, (count, len(symbols))).cumsum(axis=0))
    opens = np.vstack([np.full(len(symbols), 100.0), closes[:-1]])
    wiggle = 1 + np.abs(source.normal(0, 5e-4, (2, count, len(symbols))))
    volumes = source.integers(1, 10_000, (count, len(symbols)))
    start = calendar.session_open(session)
    return [
        {
            "S": symbol,
            "t": start + MINUTE * minute,
            "o": round(float(opens[minute, place]), 2),
            "h": round(float(max(opens[minute, place], closes[minute, place]) * wiggle[0, minute, place]), 2)
            + 0.01,
            "l": round(float(min(opens[minute, place], closes[minute, place]) / wiggle[1, minute, place]), 2)
            - 0.01,
            "c": round(float(closes[minute, place]), 2),
            "v": int(volumes[minute, place]),
            "n": 10,
            "vw": round(float(closes[minute, place]), 2),
        }
        for minute in range(count)
        for place, symbol in enumerate(symbols)
    ]


def five_minute_truth(bars: Sequence[Bar]) -> dict[tuple[str, pd.Timestamp], tuple[float, ...]]:
    """(symbol, start) to (open, high, low, close, volume), the slow way."""
    grouped: dict[tuple[str, pd.Timestamp], list[Bar]] = {}
    for bar in sorted(bars, key=lambda one: one["t"]):
        grouped.setdefault((str(bar["S"]), pd.Timestamp(bar["t"]).floor("5min")), []).append(bar)
    return {
        key: (
            float(parts[0]["o"]),
            max(float(part["h"]) for part in parts),
            min(float(part["l"]) for part in parts),
            float(parts[-1]["c"]),
            float(sum(int(part["v"]) for part in parts)),
        )
        for key, parts in grouped.items()
    }

"""A feed that is spoiled in every way: it never crashes, no bad bar is stored and no good one is lost.

10,000 cases: 40 feeds, each with 250 spoiled bars among good ones; about every tenth feed is stored in a
database, which takes longer than all the rest. What is good is decided here by plain Python on single rows,
which knows nothing of the rules under test.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources import arrivals
from resources.store import HomeStore, store_at
from trading import calendar, frames, market_hours
from trading.ingest import Load
from trading.monitoring.bar_rules import separate_bars, separate_extended_bars
from trading.monitoring.quarantine import listing
from trading.testing.market import SimulatedMarket

FEEDS, SPOILED, STORED = 40, 250, 10
SYMBOLS = ("NVDA", "ARM", "VIX")
FRIDAY, MONDAY = pd.Timestamp("2024-11-29"), pd.Timestamp("2024-12-02")  # the first is a half day
HOLIDAY = pd.Timestamp("2024-11-28")
NOW = pd.Timestamp("2024-12-03", tz="UTC")
NUMBERS = ("open", "high", "low", "close", "volume")
HOURS = {
    FRIDAY: ("2024-11-29 14:30", "2024-11-29 18:00"),
    MONDAY: ("2024-12-02 14:30", "2024-12-02 21:00"),
}
Row = dict[str, Any]


def clean() -> list[Row]:
    market = SimulatedMarket()
    parts = [market.bars(SYMBOLS, FRIDAY, MONDAY, timeframe) for timeframe in ("1D", "5min")]
    return pd.concat(parts).astype(object).to_dict("records")


CLEAN = clean()
SPOILS: dict[str, Callable[[Row, Any], Row]] = {
    "nothing": lambda row, _: row,
    "missing": lambda row, n: row | {list(row)[n % len(row)]: (None, math.nan, pd.NaT)[n % 3]},
    "number": lambda row, n: row | {NUMBERS[n % 5]: (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e300, -0.0)[n % 7]},
    "slightly off": lambda row, n: row | {NUMBERS[n % 4]: row[NUMBERS[n % 4]] * (1 + (n % 9 - 4) * 3e-7)},
    "swapped": lambda row, _: row | {"high": row["low"], "low": row["high"]},
    "naive": lambda row, n: row | {("ts", "known_at")[n % 2]: row["ts"].tz_localize(None)},
    "other zone": lambda row, n: row | {"ts": row["ts"].tz_convert(("Asia/Tokyo", "America/New_York")[n % 2])},
    "wrong zone": lambda row, n: row | {"ts": row["ts"] - pd.Timedelta(hours=n % 24)},
    "as text": lambda row, n: row | {NUMBERS[n % 5]: str(row[NUMBERS[n % 5]]), "ts": row["ts"].isoformat()},
    "words": lambda row, n: row | {(*NUMBERS, "ts", "session", "known_at")[n % 8]: ("", "many", "12,5", "0x10")[n % 4]},
    "odd things": lambda row, n: row | {
        list(row)[n % len(row)]: ([1.0], {"a": 1}, b"7", 1j, True, "\0", "\ud800", 10**400, Decimal("1.5"))[n % 9]
    },
    "unknown symbol": lambda row, n: row | {"symbol": ("NVDIA", "", "nvda", "NVDA ")[n % 4]},
    "unknown words": lambda row, n: row | {("timeframe", "basis")[n % 2]: ("7min", "", "RAW")[n % 3]},
    "off the grid": lambda row, n: row | {"ts": row["ts"] + pd.Timedelta(seconds=n % 300)},
    "holiday": lambda row, _: row | {"session": HOLIDAY, "ts": row["ts"] - pd.Timedelta(days=1)},
    "other session": lambda row, n: row | {"session": (FRIDAY, MONDAY, dt.date(2024, 12, 2), "2024-12-02")[n % 4]},
    "future": lambda row, n: row | {"known_at": row["known_at"] + pd.Timedelta(days=n % 4000)},
    "too early": lambda row, n: row | {"known_at": row["ts"] + pd.Timedelta(minutes=n % 400)},
    "far away": lambda row, n: row | {("ts", "session", "known_at")[n % 3]: (dt.date(1, 1, 1), "9999-12-31")[n % 2]},
    "contradictory": lambda row, n: row | {"volume": row["volume"] + n % 3},
}  # fmt: skip


def number(value: Any) -> float:
    """NaN for whatever is no number."""
    if isinstance(value, float | int | str | Decimal) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return math.nan
    return math.nan


def moment(value: Any) -> pd.Timestamp | None:
    """An aware moment in UTC, None for anything else."""
    try:
        stamp = pd.Timestamp(value) if isinstance(value, dt.datetime | str) else pd.NaT
    except ValueError:
        return None
    return None if pd.isna(stamp) or stamp.tz is None else stamp.tz_convert("UTC")


def session(value: Any) -> pd.Timestamp | None:
    try:
        stamp = pd.Timestamp(value) if isinstance(value, dt.date | str) else pd.NaT
    except ValueError:
        return None
    return stamp if not pd.isna(stamp) and stamp.tz is None and stamp in HOURS else None


def good(row: Row) -> tuple[Any, ...] | None:
    """What a store must hold of a row, None if it must not hold it."""
    day, ts, known = session(row["session"]), moment(row["ts"]), moment(row["known_at"])
    prices = [number(row[name]) for name in NUMBERS[:4]]
    volume = number(row["volume"])
    if day is None or ts is None or known is None or not all(map(math.isfinite, [*prices, volume])):
        return None
    opened, closed = (pd.Timestamp(text, tz="UTC") for text in HOURS[day])
    whole = row["timeframe"] == "1D"
    end = closed if whole else ts + pd.Timedelta(minutes=5)
    on_grid = ts == opened if whole else (ts - opened) % pd.Timedelta(minutes=5) == pd.Timedelta(0)
    opening, high, low, close = prices
    sound = (
        row["timeframe"] in ("1D", "5min")
        and row["symbol"] in SYMBOLS
        and row["basis"] == "raw"
        and row["source"] == "simulated"
        and on_grid
        and opened <= ts < closed
        and end <= known <= NOW
        and min(prices) > 0
        and max(*prices, volume / 1e5) <= 1e7
        and volume >= 0
        and high >= low * (1 - 1e-6)
        and max(opening, close) <= high * (1 + 1e-6)
        and min(opening, close) >= low * (1 - 1e-6)
    )
    key = (day, row["timeframe"], ts, row["symbol"], known)
    return (*key, *prices, volume) if sound else None


def expected(rows: list[Row]) -> set[tuple[Any, ...]]:
    """Good rows, each once, without those of one key that contradict each other."""
    sound = {found for found in map(good, rows) if found is not None}
    keys = Counter(found[:5] for found in sound)
    return {found for found in sound if keys[found[:5]] == 1}


def is_extended(row: Row) -> bool:
    """Whether a bar of five minutes lies before the open or after the close of the session that it names."""
    day, ts = session(row["session"]), moment(row["ts"])
    if row["timeframe"] != "5min" or day is None or ts is None:
        return False
    opened, closed = (pd.Timestamp(text, tz="UTC") for text in HOURS[day])
    return not opened <= ts < closed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> HomeStore:
    folder = tmp_path_factory.mktemp("fuzz")
    return store_at(Path(folder) / "tables", Path(folder) / "fabline.db")


def told(drawn: bytes) -> list[tuple[str, int, int]]:
    """Which bars are spoiled and how, from six drawn bytes each: one draw a feed is quick."""
    words = np.frombuffer(drawn, dtype=">u2").reshape(-1, 3).astype(int)
    hows = sorted(SPOILS)
    return [(hows[how % len(hows)], at % len(CLEAN), n) for how, at, n in words.tolist()]


SPOILED_BARS = st.binary(min_size=6 * SPOILED, max_size=6 * SPOILED).map(told)


@settings(max_examples=FEEDS, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(spoiled=SPOILED_BARS)
def test_a_spoiled_feed_never_crashes_and_is_taken_apart_exactly(
    store: HomeStore, spoiled: list[tuple[str, int, int]]
) -> None:
    rows = [SPOILS[how](CLEAN[at], n) for how, at, n in spoiled]
    frame = pd.DataFrame(rows + CLEAN[::7], dtype=object)[frames.columns("bars")]

    regular, outside = market_hours.by_phase(frame)
    bars = separate_bars(regular, basis="raw", symbols=SYMBOLS, now=NOW)
    extended = separate_extended_bars(outside, basis="raw", symbols=SYMBOLS, now=NOW)

    assert len(bars.accepted) + len(bars.quarantined) == len(regular)
    assert len(extended.accepted) + len(extended.quarantined) == len(outside)
    kept = bars.accepted[["session", "timeframe", "ts", "symbol", "known_at", *NUMBERS]]
    assert set(kept.itertuples(index=False, name=None)) == expected(rows + CLEAN[::7])
    assert all(map(is_extended, outside.to_dict("records")))
    if sum(n for _, _, n in spoiled) % STORED == 0:
        _store(store, bars.accepted, pd.concat([bars.quarantined, extended.quarantined]))


def _store(store: HomeStore, accepted: pd.DataFrame, bad: pd.DataFrame) -> None:
    """Store what was separated of both timeframes, with findings and figures of quality."""
    for timeframe in ("1D", "5min"):
        mine = accepted[(accepted["timeframe"] == timeframe).to_numpy()]
        load = Load("bars", timeframe, SYMBOLS, FRIDAY, MONDAY, "simulated")
        arrivals.record(load, {"bars": mine}, bad.drop_duplicates(), store, {}, now=NOW)
    held = store.read("bars", revisions=True)
    keys = list(frames.table_of("bars").key)
    assert not held.duplicated(keys).any()
    assert len(accepted.merge(held, on=keys)) <= len(accepted)


def test_afterwards_the_store_holds_only_good_bars_and_every_bad_one_can_be_listed(store: HomeStore) -> None:
    held = store.read("bars", revisions=True)
    listed = listing(store.read("quarantine"), store.read("quarantine_decisions"))

    assert len(separate_bars(held, basis="raw").accepted) == len(held) > 100
    assert listed["id"].is_unique
    assert listed["rule"].nunique() > 12
    assert np.isfinite(held[list(NUMBERS)]).all().all()
    assert calendar.is_session(held["session"].iloc[0])

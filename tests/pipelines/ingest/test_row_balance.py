"""Every line of a file is counted once and ends somewhere, whatever it is: through the whole ingestion.

Random messy files are loaded into a real home, changed, and loaded again. What is good is decided here by
plain Python on single lines, which knows nothing of the rules under test.
"""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ingest.chunks import Wanted, spans_of
from pipelines.ingest.desk import Desk
from pipelines.ingest.flow import Limits
from pipelines.ingest.loading import ingest
from pipelines.ingest.tally import Tally
from resources.sources.mapped import MappedSource
from resources.store import HomeStore, store_at
from trading import calendar
from trading.monitoring.quarantine import listing

HEAD = "symbol,time,open,high,low,close,volume\n"
MAPPING = """[[bars]]
files = "*.csv"
timeframe = "{timeframe}"
basis = "raw"
time_zone = "America/New_York"
[bars.columns]
{time} = "time"
symbol = "symbol"
open = "open"
high = "high"
low = "low"
close = "close"
volume = "volume"
"""
NOW = pd.Timestamp("2024-12-10 22:00", tz="UTC")
SESSIONS = {"2024-11-27": "16:00", "2024-11-29": "13:00", "2024-12-02": "16:00"}  # the second is a half day
DAYS = (*SESSIONS, "2024-11-28", "2024-11-30", "2031-01-06", "0999-01-01", "not a day", "")
TIMES = (
    "09:30",
    "09:35",
    "12:55",
    "13:00",
    "15:55",
    "16:00",
    "04:00",
    "03:55",
    "09:31",
    "19:55",
    "20:00",
    "25:00",
    "",
)
NUMBERS = ("100", "100.0", "101", "99", "1e3", "-1", "0", "nan", "", "inf", "x", "1e300", "100,5")
SOUND = ("100", "102", "99", "101", "5")
EXAMPLES = {"1D": 4, "5min": 4}  # under a second of processor each: three loads of a real home
Key = tuple[str, ...]
Values = tuple[float, ...]


def number(text: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        return math.nan


def values_of(fields: Sequence[str]) -> Values | None:
    """Open, high, low, close and volume of a bar that can be true, else None."""
    read = [number(text) for text in fields]
    opened, high, low, close, volume = read
    sound = (
        all(map(math.isfinite, read))
        and 0 < low <= min(opened, close)
        and max(opened, close) <= high <= 1e7
        and 0 <= volume <= 1e12
    )
    return tuple(read) if sound else None


def key_of(timeframe: str, symbol: str, time: str) -> Key | None:
    """Table and key of a bar whose time can be true."""
    day, _, clock = time.partition(" ")
    if not symbol or day not in SESSIONS:  # a file that is named is meant, whatever symbols it holds
        return None
    if timeframe == "1D":
        return None if clock else ("bars", day, "", symbol)
    on_grid = len(clock) == 5 and clock[-1] in "05" and "04:00" <= clock < "20:00"
    if not on_grid:
        return None
    regular = "09:30" <= clock < SESSIONS[day]
    return ("bars" if regular else "extended_bars", day, clock, symbol)


def sound_of(timeframe: str, line: str) -> tuple[Key, Values] | None:
    fields = line.split(",")
    if len(fields) != 7 or '"' in line:
        return None
    key, values = key_of(timeframe, fields[0], fields[1].strip()), values_of(fields[2:])
    return None if key is None or values is None else (key, values)


def expected(timeframe: str, lines: Sequence[str]) -> dict[Key, Values]:
    """The good bars of a file: of one key all must say the same."""
    said: dict[Key, set[Values]] = defaultdict(set)
    for found in (sound_of(timeframe, line) for line in lines):
        if found is not None:
            said[found[0]].add(found[1])
    return {key: next(iter(values)) for key, values in said.items() if len(values) == 1}


@st.composite
def lines_of(draw: st.DrawFn, timeframe: str) -> str:
    """A line, sound in most of its fields."""
    symbol = draw(st.sampled_from(("NVDA", "NVDA", "NVDA", "AMD", "", "NVDIA")))
    time = draw(st.sampled_from((*SESSIONS, *SESSIONS, *SESSIONS, *DAYS)))
    if timeframe == "5min":
        time = f"{time} {draw(st.sampled_from((*TIMES[:5], *TIMES)))}".strip()
    fields = [symbol, time, *SOUND]
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        fields[draw(st.integers(2, 6))] = draw(st.sampled_from(NUMBERS[:4] + NUMBERS))
    shape = draw(st.sampled_from(("whole",) * 9 + ("short", "long", "quoted")))
    if shape == "short":
        return ",".join(fields[:4])
    return (
        '"' + ",".join(fields)
        if shape == "quoted"
        else ",".join([*fields, "1"] if shape == "long" else fields)
    )


def files_of(timeframe: str) -> st.SearchStrategy[tuple[list[str], list[str]]]:
    """Two versions of a file: the second one repeats, restates, spoils and adds lines."""
    several = st.lists(lines_of(timeframe), min_size=1, max_size=14)
    doubled = several.flatmap(lambda lines: st.permutations(lines + lines[:2]).map(list))
    anchor = f"NVDA,2024-11-27{' 09:40' if timeframe == '5min' else ''},{','.join(SOUND)}"
    first = doubled.map(lambda lines: [anchor, *lines])
    return st.tuples(first, several).map(lambda two: (two[0], two[0][: len(two[0]) - 2] + two[1]))


@contextmanager
def home() -> Iterator[tuple[HomeStore, Path]]:
    """A store and an empty folder beside it."""
    with tempfile.TemporaryDirectory() as folder:
        store = store_at(Path(folder) / "tables", Path(folder) / "fabline.db", clock=lambda: NOW)
        try:
            (Path(folder) / "data").mkdir()
            yield store, Path(folder) / "data"
        finally:
            store.close()


def load(
    store: HomeStore, data: Path, timeframe: str, lines: list[str], *, refresh: bool
) -> dict[str, Tally]:
    """What the whole ingestion says of each table."""
    time = "session" if timeframe == "1D" else "ts"
    (data / "fabline-mapping.toml").write_text(MAPPING.format(timeframe=timeframe, time=time))
    (data / "panel.csv").write_text(HEAD + "".join(f"{line}\n" for line in lines))
    source = MappedSource(data)
    held = source.held(timeframe)
    last = calendar.last_closed(NOW)
    spans = spans_of(tuple(held), calendar.session_of("2024-11-27"), last, held)
    desk = Desk.of(store, source, lambda: NOW, {})
    outcome = ingest(desk, Wanted(timeframe, spans, last, refresh), limits=Limits(workers=1))
    assert not outcome.failures
    return {tally.table: tally for tally in outcome.tallies}


def stored(store: HomeStore) -> dict[Key, Values]:
    """The newest bars."""
    found: dict[Key, Values] = {}
    for table in ("bars", "extended_bars"):
        for row in store.read(table).itertuples():
            local = row.ts.tz_convert(calendar.TIMEZONE)
            clock = "" if row.timeframe == "1D" else f"{local:%H:%M}"
            values = (row.open, row.high, row.low, row.close, row.volume)
            found[table, f"{row.session:%Y-%m-%d}", clock, row.symbol] = values
    return found


def check_balance(timeframe: str, lines: list[str], tallies: dict[str, Tally]) -> None:
    """Each line is one row of one table: outside the session are those of `extended_bars`."""
    assert sum(tally.came for tally in tallies.values()) == len(lines)
    sound = [found[0][0] for found in (sound_of(timeframe, line) for line in lines) if found is not None]
    for table in ("bars", "extended_bars"):
        assert tallies[table].came >= sound.count(table)


def check_two_loads(timeframe: str, first: list[str], second: list[str]) -> None:
    with home() as (store, data):
        tallies = load(store, data, timeframe, first, refresh=False)
        good = expected(timeframe, first)
        check_balance(timeframe, first, tallies)
        assert stored(store) == good
        assert sum(tally.accepted for tally in tallies.values()) == len(good)
        kept = store.read("quarantine")["reason"].ne("exact duplicate")
        assert kept.sum() == sum(tally.quarantined for tally in tallies.values())

        tallies = load(store, data, timeframe, second, refresh=True)
        later = expected(timeframe, second)
        check_balance(timeframe, second, tallies)
        assert stored(store) == good | later, "what was true stays, and what is new is in force"
        assert sum(tally.accepted for tally in tallies.values()) == len(later.keys() - good.keys())
        revised = [key for key in later.keys() & good.keys() if later[key] != good[key]]
        assert sum(tally.revised for tally in tallies.values()) == len(revised)
        again = load(store, data, timeframe, second, refresh=True)
        assert sum(tally.duplicates for tally in again.values()) == len(second), "nothing of it is new"
        assert listing(store.read("quarantine"), store.read("quarantine_decisions"))["id"].is_unique


@pytest.mark.parametrize("timeframe", EXAMPLES)
def test_every_line_is_counted_once_no_bad_bar_is_stored_and_no_good_one_is_lost(timeframe: str) -> None:
    @settings(
        max_examples=EXAMPLES[timeframe],
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(files=files_of(timeframe))
    def check(files: tuple[list[str], list[str]]) -> None:
        check_two_loads(timeframe, *files)

    check()

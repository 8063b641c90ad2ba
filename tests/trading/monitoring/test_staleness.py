"""Which sessions are stale: by hand, and against a line that is made anew and compared byte by byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames
from trading.digest import digest
from trading.history import Rows
from trading.line import Request, make_range
from trading.monitoring.staleness import READ_AT, StaleTable, arrivals, stale_tables
from trading.plan import Plan
from trading.stages.layout import daily_keys
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage, Starts
from trading.testing.memory_store import MemoryStore

INCEPTION = calendar.session_of("2024-03-01")
BURN_IN, TRADED = 3, 12
LAST = calendar.shift(INCEPTION, TRADED - 1)
NOBODY = MemoryModelBook.of({}, ())
HOUR = pd.Timedelta(hours=1)


def stage(
    name: str,
    *reads: Read,
    makes: tuple[str, ...] = (),
    keeps: tuple[Read, ...] = (),
    causes: Mapping[str, tuple[str, ...]] | None = None,
    starts: Starts = "burn_in",
) -> Stage:
    """A stage that holds the digest of all that it sees: any change of its window changes its bytes."""
    tables = makes or (name,)

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        made: dict[str, dict[str, np.ndarray]] = {}
        narrowed = causes or {}
        for table in tables:
            kept = [read.table for read in keeps]
            seen = [*narrowed.get(table, inputs.keys() - set(kept)), *kept]
            said = [bytes_of(inputs[one]) if one in inputs else made[one]["q500"].tobytes() for one in seen]
            made[table] = row(float(int(digest(*said), 16) % 2**40), moment)
        return made

    return Stage(name, reads, tables, make, keeps=keeps, causes=causes or {}, starts=starts)


def bytes_of(rows: Rows) -> bytes:
    """Whatever may differ between two windows of a table: which rows, known when, and what they say."""
    said = {"bars": "close", "corporate_actions": "amount"}.get(rows._history.table, "q500")
    return b"".join(rows[column].tobytes() for column in ("session", "known_at", said))


def row(value: float, moment: Moment) -> dict[str, np.ndarray]:
    text = {name: np.array(["1D"], dtype=object) for name in ("symbol", "model", "version", "fallback")}
    quantiles = {name: np.array([value]) for name in frames.QUANTILES}
    return (
        text
        | quantiles
        | daily_keys(1, moment.session)
        | {"horizon": np.array([1]), "contaminated": np.array([False])}
    )


PLAN = Plan.of(
    [
        stage("forecast_daily", Read("bars", lookback=2, timeframe="1D"), starts="window"),
        stage("forecast_actions", Read("corporate_actions", lookback=1), Read("bars")),
        stage("forecast_later", Read("forecast_daily", lookback=1, offset=1)),
        stage(
            "forecast_state", Read("forecast_later"), keeps=(Read("forecast_state", lookback=1, offset=1),)
        ),
        stage("forecast_joined", Read("forecast_actions"), Read("forecast_daily", lookback=3)),
        stage(
            "forecast_book",
            Read("bars", lookback=1, timeframe="1D"),
            Read("forecast_joined"),
            makes=("forecast_filled", "forecast_wanted"),
            keeps=(Read("forecast_wanted", offset=1),),
            causes={"forecast_filled": ("bars",), "forecast_wanted": ("forecast_filled", "forecast_joined")},
            starts="inception",
        ),
    ],
    BURN_IN,
)
BEGIN = PLAN.first_session("bars", INCEPTION)
DAYS = calendar.sessions_between(BEGIN, LAST)


def bars_of(sessions: pd.DatetimeIndex, timeframe: str = "1D", close: float = 100.0) -> pd.DataFrame:
    frame = pd.DataFrame({"session": sessions, **dict.fromkeys(("open", "high", "low", "close"), close)})
    frame = frame.assign(
        ts=calendar.open_each(sessions), known_at=calendar.as_of_each(sessions) - pd.Timedelta(minutes=10),
        symbol="NVDA", timeframe=timeframe, volume=1.0, basis="raw", source="test",
    )  # fmt: skip
    return frame.astype(frames.table_of("bars").dtypes)


@dataclass(frozen=True)
class News:
    """A bar or action of a session, known some hours after its declared time, that came in later still."""

    place: int
    hours_known: int
    hours_late: int
    kind: str

    @property
    def session(self) -> pd.Timestamp:
        return DAYS[self.place]

    @property
    def known_at(self) -> pd.Timestamp:
        return calendar.as_of(self.session) + self.hours_known * HOUR

    @property
    def came_in(self) -> pd.Timestamp:
        return self.known_at + self.hours_late * HOUR

    @property
    def table(self) -> str:
        return "corporate_actions" if self.kind == "action" else "bars"

    def rows(self, number: int) -> pd.DataFrame:
        if self.kind == "action":
            rows = pd.DataFrame(
                {"session": [self.session], "symbol": "NVDA", "kind": "dividend", "ratio": 1.0}
            )
            rows = rows.assign(amount=1.0 + number, pay_session=LAST, source="test")
        else:
            rows = bars_of(DAYS[[self.place]], self.kind, close=101.0 + number)
        rows = rows.assign(known_at=self.known_at + number * pd.Timedelta(microseconds=1))
        return rows.astype(frames.table_of(self.table).dtypes)


def news() -> st.SearchStrategy[list[News]]:
    kinds = st.sampled_from(["1D", "1D", "5min", "action"])
    one = st.builds(News, st.integers(0, len(DAYS) - 1), st.integers(-1, 240), st.integers(0, 400), kinds)
    return st.lists(one, min_size=1, max_size=3)


class Evenings:
    """A home in memory that makes its sessions in runs of some evenings, each when its last has closed."""

    def __init__(self, lengths: list[int], late: list[News]) -> None:
        self.store = MemoryStore()
        self.commits: list[dict[str, object]] = []
        self._waiting = sorted(enumerate(late), key=lambda pair: pair[1].came_in)
        ends = np.minimum(np.cumsum(lengths), TRADED)
        ends = [int(end) for end in dict.fromkeys([*ends, TRADED])]
        for begin, end in zip([0, *ends], ends, strict=False):
            first, last = calendar.shift(INCEPTION, begin), calendar.shift(INCEPTION, end - 1)
            self._let_in(calendar.as_of(last))
            self._run(first, last, calendar.as_of(last))
        self._let_in(pd.Timestamp("2100-01-01", tz="UTC"))

    def _let_in(self, until: pd.Timestamp) -> None:
        while self._waiting and self._waiting[0][1].came_in <= until:
            number, one = self._waiting.pop(0)
            rows = one.rows(number).assign(symbol=f"N{number}")  # the first load of a symbol
            self._write({one.table: rows}, one.session, one.session, one.came_in, f"N{number}")

    def _run(self, first: pd.Timestamp, last: pd.Timestamp, now: pd.Timestamp) -> None:
        loaded = PLAN.sessions("bars", INCEPTION, first, last)
        self._write({"bars": bars_of(loaded)}, loaded[0], loaded[-1], now, "NVDA")
        for n, one in enumerate(PLAN.stages):
            made = make_range(one, PLAN, self.store, Request(INCEPTION, first, last, NOBODY))
            days = PLAN.sessions(one.name, INCEPTION, first, last)
            self._write(made, days[0], days[-1], now + (n + 1) * pd.Timedelta(seconds=1))

    def _write(
        self,
        tables: Mapping[str, pd.DataFrame],
        first: pd.Timestamp,
        last: pd.Timestamp,
        now: pd.Timestamp,
        symbols: str = "",
    ) -> None:
        held = {table: len(self.store.read(table, revisions=True)) for table in tables}
        self.store.write(tables, first, last, commit={})
        for table in tables:
            added = len(self.store.read(table, revisions=True)) - held[table]
            said = {"table": table, "first": first, "last": last, "rows": added, "written_at": now}
            self.commits.append({**said, "facts": json.dumps({"symbols": symbols})})

    def stale(self) -> dict[str, set[pd.Timestamp]]:
        commits = pd.DataFrame(self.commits)
        came = {
            table: arrivals(table, self.store.read(table, revisions=True), commits[commits["table"] == table])
            for table in ("bars", "corporate_actions")
        }
        return {one.table: set(one.sessions) for one in stale_tables(PLAN, commits, came)}

    def moved(self) -> dict[str, set[pd.Timestamp]]:
        """Sessions whose bytes change when everything is made again from what is stored now."""
        before = {table: self.store.read(table) for table in PLAN.makers}
        for one in PLAN.stages:
            days = PLAN.sessions(one.name, INCEPTION, INCEPTION, LAST)
            made = make_range(one, PLAN, self.store, Request(INCEPTION, INCEPTION, LAST, NOBODY))
            self.store.write(made, days[0], days[-1], commit={})
        found = {}
        for table, old in before.items():
            new = self.store.read(table)
            assert old["session"].equals(new["session"])
            found[table] = set(old["session"][(old["q500"] != new["q500"]).to_numpy()])
        return {table: sessions for table, sessions in found.items() if sessions}


def agrees(lengths: list[int], late: list[News]) -> None:
    home = Evenings(lengths, late)

    assert home.stale() == home.moved()


RUNS = st.lists(st.integers(2, 6), min_size=1, max_size=4)


# Twelve sessions made in runs of two to six evenings, with up to three rows that come in late.
@settings(max_examples=6, deadline=None)
@given(RUNS, news())
def test_stale_are_exactly_the_sessions_that_a_full_rebuild_changes(
    lengths: list[int], late: list[News]
) -> None:
    agrees(lengths, late)


@pytest.mark.nightly  # about two minutes alone on a core; six examples are made every day
@pytest.mark.timeout(1200)
@settings(max_examples=80, deadline=None)
@given(RUNS, news())
def test_stale_are_exactly_the_sessions_that_a_full_rebuild_changes_in_many_histories(
    lengths: list[int], late: list[News]
) -> None:
    agrees(lengths, late)


def revised(hours_known: int, hours_late: int, kind: str = "1D") -> dict[str, set[pd.Timestamp]]:
    return Evenings([TRADED], [News(10, hours_known, hours_late, kind)]).stale()


def test_a_revision_touches_the_windows_that_contain_it_from_when_it_was_known() -> None:
    stale = revised(24, 9999)  # of the eleventh day, known a day later, in after all was made

    assert sorted(stale["forecast_daily"]) == list(DAYS[11:13])  # the day itself was decided before
    assert sorted(stale["forecast_later"]) == list(DAYS[12:15])
    assert sorted(stale["forecast_state"]) == list(DAYS[12:])  # state goes on for ever
    assert sorted(stale["forecast_wanted"]) == list(DAYS[11:])
    assert sorted(stale["forecast_filled"]) == list(DAYS[11:])
    assert "forecast_actions" not in stale


def test_a_revision_that_came_in_before_the_sessions_were_made_makes_none_stale() -> None:
    assert revised(24, 0) == {}


def test_a_revision_known_after_the_last_session_concerns_nobody_yet() -> None:
    assert revised(24 * 60, 9999) == {}


def test_a_bar_of_another_timeframe_touches_only_what_reads_all_of_them() -> None:
    assert sorted(revised(-1, 9999, "5min")["forecast_actions"]) == [DAYS[10]]
    assert "forecast_daily" not in revised(-1, 9999, "5min")


def commits(
    *writes: tuple[str, int, int], facts: Mapping[int, Mapping[str, str]] | None = None
) -> pd.DataFrame:
    """Writes of (table, first day, last day), one a minute."""
    begin = pd.Timestamp("2024-06-01", tz="UTC").as_unit("us")
    rows = [
        (table, DAYS[first], DAYS[last], begin + pd.Timedelta(minutes=n), 1, json.dumps((facts or {}).get(n, {})))
        for n, (table, first, last) in enumerate(writes)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["table", "first", "last", "written_at", "rows", "facts"])


def line(first: int, last: int) -> list[tuple[str, int, int]]:
    return [("bars", first, last), *((table, first, last) for table in PLAN.makers)]


def by_table(found: tuple[StaleTable, ...]) -> dict[str, list[pd.Timestamp]]:
    return {one.table: list(one.sessions) for one in found}


def test_nothing_made_and_everything_made_in_order_are_not_stale() -> None:
    assert stale_tables(PLAN, commits(), {}) == ()
    assert stale_tables(PLAN, commits(*line(0, 9), *line(10, 10), *line(4, 10)), {}) == ()


def test_what_rests_on_a_table_that_was_made_again_is_stale_within_its_windows() -> None:
    found = stale_tables(PLAN, commits(*line(0, 14), ("forecast_daily", 8, 9)), {})
    stale = by_table(found)

    assert stale["forecast_later"] == list(DAYS[9:12])
    assert stale["forecast_joined"] == list(DAYS[8:13])
    assert "forecast_daily" not in stale
    assert str(found[0].cause).startswith("forecast_daily was made again 2024-06-01")


def test_the_same_range_made_again_mends_it() -> None:
    again = commits(*line(0, 14), ("forecast_daily", 8, 14), *line(8, 14)[1:])
    assert stale_tables(PLAN, again, {}) == ()


def test_a_row_that_came_in_while_a_stage_was_reading_was_not_seen() -> None:
    reading = {1: {READ_AT: "2024-05-31T23:59:30+00:00"}}
    made = commits(("bars", 0, 14), ("forecast_daily", 0, 14), facts=reading)
    row = bars_of(DAYS[[3]]).assign(came_in=pd.Timestamp("2024-06-01 00:00:10", tz="UTC"))

    assert by_table(stale_tables(PLAN, made, {"bars": row})) == {"forecast_daily": list(DAYS[3:6])}


@pytest.mark.parametrize(
    ("facts", "counts", "minutes"),
    [
        ({0: {"symbols": "NVDA,AMD", "timeframe": "1D"}, 2: {"symbols": "MU"}}, [1, 0, 1], [2, 0]),
        ({0: {"timeframe": "5min"}}, [9, 0, 2], [2, 2]),
        ({}, [2, 0, 0], [0, 0]),
    ],
)
def test_a_row_came_in_with_the_load_of_its_symbol_and_timeframe(
    facts: Mapping[int, Mapping[str, str]], counts: list[int], minutes: list[int]
) -> None:
    loads = commits(("bars", 0, 14), ("bars", 0, 2), ("bars", 0, 14), facts=facts).assign(rows=counts)
    rows = pd.concat([bars_of(DAYS[[5]]).assign(symbol=symbol) for symbol in ("MU", "NVDA")])
    came = arrivals("bars", rows.astype(rows.dtypes), loads)["came_in"]
    assert list(came) == [loads["written_at"][minute] for minute in minutes]


def test_a_load_that_added_nothing_brought_nothing() -> None:
    loads = commits(("bars", 0, 14), ("bars", 0, 14)).assign(rows=[0, 3])
    assert arrivals("bars", bars_of(DAYS[[5]]), loads)["came_in"].item() == loads["written_at"][1]


def test_a_revision_came_in_after_the_row_that_it_revises_if_the_first_load_has_its_number() -> None:
    twice = pd.concat([bars_of(DAYS[[5]], close=100.0), bars_of(DAYS[[5]], close=99.0)])
    twice = twice.assign(known_at=twice["known_at"] + [pd.Timedelta(0), HOUR])
    loads = commits(("bars", 0, 14), ("bars", 5, 5))

    assert list(arrivals("bars", twice, loads)["came_in"]) == list(loads["written_at"])
    assert arrivals("bars", twice, loads.assign(rows=[2, 0]))["came_in"].max() == loads["written_at"][0]


def test_a_row_known_later_than_any_load_counts_as_having_come_then() -> None:
    late = bars_of(DAYS[[5]]).assign(known_at=pd.Timestamp("2031-01-01", tz="UTC").as_unit("us"))
    assert arrivals("bars", late, commits(("bars", 0, 14)))["came_in"].item() == late["known_at"].item()

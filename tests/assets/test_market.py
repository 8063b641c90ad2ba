"""Loads of market data into a home: what comes late is known late, and bases never mix."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from assets.market import arrived_actions, arrived_bars, record, settle_live_bars
from pipelines.ingest.chunks import Wanted, spans_of
from pipelines.ingest.desk import Desk
from pipelines.ingest.loading import ingest
from resources.open_home import OpenHome
from resources.store import HomeStore, store_at
from trading import calendar, frames
from trading.errors import DataError
from trading.line import Request
from trading.plan import Plan
from trading.stages.models_book import MemoryModelBook
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import actions_frame, bars_frame

PLAN = Plan.of((), burn_in_sessions=0)
MONDAY, TUESDAY, WEDNESDAY = (pd.Timestamp(f"2024-06-{day:02d}") for day in (3, 4, 5))
BARS = bars_frame({"NVDA": [100.0, 110.0, 121.0], "AMD": [50.0, 51.0, 52.0]}, WEDNESDAY).reset_index(
    drop=True
)
SPLIT = actions_frame(("2024-06-04", "NVDA", "split", 10.0))
NOTHING = frames.empty("corporate_actions")
LATER = calendar.as_of(TUESDAY) + pd.Timedelta(hours=2)


@dataclass
class Shelf:
    """A source that offers what lies on it, of the range that is asked for."""

    offered: pd.DataFrame
    listed: pd.DataFrame
    basis: str = "raw"

    name = "shelf"
    delay = pd.Timedelta(minutes=1)
    simulated = True

    def first_session(self) -> pd.Timestamp:
        return MONDAY

    def last_session(self) -> pd.Timestamp:
        return WEDNESDAY

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        rows = self.offered[self.offered["symbol"].isin(symbols) & (self.offered["timeframe"] == timeframe)]
        return rows[rows["session"].between(first, last)]

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        rows = self.listed[self.listed["symbol"].isin(symbols)]
        return rows[rows["session"].between(first, last)]

    def earnings(self, *_: Any) -> pd.DataFrame:
        return frames.empty("earnings")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HomeStore]:
    opened = store_at(tmp_path / "tables", tmp_path / "fabline.db")
    yield opened
    opened.close()


def home_of(store: HomeStore, source: Shelf, now: pd.Timestamp) -> OpenHome:
    unused: dict[str, Any] = {
        field.name: None for field in dataclasses.fields(OpenHome) if field.default is dataclasses.MISSING
    }
    return OpenHome(**{**unused, "store": store, "source": source, "clock": lambda: now})


def load(store: HomeStore, source: Shelf, first: pd.Timestamp, last: pd.Timestamp, now: pd.Timestamp) -> None:
    """What the two assets do with a range, at `now`."""
    home = home_of(store, source, now)
    request = Request(MONDAY, first, last, MemoryModelBook.of({}, ()))
    sessions = calendar.sessions_between(first, last)
    record("bars", arrived_bars(PLAN, home, request), home, sessions, {})
    record("corporate_actions", arrived_actions(PLAN, home, request), home, sessions, {})


def without(symbol: str, session: pd.Timestamp) -> pd.DataFrame:
    return BARS[~((BARS["symbol"] == symbol) & (BARS["session"] == session))]


def seen(store: HomeStore, table: str, session: pd.Timestamp) -> list[str]:
    """Symbols of Tuesday's rows that `session` may see."""
    return list(store.read(table, TUESDAY, TUESDAY, as_of=calendar.as_of(session))["symbol"])


def test_a_home_filled_from_history_holds_what_was_declared(store: HomeStore) -> None:
    load(store, Shelf(BARS, SPLIT), MONDAY, WEDNESDAY, pd.Timestamp("2026-01-05", tz="UTC"))

    pd.testing.assert_frame_equal(store.read("bars"), frames.validated("bars", BARS))
    pd.testing.assert_frame_equal(store.read("corporate_actions"), SPLIT)


def test_what_came_after_its_evening_is_unseen_when_that_session_is_made_again(store: HomeStore) -> None:
    load(store, Shelf(without("NVDA", TUESDAY), NOTHING), MONDAY, TUESDAY, calendar.as_of(TUESDAY))

    load(store, Shelf(BARS, SPLIT), TUESDAY, TUESDAY, LATER)

    assert seen(store, "bars", TUESDAY) == ["AMD"]
    assert seen(store, "bars", WEDNESDAY) == ["AMD", "NVDA"]
    assert seen(store, "corporate_actions", TUESDAY) == []
    assert seen(store, "corporate_actions", WEDNESDAY) == ["NVDA"]


def test_the_same_load_again_adds_nothing(store: HomeStore) -> None:
    load(store, Shelf(without("NVDA", TUESDAY), NOTHING), MONDAY, TUESDAY, calendar.as_of(TUESDAY))
    load(store, Shelf(BARS, SPLIT), TUESDAY, TUESDAY, LATER)
    before = [store.read(table, revisions=True) for table in ("bars", "corporate_actions")]

    load(store, Shelf(BARS, SPLIT), TUESDAY, TUESDAY, LATER + pd.Timedelta(days=9))

    after = [store.read(table, revisions=True) for table in ("bars", "corporate_actions")]
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_bad_row_of_a_strange_date_does_not_make_other_sessions_loaded(store: HomeStore) -> None:
    strange = BARS[BARS["session"] == MONDAY].iloc[:1].assign(session=pd.NaT).astype(BARS.dtypes.to_dict())

    class Confused(Shelf):
        def bars(self, *asked: Any, **named: Any) -> pd.DataFrame:
            return pd.concat([super().bars(*asked, **named), strange])

    load(store, Confused(BARS, NOTHING), MONDAY, MONDAY, calendar.as_of(MONDAY))

    commits = store.commits()
    assert len(store.read("quarantine")) == 1
    assert list(commits.loc[commits["table"] == "bars", "first"]) == [MONDAY]


def adjusted(factor: float = 1.0, symbol: str = "NVDA", basis: str = "fully_adjusted") -> Shelf:
    """Bars on `basis`, those of one symbol times `factor` up to Tuesday."""
    prices = ["open", "high", "low", "close"]
    bars = BARS.assign(basis=basis).astype({"basis": "str"})
    past = (bars["symbol"] == symbol) & (bars["session"] < WEDNESDAY)
    bars.loc[past, prices] *= factor
    return Shelf(bars, NOTHING, basis=basis)


@pytest.mark.parametrize("basis", ["fully_adjusted", "split_adjusted"])
@pytest.mark.parametrize("factor", [0.1, 1 - 2e-5])
def test_a_panel_that_was_adjusted_anew_does_not_extend_a_home(
    store: HomeStore, factor: float, basis: str
) -> None:
    load(store, adjusted(basis=basis), MONDAY, TUESDAY, LATER)

    with pytest.raises(
        DataError, match=r"NVDA in session 2024-06-03 is stored as 100, and offered as .*--rebuild"
    ):
        load(store, adjusted(factor, basis=basis), WEDNESDAY, WEDNESDAY, calendar.as_of(WEDNESDAY))

    assert store.read("bars")["session"].max() == TUESDAY


def test_rounding_of_an_adjusted_panel_is_no_new_basis(store: HomeStore) -> None:
    load(store, adjusted(), MONDAY, TUESDAY, LATER)

    load(store, adjusted(1 + 1e-7), WEDNESDAY, WEDNESDAY, calendar.as_of(WEDNESDAY))

    assert store.read("bars")["session"].max() == WEDNESDAY


def test_raw_bars_may_be_revised_before_a_range(store: HomeStore) -> None:
    load(store, adjusted(basis="raw"), MONDAY, TUESDAY, LATER)

    load(store, adjusted(0.5, basis="raw"), WEDNESDAY, WEDNESDAY, calendar.as_of(WEDNESDAY))

    assert store.read("bars")["session"].max() == WEDNESDAY


def test_a_first_bar_on_another_basis_does_not_decide_for_its_symbol(store: HomeStore) -> None:
    first = BARS[(BARS["symbol"] == "AMD") & (BARS["session"] == MONDAY)]
    odd = BARS.assign(basis=BARS["basis"].mask(BARS.index.isin(first.index), "split_adjusted"))

    load(store, Shelf(odd.reset_index(drop=True), NOTHING), MONDAY, WEDNESDAY, calendar.as_of(WEDNESDAY))

    assert set(store.read("bars")["basis"]) == {"raw"}
    assert list(store.read("quarantine")["reason"]) == ["another price basis than the bars beside it"]


def test_a_bar_that_claims_to_be_known_after_the_present_is_kept_out(store: HomeStore) -> None:
    ahead = BARS["symbol"].eq("NVDA") & BARS["session"].eq(TUESDAY)
    early = BARS.assign(known_at=BARS["known_at"].mask(ahead, LATER + pd.Timedelta(minutes=1)))

    load(store, Shelf(early, NOTHING), MONDAY, TUESDAY, LATER)

    assert seen(store, "bars", WEDNESDAY) == ["AMD"]
    assert store.read("quarantine")["reason"].tolist() == ["from the future"]


@pytest.mark.parametrize("until", [MONDAY, TUESDAY, WEDNESDAY])
def test_what_was_ingested_before_the_assets_load_makes_the_same_tables(
    tmp_path: Path, until: pd.Timestamp
) -> None:
    source, now = Shelf(BARS, SPLIT), pd.Timestamp("2026-01-05", tz="UTC")
    tables = []
    for ingested in (False, True):
        home = tmp_path / str(ingested)
        home.mkdir()
        opened = store_at(home / "tables", home / "fabline.db")
        if ingested:
            spans = spans_of(("NVDA", "AMD"), MONDAY, until)
            ingest(Desk.of(opened, source, lambda: now, {}), Wanted("1D", spans, until))
        load(opened, source, MONDAY, WEDNESDAY, now + pd.Timedelta(days=1))
        tables.append([opened.read(name, revisions=True) for name in ("bars", "corporate_actions")])
        opened.close()

    for alone, before in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(before, alone)


def test_bars_that_came_live_are_judged_in_the_evening_unless_they_were(store: HomeStore) -> None:
    live = SimulatedMarket().bars(("NVDA",), MONDAY, MONDAY, "5min").iloc[:-3]
    commit = {"live": "true", "timeframe": "5min", "symbols": "NVDA", "source": "shelf"}
    store.write({"bars": live}, MONDAY, MONDAY, commit=commit)
    home, days = home_of(store, Shelf(BARS, SPLIT), LATER), calendar.sessions_between(MONDAY, TUESDAY)

    settle_live_bars(home, days, {})

    assert store.read("data_quality")["present"].tolist() == [75]
    assert "gap" in set(store.read("findings")["rule"])
    count = len(store.commits())
    settle_live_bars(home, days, {})
    assert len(store.commits()) == count

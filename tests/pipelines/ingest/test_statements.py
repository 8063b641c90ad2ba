"""Statements are known from the moment they came, and a load of bars is compared with what is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.ingest.loading import ingest
from pipelines.ingest.statements import load_statements
from resources.sources import SimulatedSource
from resources.store import HomeStore
from tests.pipelines.ingest.vendors import NOW, Vendor, desk_of, store_of, wanted
from trading import calendar, frames
from trading.history import History

LATER = NOW + pd.Timedelta(days=90)
DATA = Path(__file__).parents[4] / "shared" / "data"
FIRST, LAST = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-04")


def load(store: HomeStore, vendor: Vendor, timeframe: str, now: pd.Timestamp = NOW, **options: bool) -> None:
    ingest(desk_of(store, vendor, now), wanted(FIRST, LAST, timeframe=timeframe, names=("NVDA",), **options))


class Filer(Vendor):
    """A vendor with one figure of one statement, of a period that ended long ago."""

    def __init__(self, value: float = 5.0) -> None:
        super().__init__()
        self.value = value

    def statements(self, symbols: Sequence[str]) -> pd.DataFrame:
        row = {"session": pd.Timestamp("2024-03-28"), "symbol": symbols[0], "statement": "annual_income"}
        row |= {
            "item": "EPS",
            "period_end": pd.Timestamp("2024-03-31"),
            "value": self.value,
            "source": self.name,
        }
        kinds = {name: kind for name, kind in frames.table_of("fundamentals").dtypes.items() if name in row}
        return pd.DataFrame([row]).astype(kinds)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HomeStore]:
    opened = store_of(tmp_path)
    yield opened
    opened.close()


def test_a_figure_is_known_when_it_came_and_to_no_session_before(store: HomeStore) -> None:
    tally = load_statements(desk_of(store, Filer()), ("NVDA",))

    rows = store.read("fundamentals")
    assert (tally.table, tally.accepted) == ("fundamentals", 1)
    assert rows["known_at"].tolist() == [NOW]
    last_before = calendar.last_closed(NOW, pd.Timedelta(minutes=15))
    sessions = calendar.sessions_between(pd.Timestamp("2024-03-28"), calendar.shift(last_before, -1))
    assert all(
        store.read("fundamentals", as_of=moment).empty for moment in calendar.as_of_each(sessions[-3:])
    )
    assert store.read("fundamentals", as_of=calendar.as_of(pd.Timestamp("2024-03-28"))).empty
    assert len(store.read("fundamentals", as_of=NOW)) == 1


def test_a_stage_that_would_read_statements_sees_none_of_those_that_came_later(store: HomeStore) -> None:
    load_statements(desk_of(store, Filer()), ("NVDA",))
    held = History.from_frame("fundamentals", store.read("fundamentals", revisions=True))
    session = pd.Timestamp("2024-03-28")

    window = held.window(session, session, calendar.as_of(session))

    assert len(window) == 0
    assert len(held.window(session, session, NOW)) == 1


def test_the_same_figures_again_change_nothing_and_a_new_one_is_a_revision(store: HomeStore) -> None:
    load_statements(desk_of(store, Filer()), ("NVDA",))

    again = load_statements(desk_of(store, Filer(), LATER), ("NVDA",))
    looked = load_statements(desk_of(store, Filer(), LATER), ("NVDA",), refresh=True)
    revised = load_statements(desk_of(store, Filer(6.0), LATER), ("NVDA",))

    assert again.came == 0, "what is stored is passed over"
    assert (looked.accepted, looked.duplicates, looked.revised) == (0, 1, 0)
    assert (revised.accepted, revised.duplicates, revised.revised) == (0, 0, 1)
    assert store.read("fundamentals", as_of=NOW)["value"].tolist() == [5.0]
    assert store.read("fundamentals")["value"].tolist() == [6.0]


def test_a_source_without_statements_has_none(store: HomeStore) -> None:
    tally = load_statements(desk_of(store, SimulatedSource()), ("NVDA",))

    assert tally.came == 0
    assert store.read("fundamentals").empty


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_no_real_statement_is_known_to_any_session_of_the_data(store: HomeStore) -> None:
    from resources.sources import FilesSource

    source = FilesSource(DATA)

    tally = load_statements(desk_of(store, source), ("NVDA", "MU"))

    assert tally.accepted > 1000
    assert store.read("fundamentals", as_of=calendar.as_of(source.last_session())).empty


def test_a_load_of_five_minute_bars_is_compared_with_the_daily_ones(store: HomeStore) -> None:
    load(store, Vendor(), "1D")
    assert store.read("reconciliation").empty

    load(store, Vendor(), "5min")

    rows = store.read("reconciliation", revisions=True)
    assert len(rows) == 3 * 5
    assert rows["agrees"].all()
    assert rows["known_at"].max() <= store.read("bars")["known_at"].max()


def test_the_same_load_again_compares_nothing_twice(store: HomeStore) -> None:
    load(store, Vendor(), "1D")
    load(store, Vendor(), "5min")
    before = store.read("reconciliation", revisions=True)

    load(store, Vendor(), "5min", LATER, refresh=True)

    pd.testing.assert_frame_equal(store.read("reconciliation", revisions=True), before)


def test_a_revised_bar_is_compared_anew_from_when_it_came(store: HomeStore) -> None:
    load(store, Vendor(), "1D")
    load(store, Vendor(), "5min")
    higher = Vendor(alter=lambda rows: rows.assign(close=rows["high"] * 1.02, high=rows["high"] * 1.02))
    load(store, higher, "1D", LATER, refresh=True)

    closes = store.read("reconciliation").query("field == 'close'")
    earlier = store.read("reconciliation", as_of=NOW).query("field == 'close'")
    assert (closes["known_at"] >= LATER).all()
    assert not closes["agrees"].any()
    assert earlier["agrees"].all()
    assert np.array_equal(earlier["session"], closes["session"])

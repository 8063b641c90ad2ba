"""The comparison as an asset: what it is made of, that it replaces itself whole, and its alarm."""

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from assets import plots
from assets.comparison import compared, judged, tell_suspects
from assets.evidence import replace_whole
from trading import frames
from trading.evaluation.alarms import suspected_leaks
from trading.evaluation.comparison import COLUMNS
from trading.testing.finished_home import finished_home
from trading.testing.memory_store import MemoryStore

TABLES = ("version_losses", "forecasts", "regimes")


@pytest.fixture(scope="module")
def finished() -> dict[str, pd.DataFrame]:
    return finished_home(count=60)


def store_of(finished: dict[str, pd.DataFrame]) -> MemoryStore:
    store = MemoryStore()
    for table in TABLES:
        rows = finished[table]
        store.write({table: rows}, rows["session"].min(), rows["session"].max(), commit={})
    return store


def figure(value: float, low: float, high: float, metric: str = "ic", slice_: str = "all") -> pd.DataFrame:
    row = ["ar1", 1, metric, value, low, high, 1000, 0.0, slice_]
    return pd.DataFrame([row], columns=list(COLUMNS))


def test_all_that_matured_becomes_one_table_that_is_dated_by_its_last_session(
    finished: dict[str, pd.DataFrame],
) -> None:
    table = compared(store_of(finished))

    assert table["session"].unique().tolist() == [finished["version_losses"]["session"].max()]
    assert set(table["model"]) == {"ar1", "random_walk", "timesfm"}
    assert {"all", "year=2024"} < set(table["slice"])
    assert any(name.startswith("regime=") for name in table["slice"])


def test_nothing_matured_makes_no_row_and_writes_no_table() -> None:
    store = MemoryStore()
    replace_whole(store, "comparison", compared(store), {})

    assert store.tables().empty


def test_a_later_table_takes_the_place_of_an_earlier_one(finished: dict[str, pd.DataFrame]) -> None:
    store, whole = store_of(finished), compared(store_of(finished))
    earlier = whole.assign(session=pd.Timestamp("2024-01-31"))
    replace_whole(store, "comparison", frames.validated("comparison", earlier), {})
    replace_whole(store, "comparison", whole, {})

    pd.testing.assert_frame_equal(store.read("comparison"), whole)


@pytest.mark.parametrize(
    ("suspect", "row"),
    [
        (True, figure(0.2, 0.101, 0.3)),
        (False, figure(0.2, 0.099, 0.3)),
        (True, figure(0.6, 0.561, 0.7, "direction")),
        (False, figure(0.56, 0.52, 0.58, "direction")),
        (False, figure(0.9, 0.8, 1.0, "rmse")),
        (False, figure(0.2, 0.101, 0.3, slice_="year=2024")),
        (False, figure(float("nan"), float("nan"), float("nan"))),
    ],
)
def test_only_a_whole_interval_above_what_is_honest_is_suspect(row: pd.DataFrame, *, suspect: bool) -> None:
    assert len(suspected_leaks(row)) == suspect


def test_the_alarm_turns_the_check_red_and_tells_people() -> None:
    told: list[tuple[str, dict[str, str]]] = []
    home = SimpleNamespace(
        notifier=SimpleNamespace(notify=lambda event, **facts: told.append((event, facts)))
    )
    suspects = suspected_leaks(figure(0.2, 0.15, 0.3))
    tell_suspects(cast("Any", home), suspects)

    assert not judged(suspects).passed
    assert judged(suspects.iloc[:0]).passed
    assert [(event, facts["model"], facts["metric"]) for event, facts in told] == [
        ("leak_suspected", "ar1", "ic")
    ]


def test_the_picture_shows_every_model(finished: dict[str, pd.DataFrame]) -> None:
    drawn = plots.comparison(compared(store_of(finished)))

    assert [len(axes.get_xticklabels()) for axes in drawn.axes] == [3, 3]
    assert plots.png(drawn, simulated=True).startswith(b"\x89PNG")

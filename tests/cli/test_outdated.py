"""Sessions that were made before what they rest on was made again."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli.outdated import first_outdated
from trading import calendar
from trading.plan import Plan
from trading.stages.stage import Read, Stage

DAYS = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-12"))
PLAN = Plan.of(
    [
        Stage("features", (Read("bars"),), ("features",), lambda _moment, _inputs: {}),
        Stage("regimes", (Read("features"),), ("regimes", "regime_models"), lambda _moment, _inputs: {}),
        Stage("signals", (Read("regimes"),), ("signals",), lambda _moment, _inputs: {}),
    ],
    0,
)
Write = tuple[str, int, int]


def commits(*writes: Write) -> pd.DataFrame:
    """Writes of (table, first day, last day), one a minute."""
    begin = pd.Timestamp("2024-02-01", tz="UTC").as_unit("us")
    rows = [
        (table, DAYS[first], DAYS[last], begin + pd.Timedelta(minutes=n))
        for n, (table, first, last) in enumerate(writes)
    ]
    return pd.DataFrame(rows, columns=["table", "first", "last", "written_at"])


def line(first: int, last: int) -> list[Write]:
    """A run of everything over a range."""
    return [(table, first, last) for table in ("bars", "features", "regimes", "regime_models", "signals")]


def test_what_was_made_in_order_is_not_outdated() -> None:
    assert first_outdated(PLAN, commits(*line(0, 4), *line(5, 5), *line(2, 5))) is None


def test_nothing_was_made_yet() -> None:
    assert first_outdated(PLAN, commits()) is None


def test_a_killed_run_leaves_the_stages_after_it_outdated_from_its_beginning() -> None:
    killed = commits(*line(0, 5), ("bars", 2, 5), ("features", 2, 5))
    assert first_outdated(PLAN, killed) == (DAYS[2], "regimes")


def test_a_later_run_from_the_head_on_does_not_hide_it() -> None:
    hidden = commits(*line(0, 5), ("bars", 2, 5), ("features", 2, 5), *line(6, 6))
    assert first_outdated(PLAN, hidden) == (DAYS[2], "regimes")


def test_the_same_range_made_again_mends_it() -> None:
    mended = commits(*line(0, 5), ("features", 2, 5), *line(2, 5))
    assert first_outdated(PLAN, mended) is None


def test_bars_that_came_again_make_nothing_outdated_by_themselves() -> None:
    assert first_outdated(PLAN, commits(*line(0, 5), ("bars", 0, 5))) is None


@pytest.mark.parametrize(("table", "stage"), [("features", "regimes"), ("regimes", "signals")])
def test_an_asset_that_was_made_alone_leaves_its_consumers_outdated(table: str, stage: str) -> None:
    assert first_outdated(PLAN, commits(*line(0, 5), (table, 3, 5))) == (DAYS[3], stage)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 5)), max_size=8))
def test_the_answer_is_that_of_looking_at_every_session(runs: list[tuple[int, int, int]]) -> None:
    # Each run makes the first so many tables of the line over a range, and is killed then.
    writes = [write for a, b, made in runs for write in line(min(a, b), max(a, b))[:made]]
    told = commits(*line(0, 8), *writes)

    def written(table: str, day: pd.Timestamp) -> pd.Timestamp:
        mine = told[(told["table"] == table) & (told["first"] <= day) & (day <= told["last"])]
        return mine["written_at"].max()

    late = [
        (day, stage.name)
        for day in DAYS
        for stage in PLAN.stages
        for read in stage.reads
        if read.table != "bars" and written(read.table, day) > written(stage.makes[0], day)
    ]
    assert first_outdated(PLAN, told) == (late[0] if late else None)

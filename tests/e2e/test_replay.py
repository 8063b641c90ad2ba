"""Law 2: a session's tables have the same bytes, made that evening or as part of a range."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.wiring import Workshop
from tests.e2e.homes import FIRST, LAST, arrow_tables, materialise, same_bytes, workshop_at
from trading import calendar


@pytest.fixture(scope="module")
def made_session_by_session(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = workshop_at(tmp_path_factory.mktemp("evenings") / "home")
    for session in calendar.sessions_between(FIRST, LAST):
        materialise(workshop, session, session)
    return workshop


def different(one: dict[str, pa.Table], other: dict[str, pa.Table]) -> list[str]:
    return [name for name in one if not same_bytes(one[name], other[name])]


def test_evenings_one_by_one_give_the_bytes_of_the_range(
    made_session_by_session: Workshop, tables_of_range: dict[str, pa.Table]
) -> None:
    opened = made_session_by_session.open()
    evenings = arrow_tables(opened.store, tuple(tables_of_range))
    opened.store.close()
    assert different(evenings, tables_of_range) == []


def test_making_a_range_again_changes_nothing(made_session_by_session: Workshop) -> None:
    opened = made_session_by_session.open()
    names = made_session_by_session.plan.tables
    before = arrow_tables(opened.store, names)
    materialise(made_session_by_session, calendar.shift(FIRST, 3), calendar.shift(FIRST, 5))
    after = arrow_tables(opened.store, names)
    opened.store.close()
    assert different(before, after) == []


def test_running_past_the_head_changes_no_earlier_row(
    tmp_path: Path, tables_of_range: dict[str, pa.Table]
) -> None:
    workshop = workshop_at(tmp_path / "home")
    materialise(workshop, FIRST, calendar.shift(LAST, -2))
    materialise(workshop, calendar.shift(LAST, -1), LAST)
    opened = workshop.open()
    in_two_runs = arrow_tables(opened.store, tuple(tables_of_range))
    opened.store.close()
    assert different(in_two_runs, tables_of_range) == []


def test_a_session_made_again_from_other_bars_makes_the_later_ones_again(tmp_path: Path) -> None:
    workshop = workshop_at(tmp_path / "home")
    materialise(workshop, FIRST, calendar.shift(FIRST, 2))
    opened = workshop.open()
    before = opened.store.read("performance")
    performance = before.assign(equity_cents=before["equity_cents"] // 2)
    opened.store.write({"performance": performance}, FIRST, calendar.shift(FIRST, 2), commit={})
    materialise(workshop, calendar.shift(FIRST, 1), calendar.shift(FIRST, 1), select="performance+")
    after = opened.store.read("performance")
    opened.store.close()
    assert list(after["equity_cents"][1:]) == list(before["equity_cents"][1:])

"""What a person launches in the Dagster UI, and its daemon runs: the same bytes as the command line."""

from pathlib import Path

import pyarrow as pa

from pipelines.wiring import Workshop
from tests.e2e.homes import FIRST, LAST, materialise, same_bytes
from tests.e2e.served import served, settled, tables_of
from trading import calendar

LAST_OF_COMMAND_LINE = calendar.shift(LAST, -3)


def home_in_need_of_three_sessions(path: Path) -> Workshop:
    workshop = settled(path)
    materialise(workshop, FIRST, LAST_OF_COMMAND_LINE)
    return workshop


def test_a_back_fill_and_a_session_launched_in_the_ui_give_the_bytes_of_the_command_line(
    tmp_path: Path, tables_of_range: dict[str, pa.Table]
) -> None:
    workshop = home_in_need_of_three_sessions(tmp_path / "home")
    *back_filled, last = calendar.sessions_between(calendar.shift(LAST_OF_COMMAND_LINE, 1), LAST)

    with served(workshop) as ui:
        backfill = ui.backfill([f"{session:%Y-%m-%d}" for session in back_filled])
        launched = ui.run("line", f"{last:%Y-%m-%d}")

    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"]  # one run for all sessions and assets
    assert launched["status"] == "SUCCESS"
    made = tables_of(workshop)
    assert [name for name in made if not same_bytes(made[name], tables_of_range[name])] == []

"""Bars that are revised, late or bad: what was decided stays, what comes after sees it, and the line goes on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.cli import status
from pipelines.cli.main import DONE, FAILED, WRONG_USE, status_of
from pipelines.in_memory import run_in_memory
from pipelines.what_if import Restatement, begin
from pipelines.wiring import Workshop
from resources import clock as wall
from resources.home import Home
from tests.e2e.homes import FIRST, LAST, SMALL, arrow_tables, copied, materialise, same_bytes
from tests.e2e.vendors import Edit, revision, supplied
from trading import calendar
from trading.errors import DataError
from trading.restatement import as_if_known
from trading.testing.restless_market import row_of

REVISED = calendar.shift(FIRST, 3)
INFORMED = calendar.shift(FIRST, 4)  # the first session that can know of the revision
CAME = calendar.session_open(INFORMED)
BEGIN = calendar.session_of("2020-01-02")  # before all that the home holds
NEXT, AFTER = calendar.shift(LAST, 1), calendar.shift(LAST, 2)
Tables = dict[str, pa.Table]


@pytest.fixture
def workshop(made_in_one_run: Workshop, tmp_path: Path) -> Workshop:
    return Workshop.of(Home.open(copied(made_in_one_run, tmp_path / "home")), SMALL)


def tables_of(workshop: Workshop) -> Tables:
    opened = workshop.open()
    tables = arrow_tables(opened.store, workshop.plan.tables)
    opened.store.close()
    return tables


def part(table: pa.Table, first: pd.Timestamp, last: pd.Timestamp) -> pa.Table:
    sessions = table["session"]
    wanted = pc.and_(pc.greater_equal(sessions, pa.scalar(first)), pc.less_equal(sessions, pa.scalar(last)))
    return table.filter(wanted)


def different(one: Tables, other: Tables, first: pd.Timestamp, last: pd.Timestamp) -> set[str]:
    """Tables, bars aside, whose rows of a range differ."""
    return {
        name for name in one.keys() - {"bars"}
        if not same_bytes(part(one[name], first, last), part(other[name], first, last))
    }  # fmt: skip


def read(workshop: Workshop, table: str, session: pd.Timestamp, symbol: str) -> pd.DataFrame:
    opened = workshop.open()
    rows = opened.store.read(table, session, session)
    opened.store.close()
    return rows[rows["symbol"] == symbol].reset_index(drop=True)


@pytest.fixture(scope="module")
def late(made_in_one_run: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The home, after a second opinion on a bar that came on a later morning was stored once all was made."""
    path = copied(made_in_one_run, tmp_path_factory.mktemp("late") / "home")
    workshop = Workshop.of(Home.open(path), SMALL)
    opened = workshop.open()
    bars = opened.store.read("bars", REVISED, REVISED)
    again = revision("NVDA", REVISED, 1.03, CAME)(bars).iloc[-1:]
    opened.store.write({"bars": again.astype(bars.dtypes)}, REVISED, REVISED, commit={"run_id": "late"})
    opened.store.close()
    return workshop


def made_anew(workshop: Workshop, change: Callable[[str, pd.DataFrame], pd.DataFrame]) -> Tables:
    """The whole line made of what the home holds of the market, in memory, from nothing."""
    opened = workshop.open()
    held = {table: opened.store.read(table, revisions=True) for table in ("bars", "corporate_actions")}
    opened.store.close()
    market = {table: change(table, rows) for table, rows in held.items()}
    return arrow_tables(run_in_memory(SMALL, FIRST, LAST, market=market), workshop.plan.tables)


def test_a_row_that_came_in_too_late_makes_exactly_what_rests_on_it_stale(late: Workshop) -> None:
    lines = status.report(late.home)

    stale = [line for line in lines if line.startswith("stale")]
    assert stale[0].startswith(
        f"stale         {INFORMED:%Y-%m-%d} to {LAST:%Y-%m-%d} (5 sessions): features, "
    )
    assert not any("bars" in line or "model_versions" in line for line in stale)
    (because,) = [line for line in lines if line.startswith("because")]
    assert f"bars: NVDA of {REVISED:%Y-%m-%d}, known since 2024-04-01 13:30 UTC, came in" in because
    assert lines[-1] == f"to do         fabline backfill --from {INFORMED:%Y-%m-%d} --to {LAST:%Y-%m-%d}"


def test_what_is_stale_made_again_is_a_full_rebuild_byte_by_byte(late: Workshop, tmp_path: Path) -> None:
    path = shutil.copytree(late.home.path, tmp_path / "home")
    workshop = Workshop.of(Home.open(path), SMALL)
    before = tables_of(workshop)
    *_, command = status.report(workshop.home)[-1].split(maxsplit=3)

    assert status_of([*command.split(), "--home", str(path)]) == DONE

    after = tables_of(workshop)
    assert different(made_anew(workshop, lambda _table, rows: rows), after, BEGIN, LAST) == set()
    assert different(before, after, BEGIN, REVISED) == set()  # what was decided without it stays
    assert {"features", "regimes", "forecast_ar1", "signals"} <= different(before, after, INFORMED, LAST)
    assert status.report(workshop.home)[-1].startswith("to do         nothing")


def test_a_what_if_copy_is_the_line_of_a_market_that_knew_and_diff_tells_what_it_changes(
    late: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original, target = tables_of(late), tmp_path / "copy"
    asked = Restatement.of(late.home, target, calendar.as_of(LAST), wall.now())
    begin(asked)  # and no further: a process that is killed here
    assert status_of(["show", "fills", "--home", str(target)]) == FAILED
    assert "is a what-if copy that was broken off, and no home" in capsys.readouterr().err

    said = ["--as-of", f"{LAST:%Y-%m-%d}", "--to", str(target), "--home", str(late.home.path)]
    assert status_of(["restate", *said]) == DONE

    assert "WHAT-IF" in capsys.readouterr().out
    copy = tables_of(Workshop.of(Home.open(target), SMALL))
    knew = made_anew(late, lambda table, rows: as_if_known(table, rows, asked.as_of))
    assert [name for name in knew if not same_bytes(knew[name], copy[name])] == []
    assert different(original, tables_of(late), BEGIN, LAST) == set()
    assert {"features", "forecasts"} <= different(original, copy, REVISED, REVISED)  # it knew that evening

    assert status_of(["run", "--home", str(target)]) == WRONG_USE
    assert "WHAT-IF: home as if" in capsys.readouterr().err
    assert status_of(["diff", str(late.home.path), str(target), "--format", "json"]) == FAILED
    told = json.loads(capsys.readouterr().out)
    assert {"fills", "orders", "performance"} <= {one["table"] for one in told["tables"]}
    assert {one["kind"] for one in told["fills"]} <= {"added", "gone", "changed"}
    assert told["fills"]
    assert told["equity"][0]["change"] != 0


def spoiled(symbol: str, session: pd.Timestamp, **values: float) -> Edit:
    """One bar says nonsense."""

    def edit(bars: pd.DataFrame) -> pd.DataFrame:
        where = row_of(bars, symbol, session)
        return bars.assign(**{name: bars[name].mask(where, value) for name, value in values.items()})

    return edit


def quarantine(home: Path, said: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    said.readouterr()
    assert status_of(["show", "quarantine", "--format", "json", "--home", str(home)]) == DONE
    return sorted((row["symbol"], row["reason"]) for row in json.loads(said.readouterr().out))


def test_a_bad_row_goes_to_quarantine_and_the_line_goes_on(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    materialise(supplied(workshop, spoiled("MU", NEXT, close=-1.0)), NEXT, AFTER)

    assert quarantine(workshop.home.path, capsys) == [("MU", "a price is not positive")]
    assert read(workshop, "bars", NEXT, "MU").empty
    assert len(read(workshop, "signals", NEXT, "NVDA"))
    assert len(read(workshop, "signals", AFTER, "MU"))


def test_many_bad_rows_stop_the_line_and_say_which_rule_was_broken(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tables_of(workshop)

    def edit(bars: pd.DataFrame) -> pd.DataFrame:
        return bars.assign(high=bars["high"].mask(bars["symbol"].isin(["AMD", "MU", "TSM"]), 0.01))

    found = r"expectations on bars \(.* not met: .*at most 5% of the stock rows, or one, are in quarantine"
    with pytest.raises(DataError, match=found):
        materialise(supplied(workshop, edit), NEXT, NEXT)

    assert {symbol for symbol, _ in quarantine(workshop.home.path, capsys)} == {"AMD", "MU", "TSM"}
    assert different(before, tables_of(workshop), FIRST, NEXT) == set()

    materialise(workshop, NEXT, NEXT)  # the vendor has mended its rows
    assert len(read(workshop, "signals", NEXT, "NVDA"))


def published_late(symbol: str, session: pd.Timestamp, hours: int) -> Edit:
    """One bar is published hours after its session has decided."""

    def edit(bars: pd.DataFrame) -> pd.DataFrame:
        known = calendar.as_of(session) + pd.Timedelta(hours=hours)
        return bars.assign(known_at=bars["known_at"].mask(row_of(bars, symbol, session), known.as_unit("us")))

    return edit


def test_a_bar_that_comes_late_is_not_used_that_evening_but_the_next(
    workshop: Workshop, tmp_path: Path
) -> None:
    punctual = Workshop.of(Home.open(shutil.copytree(workshop.home.path, tmp_path / "punctual")), SMALL)
    for session in (NEXT, AFTER):  # evening by evening
        materialise(supplied(workshop, published_late("AVGO", NEXT, 3)), session, session, "+features")
        materialise(punctual, session, session, "+features")

    missing = read(workshop, "features", NEXT, "AVGO")
    assert not len(missing) or missing["log_return"].isna().all()
    assert read(punctual, "features", NEXT, "AVGO")["log_return"].notna().all()
    columns = ["log_return", "overnight_return", "momentum_21", "bollinger_20"]
    seen, known = (read(one, "features", AFTER, "AVGO")[columns] for one in (workshop, punctual))
    assert np.array_equal(seen.to_numpy(), known.to_numpy())

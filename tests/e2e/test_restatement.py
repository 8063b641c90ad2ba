"""Bars that are revised, late or bad: what was decided stays, what comes after sees it, and the line goes on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.cli import status
from pipelines.cli.main import DONE, status_of
from pipelines.wiring import Workshop
from resources.home import Home
from tests.e2e.homes import FIRST, LAST, SMALL, arrow_tables, copied, materialise, same_bytes
from tests.e2e.vendors import Edit, revision, row_of, supplied
from trading import calendar
from trading.errors import DataError

REVISED = calendar.shift(FIRST, 3)
INFORMED = calendar.shift(FIRST, 4)  # the first session that can know of the revision
CAME = calendar.session_open(INFORMED)
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


@pytest.fixture
def restated(workshop: Workshop) -> Workshop:
    """The home, after a second opinion on a bar came in on a later morning. Nothing is made again yet."""
    edit = revision("NVDA", REVISED, 1.03, CAME)
    that_morning = replace(supplied(workshop, edit), clock=lambda: CAME)
    materialise(that_morning, REVISED, REVISED, select="bars")
    return supplied(workshop, edit)


def test_made_again_earlier_sessions_stay_and_later_ones_see_the_revision(restated: Workshop) -> None:
    before = tables_of(restated)
    materialise(restated, FIRST, LAST)
    after = tables_of(restated)

    assert different(before, after, before["bars"]["session"][0].as_py(), REVISED) == set()
    assert {"features", "regimes", "forecast_ar1", "signals"} <= different(before, after, INFORMED, LAST)
    assert status.report(restated.home)[-1].startswith("to do         nothing")


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


def late(symbol: str, session: pd.Timestamp, hours: int) -> Edit:
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
        materialise(supplied(workshop, late("AVGO", NEXT, 3)), session, session, "+features")
        materialise(punctual, session, session, "+features")

    missing = read(workshop, "features", NEXT, "AVGO")
    assert not len(missing) or missing["log_return"].isna().all()
    assert read(punctual, "features", NEXT, "AVGO")["log_return"].notna().all()
    columns = ["log_return", "overnight_return", "momentum_21", "bollinger_20"]
    seen, known = (read(one, "features", AFTER, "AVGO")[columns] for one in (workshop, punctual))
    assert np.array_equal(seen.to_numpy(), known.to_numpy())

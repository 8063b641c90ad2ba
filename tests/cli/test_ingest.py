"""`fabline ingest`: what it prints, what it refuses, and that a home is filled once."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.cli.main import status_of
from pipelines.ingest import chunks
from pipelines.ingest.desk import TABLES
from resources import clock, sources
from resources.home import Home
from resources.store import store_at
from tests.peers.full_disk import no_file_above
from tests.peers.patience import impatient
from tests.peers.yahoo import YahooPeer
from trading import calendar

ROOT = Path(__file__).parents[2]
COLUMNS = ["table", "accepted", "filled", "quarantined", "duplicates", "revised"]
WEEK = ("--from", "2024-03-25", "--to", "2024-03-28")
PANEL = "symbol,session,open,high,low,close\nNVDA,2024-06-03,1,2,0.5,1.5\nNVDA,2024-06-04,2,x,1.5,2.5\n"
MAPPING = '[[bars]]\nfiles = "*.csv"\ntimeframe = "1D"\nbasis = "raw"\n[bars.columns]\n' + "".join(
    f'{name} = "{name}"\n' for name in ("session", "symbol", "open", "high", "low", "close")
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FABLINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    return tmp_path / "home"


def counts(capfd: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, int]]:
    """What `fabline ingest` says of each table."""
    capfd.readouterr()
    assert status_of(["ingest", *options, "--format", "json"]) == 0
    listed: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    assert all(list(row) == [*COLUMNS, "restated", "restated_sessions"] for row in listed)
    listed = [{name: row[name] for name in COLUMNS} for row in listed]
    return {row.pop("table"): row for row in listed}


def rows_of(home: Path, table: str = "bars") -> pd.DataFrame:
    store = store_at(home / "tables", home / "fabline.db", create=False)
    try:
        return store.read(table, revisions=True)
    finally:
        store.close()


def mapped(folder: Path, text: str = PANEL) -> str:
    folder.mkdir()
    (folder / "fabline-mapping.toml").write_text(MAPPING)
    (folder / "panel.csv").write_text(text)
    return str(folder)


def test_it_makes_a_home_bound_to_its_source_and_a_second_time_finds_nothing_to_do(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = counts(capfd, *WEEK, "--symbols", "NVDA,SPY")
    again = counts(capfd, *WEEK, "--symbols", "NVDA,SPY")

    assert list(first) == [*TABLES, "fundamentals"]
    assert first["bars"]["accepted"] == len(rows_of(home)) == 8
    assert not any(sum(row.values()) for row in again.values())
    assert Home.open(home).facts.source["name"] == "simulated"
    assert Home.open(home).inception is None, "a home begins with its first run"


def test_the_table_for_people_says_that_the_market_is_simulated(capfd: pytest.CaptureFixture[str]) -> None:
    assert status_of(["ingest", *WEEK, "--symbols", "NVDA"]) == 0

    out = capfd.readouterr().out
    assert out.startswith("market: SIMULATED\n")
    assert out.split("\n")[1].split() == COLUMNS


def test_rows_of_the_future_and_unreadable_ones_beside_them_are_not_lost(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bar = "1,2,0.5,1.5\n"
    ahead = f"{calendar.all_sessions()[-1]:%Y-%m-%d}"
    lines = f"{PANEL.splitlines()[0]}\nNVDA,2024-06-03,{bar}NVDA,{ahead},{bar}NVDA,soon,{bar}NVDA,2099-06-04,{bar}"

    said = counts(capfd, "--data", mapped(tmp_path / "files", lines))

    assert (said["bars"]["accepted"], said["bars"]["quarantined"]) == (1, 3)
    assert sorted(rows_of(home, "quarantine")["reason"]) == [
        "a value cannot be read: ts 'soon (panel.csv, line 4)'",
        "from the future",
        "not a session of XNYS",
    ]


def test_bad_rows_are_quarantined_and_the_status_is_good(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = counts(capfd, "--data", mapped(tmp_path / "data"))

    assert (said["bars"]["accepted"], said["bars"]["quarantined"]) == (1, 1)
    assert rows_of(home, "quarantine")["reason"].tolist() == [
        "a value cannot be read: high 'x (panel.csv, line 3)'"
    ]


def test_a_refresh_takes_in_a_revision(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = mapped(tmp_path / "data", PANEL.replace("x", "3"))
    counts(capfd, "--data", data)
    (tmp_path / "data/panel.csv").write_text(PANEL.replace("x", "4"))

    assert counts(capfd)["bars"]["revised"] == 0, "nobody asked to look again"
    assert counts(capfd, "--refresh")["bars"] == {
        **dict.fromkeys(COLUMNS[1:], 0),
        "duplicates": 1,
        "revised": 1,
    }
    assert rows_of(home)["high"].tolist() == [2.0, 3.0, 4.0]


def test_weekly_bars_are_loaded_too(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = counts(capfd, "--timeframe", "1W", *WEEK, "--symbols", "NVDA")

    assert said["bars"]["accepted"] == 1
    assert rows_of(home)["timeframe"].tolist() == ["1W"]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--symbols", "AAPL"], 2, "unknown symbol 'AAPL'"),
        (["--symbols", ","], 2, "--symbols names none"),
        (["--timeframe", "1min"], 2, "1min"),
        (["--from", "2024-03-28", "--to", "2024-03-25"], 2, "lies after"),
        (["--from", "2024-03-30", "--to", "2024-03-31"], 2, "no session of XNYS"),
        (["--to", "2039-12-30"], 2, "has not closed yet"),
        (
            ["--from", "2014-01-02", "--to", "2014-12-31"],
            1,
            "from 2015-01-02 to 2040-12-31, and nothing from 2014-01-02 up to 2014-12-31",
        ),
        (["--symbols", "ARM", "--to", "2023-09-13"], 1, "bars of ARM from 2023-09-14 to"),
        (["--source", "files"], 2, "--data"),
        (["--source", "files", "--data", "/nowhere"], 1, "no folder /nowhere"),
        (["--source", "bloomberg"], 2, "bloomberg"),
    ],
)
def test_a_request_that_cannot_be_met_leaves_no_home(
    home: Path, capfd: pytest.CaptureFixture[str], options: list[str], status: int, said: str
) -> None:
    assert status_of(["ingest", *options]) == status

    error = capfd.readouterr().err.strip()
    assert said in error
    assert len(error.splitlines()) == 1
    assert not home.exists()


def test_a_timeframe_or_symbol_that_the_files_lack_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = mapped(tmp_path / "data")

    assert status_of(["ingest", "--data", data, "--timeframe", "5min"]) == 1
    assert "holds no 5min bars" in capfd.readouterr().err
    assert status_of(["ingest", "--data", data, "--symbols", "AMD"]) == 2
    assert "they hold NVDA" in capfd.readouterr().err


def test_a_range_that_the_files_do_not_reach_is_refused_with_their_own(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = mapped(tmp_path / "data", PANEL.replace("x", "3"))

    assert status_of(["ingest", "--data", data, "--from", "2025-01-02"]) == 1

    said = capfd.readouterr()
    assert "bars of NVDA from 2024-06-03 to 2024-06-04, and nothing from 2025-01-02;" in said.err
    assert said.out == ""
    assert not home.exists()


def test_a_range_that_begins_on_a_holiday_begins_after_it_and_says_so_once(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["ingest", "--from", "2024-03-29", "--to", "2024-04-02", "--symbols", "NVDA"]) == 0

    assert capfd.readouterr().err.count("taking 2024-04-01") == 1
    assert rows_of(home)["session"].tolist() == [pd.Timestamp("2024-04-01"), pd.Timestamp("2024-04-02")]


def test_five_minute_bars_of_yahoo_begin_where_it_still_has_them_and_that_is_said(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "transport_of", lambda vendor, _policy: impatient(vendor))
    oldest = clock.now() - pd.Timedelta(days=60)
    with YahooPeer(now=clock.now) as yahoo:
        assert status_of(["config", "set", "source.url", yahoo.url]) == 0
        asked = ["ingest", "--source", "yahoo", "--timeframe", "5min", "--symbols", "NVDA"]
        assert status_of(asked) == 0
        said = capfd.readouterr().err
        assert status_of([*asked, "--to", "2024-03-28"]) == 1
        assert "and nothing up to 2024-03-28" in capfd.readouterr().err

    begins = rows_of(home)["session"].min()
    assert f"note: yahoo has no 5min bars before {begins:%Y-%m-%d}; loading from there" in said
    assert pd.Timedelta(0) <= begins - oldest.tz_localize(None).normalize() < pd.Timedelta(days=6)
    assert "nothing there" not in said


def test_a_home_keeps_its_source(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    counts(capfd, *WEEK, "--symbols", "NVDA")
    before = (home / "home.json").read_bytes(), rows_of(home)

    for command in (["ingest"], ["run", "--sessions", "1"]):
        assert status_of([*command, "--source", "files", "--data", mapped(tmp_path / command[0])]) == 1
        assert "two markets never mix" in capfd.readouterr().err

    assert (home / "home.json").read_bytes() == before[0]
    assert counts(capfd, *WEEK, "--symbols", "NVDA")["bars"]["accepted"] == 0


def test_a_home_that_is_being_written_is_left_alone(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    counts(capfd, *WEEK, "--symbols", "NVDA")
    holder = Home.open(home)

    with holder.writing("fabline run"):
        assert status_of(["ingest", "--symbols", "AMD", *WEEK]) == 1
        assert "is being written by `fabline run`" in capfd.readouterr().err

    assert set(rows_of(home)["symbol"]) == {"NVDA"}


def has_loaded(home: Path) -> bool:
    """Whether a chunk of bars is stored, looked up without touching the home."""
    try:
        with closing(sqlite3.connect(f"file:{home / 'fabline.db'}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT 1 FROM bars LIMIT 1").fetchall())
    except sqlite3.OperationalError:  # not there yet, or not made yet
        return False


@pytest.mark.usefixtures("home")
def test_ctrl_c_ends_it_in_one_line_and_what_is_stored_stays(home: Path) -> None:
    asked = ["ingest", "--timeframe", "5min", "--from", "2022-01-03", "--to", "2024-03-28"]
    program = [sys.executable, "-W", "ignore", "-m", "pipelines.cli", *asked]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        while not has_loaded(home):
            assert running.poll() is None, "it ended before anybody could interrupt it"
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1].strip().splitlines()

    assert (running.returncode, said[-1]) == (130, "error: interrupted")
    assert Home.open(home).holder() is None
    sessions = rows_of(home).groupby("session")["symbol"].nunique()
    assert 0 < len(sessions) < 563, "it had not ended"
    assert set(sessions) <= {13, 14}, "each session is there whole"  # ARM lists on the way


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_a_full_disk_stops_a_load_in_one_line_and_the_next_one_completes_it(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MOST_ROWS", 400)
    asked = ("--timeframe", "5min", "--from", "2024-03-04", "--to", "2024-03-28", "--symbols", "NVDA,AMD")
    counts(capfd, *WEEK, "--symbols", "NVDA")
    with no_file_above(600_000):  # the log of what is written, which the database takes over at the end
        assert status_of(["ingest", *asked]) == 1
    said = capfd.readouterr().err.strip().splitlines()[-1]

    assert said.startswith("error: ")
    assert "free disk space" in said
    before = int((rows_of(home)["timeframe"] == "5min").sum())
    assert 0 < before < 2 * 19 * 78, "some chunks were stored, and not all"
    assert before + counts(capfd, *asked)["bars"]["accepted"] == 2 * 19 * 78


def test_rows_between_sessions_and_from_the_calendars_beginning_on_are_not_lost(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MOST_ROWS", 2)
    days = ["1990-01-02", "1990-01-03", "1990-01-06", "1990-01-08", "1990-01-13"]  # two of them Saturdays
    text = "".join(f"VIX,{day},1,2,0.5,1.5\n" for day in days)

    said = counts(capfd, "--data", mapped(tmp_path / "data", PANEL.splitlines()[0] + "\n" + text))

    assert (said["bars"]["accepted"], said["bars"]["quarantined"]) == (3, 2)
    assert set(rows_of(home, "quarantine")["reason"]) == {"not a session of XNYS"}

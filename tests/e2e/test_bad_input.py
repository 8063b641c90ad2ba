"""Bad input gets one clear line and the right exit status, and changes nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import settings
from pipelines.cli.main import DONE, FAILED, WRONG_USE, status_of
from pipelines.wiring import Workshop, plan_of, source_of
from tests.e2e.homes import FIRST, LAST, SMALL, contents, copied
from tests.e2e.vendors import written_files
from trading.ingest import ALL_SYMBOLS

Said = pytest.CaptureFixture[str]
Spoil = Callable[[Path], object]
RUN = ["run", "--from", "2024-04-04", "--to", "2024-04-08"]
BACKFILL = ["backfill", "--from", "2024-04-04", "--to", "2024-04-05"]


@pytest.fixture(scope="module")
def home(made_in_one_run: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that no test of this module may change."""
    return copied(made_in_one_run, tmp_path_factory.mktemp("bad") / "home")


@pytest.fixture
def own_home(made_in_one_run: Workshop, tmp_path: Path) -> Path:
    """A home that a test may spoil."""
    return copied(made_in_one_run, tmp_path / "home")


def refused(arguments: list[str], home: Path, said: Said) -> tuple[int, str]:
    """Status and complaint of a command that must leave the home, or its absence, as it was."""
    before = contents(home)
    status = status_of([*arguments, "--home", str(home)])
    told = said.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert contents(home) == before
    assert home.exists() == bool(before)
    return status, told.err


WRONG_RANGES = [
    (["--from", "2024-04-05", "--to", "2024-04-02"], WRONG_USE, "2024-04-05 lies after --to 2024-04-02"),
    (["--from", "2024-03-29"], WRONG_USE, "2024-03-29 (Friday) is not a session of XNYS; the nearest are"),
    (["--to", "2024-03-30"], WRONG_USE, "2024-03-30 (Saturday) is not a session"),
    (["--from", "2051-01-03"], WRONG_USE, "outside the calendar (1990 to 2040)"),
    (["--from", "yesterday"], WRONG_USE, "'yesterday' is not a date; write it as YYYY-MM-DD"),
    (["--from", ""], WRONG_USE, "'' is not a date"),
    (["--from", "2024-04-02 09:30"], WRONG_USE, "is a moment; a session is a date"),
]
UNREACHABLE = [
    (["--from", "2039-01-03"], FAILED, "has not come yet; the last session that can be made is"),
    (["--to", "2039-01-03"], FAILED, "has not come yet; the last session that can be made is"),
]
WRONG_SOURCES = [
    (["--source", "crystal"], WRONG_USE, "'crystal' is not one of"),
    (["--source", "files"], WRONG_USE, "name it with --data DIR"),
    (["--source", "files", "--data", "/nowhere"], FAILED, "there is no folder /nowhere"),
    (["--sessions", "0"], WRONG_USE, "greater than or equal to 1"),
    (["--sessions", "-3"], WRONG_USE, "greater than or equal to 1"),
    (["--sessions", "many"], WRONG_USE, "valid integer"),
    (["--sessions", "100000"], WRONG_USE, "outside the calendar"),
    (["--sessions", "3", "--from", "2024-04-02", "--to", "2024-04-04"], WRONG_USE, "says too much"),
    (["--seed", "x"], WRONG_USE, "valid integer"),
    (["--nonsense"], WRONG_USE, "No such option"),
]


@pytest.mark.parametrize(
    ("options", "status", "complaint"), [*WRONG_RANGES, *UNREACHABLE, *WRONG_SOURCES], ids=str
)
@pytest.mark.parametrize("is_fresh", [False, True], ids=["old", "fresh"])
def test_a_run_that_cannot_be_is_refused(
    options: list[str],
    status: int,
    complaint: str,
    *,
    is_fresh: bool,
    home: Path,
    tmp_path: Path,
    capsys: Said,
) -> None:
    told = refused(["run", *options], tmp_path / "absent" if is_fresh else home, capsys)
    assert told[0] == status
    assert complaint in told[1]


@pytest.mark.parametrize(
    ("options", "status", "complaint"),
    [
        *WRONG_RANGES,
        *UNREACHABLE,
        ([], WRONG_USE, "which sessions? name them with --from and --to"),
        (
            ["--from", "2024-03-22"],
            WRONG_USE,
            "begins at 2024-03-25; to begin at 2024-03-22, run again with --rebuild",
        ),
        (["--to", "2024-03-22"], WRONG_USE, "a range cannot end at 2024-03-22"),
        (["--from", "2024-04-04", "--select", "nonsense"], WRONG_USE, "the assets are bars, "),
        (["--from", "2024-04-04", "--select", ""], WRONG_USE, "--select '' "),
        (["--from", "2024-04-04", "--select", "kind:wooden"], WRONG_USE, "matches no asset"),
    ],
    ids=str,
)
def test_a_back_fill_that_cannot_be_is_refused(
    options: list[str], status: int, complaint: str, home: Path, capsys: Said
) -> None:
    told = refused(["backfill", *options], home, capsys)
    assert told[0] == status
    assert complaint in told[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["show", "nonsense"], "there is no table 'nonsense' in this home; it has bars, "),
        (["show", "forecast_lstm"], "there is no table 'forecast_lstm'"),
        (["show", "bars", "--symbol", "XYZ"], "unknown symbol 'XYZ'; the universe holds NVDA"),
        (["show", "performance", "--symbol", "NVDA"], "table performance has no symbols"),
        (["show", "bars", "--from", "2024-04-05", "--to", "2024-04-02"], "lies after"),
        (["show", "bars", "--from", "2024-03-29", "--to", "2024-03-31"], "there is no session of XNYS"),
        (["show", "bars", "--from", "2039-01-03"], "has not closed yet"),
        (["show", "bars", "--to", "2016-01-04"], "none of those asked"),
        (["show", "bars", "--from", ""], "'' is not a date"),
        (["show", "bars", "--as-of", "yesterday"], "'yesterday' is no moment"),
        (["show", "bars", "--as-of", "2024-04-02T10:00"], "names no time zone"),
        (["show", "bars", "--version", "0"], "keeps no versions"),
        (["show", "features", "--version", "999"], "has no version 999; its versions go from"),
        (["show", "features", "--version", "-1"], "greater than or equal to 0"),
        (["show", "features", "--format", "xml"], "'xml' is not one of"),
        (
            ["show", "features", "--format", "csv", "--output", "/nowhere/x.csv"],
            "cannot write /nowhere/x.csv",
        ),
        (["show", "--symbol", "NVDA"], "need a table"),
        (["explain", "nonsense"], "there is no fill 'nonsense'; the nearest are"),
        (["explain", "XYZ@2024-04-02"], "no fill of 'XYZ'; there are fills of"),
        (["config", "set", "nonsense", "1"], "there is no setting 'nonsense'"),
        (
            ["config", "set", "models", "nonsense"],
            "unknown model 'nonsense'; the catalogue holds random_walk",
        ),
        (["config", "set", "models", ""], "the catalogue holds random_walk"),
        (["config", "set", "burn_in_sessions", "many"], "wants int"),
        (["config", "set", "burn_in_sessions", "1.5"], "wants int"),
        (["config", "set", "source.name", "crystal"], "crystal"),
        (["config", "set", "source.edge", "sharp"], "source.edge is none or planted, not 'sharp'"),
        (["config", "set", "trading.limits.soft_drawdown", "2"], "soft_drawdown"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
    ids=str,
)
def test_a_question_that_cannot_be_answered_is_refused(
    arguments: list[str], complaint: str, home: Path, capsys: Said
) -> None:
    status, told = refused(arguments, home, capsys)
    assert status == WRONG_USE
    assert complaint in told


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["show"],
        ["show", "bars"],
        ["explain", "last"],
        ["report"],
        BACKFILL,
        [*BACKFILL, "--rebuild"],
    ],
    ids=" ".join,
)
def test_a_home_that_is_not_there_is_named_and_not_made(
    command: list[str], tmp_path: Path, capsys: Said
) -> None:
    status, told = refused(command, tmp_path / "absent", capsys)
    assert status == FAILED
    assert f"there is no home at {tmp_path / 'absent'}; `fabline run` makes one" in told


# --- what a home was made from --------------------------------------------------------------------


@pytest.mark.parametrize("command", [RUN, BACKFILL], ids=" ".join)
def test_settings_that_changed_after_the_first_run_need_a_rebuild(
    command: list[str], own_home: Path, capsys: Said
) -> None:
    settings.set_values(own_home, {"trading.limits.soft_drawdown": 0.05})
    status, told = refused(command, own_home, capsys)
    assert status == FAILED
    assert "made with other settings" in told
    assert "--rebuild" in told


@pytest.mark.parametrize("option", [["--seed", "8"], ["--source", "files", "--data", "/work"]], ids=" ".join)
@pytest.mark.parametrize("command", [RUN, [*BACKFILL, "--rebuild"]], ids=" ".join)
def test_a_home_never_changes_its_market(
    option: list[str], command: list[str], own_home: Path, tmp_path: Path, capsys: Said
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    if command[0] == "run":
        arguments = [*command, *(str(folder) if word == "/work" else word for word in option)]
    else:
        named = {"source.seed": 8} if "8" in option else {"source.name": "files", "source.data": str(folder)}
        settings.set_values(own_home, named)
        arguments = command
    status, told = refused(arguments, own_home, capsys)
    assert status == FAILED
    assert "another FABLINE_HOME" in told


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('models = ["nonsense"]', "unknown model 'nonsense'"),
        ("models = []", "the catalogue holds"),
        ("models = [", "is not valid TOML"),
        ("nonsense = 3", "there is no setting 'nonsense'"),
        ('burn_in_sessions = "many"', "wants int"),
        ("burn_in_sessions = -5", "burn_in_sessions"),
        ('source.name = "crystal"', "crystal"),
    ],
)
def test_a_settings_file_that_makes_no_sense_stops_a_run(
    text: str, complaint: str, own_home: Path, capsys: Said
) -> None:
    (own_home / "fabline.toml").write_text(text + "\n")
    status, told = refused(RUN, own_home, capsys)
    assert status == WRONG_USE
    assert complaint in told


# --- homes that are damaged -----------------------------------------------------------------------


def overwritten_database(home: Path) -> None:
    (home / "fabline.db").write_bytes(b"no database " * 1000)


def truncated_database(home: Path) -> None:
    whole = (home / "fabline.db").read_bytes()
    (home / "fabline.db").write_bytes(whole[: len(whole) // 3])


def lost_database(home: Path) -> None:
    (home / "fabline.db").unlink()


def emptied_database(home: Path) -> None:
    (home / "fabline.db").write_bytes(b"")


def lost_log(home: Path) -> None:
    shutil.rmtree(home / "tables" / "features" / "_delta_log")


def lost_table(home: Path) -> None:
    shutil.rmtree(home / "tables" / "features")


def overwritten_log(home: Path) -> None:
    for path in (home / "tables" / "features" / "_delta_log").glob("*.json"):
        path.write_text("no log")


def described(text: str) -> Spoil:
    return lambda home: (home / "home.json").write_text(text)


def newer(home: Path) -> None:
    facts = json.loads((home / "home.json").read_text())
    (home / "home.json").write_text(json.dumps(facts | {"format": 99, "created_by": "9.0.0"}))


DAMAGES: dict[str, tuple[Spoil, str]] = {
    "overwritten database": (
        overwritten_database,
        "is no SQLite database, or damaged; restore the home from a copy",
    ),
    "truncated database": (
        truncated_database,
        "is no SQLite database, or damaged; restore the home from a copy",
    ),
    "lost database": (lost_database, "restore the home from a copy"),
    "emptied database": (emptied_database, "restore the home from a copy"),
    "lost log": (lost_log, "table features was written, but is not at"),
    "lost table": (lost_table, "table features was written, but is not at"),
    "overwritten log": (overwritten_log, "table features"),
    "newer": (newer, "written by a newer Fabline (9.0.0, format 99"),
    "no JSON": (described("{"), "is not JSON; restore it from a copy"),
    "a list": (described("[]"), "restore it from a copy"),
    "an odd format": (described('{"format": "x"}'), "restore it from a copy"),
    "an unknown fact": (described('{"format": 1, "colour": "red"}'), "restore it from a copy"),
}


@pytest.mark.parametrize("command", [["show"], ["show", "features"], RUN, BACKFILL], ids=" ".join)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_home_is_told_of_and_left_alone(
    damage: str, command: list[str], own_home: Path, capsys: Said
) -> None:
    spoil, complaint = DAMAGES[damage]
    spoil(own_home)
    status, told = refused(command, own_home, capsys)
    assert status == FAILED
    assert complaint in told


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of made-up bars, just long enough for the home that asks for them."""
    begin = plan_of(SMALL).first_session("bars", FIRST)
    bars = source_of(SMALL).bars(ALL_SYMBOLS, begin, LAST)
    return written_files(tmp_path_factory.mktemp("files") / "data", bars)


@pytest.fixture
def files(sound_files: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound_files, tmp_path / "data"))


def panel_of(files: Path) -> Path:
    return files / "daily" / "panel_adjusted.parquet"


def rewritten(files: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_parquet(panel_of(files))).to_parquet(panel_of(files), index=False)


def truncated(files: Path) -> None:
    whole = panel_of(files).read_bytes()
    panel_of(files).write_bytes(whole[: len(whole) // 2])


def textual(files: Path) -> None:
    table = pq.read_table(panel_of(files))
    place = table.schema.get_field_index("close")
    pq.write_table(table.set_column(place, "close", table["close"].cast(pa.string())), panel_of(files))


FAULTS: dict[str, tuple[Spoil, str]] = {
    "truncated": (truncated, "panel_adjusted.parquet"),
    "no Parquet": (lambda files: panel_of(files).write_text("session,symbol\n"), "panel_adjusted.parquet"),
    "empty": (lambda files: panel_of(files).write_bytes(b""), "panel_adjusted.parquet"),
    "missing": (lambda files: panel_of(files).unlink(), "there is no file"),
    "missing index": (lambda files: (files / "daily" / "vix.parquet").unlink(), "vix.parquet"),
    "column missing": (lambda files: rewritten(files, lambda p: p.drop(columns="close")), "close"),
    "column of text": (textual, "close"),
    "symbol missing": (lambda files: rewritten(files, lambda p: p[p["symbol"] != "NVDA"]), "NVDA is not in"),
    "no rows": (lambda files: rewritten(files, lambda p: p.head(0)), "panel_adjusted.parquet"),
    "begins too late": (
        lambda files: rewritten(files, lambda p: p[p["session"] > "2022-06-01"]),
        "begins at 2022-06-02, but the windows and the burn-in before the first trade reach back to",
    ),
    "ends too early": (
        lambda files: rewritten(files, lambda p: p[p["session"] < "2024-04-05"]),
        "source files ends at 2024-04-04; 2024-04-05 is past it",
    ),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small burn-in, without a home that says so."""
    monkeypatch.setattr("pipelines.settings.Settings", lambda: SMALL)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_cannot_be_used_are_named_and_no_home_is_made(
    fault: str, files: Path, tmp_path: Path, capsys: Said
) -> None:
    asked = ["run", "--source", "files", "--data", str(files), "--from", "2024-03-25", "--to", "2024-04-05"]
    spoil, complaint = FAULTS[fault]
    spoil(files)
    status, told = refused(asked, tmp_path / "home", capsys)
    assert status == FAILED
    assert complaint in told


# --- answers for machines -------------------------------------------------------------------------


def test_output_for_machines_carries_no_decoration(home: Path, capsys: Said) -> None:
    for arguments in (["show"], ["show", "performance"], ["config", "show"], ["doctor"]):
        assert status_of([*arguments, "--format", "json", "--home", str(home)]) == DONE
        told = capsys.readouterr()
        assert json.loads(told.out)
        assert told.err == ""


def test_the_list_of_tables_has_the_promised_keys(home: Path, capsys: Said) -> None:
    assert status_of(["show", "--format", "json", "--home", str(home)]) == DONE
    rows = json.loads(capsys.readouterr().out)
    assert {tuple(row) for row in rows} == {("table", "rows", "first_session", "last_session", "version")}
    assert {"bars", "features", "fills"} <= {row["table"] for row in rows}


def test_csv_is_a_header_and_rows(home: Path, capsys: Said) -> None:
    assert status_of(["show", "fills", "--format", "csv", "--home", str(home)]) == DONE
    told = capsys.readouterr()
    header, *rows = told.out.splitlines()
    assert header.startswith("session,")
    assert rows
    assert {row.count(",") for row in rows} == {header.count(",")}

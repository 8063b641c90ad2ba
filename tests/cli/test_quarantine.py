"""`fabline quarantine`: what was kept out can be looked at, corrected, released and rejected."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines import environment
from pipelines.cli.main import status_of
from resources import arrivals
from resources import clock as wall
from resources.home import Home
from resources.store import HomeStore, store_at
from trading import calendar
from trading.ingest import Load
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.monitoring.quarantine import listing
from trading.testing.market_frames import actions_frame, bars_frame

MONDAY, TUESDAY = pd.Timestamp("2024-06-10"), pd.Timestamp("2024-06-11")
CLOSES = bars_frame({"NVDA": [100.0, 110.0], "AMD": [50.0, 51.0]}, TUESDAY)


def swapped() -> pd.DataFrame:
    """The bars with NVDA's high and low of Tuesday swapped, and AMD's close of Monday missing."""
    rows = CLOSES.copy()
    one = (rows["symbol"] == "NVDA") & (rows["session"] == TUESDAY)
    rows.loc[one, ["high", "low"]] = rows.loc[one, ["low", "high"]].to_numpy()
    rows.loc[(rows["symbol"] == "AMD") & (rows["session"] == MONDAY), "close"] = np.nan
    return rows


def ingested(home: Path, rows: pd.DataFrame) -> None:
    separated = separate_bars(rows)
    load = Load("bars", "1D", ("NVDA", "AMD"), MONDAY, TUESDAY, "test")
    with_store = opened(home)
    arrivals.record(load, {"bars": separated.accepted}, separated.quarantined, with_store, {})
    with_store.close()


def opened(home: Path) -> HomeStore:
    found = Home.open(home)
    return store_at(found.tables, found.database)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with two bars in quarantine, and a dividend that repeats another."""
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    path = environment.open_or_create(tmp_path / "home").path
    ingested(path, swapped())
    listed = actions_frame(("2024-06-10", "ASML", "dividend", 1.35), ("2024-06-11", "ASML", "dividend", 1.57))
    separated = separate_actions(listed)
    load = Load("corporate_actions", "", ("ASML",), MONDAY, TUESDAY, "test")
    store = opened(path)
    accepted = {"corporate_actions": separated.accepted}
    arrivals.record(load, accepted, separated.quarantined, store, {})
    store.close()
    return path


def listed(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes], *arguments: str
) -> dict[str, dict[str, str]]:
    """Rows of the list by rule."""
    assert status_of(["quarantine", "list", "--format", "json", "--home", str(home), *arguments]) == 0
    return {row["rule"]: row for row in json.loads(capsysbinary.readouterr().out)}


def read(home: Path, table: str, as_of: pd.Timestamp | None = None) -> pd.DataFrame:
    store = opened(home)
    rows = store.read(table, as_of=as_of)
    store.close()
    return rows


def test_the_list_says_table_symbol_time_reason_and_rule(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    rows = listed(home, capsysbinary)

    assert set(rows) == {"high_below_low", "missing_value", "repeated_dividend"}
    assert rows["high_below_low"] | {"id": "", "known_at": ""} == {
        "id": "",
        "table": "bars",
        "symbol": "NVDA",
        "time": "2024-06-11T13:30:00Z",
        "session": "2024-06-11",
        "reason": "high is below low",
        "rule": "high_below_low",
        "decision": "pending",
        "known_at": "",
        "source": "test",
    }
    assert set(listed(home, capsysbinary, "--symbol", "AMD")) == {"missing_value"}
    assert set(listed(home, capsysbinary, "--table", "corporate_actions")) == {"repeated_dividend"}


def test_show_prints_the_original_the_reason_and_the_decisions(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    id_ = listed(home, capsysbinary)["high_below_low"]["id"]
    status_of(["quarantine", "reject", id_, "--note", "no idea", "--home", str(home)])
    capsysbinary.readouterr()

    assert status_of(["quarantine", "show", id_[:6], "--format", "json", "--home", str(home)]) == 0
    row = json.loads(capsysbinary.readouterr().out)
    assert (row["reason"], row["decision"]) == ("high is below low", "rejected")
    assert row["original"]["high"] < row["original"]["low"]
    assert [one["note"] for one in row["decisions"]] == ["no idea"]
    assert status_of(["quarantine", "show", id_, "--home", str(home)]) == 0
    assert b"high is below low" in capsysbinary.readouterr().out


def test_a_row_that_cannot_be_valid_is_not_released_without_a_correction(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    id_ = listed(home, capsysbinary)["high_below_low"]["id"]

    assert status_of(["quarantine", "release", id_, "--home", str(home)]) == 1

    assert (
        b"cannot enter bars: high is below low; give the right value with --set"
        in capsysbinary.readouterr().err
    )
    assert len(read(home, "bars")) == 2
    assert read(home, "quarantine_decisions").empty


def test_a_corrected_row_enters_its_table_known_from_the_release_and_the_original_stays(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    id_ = listed(home, capsysbinary)["high_below_low"]["id"]
    fixed = ["--set", "high=111.1", "--set", "low=108.9"]

    assert status_of(["quarantine", "release", id_, *fixed, "--home", str(home)]) == 0

    entered = read(home, "bars").query("symbol == 'NVDA' and session == @TUESDAY")
    assert entered[["high", "low", "close"]].to_numpy().tolist() == [[111.1, 108.9, 110.0]]
    assert (entered["known_at"] > pd.Timestamp("2026-01-01", tz="UTC")).all()
    evening = read(home, "bars", as_of=calendar.as_of(TUESDAY))
    assert not len(evening.query("symbol == 'NVDA' and session == @TUESDAY"))
    assert read(home, "quarantine")["reason"].tolist().count("high is below low") == 1
    assert read(home, "quarantine_decisions")["note"].tolist() == ["high=111.1, low=108.9"]


def test_what_was_decided_does_not_come_back_with_the_next_load(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    rows = listed(home, capsysbinary)
    fixed = ["--set", "high=111.1", "--set", "low=108.9"]
    status_of(["quarantine", "release", rows["high_below_low"]["id"], *fixed, "--home", str(home)])
    status_of(["quarantine", "reject", rows["missing_value"]["id"], "--home", str(home)])
    capsysbinary.readouterr()

    later = swapped().assign(known_at=CLOSES["known_at"] + pd.Timedelta(days=3))  # a vendor's next answer
    ingested(home, later)

    assert set(listed(home, capsysbinary)) == {"repeated_dividend"}
    every = listed(home, capsysbinary, "--all")
    assert {rule: row["decision"] for rule, row in every.items()} == {
        "high_below_low": "released",
        "missing_value": "rejected",
        "repeated_dividend": "pending",
    }
    bars = read(home, "bars").query("symbol == 'NVDA' and session == @TUESDAY")
    assert bars["high"].tolist() == [111.1]


def test_a_repeated_dividend_is_released_as_it_is(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    id_ = listed(home, capsysbinary)["repeated_dividend"]["id"]

    assert status_of(["quarantine", "release", id_, "--home", str(home)]) == 0

    assert sorted(read(home, "corporate_actions")["amount"]) == [1.35, 1.57]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["release", "ffffffffffff"], 2, b"no row in quarantine"),
        (["show", ""], 2, b"no row in quarantine"),
        (["release", "ID", "--set", "high"], 2, b"--set high is no correction"),
        (["reject"], 2, b"name one row by its id, or all rows of one rule"),
        (["reject", "ID", "--rule", "high_below_low"], 2, b"name one row by its id, or all rows of one rule"),
        (["reject", "--rule", "bad_mood"], 2, b"no row waits that broke the rule 'bad_mood'"),
        (["reject", "--rule", "high_below_low", "--symbol", "AMD"], 2, b"no row waits"),
        (["release", "ID", "--set", "mood=good"], 2, b"mood cannot be set"),
        (["release", "ID", "--set", "known_at=2024-01-01"], 2, b"known_at cannot be set"),
        (["release", "ID", "--set", "high=much"], 1, b"a value cannot be read: high 'much'; give the right"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_changes(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes], arguments: list[str], status: int, words: bytes
) -> None:
    id_ = listed(home, capsysbinary)["high_below_low"]["id"]
    typed = [id_ if word == "ID" else word for word in arguments]

    assert status_of(["quarantine", *typed, "--home", str(home)]) == status

    assert words in capsysbinary.readouterr().err
    assert read(home, "quarantine_decisions").empty


def test_all_rows_of_a_rule_are_rejected_at_once(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    ingested(home, swapped().assign(close=np.nan))
    before = set(listed(home, capsysbinary, "--rule", "missing_value"))

    assert status_of(["quarantine", "reject", "--rule", "missing_value", "--home", str(home)]) == 0

    assert before == {"missing_value"}
    assert b"they stay out of bars" in capsysbinary.readouterr().out
    assert set(listed(home, capsysbinary)) == {"high_below_low", "repeated_dividend"}
    assert len(read(home, "quarantine_decisions")) == 4  # the row that came with both loads is one


@pytest.mark.parametrize("command", ["show", "release", "reject"])
def test_an_empty_quarantine_has_no_row_of_any_id(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], command: str
) -> None:
    home = environment.open_or_create(tmp_path / "home").path
    ingested(home, CLOSES)
    assert status_of(["quarantine", command, "nope", "--home", str(home)]) == 2
    assert b"no row in quarantine" in capsysbinary.readouterr().err


def test_the_status_of_a_home_tells_of_rows_that_wait(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert status_of(["status", "--home", str(home)]) == 0
    assert b"quarantine    3 rows wait for a decision" in capsysbinary.readouterr().out


def test_a_released_row_is_neither_released_again_nor_rejected(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    id_ = listed(home, capsysbinary)["repeated_dividend"]["id"]
    status_of(["quarantine", "release", id_, "--home", str(home)])

    for command in ("release", "reject"):
        assert status_of(["quarantine", command, id_, "--home", str(home)]) == 1
        assert b"was released before" in capsysbinary.readouterr().err


LINES = "symbol,session,open,high,low,close\nNVDA,2024-06-10,1,2,0.5,1.5\n"
BAR = "NVDA,2024-06-11,2,3,1.5,"
MAPPING = '[[bars]]\nfiles = "*.csv"\ntimeframe = "1D"\nbasis = "raw"\n[bars.columns]\n' + "".join(
    f'{name} = "{name}"\n' for name in LINES.splitlines()[0].split(",")
)


def loaded(tmp_path: Path, lines: str, *options: str) -> Path:
    """A home into which lines of a file were loaded."""
    data, home = tmp_path / "data", tmp_path / "filled"
    data.mkdir(exist_ok=True)
    (data / "fabline-mapping.toml").write_text(MAPPING)
    (data / "panel.csv").write_text(LINES + lines)
    assert status_of(["ingest", "--data", str(data), *options, "--home", str(home)]) == 0
    return home


def waiting(home: Path, said: pytest.CaptureFixture[bytes], *options: str) -> list[dict[str, Any]]:
    said.readouterr()
    assert status_of(["quarantine", "list", "--format", "json", "--home", str(home), *options]) == 0
    rows: list[dict[str, Any]] = json.loads(said.readouterr().out)
    return rows


def release(home: Path, id_: str, *options: str) -> int:
    return status_of(["quarantine", "release", id_, *options, "--home", str(home)])


def test_a_line_that_cannot_be_read_has_no_time_and_was_known_when_it_came(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    before = wall.now()
    home = loaded(tmp_path, "NVDA,2024-06-11,2\nNVDA,soon,1,2,0.5,1.5\n")

    rows = waiting(home, capsysbinary)

    assert [row["rule"] for row in rows] == ["unreadable"] * 2
    assert {value for row in rows for value in (row["time"], row["session"])} == {None}
    assert all(before <= pd.Timestamp(row["known_at"]) <= wall.now() for row in rows)
    assert sorted(row["reason"].split(": ")[1].split(" (")[0] for row in rows) == [
        "open 'too few or too many fields",
        "ts 'soon",
    ]
    loaded(tmp_path, "NVDA,2024-06-11,2\nNVDA,soon,1,2,0.5,1.5\n", "--refresh")
    assert waiting(home, capsysbinary) == rows, "the same lines again are the same rows"


def test_a_line_without_a_day_is_corrected_and_released_or_rejected(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = loaded(tmp_path, "NVDA,2024-06-11,2\nNVDA,soon,1,2,0.5,1.5\n")
    broken, soon = sorted(waiting(home, capsysbinary), key=lambda row: row["reason"])
    day = ["--set", "session=2024-06-11", "--set", "ts=2024-06-11T13:30:00Z"]

    assert status_of(["quarantine", "show", broken["id"], "--format", "json", "--home", str(home)]) == 0
    assert json.loads(capsysbinary.readouterr().out)["session"] is None
    assert status_of(["quarantine", "reject", broken["id"], "--home", str(home)]) == 0
    assert release(home, soon["id"], *day) == 0

    assert waiting(home, capsysbinary) == []
    assert read(home, "bars")["session"].tolist() == [MONDAY, TUESDAY]


def test_of_rows_that_contradict_each_other_a_release_supersedes_the_others(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = loaded(tmp_path, f"{BAR}2.5\n{BAR}2.6\n{BAR}2.6\n{BAR}1.4\n")
    torn = waiting(home, capsysbinary, "--rule", "contradiction")
    first, second = (row["id"] for row in torn)

    assert release(home, first, "--note", "by the exchange") == 0
    assert f"superseded {second}".encode() in capsysbinary.readouterr().out

    assert waiting(home, capsysbinary) == []
    every = waiting(home, capsysbinary, "--all")
    assert {row["id"]: row["decision"] for row in every if row["rule"] != "exact_duplicate"} == {
        first: "released",
        second: "superseded",
        next(row["id"] for row in every if row["rule"] == "outside_range"): "superseded",
    }
    assert len(read(home, "bars")) == 2


def test_a_second_row_of_a_key_is_only_released_to_replace_the_first(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = loaded(tmp_path, f"{BAR}2.5\n{BAR}2.6\n")
    rows = [row["id"] for row in waiting(home, capsysbinary)]
    closes = {row["id"]: json.loads(row["row"])["close"] for row in _quarantined(home)}
    release(home, rows[0])

    assert release(home, rows[1]) == 1
    said = capsysbinary.readouterr().err.decode()
    assert (
        f"(close {closes[rows[0]]} instead of {closes[rows[1]]}), released from quarantine as {rows[0]}"
        in said
    )
    assert "--replace" in said
    assert read(home, "bars")["close"].tolist() == [1.5, closes[rows[0]]]

    assert release(home, rows[1], "--replace") == 0
    assert read(home, "bars")["close"].tolist() == [1.5, closes[rows[1]]]
    decided = {row["id"]: row["decision"] for row in waiting(home, capsysbinary, "--all")}
    assert decided == {rows[0]: "superseded", rows[1]: "released"}


def _quarantined(home: Path) -> list[dict[Hashable, Any]]:
    return listing(read(home, "quarantine"), read(home, "quarantine_decisions")).to_dict("records")


def test_a_row_whose_table_has_since_got_another_needs_replace_and_the_same_is_refused(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = loaded(tmp_path, f"{BAR}9\n")
    row = waiting(home, capsysbinary)[0]["id"]
    loaded(tmp_path, f"{BAR}2.5\n", "--refresh")
    capsysbinary.readouterr()

    assert release(home, row, "--set", "close=2.4") == 1
    assert b"holds NVDA in session 2024-06-11 with other values (close 2.5 instead of 2.4)" in (
        capsysbinary.readouterr().err
    )
    assert release(home, row, "--set", "close=2.5") == 1
    assert b"with the same values; reject row" in capsysbinary.readouterr().err
    assert read(home, "quarantine_decisions").empty


def test_exact_duplicates_wait_for_nobody_and_are_not_lost(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = loaded(tmp_path, f"{BAR}2.5\n{BAR}2.5\n{BAR}2.5\n")

    assert waiting(home, capsysbinary) == []
    every = waiting(home, capsysbinary, "--all")
    assert [(row["rule"], row["decision"]) for row in every] == [("exact_duplicate", "not_needed")] * 2
    assert status_of(["status", "--home", str(home)]) == 0
    assert b"wait for a decision" not in capsysbinary.readouterr().out
    assert release(home, every[0]["id"]) == 1
    assert b"it needs no decision" in capsysbinary.readouterr().err


def test_a_home_that_another_process_holds_is_not_written(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    id_ = listed(home, capsysbinary)["repeated_dividend"]["id"]
    with Home.open(home).writing("fabline run"):
        assert status_of(["quarantine", "reject", id_, "--home", str(home)]) == 1
    assert b"fabline run" in capsysbinary.readouterr().err

"""`fabline report`, `fabline explain` and the face for notebooks, on a home that has run."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import pandas as pd
import pytest

import fabline
from pipelines.cli.main import status_of
from pipelines.cli.report import conclude, facts_of
from pipelines.environment import open_store
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.home import Home
from resources.store import store_at
from trading.errors import UsageError
from trading.testing.finished_home import finished_home

TABLES = finished_home(8)
FIRST, LAST = TABLES["performance"]["session"].iloc[[0, -1]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home.open_or_create(tmp_path_factory.mktemp("home") / "trial")
    home.fix_inception(FIRST)
    home.fix_source({"name": "simulated", "basis": "raw", "simulated": "true"})
    store = store_at(home.tables, home.database)
    store.write(TABLES, FIRST, LAST, commit={"run_id": "run-one"})
    store.close()
    return home.path


def test_report_writes_one_file_and_prints_its_path(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["report", "--home", str(ran)]) == 0

    path = Path(capsys.readouterr().out.strip())
    assert path == ran / "reports" / "report.html"
    assert "SIMULATED" in path.read_text(encoding="utf-8")


def test_report_opens_the_browser_only_if_asked(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)

    status_of(["report", "--home", str(ran)])
    assert opened == []
    status_of(["report", "--open", "--home", str(ran)])
    assert opened == [(ran / "reports" / "report.html").as_uri()]


def test_a_report_goes_where_it_is_asked_to(
    ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / "for the committee.html"

    assert status_of(["report", str(wanted), "--home", str(ran)]) == 0
    assert wanted.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert status_of(["report", str(tmp_path), "--home", str(ran)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_pdf_is_printed_by_the_browser_that_is_named(
    ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = tmp_path / "browser.sh"
    printer.write_text(
        '#!/bin/sh\nfor a in "$@"; do case $a in --print-to-pdf=*) out=${a#*=};; file:*) page=${a#file://};; esac; done\n'
        '{ printf "%%PDF-1.7\\n"; grep -o "<title>.*</title>" "$page"; printf "%%%%EOF\\n"; } > "$out"\n'
    )
    printer.chmod(0o755)

    assert status_of(["report", "--pdf", "--browser", str(printer), "--home", str(ran)]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == ran / "reports" / "report.pdf"
    assert b"SIMULATED" in path.read_bytes()


def test_a_pdf_without_a_browser_says_so_before_any_work(
    ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["report", "--pdf", "--browser", str(tmp_path / "none"), "--home", str(ran)]) == 2
    assert "there is no browser at" in capsys.readouterr().err


def test_a_home_that_never_ran_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home.open_or_create(tmp_path / "empty")
    store_at(home.tables, home.database).close()

    assert status_of(["report", "--home", str(home.path)]) != 0
    assert "fabline run" in capsys.readouterr().err
    assert list(home.reports.iterdir()) == []


def test_the_facts_are_those_of_the_home(ran: Path) -> None:
    store = open_store(ran)
    facts = facts_of(Home.open(ran), store, Settings())
    store.close()

    assert (facts.home, facts.source, facts.simulated, facts.basis) == ("trial", "simulated", True, "raw")
    assert (facts.inception, facts.last, facts.run_ids) == (FIRST, LAST, ("run-one",))
    assert facts.versions["forecasts"] >= 0


def test_trials_are_the_different_settings_in_the_commit_log(tmp_path: Path) -> None:
    home = Home.open_or_create(tmp_path / "tried")
    store = store_at(home.tables, home.database)
    for digest in ("one", "two", "one"):
        store.write({"bars": TABLES["bars"]}, FIRST, LAST, commit={"settings": digest})
    facts = facts_of(home, store, Settings())
    store.close()

    assert facts.trials == 2


def test_a_run_concludes_with_summary_report_and_next_command(
    ran: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conclude(Workshop.of(Home.open(ran), Settings()), run_id="run-one", seconds=12.3)

    text = capsys.readouterr().out
    assert "to trade at the next open" in text
    assert str(ran / "reports" / "report.html") in text
    assert f"fabline explain last --home {ran}" in text
    assert "run run-one, 12 s" in text


def test_explain_prints_a_tree(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill = TABLES["fills"].iloc[-1]

    assert status_of(["explain", fill["fill_id"], "--home", str(ran)]) == 0
    text = capsys.readouterr().out
    assert f"sold 4 {fill['symbol']}" in text or f"bought 10 {fill['symbol']}" in text
    assert "timesfm-v1" in text
    assert text.startswith("SIMULATED: prices made up by a program\n")


def test_explain_as_json_is_only_json(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["explain", "last", "--format", "json", "--home", str(ran)]) == 0

    step = json.loads(capsys.readouterr().out)
    assert step["values"]["fill_id"] == TABLES["fills"].iloc[-1]["fill_id"]


def test_an_unknown_fill_is_wrong_use(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["explain", "nothing", "--home", str(ran)]) == 2
    assert "the nearest are" in capsys.readouterr().err


def test_a_notebook_reads_the_rows_of_a_range(ran: Path) -> None:
    rows = fabline.read("features", f"{FIRST:%Y-%m-%d}", f"{FIRST:%Y-%m-%d}", home=ran)

    expected = TABLES["features"][TABLES["features"]["session"] == FIRST]
    pd.testing.assert_frame_equal(rows, expected.reset_index(drop=True))


def test_a_notebook_finds_the_home_by_its_variable(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABLINE_HOME", str(ran))

    assert len(fabline.read("fills")) == len(TABLES["fills"])
    assert "signals" in str(fabline.explain())


def test_a_notebook_sees_what_was_known(ran: Path) -> None:
    rows = fabline.read("features", as_of=f"{FIRST:%Y-%m-%d}", home=ran)

    assert rows["session"].unique().tolist() == [FIRST]


def test_a_notebook_gets_the_tree_and_the_values(ran: Path) -> None:
    why = fabline.explain(TABLES["fills"].iloc[0]["fill_id"], home=ran)

    assert why.as_dict()["table"] == "fills"
    assert repr(why) == str(why)
    assert str(why).startswith("SIMULATED")


def test_a_notebook_is_told_what_is_wrong(ran: Path) -> None:
    with pytest.raises(UsageError, match="no table 'nope'"):
        fabline.read("nope", home=ran)


def test_importing_the_face_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, fabline; print([m for m in ('pandas', 'torch', 'dagster') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

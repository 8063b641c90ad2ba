"""`fabline nulls`: the whole line on tiny SIMULATED markets, gone on with, and what it says when asked wrongly."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipelines import nulls as work
from pipelines.cli.main import status_of
from pipelines.cli.power_picture import power_picture
from pipelines.null_journal import NullJournal
from trading.evaluation.nulls import COLUMNS, Outcome, shares

Told = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
NOTHING = Outcome("fair", 0.0, "", 0, -0.1, -1.0, 0.8, (), duels=4, promoted=0, unearned=0)


def ask(folder: Path, *more: str) -> int:
    return status_of(["nulls", "--folder", str(folder), "--sessions", "22", *more])


def filled(folder: Path, *outcomes: Outcome) -> None:
    with NullJournal(folder, work.bound_to(work.Terms(22))) as journal:
        for outcome in outcomes:
            journal.append(outcome)


def test_two_markets_are_made_kept_and_not_made_again(tmp_path: Path, capfd: Told) -> None:
    status = ask(tmp_path, "--markets", "2", "--jobs", "2", "--format", "csv")
    made, lines = capfd.readouterr(), (tmp_path / "markets.jsonl").read_bytes()
    begun = time.process_time()
    again = ask(tmp_path, "--markets", "2", "--format", "csv")

    table = pd.read_csv(io.StringIO(made.out))
    assert (status, again) == (0, 0)
    assert "SIMULATED" in made.err
    assert tuple(table.columns) == COLUMNS
    assert table.loc[table["statistic"] == "edge", "n"].tolist() == [2]
    assert (tmp_path / "markets.jsonl").read_bytes() == lines
    assert capfd.readouterr().out == made.out
    assert time.process_time() - begun < 3  # a market alone takes longer


def test_a_broken_level_has_status_1_and_is_named(tmp_path: Path, capfd: Told) -> None:
    filled(tmp_path, *(replace(NOTHING, market=k, claims=("edge",)) for k in range(20)))

    status = ask(tmp_path, "--markets", "20")
    told = capfd.readouterr()

    assert status == 1
    assert "levels broken: fair: edge" in told.err
    assert "20 of 20" in told.out


def test_more_markets_in_the_folder_than_asked_for_do_not_count(tmp_path: Path, capfd: Told) -> None:
    filled(tmp_path, *(replace(NOTHING, market=k, claims=("edge",) if k else ()) for k in range(20)))

    assert ask(tmp_path, "--markets", "1", "--format", "json") == 0
    assert json.loads(capfd.readouterr().out)[0]["n"] == 1


def test_a_torn_line_is_told(tmp_path: Path, capfd: Told) -> None:
    filled(tmp_path, NOTHING)
    with (tmp_path / "markets.jsonl").open("a") as file:
        file.write('{"kind": "fa')

    assert ask(tmp_path, "--markets", "1") == 0
    assert 'was not finished is dropped, its market is made again: {"kind": "fa' in capfd.readouterr().err


def test_several_edges_make_a_power_curve_and_a_picture(tmp_path: Path, capfd: Told) -> None:
    found = [
        replace(NOTHING, market=k, edge=e, claims=("edge",) * (k < 3 * e))
        for e in (0.0, 1.0, 3.0)
        for k in range(9)
    ]
    filled(tmp_path, *found)

    status = ask(tmp_path, "--markets", "9", "--edge", "0,1,3", "--format", "csv")
    table = pd.read_csv(io.StringIO(capfd.readouterr().out))
    curve = table[table["statistic"] == "edge"]

    assert status == 0
    assert curve["share"].tolist() == pytest.approx([0, 1 / 3, 1])
    assert curve["verdict"].fillna("").tolist() == ["kept", "", ""]
    assert "SIMULATED" in (tmp_path / "power.svg").read_text()


def test_the_picture_is_an_svg_with_a_point_an_edge() -> None:
    curve = shares([NOTHING, replace(NOTHING, edge=2.0, claims=("edge",))]).query("statistic == 'edge'")

    drawn = ET.fromstring(power_picture(curve))

    heights = [float(point.get("cy") or 0) for point in drawn.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(heights) == 2
    assert heights[0] > heights[1]  # a larger share stands higher


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--markets", "0"), "1 or more"),
        (("--jobs", "0"), "1 or more"),
        (("--edge", "four"), "'four'"),
        (("--edge", "nan"), "0 to 3"),
        (("--edge", "4"), "0 to 3, not 4"),
        (("--edge", "1", "--kind", "sign_flipped", "--data", "."), "simulated markets only"),
        (("--kind", "sign_flipped"), "--data DIR"),
        (("--kind", "all"), "--data DIR"),
        (("--mutant", "tired"), "leaking_feature"),
        (("--sessions", "3"), "22 or more"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_made(
    options: tuple[str, ...], words: str, tmp_path: Path, capfd: Told
) -> None:
    assert ask(tmp_path, *options) == 2
    assert words in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_without_bars_is_said(tmp_path: Path, capfd: Told) -> None:
    assert ask(tmp_path / "out", "--kind", "all", "--data", str(tmp_path)) == 1
    assert "panel_adjusted" in capfd.readouterr().err


def test_a_market_has_its_seed_by_its_name_and_the_planted_one_has_the_fair_one_s_shocks() -> None:
    assert work.Case("fair", 17).seed == work.Case("fair", 17, 2.0).seed
    assert work.Case("fair", 17).seed != work.Case("fair", 18).seed
    assert work.Case("fair", 17).seed == 814_453_409  # written down: it never changes


def test_a_fair_market_has_no_premium_and_an_edge_only_moves_prices() -> None:
    terms = work.Terms(22)
    fair, planted = (work.market_of(work.Case("fair", 3, edge), terms)["bars"] for edge in (0.0, 3.0))

    assert len(fair) == len(planted)
    assert (fair["close"].to_numpy() != planted["close"].to_numpy()).any()
    assert (
        fair.query("symbol == 'VIX'")["close"].to_numpy()
        == planted.query("symbol == 'VIX'")["close"].to_numpy()
    ).all()


COMMAND = [sys.executable, "-m", "pipelines.cli", "nulls", "--sessions", "22", "--format", "csv"]


@pytest.mark.nightly  # seven lines
def test_a_killed_run_goes_on_and_any_number_of_jobs_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    run = subprocess.Popen(
        [*COMMAND, "--markets", "3", "--folder", str(one)], cwd=ROOT, start_new_session=True
    )
    path = one / "markets.jsonl"
    while not path.exists():
        time.sleep(0.2)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    outputs = [
        subprocess.run(
            [*COMMAND, "--markets", "3", "--folder", str(folder), "--jobs", jobs],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for folder, jobs in ((one, "1"), (two, "2"))
    ]

    assert outputs[0] == outputs[1]
    assert path.read_bytes() == (two / "markets.jsonl").read_bytes()


@pytest.mark.nightly  # two lines
def test_ctrl_c_leaves_what_is_finished_and_no_process(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [*COMMAND, "--markets", "9", "--jobs", "2", "--folder", str(tmp_path)],
        cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "markets.jsonl").exists():
        time.sleep(0.2)
    os.killpg(run.pid, signal.SIGINT)
    _, told = run.communicate(timeout=20)

    assert run.returncode == 130
    assert told.strip().endswith("error: interrupted")
    with NullJournal(tmp_path, {}) as journal:
        assert 1 <= len(journal.outcomes) < 9


@pytest.mark.nightly  # forty lines of full length
@pytest.mark.skipif(not DATA.is_dir(), reason="the shared market data is not here")
def test_no_level_is_broken_on_forty_markets_and_every_gate_can_fire(tmp_path: Path) -> None:
    def run(*more: str) -> int:
        return status_of(["nulls", "--folder", str(tmp_path), "--jobs", "2", *more])

    assert run("--markets", "8", "--kind", "all", "--data", str(DATA)) == 0
    assert run("--markets", "8", "--mutant", "leaking_feature") == 1
    assert run("--markets", "8", "--mutant", "promotes_the_worse") == 1

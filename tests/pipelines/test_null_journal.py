"""The folder of a null gate: resumed, torn, held by another, and never of two settings."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pipelines.null_journal import NullJournal
from trading.errors import HomeError, SchemaError
from trading.evaluation.nulls import Outcome

BOUND = {"code": "c0de", "sessions": "22"}
ONE = Outcome("fair", 0.0, "", 0, -0.5, -1.5, 0.5, ("edge",), duels=4, promoted=1, unearned=0)
TWO = replace(ONE, market=1, claims=())


def written(folder: Path, *outcomes: Outcome) -> Path:
    with NullJournal(folder, BOUND) as journal:
        for outcome in outcomes:
            journal.append(outcome)
    return folder / "markets.jsonl"


def test_what_was_finished_is_there_again(tmp_path: Path) -> None:
    written(tmp_path / "deep" / "folder", ONE, TWO)

    with NullJournal(tmp_path / "deep" / "folder", BOUND) as journal:
        assert journal.outcomes == [ONE, TWO]
        assert not journal.torn


@pytest.mark.parametrize("left", [1, 17, 60])
def test_a_torn_last_line_is_dropped_and_told_and_the_next_one_is_whole(tmp_path: Path, left: int) -> None:
    path = written(tmp_path, ONE, TWO)
    whole, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(whole + last[:left])

    with NullJournal(tmp_path, BOUND) as journal:
        assert journal.outcomes == [ONE]
        assert journal.torn == last[:left].decode()
        journal.append(TWO)

    assert path.read_bytes() == whole + last


def test_a_last_line_without_its_end_counts_as_torn_although_it_can_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, ONE)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))

    with NullJournal(tmp_path, BOUND) as journal:
        assert journal.outcomes == []
        assert json.loads(journal.torn)["market"] == 0
    assert path.read_bytes() == b""


@pytest.mark.parametrize("line", ["no json", "[1]", '{"kind": "fair"}', '{"claims": null}'])
def test_a_whole_line_that_is_no_outcome_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, ONE)
    path.write_text(path.read_text() + line + "\n")

    with pytest.raises(SchemaError, match=r"line 2 of .*markets\.jsonl"), NullJournal(tmp_path, BOUND):
        pass


def test_results_of_other_settings_are_never_mixed(tmp_path: Path) -> None:
    written(tmp_path, ONE)

    with (
        pytest.raises(HomeError, match="rest on other sessions"),
        NullJournal(tmp_path, BOUND | {"sessions": "126"}),
    ):
        pass


def test_a_fact_that_was_not_needed_before_is_added_and_then_binds(tmp_path: Path) -> None:
    written(tmp_path, ONE)
    with NullJournal(tmp_path, BOUND | {"data": "d1"}) as journal:
        assert journal.outcomes == [ONE]

    written(tmp_path)  # without the data again
    with pytest.raises(HomeError, match="other data"), NullJournal(tmp_path, BOUND | {"data": "d2"}):
        pass


def test_a_refused_folder_is_free_for_who_comes_next(tmp_path: Path) -> None:
    written(tmp_path, ONE)
    with pytest.raises(HomeError), NullJournal(tmp_path, {"code": "other"}):
        pass

    assert written(tmp_path, TWO).read_text().count("\n") == 2


HOLDS = """
import sys, time
from pathlib import Path
from pipelines.null_journal import NullJournal
with NullJournal(Path(sys.argv[1]), {}) as journal:
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_at_once_are_told_who_was_first_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HomeError, match=f"process {holder.pid} is writing"), NullJournal(tmp_path, BOUND):
            pass
        holder.kill()
        holder.wait()

    assert written(tmp_path, ONE).exists()


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(HomeError, match=r"cannot write to .*name another --folder"),
        NullJournal(tmp_path / "file", BOUND),
    ):
        pass


def test_a_line_holds_every_field_and_nothing_that_changes_from_run_to_run(tmp_path: Path) -> None:
    line = written(tmp_path, ONE).read_text()

    assert json.loads(line) == asdict(ONE) | {"claims": ["edge"]}

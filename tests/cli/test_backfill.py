"""`fabline backfill` refuses what would mix two systems in one home, before it touches anything."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pipelines import environment, settings
from pipelines.cli import backfill, run
from pipelines.cli.main import status_of
from pipelines.settings import Settings
from pipelines.wiring import Workshop, source_of
from resources.home import Home
from resources.open_home import source_facts
from trading.errors import DataError
from trading.testing.example_rows import example


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def made(new_home: Callable[..., Path]) -> Path:
    """A home of the default settings and market, with a portfolio."""
    path = new_home("home", "bars", "features", "performance")
    Home.open(path).fix_settings(Settings().digest())
    Home.open(path).fix_source(source_facts(source_of(Settings())))
    return path


@pytest.mark.parametrize(
    "command", [("backfill", "--rebuild"), ("backfill", "--from", "2024-01-03"), ("run",)], ids=" ".join
)
def test_another_market_is_refused_even_by_a_rebuild_and_nothing_changes(
    command: tuple[str, ...], made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.set_value(made, "source.seed", "8")
    before = contents(made)

    assert status_of([*command, "--home", str(made)]) == 1

    said = capsys.readouterr().err
    assert "seed 7" in said
    assert "use another FABLINE_HOME" in said
    assert contents(made) == before


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str | None]]:
    """The ranges and inceptions of the runs that were made: none really is."""
    made: list[tuple[str, str, str | None]] = []

    def make(workshop: Workshop, first: pd.Timestamp, last: pd.Timestamp, select: str | None) -> None:
        del select
        workshop.home.fix_settings(workshop.settings.digest())
        made.append((f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}", workshop.home.facts.inception))

    monkeypatch.setattr(backfill, "make", make)
    return made


def rebuild(home: Path, *options: str) -> int:
    return status_of(["backfill", "--rebuild", *options, "--home", str(home)])


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ((), "2024-01-02", "2024-01-05"),
        (("--from", "2024-01-04", "--to", "2024-01-04"), "2024-01-02", "2024-01-05"),
        (("--from", "2023-12-29", "--to", "2024-01-08"), "2023-12-29", "2024-01-08"),
    ],
)
def test_a_rebuild_with_other_settings_makes_all_from_the_inception_to_the_head(
    options: tuple[str, ...], first: str, last: str, made: Path, ranges: list[tuple[str, str, str | None]]
) -> None:
    settings.set_value(made, "burn_in_sessions", "250")

    assert rebuild(made, *options) == 0

    assert ranges == [(first, last, first)]
    assert Home.open(made).facts.settings == settings.load(made).settings.digest()


def test_a_rebuild_with_the_same_settings_makes_what_is_asked_for(
    made: Path, ranges: list[tuple[str, str, str | None]]
) -> None:
    assert rebuild(made, "--from", "2024-01-04", "--to", "2024-01-05", "--select", "features") == 0
    assert ranges == [("2024-01-04", "2024-01-05", "2024-01-02")]


def test_a_rebuild_with_other_settings_makes_no_selection(
    made: Path, ranges: list[tuple[str, str, str | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    settings.set_value(made, "burn_in_sessions", "250")

    assert rebuild(made, "--select", "features") == 2

    assert "leave --select out" in capsys.readouterr().err
    assert ranges == []


def test_a_rebuild_that_fails_must_be_finished_before_anything_else_is_made(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise DataError("a file is broken")

    settings.set_value(made, "burn_in_sessions", "250")
    with monkeypatch.context() as patch:
        patch.setattr(backfill, "make", fail)
        assert rebuild(made) == 1

    for value in ("250", "300"):
        settings.set_value(made, "burn_in_sessions", value)
        assert status_of(["run", "--home", str(made)]) == 1
        assert status_of(["backfill", "--from", "2024-01-04", "--home", str(made)]) == 1
        assert capsys.readouterr().err.count("finish it with `fabline backfill --rebuild`") == 2
    assert status_of(["status", "--home", str(made)]) == 0
    assert "rebuild       broken off" in capsys.readouterr().out


def test_a_finished_rebuild_ends_the_one_that_failed(
    made: Path, ranges: list[tuple[str, str, str | None]]
) -> None:
    with pytest.raises(ZeroDivisionError), Home.open(made).rebuilding("other"):
        raise ZeroDivisionError

    assert rebuild(made, "--from", "2024-01-05") == 0

    assert ranges == [("2024-01-02", "2024-01-05", "2024-01-02")]
    assert not Home.open(made).needs_rebuild(Settings().digest())


def test_a_rebuild_moves_the_inception_later_only_while_nothing_was_traded(
    made: Path, new_home: Callable[..., Path], ranges: list[tuple[str, str, str | None]]
) -> None:
    untraded = new_home("untraded", "bars")
    for home in (untraded, made):
        assert rebuild(home, "--from", "2024-01-04", "--to", "2024-01-05") == 0
    assert [inception for _, _, inception in ranges] == ["2024-01-04", "2024-01-02"]


def backfill_of(home: Path, *options: str) -> int:
    return status_of(["backfill", *options, "--home", str(home)])


def test_a_home_that_is_not_there_is_not_made_by_a_back_fill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backfill_of(tmp_path / "typo", "--from", "2024-01-03", "--to", "2024-01-04") == 1
    assert "there is no home at" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_a_back_fill_of_no_sessions_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backfill_of(made) == 2
    assert capsys.readouterr().err.startswith("error: which sessions?")


@pytest.mark.parametrize(
    ("options", "made_range"),
    [
        (("--from", "2024-01-04"), ("2024-01-04", "2024-01-05")),
        (("--from", "2024-01-09"), ("2024-01-08", "2024-01-09")),  # with the gap between
        (("--rebuild",), ("2024-01-02", "2024-01-05")),
    ],
)
def test_a_back_fill_without_an_end_ends_with_the_home(
    options: tuple[str, ...],
    made_range: tuple[str, str],
    made: Path,
    ranges: list[tuple[str, str, str | None]],
) -> None:
    assert backfill_of(made, *options) == 0
    assert ranges == [(*made_range, "2024-01-02")]


@pytest.mark.parametrize("select", ["nonsense", "", "and and", "nonsense+"])
def test_a_selection_of_nothing_is_refused_before_anything_is_touched(
    select: str, made: Path, ranges: list[tuple[str, str, str | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(made)

    assert backfill_of(made, "--from", "2024-01-04", "--select", select) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"error: --select {select!r} ")
    assert said.count("\n") == 1
    assert contents(made) == before
    assert ranges == []


@pytest.mark.parametrize("command", ["run", "backfill"])
def test_a_command_that_waited_looks_again_how_far_the_home_is(
    command: str, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_ranges: list[tuple[str, str]] = []
    module = {"run": run, "backfill": backfill}[command]
    monkeypatch.setattr(
        module, "make", lambda _, first, last, *__: made_ranges.append((str(first.date()), str(last.date())))
    )
    begun, first, last = threading.Event(), pd.Timestamp("2024-01-08"), pd.Timestamp("2024-01-10")

    def go_on() -> None:
        with Home.open(made).writing("fabline run"):
            begun.set()
            time.sleep(0.5)  # the other command asks for the lock meanwhile; if late, it looks only once
            store = environment.open_store(made)
            store.write({"performance": example("performance", first, last)}, first, last, commit={})
            store.close()

    writer = threading.Thread(target=go_on)
    writer.start()
    begun.wait()
    status = status_of([command, "--from", "2024-01-04", "--to", "2024-01-05", "--wait", "--home", str(made)])
    writer.join()

    assert status == 0
    assert made_ranges == [("2024-01-04", "2024-01-10")]

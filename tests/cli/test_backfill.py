"""`fabline backfill` refuses what would mix two systems in one home, before it touches anything."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import settings
from pipelines.cli.main import status_of
from pipelines.settings import Settings
from pipelines.wiring import source_of
from resources.home import Home
from resources.open_home import source_facts


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

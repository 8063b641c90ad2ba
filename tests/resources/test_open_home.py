"""What an open home knows of its source, and when it begins."""

from pathlib import Path

import pandas as pd
import pytest

from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.home import Home
from resources.open_home import OpenHome, source_facts
from resources.sources import FilesSource, SimulatedSource
from trading.errors import HomeError, UsageError
from trading.testing.example_rows import example
from trading.testing.market import MarketOptions

FIRST = pd.Timestamp("2024-03-04")
EARLIER = pd.Timestamp("2024-03-01")


def opened(path: Path, settings: Settings | None = None) -> OpenHome:
    return Workshop.of(Home.open_or_create(path), settings or Settings()).open()


@pytest.mark.parametrize("other", [MarketOptions(seed=8), MarketOptions(seed=7, edge="planted")])
def test_two_simulated_markets_have_different_facts(other: MarketOptions) -> None:
    facts = source_facts(SimulatedSource(MarketOptions(seed=7)))
    assert facts == source_facts(SimulatedSource(MarketOptions(seed=7)))
    assert facts != source_facts(SimulatedSource(other))


def test_files_are_known_by_their_folder_however_it_is_written_and_by_their_basis(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    facts = source_facts(FilesSource(tmp_path / "a"))
    assert facts == source_facts(FilesSource(tmp_path / "b" / ".." / "a"))
    assert facts != source_facts(FilesSource(tmp_path / "b"))
    assert facts != source_facts(FilesSource(tmp_path / "a", basis="raw"))


def test_a_home_begins_when_it_is_told_to_and_not_when_it_is_asked(tmp_path: Path) -> None:
    home = opened(tmp_path)
    assert home.inception(FIRST) == FIRST
    assert home.inception(EARLIER) == EARLIER

    home.begin(FIRST)
    home.begin(pd.Timestamp("2024-03-08"))

    assert home.home.inception == FIRST
    with pytest.raises(UsageError, match="lies before this home's inception"):
        home.inception(EARLIER)


def test_another_market_may_be_chosen_until_bars_were_written(tmp_path: Path) -> None:
    other = Settings().with_value("source.seed", 8)
    for settings in (Settings(), other):
        with opened(tmp_path, settings).held("a click", "run", wait=False):
            pass
    written = opened(tmp_path, other)
    written.store.write({"bars": example("bars", FIRST, FIRST)}, FIRST, FIRST, commit={})
    written.store.close()

    with (
        pytest.raises(HomeError, match=r"holds data of .*seed 8.*, not of .*seed 7"),
        opened(tmp_path).held("a click", "run", wait=False),
    ):
        pass

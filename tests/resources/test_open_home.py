"""What an open home knows of its source, and when it begins."""

from pathlib import Path

import pytest

from resources.open_home import source_facts
from resources.sources import FilesSource, SimulatedSource
from trading.testing.market import MarketOptions


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

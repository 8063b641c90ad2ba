"""Versions that cannot speak: the others of their model go on, and people are told once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import model_spec
from resources.registry_book import RegistryBook
from resources.version_folder import WEIGHTS, VersionFolder
from trading.errors import CheckpointError, UsageError
from trading.interfaces import ChampionDecision, ModelVersion
from trading.stages.training import MADE_OF, due_versions, made_of

SESSION = pd.Timestamp("2024-05-15")
SPEC = model_spec("ar1")


@pytest.fixture
def folder(tmp_path: Path) -> VersionFolder:
    kept = VersionFolder(tmp_path)
    for number, due in enumerate(due_versions("quarterly", SESSION, SESSION)):
        days = {"live_from": due.live_from, "champion_from": due.champion_from, "retired": due.retired}
        version = ModelVersion(
            "ar1", f"v{number}", due.trained_through, **days, facts={MADE_OF: made_of(SPEC)}
        )
        kept.log(version, PooledAR1(coefficients_=np.array([0.001, 0.1 * number])), {})
    return kept


def speaking(folder: VersionFolder, told: list[str]) -> list[str]:
    book = RegistryBook(folder, [SPEC], tell=lambda version, flaw: told.append(f"{version.version}: {flaw}"))
    twice = [book.live("ar1", SESSION), book.live("ar1", SESSION)]
    return [version.version for version, _ in twice[-1]]


def test_all_three_versions_of_a_quarter_speak(folder: VersionFolder) -> None:
    told: list[str] = []

    assert speaking(folder, told) == ["v0", "v1", "v2"]
    assert told == []


@pytest.mark.parametrize("damage", ["missing", "truncated", "another model's"])
def test_a_damaged_version_is_silent_and_is_told_once(folder: VersionFolder, damage: str) -> None:
    weights, told = folder.root / "ar1" / "v1" / WEIGHTS, []
    if damage == "missing":
        weights.unlink()
    else:
        other = folder.root / "ar1" / "v2" / WEIGHTS
        weights.write_bytes(weights.read_bytes()[:-3] if damage == "truncated" else other.read_bytes())

    assert speaking(folder, told) == ["v0", "v2"]
    assert len(told) == 1
    assert told[0].startswith("v1: ")


def test_where_none_can_speak_the_error_says_what_to_do(folder: VersionFolder) -> None:
    for weights in folder.root.glob(f"ar1/*/{WEIGHTS}"):
        weights.unlink()

    with pytest.raises(CheckpointError, match="fabline train ar1"):
        speaking(folder, [])


def test_a_decision_is_found_by_its_session(folder: VersionFolder) -> None:
    decided = ChampionDecision("ar1", "v1", "promote", SESSION, pd.Timestamp("2024-05-14 21:00", tz="UTC"))
    folder.decide(decided)
    book = RegistryBook(folder, [SPEC])

    assert book.decided("ar1", SESSION) == decided
    assert book.decided("ar1", SESSION + pd.Timedelta(days=1)) is None


def test_a_log_of_decisions_that_cannot_be_read_is_an_error(folder: VersionFolder) -> None:
    (folder.root / "ar1" / "decisions.jsonl").write_text("not json\n")

    with pytest.raises(UsageError, match="is not a log of decisions"):
        folder.decisions("ar1")

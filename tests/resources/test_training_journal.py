"""What a killed training left, and that nothing else is ever gone on from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.logs import FILE, log_to
from resources.training_journal import HomeJournal
from trading.interfaces import ModelVersion
from trading.testing.feature_history import window_of
from trading.testing.stepwise import Stepwise

VERSION = ModelVersion("stepwise", "v1", None, None, None, None)
WINDOW = window_of(np.random.default_rng(2).normal(0, 0.02, (30, 2)))


class Killed(BaseException):
    """Nothing catches it."""


class Told:
    """Remembers what it was told, and kills the training after an epoch."""

    def __init__(self, kill_after: int = 0) -> None:
        self.lines: list[tuple[int, int]] = []
        self.kill_after = kill_after

    def __call__(self, done: int, of: int) -> None:
        self.lines.append((done, of))
        if done == self.kill_after:
            raise Killed


def journal(
    home: Path, told: Told | None = None, version: ModelVersion = VERSION, every: float = 0.0
) -> HomeJournal:
    return HomeJournal(home / "models", version, log_to(home / "logs"), told or Told(), every_seconds=every)


def left(home: Path) -> list[Path]:
    return [path for path in (home / "models").rglob("*") if path.is_file()]


def events(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "logs" / FILE).read_text().splitlines()]


def killed_after(epoch: int, home: Path) -> None:
    with pytest.raises(Killed):
        Stepwise().fit(WINDOW, journal=journal(home, Told(epoch)))


@pytest.mark.parametrize("epoch", [1, 3, 6])
def test_a_resumed_training_gives_the_bytes_and_curves_of_an_undisturbed_one(
    epoch: int, tmp_path: Path
) -> None:
    undisturbed = journal(tmp_path / "other")
    expected = Stepwise().fit(WINDOW, journal=undisturbed)
    killed_after(epoch, tmp_path)

    told = Told()
    resumed = journal(tmp_path, told)
    fitted = Stepwise().fit(WINDOW, journal=resumed)

    assert fitted.to_bytes() == expected.to_bytes()
    assert resumed.curves == undisturbed.curves
    assert resumed.resumed
    assert told.lines == [(number, 6) for number in range(epoch + 1, 7)]
    assert events(tmp_path)[0] | {"event": "training_resumed", "epochs_done": epoch} == events(tmp_path)[0]


def test_when_the_version_is_there_nothing_is_left(tmp_path: Path) -> None:
    told = Told()
    kept = journal(tmp_path, told)
    Stepwise().fit(WINDOW, journal=kept)
    assert len(left(tmp_path)) == 1

    kept.done()

    assert left(tmp_path) == []
    assert told.lines[-1] == (6, 6)
    assert journal(tmp_path).resume() is None


def test_another_version_does_not_go_on_from_it(tmp_path: Path) -> None:
    killed_after(3, tmp_path)

    other = ModelVersion("stepwise", "v2", None, None, None, None)

    assert journal(tmp_path, version=other).resume() is None


@pytest.mark.parametrize(
    "damage",
    [lambda raw: raw[:-1], lambda raw: raw.replace(b"0.75", b"0.76"), lambda _: b"", lambda _: b"[1]\nstate"],
    ids=["cut off", "other figures", "empty", "another file"],
)
def test_a_damaged_state_is_not_believed_and_the_log_says_so(damage: Any, tmp_path: Path) -> None:
    killed_after(3, tmp_path)
    (path,) = left(tmp_path)
    path.write_bytes(damage(path.read_bytes()))

    anew = journal(tmp_path)
    fitted = Stepwise().fit(WINDOW, journal=anew)

    assert fitted == Stepwise().fit(WINDOW)
    assert len(anew.curves) == 6
    assert not anew.resumed
    assert events(tmp_path)[0]["event"] == "training_state_damaged"


def test_short_trainings_write_nothing(tmp_path: Path) -> None:
    quick = journal(tmp_path, every=60.0)

    Stepwise().fit(WINDOW, journal=quick)

    assert left(tmp_path) == []
    assert [epoch["validation_loss"] for epoch in quick.curves] == [1.5 / n for n in range(1, 7)]

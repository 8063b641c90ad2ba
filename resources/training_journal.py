"""What a training has come to, kept in the home until its version is there: a killed one goes on from it.

    models/<model>/.training/<version>.state     a line of JSON (checksum, epochs so far), then the model's bytes

The version's name is a digest of code, settings and training data, so nothing else can go on from it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from resources.files import write_atomically
from trading.interfaces import Curves, ModelVersion

FOLDER = ".training"
# An epoch that ends sooner after the last one that was kept is not worth the write.
KEEP_EVERY_SECONDS = 2.0
Told = Callable[[int, int], None]


class HomeJournal:
    """Implements `trading.interfaces.TrainingJournal` for one version.

    Parameters
    ----------
    models : the home's `models`
    version : what is trained
    log : told when a training goes on from where a killed one was, or cannot
    tell : told after each epoch how many are done, of how many at most
    every_seconds : states that come sooner after one that was kept are not kept

    Attributes
    ----------
    curves : the metrics of each epoch, those before a kill included
    resumed : whether this training went on from what a killed one left
    """

    def __init__(
        self,
        models: Path,
        version: ModelVersion,
        log: FilteringBoundLogger,
        tell: Told,
        *,
        every_seconds: float = KEEP_EVERY_SECONDS,
    ) -> None:
        self._path = models / version.model / FOLDER / f"{version.version}.state"
        self._version = version
        self._log = log
        self._tell = tell
        self._every_seconds = every_seconds
        self._kept_at = time.monotonic()
        self.curves: Curves = ()
        self.resumed = False

    def resume(self) -> bytes | None:
        """The state that a killed training of this version left; None if there is none, or it is damaged."""
        if not self._path.exists():
            return None
        head, _, state = self._path.read_bytes().partition(b"\n")
        facts = _facts(head)
        if facts.get("checksum") != _checksum(state, facts.get("epochs", ())):
            self._log.warning(
                "training_state_damaged", file=str(self._path), then="trained from the beginning"
            )
            self.discard()
            return None
        self.curves, self.resumed = tuple(facts["epochs"]), True
        self._log.info(
            "training_resumed",
            model=self._version.model,
            version=self._version.version,
            epochs_done=len(self.curves),
        )
        return state

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        """Keep the epoch's figures, and from time to time its state, whole or not at all."""
        self.curves = (*self.curves[: number - 1], {name: float(value) for name, value in metrics.items()})
        if time.monotonic() - self._kept_at >= self._every_seconds:
            self._keep(state())
            self._kept_at = time.monotonic()
        self._tell(number, of)

    def done(self) -> None:
        """The version is there: nothing has to be gone on from, and its last epoch was the last of all."""
        self.discard()
        if self.curves:
            self._tell(len(self.curves), len(self.curves))

    def discard(self) -> None:
        """Forget what was kept; the training begins anew."""
        self._path.unlink(missing_ok=True)
        self.resumed = False

    def _keep(self, state: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"checksum": _checksum(state, self.curves), "epochs": list(self.curves)}
        write_atomically(self._path, json.dumps(facts).encode() + b"\n" + state)


def _facts(head: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(head)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _checksum(state: bytes, epochs: object) -> str:
    return hashlib.sha256(json.dumps(epochs).encode() + b"\n" + state).hexdigest()

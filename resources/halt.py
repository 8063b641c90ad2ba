"""The kill switch of a home: a file that is looked at before every order and at every event."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from resources.files import write_atomically
from trading.errors import TradingHaltedError

FILE_NAME = "halt.json"


@dataclass(frozen=True)
class Halt:
    """Why nothing is traded, since when (UTC, ISO), and who said so: `person` or `reconciliation`."""

    reason: str
    since: str
    by: str


class HaltSwitch:
    """Whether a home may send orders; every look is a look at the file, so all processes obey at once.

    Parameters
    ----------
    folder : of the home
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def state(self) -> Halt | None:
        """Why trading is halted, None if it is not; a file that cannot be read halts it too."""
        try:
            return Halt(**json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            return Halt(f"{self.path} is there and cannot be read", "unknown", "unknown")

    def halt(self, reason: str, by: str, now: pd.Timestamp) -> Halt:
        """Switch trading off; the first reason stays until trading is resumed."""
        standing = self.state()
        if standing is None:
            standing = Halt(reason, now.isoformat(), by)
            write_atomically(self.path, json.dumps(asdict(standing), indent=2) + "\n")
        return standing

    def resume(self) -> Halt | None:
        """Switch trading on again; returns what had halted it."""
        before = self.state()
        self.path.unlink(missing_ok=True)
        return before

    def check(self) -> None:
        """TradingHaltedError if trading is halted."""
        standing = self.state()
        if standing is not None:
            raise TradingHaltedError(
                f"trading is halted since {standing.since} by {standing.by}: {standing.reason}; nothing is sent "
                f"until `fabline resume`"
            )

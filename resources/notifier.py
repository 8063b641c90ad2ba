"""Telling people: the port, and its simplest implementation."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from resources.logs import log_to

URGENT = ("failed", "refused", "lost", "late", "suspected")


class Notifier(Protocol):
    """Somewhere that people look."""

    def notify(self, event: str, /, **facts: str) -> None:
        """Tell of `event` (words_with_underscores) and its facts; never raises because nobody listens."""
        ...


class LogNotifier:
    """Notices as JSON lines in the home's log; what `failed` is an error there, the rest is information.

    Parameters
    ----------
    folder : the home's `logs`
    """

    def __init__(self, folder: Path) -> None:
        self._log = log_to(folder)

    def notify(self, event: str, /, **facts: str) -> None:
        """Append one line."""
        tell = self._log.error if event.endswith(URGENT) else self._log.info
        with suppress(OSError):  # a full disk must not turn a notice into a second failure
            tell(event, **facts)

"""Structured events of the shell as JSON lines: what happened, when, in which run and session.

The core logs nothing; its facts are return values. Secrets never reach a file: values under
telling names and the passwords of addresses are blotted out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

FILE = "fabline.jsonl"
BLOT = "***"
LARGEST_BYTES = 10 << 20
_TELLING = re.compile(r"secret|password|passwd|token|api_?key|authorization|credential", re.IGNORECASE)
_ADDRESS = re.compile(r"(://[^:/\s@]*:)[^@\s/]+(@)")


def log_to(folder: Path, **facts: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that appends to `folder`/fabline.jsonl; `facts` (run_id, session) are on every line.

    The file is turned over at 10 MB, and one old one is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return structlog.wrap_logger(
        _Lines(folder / FILE),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redacted,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        context_class=dict,
    ).bind(**facts)


def redacted(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The event without its secrets, also within mappings and lists."""
    del logger, method
    return {name: _blotted(name, value) for name, value in event.items()}


def _blotted(name: str, value: Any) -> Any:
    if _TELLING.search(name):
        return BLOT
    if isinstance(value, Mapping):
        return {str(key): _blotted(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_blotted("", inner) for inner in value]
    return _ADDRESS.sub(rf"\1{BLOT}\2", value) if isinstance(value, str) else value


class _Lines:
    """Appends lines to a file that is open only meanwhile: several processes may write, none holds it.

    structlog calls the method that is named like the level.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def msg(self, line: str) -> None:
        """Append one line in one write; turn the file over when it is full."""
        if self._path.exists() and self._path.stat().st_size > LARGEST_BYTES:
            self._path.replace(self._path.with_suffix(".old.jsonl"))
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    debug = info = warning = error = critical = exception = msg

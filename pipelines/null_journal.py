"""The folder of a null gate: one line a finished market, so that a killed run goes on where it stopped.

nulls.json       what the results rest on: run length, settings, code, real bars
markets.jsonl    one outcome a line
nulls.lock       who is writing now
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from resources.files import write_atomically
from trading.errors import HomeError, SchemaError
from trading.evaluation.nulls import Outcome


class NullJournal:
    """The outcomes in a folder, open for one writer: a context manager that holds the folder.

    Parameters
    ----------
    folder : made if it is not there
    bound : what results must rest on; a fact that the folder does not know yet is added to it

    Attributes
    ----------
    outcomes : those that are there
    torn : the beginning of a line that a killed writer left, and that was dropped; empty if there was none

    Raises
    ------
    HomeError
        If another process writes to the folder, its results rest on something else, or it cannot be written.
    SchemaError
        If a whole line is no outcome.
    """

    def __init__(self, folder: Path, bound: Mapping[str, str]) -> None:
        self._folder, self._bound = folder, dict(bound)
        self._lock: IO[str] | None = None
        self.outcomes: list[Outcome] = []
        self.torn = ""

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = self._held()
            self._bind()
            self._read()
        except OSError as error:
            self._release()
            raise HomeError(
                f"cannot write to {self._folder}: {error.strerror}; name another --folder"
            ) from None
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    @property
    def _path(self) -> Path:
        return self._folder / "markets.jsonl"

    def append(self, outcome: Outcome) -> None:
        """Keep an outcome; when this returns it survives a power cut."""
        with self._path.open("ab") as file:
            file.write((json.dumps(asdict(outcome)) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
        self.outcomes.append(outcome)

    def _held(self) -> IO[str]:
        file = (self._folder / "nulls.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "unknown"
            file.close()
            raise HomeError(
                f"process {holder} is writing to {self._folder}; wait for it, or name another --folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.close()  # the system lets go of the lock, also of a process that was killed
            self._lock = None

    def _bind(self) -> None:
        path = self._folder / "nulls.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        other = [name for name, value in self._bound.items() if known.get(name, value) != value]
        if other:
            raise HomeError(
                f"the results in {self._folder} rest on other {' and '.join(other)}; results are never mixed: "
                f"name another --folder, or remove this one"
            )
        write_atomically(path, json.dumps(known | self._bound, indent=1, sort_keys=True) + "\n")

    def _read(self) -> None:
        raw = self._path.read_bytes() if self._path.exists() else b""
        whole, _, rest = raw.rpartition(b"\n")
        self.torn = rest.decode(errors="replace")
        if rest:
            write_atomically(self._path, whole + b"\n" if whole else b"")
        self.outcomes = [self._outcome(line, place) for place, line in enumerate(whole.splitlines(), start=1)]

    def _outcome(self, line: bytes, place: int) -> Outcome:
        try:
            row = json.loads(line)
            return Outcome(**{**row, "claims": tuple(row["claims"])})
        except (ValueError, TypeError, KeyError):
            raise SchemaError(
                f"line {place} of {self._path} is no outcome of a market; remove the line, and that market is made again"
            ) from None

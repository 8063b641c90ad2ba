"""The home: one folder that holds all state of one system, its facts, and the lock of its writer.

dagster/      DAGSTER_HOME, with its dagster.yaml
tables/       computed tables (Delta)
fabline.db    recorded tables (SQLite, unless PostgreSQL is set)
mlflow/       MLflow's database and artifacts
models/       versions of models and their weights
cache/        forecasts that were made before; may be removed at any time
reports/ logs/ datadocs/
fabline.toml  settings
home.json     what the home is: format, inception, source, digest of its settings
home.lock     who is writing now
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import IO, Any, Self

import pandas as pd

from resources import clock as wall
from resources.files import write_atomically
from trading.calendar import session_of
from trading.errors import HomeError, UsageError
from trading.interfaces import Clock

FORMAT = 1
_GLANCES, _GLANCE_SECONDS = 3, 0.02
_FOLDERS = ("dagster", "tables", "mlflow", "models", "reports", "logs", "datadocs")


@dataclass(frozen=True)
class HomeFacts:
    """What a home is; written once, bit by bit, by its first run.

    Attributes
    ----------
    format : of the home's files
    created_by : version of Fabline that made it
    id : random, so that a database knows whose it is; empty in a home that has none yet
    inception : first session that trades, as YYYY-MM-DD
    source : facts of the market data (name, basis, seed or folder ...), which never change
    settings : digest of the settings that change numbers
    rebuilding : digest of the settings to which a rebuild that has not ended yet moves the home
    what_if : of a copy that was restated: as_of, of (path), id (of the original), last (session), and
        made (when it was finished) and continues where they are so; empty in any other home
    """

    format: int = FORMAT
    created_by: str = ""
    id: str = ""
    inception: str | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    settings: str | None = None
    rebuilding: str | None = None
    what_if: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_unfinished(self) -> bool:
        """Whether this is a what-if copy that was not made to its end."""
        return bool(self.what_if) and not self.what_if.get("made")


@dataclass(frozen=True)
class Holder:
    """Who writes to a home: process, Dagster run, command, and since when (UTC, ISO)."""

    pid: int
    run_id: str
    command: str
    started: str


class Home:
    """An existing home; `Home.open_or_create` makes one, `Home.open` refuses to.

    Parameters
    ----------
    path : folder
    clock : dates the writer's lock
    unfinished : whether a what-if copy that is still being made is let in
    """

    def __init__(self, path: str | Path, *, clock: Clock = wall.now, unfinished: bool = False) -> None:
        self.path = Path(path).absolute()
        self._clock = clock
        self._thread = threading.RLock()
        self._lock_file: IO[str] | None = None
        self._depth = 0
        self._rebuilds: str | None = None
        self._check_format()
        if self.facts.is_unfinished and not unfinished:
            raise HomeError(
                f"{self.path} is a what-if copy that was broken off, and no home; make it anew with the same "
                f"`fabline restate` (as of {self.facts.what_if['as_of']}), or remove the folder"
            )

    @classmethod
    def open(cls, path: str | Path, *, clock: Clock = wall.now) -> Self:
        """The home at `path`.

        Raises
        ------
        HomeError
            If there is none, or a newer Fabline wrote it.
        """
        if not (Path(path) / "home.json").is_file():
            raise HomeError(f"there is no home at {Path(path).absolute()}; `fabline run` makes one")
        return cls(path, clock=clock)

    @classmethod
    def create_what_if(
        cls, path: Path, what_if: Mapping[str, str], *, created_by: str, dagster_yaml: Path | None
    ) -> Self:
        """A new home that is a what-if copy, and none for anybody else until `finish_what_if`."""
        path.mkdir(parents=True)
        facts = HomeFacts(created_by=created_by, id=secrets.token_hex(6), what_if=dict(what_if))
        write_atomically(path / "home.json", _json(facts))
        home = cls(path, unfinished=True)
        for folder in _FOLDERS:
            (path / folder).mkdir(exist_ok=True)
        if dagster_yaml is not None:
            shutil.copyfile(dagster_yaml, path / "dagster" / "dagster.yaml")
        return home

    def finish_what_if(self) -> None:
        """Say that the copy is whole: from now on it is a home."""
        made = self._clock().isoformat()
        self._write(replace(self.facts, what_if={**self.facts.what_if, "made": made}))

    def continue_what_if(self) -> None:
        """Let the copy go on after its last restated session, with bars of its source.

        Raises
        ------
        UsageError
            If this is no what-if copy.
        """
        if not self.facts.what_if:
            raise UsageError(f"{self.path} is no what-if copy; it goes on without being asked")
        self._write(replace(self.facts, what_if={**self.facts.what_if, "continues": "true"}))

    @classmethod
    def open_or_create(
        cls,
        path: str | Path,
        *,
        created_by: str = "",
        dagster_yaml: Path | None = None,
        clock: Clock = wall.now,
    ) -> Self:
        """The home at `path`, made if need be; `dagster_yaml` seeds DAGSTER_HOME unless it has one."""
        root = Path(path)
        try:
            for folder in _FOLDERS:
                (root / folder).mkdir(parents=True, exist_ok=True)
            if not (root / "home.json").exists():
                facts = HomeFacts(created_by=created_by, id=secrets.token_hex(6))
                write_atomically(root / "home.json", _json(facts))
            if dagster_yaml is not None and not (root / "dagster" / "dagster.yaml").exists():
                shutil.copyfile(dagster_yaml, root / "dagster" / "dagster.yaml")
        except OSError as error:
            raise HomeError(f"no home can be made at {root}: {error.strerror}; set FABLINE_HOME") from error
        return cls(path, clock=clock)

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.path / "dagster"

    @property
    def tables(self) -> Path:
        """Root of the computed tables."""
        return self.path / "tables"

    @property
    def database(self) -> Path:
        """SQLite file of the recorded tables."""
        return self.path / "fabline.db"

    @property
    def mlflow(self) -> Path:
        """Folder of MLflow's database and artifacts."""
        return self.path / "mlflow"

    @property
    def models(self) -> Path:
        """Folder of model versions."""
        return self.path / "models"

    @property
    def cache(self) -> Path:
        """Folder of what can be made again at any time; it need not exist."""
        return self.path / "cache"

    @property
    def reports(self) -> Path:
        """Folder of reports."""
        return self.path / "reports"

    @property
    def logs(self) -> Path:
        """Folder of logs and notices."""
        return self.path / "logs"

    @property
    def datadocs(self) -> Path:
        """Folder of validation documents."""
        return self.path / "datadocs"

    @property
    def settings(self) -> Path:
        """The settings file; it may not exist."""
        return self.path / "fabline.toml"

    @property
    def facts(self) -> HomeFacts:
        """What the home says of itself now."""
        return HomeFacts(**_loaded(self.path / "home.json"))

    @property
    def inception(self) -> pd.Timestamp | None:
        """First session that trades, None before the first run."""
        day = self.facts.inception
        return None if day is None else session_of(day)

    def inception_for(self, session: pd.Timestamp) -> pd.Timestamp:
        """The home's inception, or `session` while there is none.

        Raises
        ------
        UsageError
            If `session` lies before the inception.
        """
        fixed = self.inception
        if fixed is not None and session < fixed:
            raise UsageError(
                f"{session:%Y-%m-%d} lies before this home's inception, {fixed:%Y-%m-%d}; start there or "
                f"later, rebuild the home from the earlier session with --rebuild, or use another FABLINE_HOME"
            )
        return session if fixed is None else fixed

    def fix_inception(self, session: pd.Timestamp) -> pd.Timestamp:
        """The home's inception, which the first call fixes; UsageError if `session` lies before it."""
        fixed = self.inception_for(session)
        self.move_inception(fixed)
        return fixed

    def move_inception(self, session: pd.Timestamp) -> None:
        """Let the home begin at `session`: for a rebuild, which makes everything from there on."""
        self._write(replace(self.facts, inception=f"{session:%Y-%m-%d}"))

    def check_source(self, source: Mapping[str, str]) -> None:
        """HomeError if the home is bound to another source: bars are never taken back, not by a rebuild."""
        bound = self.facts.source
        if bound and dict(bound) != dict(source):
            raise HomeError(
                f"this home holds data of {_spelled(bound)}, not of {_spelled(source)}; two markets never "
                f"mix, not even with --rebuild: undo the change of source.*, or use another FABLINE_HOME"
            )

    def fix_source(self, source: Mapping[str, str], *, empty: bool = False) -> None:
        """Bind the home to one source; HomeError if it is bound to another, unless its tables are `empty`."""
        if not empty:
            self.check_source(source)
        self._write(replace(self.facts, source=dict(source)))

    def needs_rebuild(self, digest: str) -> bool:
        """Whether the home, or a part of it, was made with other settings than those of `digest`."""
        facts = self.facts
        if facts.inception is None:  # nothing was made with any settings yet
            return False
        return facts.rebuilding is not None or facts.settings not in (None, digest)

    @contextmanager
    def rebuilding(self, digest: str) -> Iterator[None]:
        """Let runs with other settings write; the home is bound to them if no error comes, else it says so.

        Until then its tables may be a mixture of two settings, and every run but a rebuild is refused.
        """
        self._write(replace(self.facts, rebuilding=digest))
        self._rebuilds = digest
        try:
            yield
        finally:
            self._rebuilds = None
        self._write(replace(self.facts, settings=digest, rebuilding=None))

    def fix_settings(self, digest: str) -> None:
        """Bind the home to settings that change numbers; HomeError if it was made with others.

        A home without an inception holds nothing and takes any.
        """
        if self._rebuilds == digest:
            return
        facts = self.facts
        if facts.rebuilding is not None:
            raise HomeError(
                f"a rebuild of this home (to the settings of digest {facts.rebuilding}) was broken off, and its "
                f"tables mix two settings; finish it with `fabline backfill --rebuild`, or use another FABLINE_HOME"
            )
        if self.needs_rebuild(digest):
            raise HomeError(
                f"this home was made with other settings (digest {facts.settings}, now {digest}); undo the "
                f"change (`fabline config show`), use another FABLINE_HOME, or --rebuild"
            )
        self._write(replace(facts, settings=digest))

    @contextmanager
    def writing(self, command: str, *, run_id: str = "", wait: bool = False) -> Iterator[None]:
        """Hold the home for writing; a nested call of the same `Home` in the same thread holds it already.

        The operating system releases the lock of a process that ends, however it ends.

        Raises
        ------
        HomeError
            If someone else holds it and `wait` is false; names the holder.
        """
        if not self._thread.acquire(blocking=wait):
            raise _busy(self.path, self.holder())
        try:
            if not self._depth:
                self._lock_file = self._locked(wait=wait)
                self._say_holder(Holder(os.getpid(), run_id, command, self._clock().isoformat()))
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    self._release()
        finally:
            self._thread.release()

    def holder(self) -> Holder | None:
        """Who holds the home for writing now, None if nobody does."""
        path = self.path / "home.lock"
        if not path.exists():
            return None
        with path.open("r", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read()
                return Holder(**json.loads(text)) if text else Holder(0, "", "unknown", "")
        return None

    def _locked(self, *, wait: bool) -> IO[str]:
        file = (self.path / "home.lock").open("a+", encoding="utf-8")
        for _ in range(_GLANCES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                time.sleep(_GLANCE_SECONDS)  # somebody may just be looking who holds the home
            else:
                return file
        file.close()
        raise _busy(self.path, self.holder())

    def _say_holder(self, holder: Holder) -> None:
        if self._lock_file is not None:
            self._lock_file.truncate(0)
            self._lock_file.write(json.dumps(asdict(holder)))
            self._lock_file.flush()

    def _release(self) -> None:
        if self._lock_file is not None:
            self._lock_file.truncate(0)
            self._lock_file.close()
            self._lock_file = None

    def _write(self, facts: HomeFacts) -> None:
        if facts != self.facts:
            write_atomically(self.path / "home.json", _json(facts))

    def _check_format(self) -> None:
        raw = _loaded(self.path / "home.json")
        if raw["format"] > FORMAT:
            raise HomeError(
                f"the home {self.path} was written by a newer Fabline ({raw.get('created_by') or 'unknown'}, "
                f"format {raw['format']}, this one knows {FORMAT}); install that version or use another home"
            )
        unknown = sorted(raw.keys() - {known.name for known in fields(HomeFacts)})
        if unknown:
            raise HomeError(
                f"{self.path / 'home.json'} names {', '.join(unknown)}, which a home does not have; "
                f"restore it from a copy of the home"
            )


def _busy(path: Path, holder: Holder | None) -> HomeError:
    who = (
        "another run"
        if holder is None
        else f"`{holder.command}` (run {holder.run_id or '-'}, process {holder.pid})"
    )
    since = "" if holder is None else f" since {holder.started}"
    return HomeError(f"the home {path} is being written by {who}{since}; wait for it with --wait, or stop it")


def _loaded(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HomeError(f"there is no home at {path.parent}; `fabline run` makes one") from None
    except ValueError:
        raise HomeError(f"{path} is not JSON; restore it from a copy of the home") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("format"), int):
        raise HomeError(f"{path} does not describe a home; restore it from a copy of the home")
    return raw


def _json(facts: HomeFacts) -> str:
    return json.dumps(asdict(facts), indent=2, sort_keys=True) + "\n"


def _spelled(source: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(source.items()))

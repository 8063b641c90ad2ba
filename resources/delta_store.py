"""Computed tables as Delta tables: one folder a table, one commit a write, any version readable.

A write replaces exactly the sessions of its range. Readers see the version before or the version
after, never a mixture; a killed writer leaves at most a file that no version mentions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pandas as pd
import pyarrow as pa

from resources.arrow_frames import completed, from_arrow, to_arrow
from trading import frames
from trading.errors import FablineError, HomeError, SourceUnavailableError, UsageError
from trading.revisions import as_known, checked

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable

COMPACT_AT_FILES = 20
ATTEMPTS = 8
FIRST_PAUSE_SECONDS = 0.05
_QUOTED = 200  # characters of the engine's own words
_UNWRITABLE = ("No space left", "File too large", "quota exceeded", "Permission denied", "Read-only file")
_Result = TypeVar("_Result")


class Written(NamedTuple):
    """The version of a table that holds what was written, and what that was: validated, sorted by key."""

    version: int
    rows: pd.DataFrame


class DeltaStore:
    """Delta tables under one root.

    Parameters
    ----------
    root : local folder or the address of an object store (`s3://bucket/prefix`)
    storage_options : passed to the object store, credentials among them
    """

    def __init__(self, root: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        self.root = str(root).rstrip("/")
        self._options = dict(storage_options or {})
        self._newest: dict[
            str, DeltaTable
        ] = {}  # as this store last wrote or read them: a version never changes

    def read(
        self,
        table: str,
        first: pd.Timestamp | None = None,
        last: pd.Timestamp | None = None,
        *,
        as_of: pd.Timestamp | None = None,
        revisions: bool = False,
        timeframe: str | None = None,
        symbol: str | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """Rows of a range of sessions, sorted by key; of the newest `version` unless one is given.

        Raises
        ------
        UsageError
            If the table has no such version.
        HomeError
            If a `version` is asked of a table that is not there, or files of the table are damaged.
        """
        opened = self._open(table, version)
        if opened is None:
            return frames.empty(table)
        with self._spoken(table):
            rows = _select(opened, table, first, last, {"timeframe": timeframe, "symbol": symbol})
        return as_known(table, from_arrow(table, completed(table, rows)), as_of, revisions=revisions)

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        commit: Mapping[str, str],
    ) -> None:
        """Replace exactly the sessions `first` to `last` of each table, one commit a table."""
        self.commit(tables, first, last, commit=commit)

    def commit(
        self,
        tables: Mapping[str, pd.DataFrame],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        commit: Mapping[str, str],
    ) -> dict[str, Written]:
        """`write`, and what came of it for each table."""
        valid = {name: checked(name, frame, first, last) for name, frame in tables.items()}
        facts = {**commit, "first": f"{first:%Y-%m-%d}", "last": f"{last:%Y-%m-%d}"}
        return {
            name: Written(self._replace(name, frame, first, last, facts), frame)
            for name, frame in valid.items()
        }

    def version(self, table: str) -> int | None:
        """The newest version, None if there is no such table yet."""
        opened = self._open(table)
        return None if opened is None else opened.version()

    def reset(self, table: str, version: int | None) -> None:
        """Make `version` the newest again, as one more version; None empties the table.

        Raises
        ------
        HomeError
            If there is no such table any more.
        """
        opened = self._open(table)
        if opened is None and version is not None:
            raise self._gone(table)
        if opened is None or opened.version() == version:
            return
        with self._spoken(table):
            if version is None:
                opened.delete()
            else:
                opened.restore(version)

    def history(self, table: str) -> list[dict[str, object]]:
        """Commits of a table with their metadata, the newest first."""
        opened = self._open(table)
        return [] if opened is None else opened.history()

    def tables(self) -> pd.DataFrame:
        """One row a table: table, rows, first_session, last_session, version."""
        return listing([self.describe(name) for name in self._names()])

    def describe(self, table: str, version: int | None = None) -> dict[str, object]:
        """A table's row of the list, from the statistics of its files."""
        opened = self._open(table, version)
        if opened is None:
            return {"table": table, "rows": 0, "first_session": None, "last_session": None, "version": None}
        files = pa.table(opened.get_add_actions(flatten=True)).to_pandas()
        empty = files.empty
        return {
            "table": table,
            "rows": 0 if empty else int(files["num_records"].sum()),
            "first_session": None if empty else files["min.session"].min(),
            "last_session": None if empty else files["max.session"].max(),
            "version": opened.version(),
        }

    def _names(self) -> list[str]:
        import pyarrow.fs

        if "://" not in self.root:
            root = Path(self.root)
            return sorted(p.parent.name for p in root.glob("*/_delta_log")) if root.exists() else []
        system, path = pyarrow.fs.FileSystem.from_uri(self.root)
        entries = system.get_file_info(pyarrow.fs.FileSelector(path, allow_not_found=True))
        return sorted(e.base_name for e in entries if e.type == pyarrow.fs.FileType.Directory)

    def _uri(self, table: str) -> str:
        frames.table_of(table)
        return f"{self.root}/{table}"

    def holds(self, table: str, version: int) -> bool:
        """Whether the folder of a table still has the entry of a version that was there; told of local folders only."""
        entry = Path(self._uri(table)) / "_delta_log" / f"{version:020d}.json"
        return "://" in self.root or entry.is_file()

    def _open(self, table: str, version: int | None = None) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        kept = self._kept(table, version)
        if kept is not None:
            return kept
        try:
            opened = DeltaTable(self._uri(table), version=version, storage_options=self._options)
        except TableNotFoundError:
            if version is not None:
                raise self._gone(table) from None
            return None
        except (DeltaError, OSError) as error:
            if version is not None and self._open(table) is not None:
                raise UsageError(
                    f"table {table} has no version {version}; `fabline show` lists the versions"
                ) from error
            raise self._complaint(table, error) from error
        self._newest[table] = opened
        return opened

    def _kept(self, table: str, version: int | None) -> DeltaTable | None:
        """The table as it was last opened, if that is the version asked for or can be brought up to the newest."""
        kept = self._newest.get(table)
        if kept is None or not self.holds(table, kept.version()):
            return None
        if version is None and "://" not in self.root:
            with self._spoken(table):
                kept.update_incremental()
            return kept
        return kept if kept.version() == version else None

    @contextmanager
    def _spoken(self, table: str) -> Iterator[None]:
        """What the engine says, in our words; that somebody else has committed is for the caller."""
        from deltalake.exceptions import CommitFailedError

        try:
            yield
        except (FablineError, CommitFailedError):
            raise
        except Exception as error:  # it raises bare exceptions for files that it cannot read
            raise self._complaint(table, error) from error

    def _complaint(self, table: str, error: Exception) -> FablineError:
        text = " ".join(str(error).split())[:_QUOTED]
        where = f"table {table} at {self._uri(table)}"
        if any(word in text for word in _UNWRITABLE):
            return SourceUnavailableError(
                f"{where} cannot be written: {text}; free disk space, or check permissions"
            )
        if "://" in self.root:
            return SourceUnavailableError(f"{where}: {text}; is the object store reachable?")
        return HomeError(f"{where} is damaged: {text}; restore the home from a copy")

    def _gone(self, table: str) -> HomeError:
        return HomeError(
            f"table {table} was written, but is not at {self._uri(table)}; restore the home from a copy, or "
            f"use another FABLINE_HOME (and another FABLINE_DATABASE_URL, if that is set)"
        )

    def _replace(
        self,
        table: str,
        frame: pd.DataFrame,
        first: pd.Timestamp,
        last: pd.Timestamp,
        facts: Mapping[str, str],
    ) -> int:
        from deltalake import CommitProperties

        properties = CommitProperties(custom_metadata=dict(facts))
        rows = to_arrow(table, frame)
        written = _retried(lambda: self._overwrite(table, rows, _between(first, last), properties), table)
        self._newest[table] = written
        return _compacted(written)

    def _overwrite(self, table: str, rows: pa.Table, where: str, properties: CommitProperties) -> DeltaTable:
        from deltalake import DeltaTable, write_deltalake

        with self._spoken(table):
            opened = self._open(table) or DeltaTable.create(
                self._uri(table), schema=rows.schema, mode="ignore", storage_options=self._options
            )
            if rows.num_rows:
                older = len(opened.schema().fields) < len(rows.schema)
                write_deltalake(
                    opened,
                    rows,
                    mode="overwrite",
                    predicate=where,
                    commit_properties=properties,
                    schema_mode="merge" if older else None,
                )
            else:
                opened.delete(where, commit_properties=properties)
        return opened


def _compacted(opened: DeltaTable) -> int:
    """The newest version after joining small files, where there are many."""
    from deltalake.exceptions import CommitFailedError

    if len(opened.file_uris()) >= COMPACT_AT_FILES:
        with suppress(CommitFailedError):  # someone else wrote meanwhile: the next write compacts
            opened.optimize.compact()
    return opened.version()


def listing(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Descriptions of tables as a frame, ordered by name."""
    columns = ["table", "rows", "first_session", "last_session", "version"]
    frame = pd.DataFrame(sorted(rows, key=lambda row: str(row["table"])), columns=columns)
    types = {"table": "str", "rows": "int64", "version": "Int64"}
    frame = frame.astype(types)
    for column in ("first_session", "last_session"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    return frame


def _select(
    opened: DeltaTable,
    table: str,
    first: pd.Timestamp | None,
    last: pd.Timestamp | None,
    narrow: Mapping[str, str | None],
) -> pa.Table:
    """Rows sorted by key, of the columns that the table had when it was written."""
    from deltalake import QueryBuilder

    held = {field.name for field in opened.schema().fields}
    columns = ", ".join(f'"{name}"' for name in frames.columns(table) if name in held)
    order = ", ".join(f'"{name}"' for name in frames.table_of(table).key if name in held)
    where = " AND ".join(part for part in (_between(first, last), *_equal(narrow, held)) if part)
    query = f"SELECT {columns} FROM t {f'WHERE {where} ' if where else ''}ORDER BY {order}"  # noqa: S608 - names are declared, bounds are dates
    return pa.table(QueryBuilder().register("t", opened).execute(query).read_all())


def _between(first: pd.Timestamp | None, last: pd.Timestamp | None) -> str:
    bounds = [(">=", first), ("<=", last)]
    return " AND ".join(f"session {sign} '{day:%Y-%m-%d}'" for sign, day in bounds if day is not None)


def _equal(narrow: Mapping[str, str | None], held: Collection[str]) -> list[str]:
    """Conditions for the rows with these values, of columns that the table has; None narrows nothing."""
    wanted = {name: value for name, value in narrow.items() if value is not None and name in held}
    return ["{} = '{}'".format(name, value.replace("'", "''")) for name, value in wanted.items()]


def _retried(action: Callable[[], _Result], table: str) -> _Result:
    """`action`, tried again with growing pauses while other writers commit to the same table."""
    from deltalake.exceptions import CommitFailedError

    for attempt in range(ATTEMPTS):
        try:
            return action()
        except CommitFailedError as error:
            cause = error
            time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
    raise SourceUnavailableError(
        f"table {table}: {ATTEMPTS} attempts to commit met other writers; run it again: {cause}"
    ) from cause

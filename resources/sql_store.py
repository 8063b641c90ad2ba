"""Recorded tables in a database: what was observed or traded, in SQLite or PostgreSQL through ADBC.

One write is one transaction over all of its tables. Bars, corporate actions and quarantine only
grow (`trading.revisions` says how); every other table has exactly the sessions of the write
replaced. `commits` says which run wrote what; its last version of a table is the table's version.
"""
# ruff: noqa: S608 - statements are made of declared names and of dates and numbers that we print

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from resources import clock as wall
from resources import sql_tables
from resources.arrow_frames import as_arrow, from_arrow, to_arrow
from resources.delta_store import listing
from resources.proofs import Proof
from resources.sql_dialects import COMMIT_COLUMNS, COMMIT_SCHEMA, COMMITS, Connection, Dialect, dialect_of
from resources.sql_tables import FORMAT, RECORDED
from trading import frames
from trading.errors import HomeError
from trading.interfaces import Clock
from trading.revisions import APPEND_ONLY, additions, as_known, checked


class SqlStore:
    """Recorded tables of one home.

    Parameters
    ----------
    address : path of an SQLite file, or `postgresql://…`
    create : whether to make the database's tables (and SQLite's file) if they are not there
    clock : dates the revisions that a source gave no later `known_at`, and the commits
    home : id of the home whose database this is; the first home to come keeps it. Empty: not asked
    """

    def __init__(
        self, address: str | Path, *, create: bool = True, clock: Clock = wall.now, home: str = ""
    ) -> None:
        self.dialect: Dialect = dialect_of(address, create=create)
        self._create = create
        self._clock = clock
        self._home = home
        self._lock = threading.RLock()
        self._connection: Connection | None = None

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
    ) -> pd.DataFrame:
        """Rows of a range of sessions known at `as_of`, sorted by key: the newest of each, or all `revisions`."""
        where = self._where(table, first, last, as_of, timeframe=timeframe, symbol=symbol)
        return as_known(table, self._rows(table, where), None, revisions=revisions)

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        commit: Mapping[str, str],
    ) -> None:
        """Replace the sessions `first` to `last` of each table, or add to it, all in one transaction."""
        self.publish(tables, first, last, commit=commit)

    def publish(
        self,
        tables: Mapping[str, pd.DataFrame],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        commit: Mapping[str, str],
        elsewhere: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """`write`, and in the same transaction the (version, rows) of tables that are stored `elsewhere`."""
        valid = {name: checked(name, frame, first, last) for name, frame in tables.items()}
        with self._transaction():
            for name, frame in valid.items():
                rows = self._put(name, frame, first, last)
                self._execute(self._record(commit, first, last, name, (self.version(name) or 0) + 1, rows))
            for name, (version, rows) in (elsewhere or {}).items():
                self._execute(self._record(commit, first, last, name, version, rows))

    def version(self, table: str) -> int | None:
        """The version of the last commit of `table`, None if there was none."""
        found = self.query(f"SELECT max(version) AS v FROM commits WHERE \"table\" = '{table}'")
        version = found["v"][0].as_py()
        return None if version is None else int(version)

    def commits(self) -> pd.DataFrame:
        """Every write: table, version, first, last, rows, run_id, written_at, facts (JSON)."""
        names = ", ".join(f'"{name}"' for name in COMMIT_COLUMNS)
        rows = self.query(f'SELECT {names} FROM commits ORDER BY written_at, "table"').to_pandas()
        for column, dtype in COMMIT_COLUMNS.items():
            rows[column] = _moments(rows[column]) if dtype.endswith("UTC]") else rows[column].astype(dtype)
        return rows

    def content(self, table: str) -> pa.Table:
        """All rows of a table, or of `commits`, in the order of the key: the same from every kind of database."""
        if table != COMMITS:
            return to_arrow(table, self._rows(table, ""))
        ordered = self.commits().sort_values(["table", "version"], ignore_index=True)
        return as_arrow(ordered, COMMIT_SCHEMA)

    def copy_from(self, source: SqlStore, tell: Callable[[Proof], None]) -> None:
        """Take over every row of `source`, all or nothing, into tables that are empty; `tell` hears the proof of each.

        Raises
        ------
        HomeError
            If a table does not read back as what was written.
        """
        with self._transaction():
            for name in (*RECORDED, COMMITS):
                rows = source.content(name)
                self._append(name, rows)
                tell(Proof.of(name, rows, self.content(name)))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All reads meanwhile see the database at one moment, whatever others commit."""
        with self._spoken():
            self._execute(*self.dialect.freeze())
            yield
            self._execute("COMMIT")

    def tables(self) -> pd.DataFrame:
        """One row a table that was ever written: table, rows, first_session, last_session, version."""
        written = self.query('SELECT DISTINCT "table" FROM commits')["table"].to_pylist()
        return listing([self._describe(name) for name in written if name in RECORDED])

    def query(self, statement: str, *, rows: int = 0) -> pa.Table:
        """The result of one statement of SQL; `rows` tells about how many are to come, if they are many."""
        with self._spoken(), self._cursor() as cursor:
            options = self.dialect.read_options(rows)
            if options:
                cursor.adbc_statement.set_options(**options)
            cursor.execute(statement)
            return cursor.fetch_arrow_table()

    def close(self) -> None:
        """Give the connection back; the next call opens another."""
        with self._lock:
            self._abandon()

    def select(
        self,
        table: str,
        first: pd.Timestamp | None = None,
        last: pd.Timestamp | None = None,
        as_of: pd.Timestamp | None = None,
        **values: str | None,
    ) -> str:
        """The statement that reads a range of sessions, of rows with these `values`, in the order of the key."""
        return _select(table, self._where(table, first, last, as_of, **values))

    def _where(
        self,
        table: str,
        first: pd.Timestamp | None,
        last: pd.Timestamp | None,
        as_of: pd.Timestamp | None = None,
        **values: str | None,
    ) -> str:
        bounds = [f"session >= '{first:%Y-%m-%d}'"] if first is not None else []
        bounds += [f"session <= '{last:%Y-%m-%d}'"] if last is not None else []
        bounds += [f"known_at <= {self.dialect.moment(as_of)}"] if as_of is not None else []
        bounds += sql_tables.narrowing(table, values)
        return f" WHERE {' AND '.join(bounds)}" if bounds else ""

    def _rows(self, table: str, where: str) -> pd.DataFrame:
        expected = 0
        if self.dialect.guesses_types:  # a column may begin with thousands of nulls: one batch for all rows
            counted = self.query(f'SELECT count(*) AS n FROM "{table}"{where}')
            expected = int(counted["n"][0].as_py())
        rows = self.query(_select(table, where), rows=expected)
        if not rows.num_rows:
            return frames.empty(table)
        return from_arrow(table, self.dialect.incoming(table, rows))

    def _put(self, table: str, frame: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> int:
        """Add or replace rows; returns how many were written."""
        if table in APPEND_ONLY:
            frame = additions(table, self._rivals(table, frame), frame, self._clock) if len(frame) else frame
        else:
            self._execute(
                f"DELETE FROM \"{table}\" WHERE session >= '{first:%Y-%m-%d}' AND session <= '{last:%Y-%m-%d}'"
            )
        self._append(table, to_arrow(table, frame))
        return len(frame)

    def _rivals(self, table: str, frame: pd.DataFrame) -> pd.DataFrame:
        """All stored revisions of the keys of `frame`, and few others: daily bars are not held against finer ones."""
        days, key = frame["session"], frames.table_of(table).key
        shared = {
            column: str(frame[column].iloc[0])
            for column in ("timeframe", "symbol")
            if column in key and (frame[column] == frame[column].iloc[0]).all()
        }
        return self._rows(table, self._where(table, days.min(), days.max(), **shared))

    def _append(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            with self._cursor() as cursor:
                cursor.adbc_ingest(table, self.dialect.outgoing(table, rows), mode="append")

    def _record(
        self, commit: Mapping[str, str], first: pd.Timestamp, last: pd.Timestamp, *what: str | int
    ) -> str:
        """The statement that notes a write of `what`: table, version and rows."""
        table, version, rows = what
        facts, run_id = (
            text.replace("'", "''")
            for text in (json.dumps(dict(commit), sort_keys=True), commit.get("run_id", ""))
        )
        written = self.dialect.moment(self._clock())
        return (
            f"INSERT INTO commits VALUES ('{table}', {version}, '{first:%Y-%m-%d}', '{last:%Y-%m-%d}', "
            f"{rows}, '{run_id}', {written}, '{facts}')"
        )

    def _describe(self, table: str) -> dict[str, object]:
        found = self.query(f'SELECT count(*) AS n, min(session) AS a, max(session) AS b FROM "{table}"')
        rows, first, last = (found[name][0].as_py() for name in ("n", "a", "b"))
        named = {"table": table, "rows": int(rows), "version": self.version(table)}
        return {**named, "first_session": _day(first), "last_session": _day(last)}

    def _execute(self, *statements: str) -> None:
        with self._cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _cursor(self) -> Any:
        if self._connection is None:
            self._connection = self.dialect.connect()
            self._closing = weakref.finalize(self, _close, self._connection)
            self._prepare()
        return self._connection.cursor()

    def _prepare(self) -> None:
        """Make the tables that a new database lacks; refuse a database that a newer program wrote."""
        found = set(self.query(self.dialect.existing())["name"].to_pylist())
        if "fabline" in found:
            self._check_format(self.query("SELECT max(format) AS f FROM fabline")["f"][0].as_py())
        elif not self._create:
            raise HomeError("the database holds no tables of Fabline; `fabline run` makes them")
        declared = sql_tables.definitions(self.dialect)
        if not found.issuperset(declared if self._create else RECORDED):
            with self._transaction():
                self._execute(*declared.values(), *sql_tables.outgrown())
                self._execute(f"INSERT INTO fabline VALUES ({FORMAT}) ON CONFLICT DO NOTHING")
        if self._home:
            self._claim(found)

    def _claim(self, found: set[str]) -> None:
        """Write the home's id into a database that has none; refuse one that has another."""
        if self._create and "fabline_home" not in found:
            with self._transaction():
                self._execute(
                    "CREATE TABLE IF NOT EXISTS fabline_home (id TEXT PRIMARY KEY)",
                    f"INSERT INTO fabline_home SELECT '{self._home}' WHERE NOT EXISTS (SELECT 1 FROM fabline_home)",
                )
        elif "fabline_home" not in found:
            return
        owner = self.query("SELECT id FROM fabline_home")["id"][0].as_py()
        if owner != self._home:
            raise HomeError(
                f"the database holds the tables of the home {owner}, and this is the home {self._home} (see "
                f"`id` in home.json); give each home its own database, or schema, in FABLINE_DATABASE_URL"
            )

    def _check_format(self, found: int) -> None:
        if found > FORMAT:
            raise HomeError(
                f"the database was written by a newer Fabline (format {found}, this one knows {FORMAT}); "
                f"install that version or use another home"
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; another writer waits at the beginning, never half-way."""
        with self._spoken():
            self._execute(*self.dialect.begin())
            yield
            self._execute("COMMIT")

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """One caller at a time; an error ends the connection, and with it what was not committed."""
        import adbc_driver_manager

        with self._lock:
            try:
                yield
            except (adbc_driver_manager.Error, OSError) as error:
                self._abandon()
                raise self.dialect.complaint(error) from error
            except BaseException:
                self._abandon()
                raise

    def _abandon(self) -> None:
        """Close the connection whatever state it is in: the database rolls back."""
        if self._connection is not None:
            self._closing()
            self._connection = None


def _close(connection: Connection) -> None:
    with suppress(Exception):  # it may be broken already
        connection.close()


def _select(table: str, where: str) -> str:
    columns = ", ".join(f'"{name}"' for name in frames.columns(table))
    order = ", ".join(f'"{name}"' for name in frames.table_of(table).key)
    return f'SELECT {columns} FROM "{table}"{where} ORDER BY {order}'


def _day(value: Any) -> pd.Timestamp | None:
    return None if value is None else pd.Timestamp(value)


def _moments(values: pd.Series[Any]) -> pd.Series[Any]:
    return pd.to_datetime(values, unit="us", utc=True).astype("datetime64[us, UTC]")

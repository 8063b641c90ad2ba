"""What SQLite and PostgreSQL do differently: types, connections, transactions, and their complaints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from trading import frames
from trading.errors import FablineError, HomeError, SourceUnavailableError

Connection = Any
COMMITS = "commits"
COMMIT_COLUMNS = {
    "table": "str",
    "version": "int64",
    "first": "datetime64[us]",
    "last": "datetime64[us]",
    "rows": "int64",
    "run_id": "str",
    "written_at": "datetime64[us, UTC]",
    "facts": "str",
}
COMMIT_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("table", "run_id", "facts")),
        *((name, pa.int64()) for name in ("version", "rows")),
        *((name, pa.timestamp("us")) for name in ("first", "last")),
        ("written_at", pa.timestamp("us", tz="UTC")),
    ]
)
SESSION, MOMENT = "datetime64[us]", "datetime64[us, UTC]"
# A page of 16 KiB and room for 4096 of them write two years of five-minute bars in 0.7 s instead of 0.9;
# the size of pages is that of the first program that wrote the file.
_PRAGMAS = ("page_size=16384", "cache_size=-65536", "journal_mode=WAL", "synchronous=FULL")
_SPARE_ROWS = 4096  # of a batch, which costs its memory before a row has come


class Dialect(Protocol):
    """How one database is spoken to.

    Attributes
    ----------
    types : SQL type of each pandas type
    suffix : what ends the definition of a table
    guesses_types : whether the driver takes a column's type from the first batch of rows that it reads
    """

    types: Mapping[str, str]
    suffix: str
    guesses_types: bool

    def connect(self) -> Connection:
        """A connection that commits each statement, unless a transaction was begun."""
        ...

    def begin(self) -> tuple[str, ...]:
        """Statements that begin a transaction which excludes other writers."""
        ...

    def freeze(self) -> tuple[str, ...]:
        """Statements that begin a transaction whose reads all see one moment."""
        ...

    def existing(self) -> str:
        """The statement that lists the names of existing tables and indexes."""
        ...

    def read_options(self, rows: int) -> Mapping[str, str]:
        """Options of a statement that is expected to give `rows`."""
        ...

    def moment(self, moment: pd.Timestamp) -> str:
        """A moment as a literal."""
        ...

    def outgoing(self, table: str, rows: pa.Table) -> pa.Table:
        """Rows as the database's types."""
        ...

    def incoming(self, table: str, rows: pa.Table) -> pa.Table:
        """Rows of the database as Arrow types that cast to the table's schema."""
        ...

    def complaint(self, error: Exception) -> FablineError:
        """The driver's error in our words, with a remedy."""
        ...


class SqliteDialect:
    """A file. Sessions are ISO dates, moments integer microseconds; readers never block the writer.

    Parameters
    ----------
    path : of the database
    create : whether to make the file if it is not there
    busy_seconds : how long to wait for another writer
    """

    types: Mapping[str, str] = {
        "str": "TEXT",
        SESSION: "TEXT",
        MOMENT: "INTEGER",
        "float64": "REAL",
        "int64": "INTEGER",
        "bool": "INTEGER",
    }
    suffix = " WITHOUT ROWID"  # clustered by key: a range of sessions is one contiguous read
    guesses_types = True

    def __init__(self, path: Path, *, create: bool = True, busy_seconds: float = 30.0) -> None:
        self.path = path
        self._create = create
        self._busy_milliseconds = int(busy_seconds * 1000)

    def connect(self) -> Connection:
        """A connection in write-ahead mode."""
        import adbc_driver_sqlite.dbapi as driver

        if not self._create and not self.path.exists():
            raise HomeError(f"there is no database at {self.path}; `fabline run` makes a home")
        connection = driver.connect(str(self.path), autocommit=True)
        pragmas = (f"busy_timeout={self._busy_milliseconds}", *_PRAGMAS)
        return _prepared(connection, *(f"PRAGMA {pragma}" for pragma in pragmas))

    def begin(self) -> tuple[str, ...]:
        """Take the write lock at once: a lock taken half-way cannot wait for another writer."""
        return ("BEGIN IMMEDIATE",)

    def freeze(self) -> tuple[str, ...]:
        """The moment of its first read: writers go on in the write-ahead log."""
        return ("BEGIN",)

    def existing(self) -> str:
        """From SQLite's own catalogue."""
        return "SELECT name FROM sqlite_master WHERE type IN ('table', 'index')"

    def read_options(self, rows: int) -> Mapping[str, str]:
        """One batch for all rows: the driver takes types from the first."""
        return {"adbc.sqlite.query.batch_rows": str(rows + _SPARE_ROWS)}

    def moment(self, moment: pd.Timestamp) -> str:
        """Microseconds since 1970."""
        return str(moment.as_unit("us").asm8.astype("int64"))

    def outgoing(self, table: str, rows: pa.Table) -> pa.Table:
        """Dates as text, moments and truth values as integers."""
        casts = {SESSION: (pa.date32(), pa.string()), MOMENT: (pa.int64(),), "bool": (pa.int64(),)}
        return _cast(table, rows, casts)

    def incoming(self, table: str, rows: pa.Table) -> pa.Table:
        """Text as dates; the rest casts to the schema as it is."""
        return _cast(table, rows, {SESSION: (pa.string(), pa.date32())})

    def complaint(self, error: Exception) -> FablineError:
        """By SQLite's words: its driver tells most causes by nothing else."""
        text = str(error)
        if "locked" in text or "busy" in text:
            return SourceUnavailableError(
                f"the database {self.path} is locked by another process; wait for its run to end "
                f"(`fabline status` names it) and try again"
            )
        if "readonly" in text or "read-only" in text:
            return HomeError(f"the database {self.path} cannot be written; check its permissions")
        if "not a database" in text or "malformed" in text:
            return HomeError(f"{self.path} is no SQLite database, or damaged; restore the home from a copy")
        if "failed to open" in text or "unable to open" in text:
            return SourceUnavailableError(f"the database {self.path} cannot be opened: is its folder there?")
        if "full" in text or "disk I/O" in text:
            return SourceUnavailableError(
                f"the database {self.path} cannot be written: {text}; free disk space"
            )
        return SourceUnavailableError(f"the database {self.path} failed: {text}")


class PostgresDialect:
    """A server, by its address (`postgresql://user@host/database`). Text is compared byte by byte.

    Two homes on one server need two databases, or two schemas (`?options=-csearch_path%3Dname`).
    """

    types: Mapping[str, str] = {
        "str": 'TEXT COLLATE "C"',
        SESSION: "DATE",
        MOMENT: "TIMESTAMPTZ",
        "float64": "DOUBLE PRECISION",
        "int64": "BIGINT",
        "bool": "BOOLEAN",
    }
    suffix = ""
    guesses_types = False

    def __init__(self, url: str, *, busy_seconds: int = 30) -> None:
        self.url = url
        self._busy_seconds = busy_seconds

    def connect(self) -> Connection:
        """A connection with UTC as its zone."""
        import adbc_driver_postgresql.dbapi as driver

        connection = driver.connect(self.url, autocommit=True)
        return _prepared(connection, "SET TIME ZONE 'UTC'", f"SET lock_timeout = '{self._busy_seconds}s'")

    def begin(self) -> tuple[str, ...]:
        """Readers go on, other writers of the same schema wait, even while there are no tables yet."""
        lock = "PERFORM pg_advisory_xact_lock(hashtext('fabline.' || current_schema()))"
        return ("BEGIN", f"DO $$ BEGIN {lock}; END $$")

    def freeze(self) -> tuple[str, ...]:
        """The moment of its first read."""
        return ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)

    def existing(self) -> str:
        """Of the connection's schema."""
        return (
            "SELECT relname::text AS name FROM pg_class "
            "WHERE relkind IN ('r', 'i') AND relnamespace = to_regnamespace(current_schema())"
        )

    def read_options(self, rows: int) -> Mapping[str, str]:  # noqa: ARG002 - as its protocol
        """None: the driver knows every type."""
        return {}

    def moment(self, moment: pd.Timestamp) -> str:
        """ISO, UTC."""
        return f"TIMESTAMPTZ '{moment.tz_convert('UTC').isoformat()}'"

    def outgoing(self, table: str, rows: pa.Table) -> pa.Table:
        """Sessions as dates."""
        return _cast(table, rows, {SESSION: (pa.date32(),)})

    def incoming(self, table: str, rows: pa.Table) -> pa.Table:
        """Every type casts to the schema as it is."""
        del table
        return rows

    def complaint(self, error: Exception) -> FablineError:
        """By SQLSTATE where there is one."""
        state = str(getattr(error, "sqlstate", None) or "")
        text = str(error).splitlines()[0]
        if state in ("25006", "42501"):
            return HomeError(f"PostgreSQL refuses to write: {text}; grant this user the tables of the home")
        if state[:2] in ("28", "3D"):
            return SourceUnavailableError(
                f"PostgreSQL refuses the connection: {text}; check user and database"
            )
        if state in ("55P03", "40P01", "40001"):
            return SourceUnavailableError(f"PostgreSQL is locked by another writer: {text}; try again")
        return SourceUnavailableError(
            f"PostgreSQL cannot be used: {text}; is the server up and its address right?"
        )


def dialect_of(address: str | Path, *, create: bool = True) -> Dialect:
    """PostgreSQL for `postgresql://…`, SQLite for anything else (a path)."""
    if str(address).startswith(("postgresql://", "postgres://")):
        return PostgresDialect(str(address))
    return SqliteDialect(Path(address), create=create)


def _prepared(connection: Connection, *statements: str) -> Connection:
    """The connection after `statements`; closed if one of them fails."""
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                if statement.startswith("PRAGMA"):
                    cursor.fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _cast(table: str, rows: pa.Table, casts: Mapping[str, tuple[pa.DataType, ...]]) -> pa.Table:
    dtypes = COMMIT_COLUMNS if table == COMMITS else frames.table_of(table).dtypes
    for column, dtype in dtypes.items():
        for target in casts.get(dtype, ()):
            place = rows.schema.get_field_index(column)
            rows = rows.set_column(place, column, rows[column].cast(target))
    return rows

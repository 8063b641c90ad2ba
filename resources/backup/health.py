"""Whether a home is what it should be, file by file, without a backup to hold it against.

A table's files must be there with the size and the rows that the log says and decode to the last value; a
database must pass SQLite's own check; weights must have the checksum with which they were logged. A byte that
changes a number into another number of an uncompressed page is seen by none of these: only a backup's
checksums would tell.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from resources.backup.manifest import Damage
from resources.backup.snapshot import day_of, is_sqlite
from resources.home import Home
from resources.store import HomeStore
from resources.version_folder import FACTS, VersionFolder
from trading import frames
from trading.errors import FablineError
from trading.line import Progress, silent


def damages(home: Home, store: HomeStore, progress: Progress = silent) -> tuple[Damage, ...]:
    """Everything that is wrong with the files of a home."""
    found = [*_databases(home.path), *_recorded(store)]
    published = [] if found else _published(store)
    for place, (table, version) in enumerate(published):
        found += _of_table(home.tables, table, version)
        progress("verify", place + 1, len(published))
    return (*found, *_versions(home.models))


def _databases(root: Path) -> Iterator[Damage]:
    """SQLite files that fail their own check."""
    for path in sorted(root.rglob("*")):
        if path.suffix in {".db", ".sqlite"} and path.is_file() and path.parent.name != "cache":
            problem = _problem(path)
            if problem:
                tables = ", ".join(frames.names("recorded")) if path.name == "fabline.db" else ""
                yield Damage(path.relative_to(root).as_posix(), problem, tables)


def _problem(path: Path) -> str:
    if not is_sqlite(path):
        return "is empty or no SQLite database"
    try:
        with closing(sqlite3.connect(path, timeout=30)) as opened:
            ((said,),) = opened.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        return f"is damaged: {error}"
    return "" if said == "ok" else f"is damaged: {' '.join(str(said).split())}"


def _recorded(store: HomeStore) -> Iterator[Damage]:
    """Recorded tables that cannot be read whole."""
    for table in frames.names("recorded"):
        try:
            store.sql.content(table)
        except FablineError as error:
            yield Damage("the database", str(error), table)


def _published(store: HomeStore) -> list[tuple[str, int]]:
    commits = store.commits()
    computed = commits[~commits["table"].isin(frames.names("recorded"))]
    return [(str(name), int(version)) for name, version in computed.groupby("table")["version"].max().items()]


def _of_table(tables: Path, table: str, version: int) -> Iterator[Damage]:
    """Files of a published version that are gone, cut or do not decode."""
    from deltalake import DeltaTable

    try:
        opened = DeltaTable(str(tables / table), version=version)
        files = pa.table(opened.get_add_actions(flatten=True)).to_pylist()
    except Exception as error:  # noqa: BLE001 - the engine raises bare exceptions for logs that it cannot read
        said = " ".join(str(error).split())[:200]
        yield Damage(f"tables/{table}/_delta_log", f"cannot be read: {said}", table)
        return
    for file in files:
        problem = _problem_of_rows(tables / table / file["path"], file)
        if problem:
            days = (day_of(file["min.session"]), day_of(file["max.session"]))
            yield Damage(f"tables/{table}/{file['path']}", problem, table, *days)


def _problem_of_rows(path: Path, told: dict[str, Any]) -> str:
    import pyarrow.parquet

    if not path.exists():
        return "is gone"
    size = path.stat().st_size
    if size != told["size_bytes"]:
        return f"has {size} bytes, not {told['size_bytes']}"
    try:
        rows = pyarrow.parquet.ParquetFile(path).read()
        rows.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        return f"does not decode: {' '.join(str(error).split())[:200]}"
    return (
        "" if rows.num_rows == told["num_records"] else f"has {rows.num_rows} rows, not {told['num_records']}"
    )


def _versions(models: Path) -> Iterator[Damage]:
    """Model versions whose facts or weights are not what was logged."""
    folder = VersionFolder(models)
    for model in folder.models():
        try:
            versions = folder.versions(model)
        except FablineError as error:
            yield Damage(f"models/{model}/*/{FACTS}", str(error), f"forecast_{model}")
            continue
        for version in versions:
            if flaw := folder.flaw(version):
                yield Damage(f"models/{model}/{version.version}", flaw, f"forecast_{model}")

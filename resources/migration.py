"""The move of a home's recorded tables from SQLite to PostgreSQL, and where they are afterwards.

The copy is one transaction, proved table by table before it is committed. Until the last step the home
lives on in SQLite: a server of its own is filled in a draft folder that is then renamed, and for a server
elsewhere a file in the home names it. So a killed migration changes nothing that anybody reads, and
the next one begins again or finishes. The SQLite file is kept under another name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from resources.files import write_atomically
from resources.home import Home
from resources.postgres import EmbeddedPostgres
from resources.proofs import Proof, digest_of
from resources.sql_dialects import COMMITS, dialect_of
from resources.sql_store import SqlStore
from resources.sql_tables import RECORDED
from trading.errors import FablineError, HomeError

POINTER = "database.json"
DRAFT, KEPT = "postgres.draft", "fabline.moved.db"
EMBEDDED = "the PostgreSQL that the home keeps"
_PARTS = ("", "-wal", "-shm")

Tell = Callable[[Proof], None]


def migrate(home: Home, url: str | None, tell: Tell) -> str:
    """Move the tables of `home` to the PostgreSQL at `url`, or to one of its own, and say where they are.

    Parameters
    ----------
    tell : hears the proof of each table as soon as it is copied

    Raises
    ------
    HomeError
        If there is nothing to move, the target holds tables of its own, or a copy is not equal.
    """
    if home.facts.what_if:
        raise HomeError(f"{home.path} is a what-if copy, which keeps SQLite; move the home it was made of")
    embedded = EmbeddedPostgres(home.path)
    if not home.database.exists():
        where = EMBEDDED if embedded.exists() else moved_to(home.path)
        raise HomeError(_nothing_to_move(home, where))
    if url is None:
        _to_embedded(home, embedded, tell)
    else:
        _to_server(home, url, tell)
    _set_aside(home)
    return EMBEDDED if url is None else _public(url)


def has_moved(home: Home) -> bool:
    """Whether the tables of a home were moved, and the SQLite file that they came from is still kept."""
    moved = EmbeddedPostgres(home.path).exists() or moved_to(home.path) is not None
    return moved and not home.database.exists() and (home.path / KEPT).exists()


def compare_again(home: Home, url: str | None, tell: Tell) -> str:
    """Compare the tables of a home that has moved with the SQLite file that was kept, and say where they are.

    Parameters
    ----------
    url : the server that holds them; None: the one in the home
    tell : hears the proof of each table that is the same

    Raises
    ------
    HomeError
        If the tables are elsewhere, or a table holds something else now.
    """
    embedded, pointer = EmbeddedPostgres(home.path), moved_to(home.path)
    where = EMBEDDED if embedded.exists() else pointer
    if (None if url is None else _public(url)) != (None if embedded.exists() else pointer):
        raise HomeError(_nothing_to_move(home, where))
    try:
        address = embedded.start() if url is None else url
        kept, moved = (
            SqlStore(place, create=False, home=home.facts.id) for place in (home.path / KEPT, address)
        )
        with closing(kept), closing(moved):
            for name in (*RECORDED, COMMITS):
                tell(_still_the_same(name, kept, moved))
    finally:
        if url is None:
            embedded.stop()
    return str(where)


def _still_the_same(name: str, kept: SqlStore, moved: SqlStore) -> Proof:
    before, now = kept.content(name), moved.content(name)
    if digest_of(before) != digest_of(now):
        raise HomeError(
            f"the home has moved already, and table {name} is not what it was: {before.num_rows} rows in {KEPT}, "
            f"{now.num_rows} now; that is right if the home was used since, and then {KEPT} may be deleted"
        )
    return Proof.of(name, before, now)


def moved_to(home: Path) -> str | None:
    """The server to which the tables of the home at a folder were moved, without its password; None if they never were."""
    pointer = home / POINTER
    return str(json.loads(pointer.read_text(encoding="utf-8"))["moved_to"]) if pointer.exists() else None


def _to_embedded(home: Home, embedded: EmbeddedPostgres, tell: Tell) -> None:
    if embedded.exists():
        return  # the last migration was killed when all but the SQLite file was in its place
    draft = EmbeddedPostgres(home.path, DRAFT)
    draft.discard()
    try:
        _copy(home, draft.start(), tell)
    finally:
        draft.stop()
    try:
        draft.folder.rename(embedded.folder)
    except OSError as error:
        raise HomeError(
            f"{draft.folder} cannot become {embedded.folder}: {error.strerror}; move away what is there"
        ) from error


def _to_server(home: Home, url: str, tell: Tell) -> None:
    if EmbeddedPostgres(home.path).exists():
        raise HomeError(f"the home {home.path} has moved to {EMBEDDED}; it cannot move on from there")
    _refuse_other_owner(home, url)
    _copy(home, url, tell)
    write_atomically(home.path / POINTER, json.dumps({"moved_to": _public(url)}) + "\n")


def _copy(home: Home, url: str, tell: Tell) -> None:
    """Copy all rows with proof; if the target holds this home's tables already, prove that they are the same."""
    source, target = (SqlStore(address, home=home.facts.id) for address in (home.database, url))
    with closing(source), closing(target):
        if not len(target.commits()):
            target.copy_from(source, tell)
            return
        for name in (*RECORDED, COMMITS):
            tell(Proof.of(name, source.content(name), target.content(name)))


def _refuse_other_owner(home: Home, url: str) -> None:
    """HomeError if a database holds tables that are not known to be this home's."""
    dialect = dialect_of(url)
    try:
        with closing(dialect.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(dialect.existing())
            names = set(cursor.fetch_arrow_table()["name"].to_pylist())
            owner, filled = None, False
            if "fabline_home" in names:
                cursor.execute("SELECT id FROM fabline_home")
                owner = cursor.fetch_arrow_table()["id"][0].as_py()
            elif COMMITS in names:
                cursor.execute("SELECT version FROM commits LIMIT 1")
                filled = cursor.fetch_arrow_table().num_rows > 0
    except FablineError:
        raise
    except Exception as error:
        raise dialect.complaint(error) from error
    if filled or owner not in (None, home.facts.id):
        raise HomeError(
            f"{_public(url)} holds the tables of {f'the home {owner}' if owner else 'another home'}; "
            f"give this home ({home.facts.id}) its own database, or schema"
        )


def _set_aside(home: Home) -> None:
    """Give the SQLite file, and what SQLite keeps beside it, the name under which nobody looks for it."""
    for part in reversed(_PARTS):
        file = home.path / f"{home.database.name}{part}"
        if file.exists():
            file.rename(home.path / f"{KEPT}{part}")


def _nothing_to_move(home: Home, where: str | None) -> str:
    if where is not None:
        return f"the tables of the home {home.path} are in {where} already; there is nothing to move"
    return f"the home {home.path} has no tables yet; `fabline run` makes them"


def _public(url: str) -> str:
    """An address without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")).geturl()

"""`fabline quarantine`: look at rows that were kept out of their table, and decide about them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import typer

from pipelines import environment
from pipelines.cli import rendering
from resources import clock as wall
from resources.home import Home
from resources.store import HomeStore, store_at
from trading import calendar, frames
from trading.errors import DataError, UsageError
from trading.ingest import Load
from trading.monitoring import quarantine as rules

Row = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """Which rows are meant: all that have the values named here."""

    table: str | None = None
    symbol: str | None = None
    rule: str | None = None

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of a listing that are meant."""
        for column, value in vars(self).items():
            rows = rows if value is None else rows[(rows[column] == value).to_numpy()]
        return rows


def list_rows(path: Path, choice: Choice, *, decided: bool, format_: str) -> None:
    """Write the rows that wait for a decision; those `decided`, too, if asked for."""
    with closing(environment.open_store(path)) as store:
        rows = choice.of(_listed(store))
    if not decided:
        rows = rows[(rows["decision"] == rules.PENDING).to_numpy()]
    if format_ == "table":
        rows = rows.drop(columns=["known_at", "source", "session"])
    rows = rows.drop(columns="row").reset_index(drop=True)
    rendering.write(rows, format_, None, heading=environment.market_line(path))


def show(path: Path, id_: str, format_: str) -> None:
    """Write one row with its original and every decision about it."""
    with closing(environment.open_store(path)) as store:
        row = rules.find(_listed(store), id_)
        decisions = store.read("quarantine_decisions", revisions=True)
    mine = decisions[(decisions["id"] == row["id"]).to_numpy()]
    shown: Row = {name: _plain(value) for name, value in row.items() if name != "row"}
    shown["original"] = rules.original_of(row)
    shown["decisions"] = [
        {"decision": one.decision, "decided_at": _plain(one.known_at), "note": one.note}
        for one in mine.itertuples()
    ]
    if format_ == "json":
        typer.echo(json.dumps(shown))
        return
    for name, value in shown.items():
        typer.echo(f"{name:<12}{value if isinstance(value, str) else json.dumps(value)}")


def release(
    path: Path, id_: str, *, corrections: Sequence[str], note: str, wait: bool, replace: bool = False
) -> None:
    """Enter a row into its table, known from now on, with what was corrected; the original stays.

    Other rows of its key are superseded: they leave the list of those that wait, and say by which row.

    Parameters
    ----------
    replace : whether it may become a revision of what its table holds already

    Raises
    ------
    UsageError
        If there is no such row, or a correction names no column.
    DataError
        If the row can be no valid row, was released before, or its table holds another of its key.
    """
    values = _corrections(corrections)
    with _writing(path, f"fabline quarantine release {id_}", wait=wait) as store:
        listed = _listed(store)
        row = _undecided(listed, id_)
        now, table = wall.now(), str(row["table"])
        beside = _stored_beside(store, row)
        basis = str(beside["basis"].iloc[0]) if "basis" in beside and len(beside) else None
        entered = rules.released_row(row, now, values, basis=basis)
        others = rules.rivals(listed, table, entered)
        others = others[(others["id"] != row["id"]).to_numpy()]
        if not replace:
            rules.check_new(row, entered, _stored_beside(store, entered.iloc[0].to_dict(), table), others)
        gone = others[others["decision"].isin([rules.PENDING, rules.RELEASED]).to_numpy()].to_dict("records")
        said = f"row {row['id']} of the same key was released"
        decisions = [
            rules.decision_rows(row, rules.RELEASED, now, note or ", ".join(corrections)),
            *(rules.decision_rows(one, rules.SUPERSEDED, now, said) for one in gone),
        ]
        sessions = [*(rules.session_of(one) for one in (row, *gone)), *entered["session"]]
        commit = {"command": "quarantine release", "released": row["id"], **_load_of(row, entered).facts()}
        tables = {table: entered, "quarantine_decisions": pd.concat(decisions)}
        store.write(tables, min(sessions), max(sessions), commit=commit)
    typer.echo(f"released {row['id']}: {row['symbol']} is in {row['table']}, known from {_plain(now)}")
    for one in gone:
        typer.echo(f"superseded {one['id']}: it says something else of the same key")


def reject(path: Path, id_: str | None, choice: Choice, *, note: str, wait: bool) -> None:
    """Note that a row, or every row of a choice that waits, stays out for good.

    Raises
    ------
    UsageError
        If there is no such row, or neither a row nor a rule is named.
    DataError
        If the row was released before.
    """
    if (id_ is None) == (choice.rule is None):
        raise UsageError(
            "name one row by its id, or all rows of one rule by --rule; `fabline quarantine list` has both"
        )
    with _writing(path, "fabline quarantine reject", wait=wait) as store:
        chosen = [_undecided(_listed(store), id_)] if id_ is not None else _waiting(store, choice)
        now = wall.now()
        decisions = pd.concat([rules.decision_rows(row, rules.REJECTED, now, note) for row in chosen])
        sessions = [rules.session_of(row) for row in chosen]
        commit = {"command": "quarantine reject", "rejected": id_ or f"rule {choice.rule}"}
        store.write({"quarantine_decisions": decisions}, min(sessions), max(sessions), commit=commit)
    what = f"{chosen[0]['id']}: it stays" if id_ is not None else f"{len(chosen)} rows: they stay"
    typer.echo(f"rejected {what} out of {', '.join(sorted({str(row['table']) for row in chosen}))}")


def _waiting(store: HomeStore, choice: Choice) -> list[Row]:
    listed = choice.of(_listed(store))
    rows = listed[(listed["decision"] == rules.PENDING).to_numpy()]
    if rows.empty:
        raise UsageError(
            f"no row waits that broke the rule {choice.rule!r}; `fabline quarantine list` shows all"
        )
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


@contextmanager
def _writing(path: Path, command: str, *, wait: bool) -> Iterator[HomeStore]:
    """The store of an existing home, while this process alone may write to it."""
    home = Home.open(path)
    with home.writing(command, wait=wait):
        environment.open_store(path).close()  # says what is wrong with a home that cannot be read
        with closing(store_at(home.tables, environment.database_of(home), home=home.facts.id)) as store:
            yield store


def _listed(store: HomeStore) -> pd.DataFrame:
    return rules.listing(store.read("quarantine"), store.read("quarantine_decisions"))


def _undecided(listed: pd.DataFrame, id_: str) -> Row:
    """The row of an id; a released one is in its table, and no later decision takes it out."""
    row = rules.find(listed, id_)
    if row["decision"] == rules.RELEASED:
        raise DataError(f"quarantined row {row['id']} was released before; it is in {row['table']}")
    return row


def _stored_beside(store: HomeStore, row: Row, table: str | None = None) -> pd.DataFrame:
    """The stored rows of its symbol in its session, which may be no day at all."""
    table, session = table or str(row["table"]), rules.session_of(row)
    if table not in rules.RELEASABLE or not calendar.is_session(session):
        return frames.empty(table)
    return store.read(table, session, session, symbol=str(row["symbol"]))


def _load_of(row: Row, entered: pd.DataFrame) -> Load:
    """What the commit says: one row of one session."""
    one = entered.iloc[0]
    timeframe = str(one.get("timeframe", ""))
    session = one["session"]
    return Load(str(row["table"]), timeframe, (str(one["symbol"]),), session, session, str(one["source"]))


def _corrections(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    wrong = [text for text, (name, equals, _) in zip(texts, pairs, strict=True) if not name or not equals]
    if wrong:
        raise UsageError(f"--set {wrong[0]} is no correction; write it as COLUMN=VALUE, such as high=123.4")
    return {name: value for name, _, value in pairs}


def _plain(value: Any) -> str | None:
    if value is pd.NaT:
        return None
    if not isinstance(value, pd.Timestamp):
        return str(value)
    if value.tz is None:
        return f"{value:%Y-%m-%d}"
    return value.tz_convert("UTC").tz_localize(None).isoformat() + "Z"

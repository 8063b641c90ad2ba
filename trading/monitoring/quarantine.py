"""Rows in quarantine: their short names, what came with them, what people decided, and their release."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping

import pandas as pd

from trading import frames, revisions
from trading.errors import DataError, UsageError
from trading.monitoring.bar_rules import (
    Separation,
    rule_of,
    separate_actions,
    separate_bars,
    separate_extended_bars,
    slug_of,
)
from trading.monitoring.readable import column_of
from trading.monitoring.separation import NO_SESSION
from trading.universe import INSTRUMENTS

ID_LETTERS = 12
_UNIVERSE = {one.symbol for one in INSTRUMENTS}
PENDING, RELEASED, REJECTED, SUPERSEDED = "pending", "released", "rejected", "superseded"
NOT_NEEDED = (
    "not_needed"  # nothing is lost with an exact duplicate: the row that it repeats is judged by itself
)
_DUPLICATE = "exact_duplicate"
_MOMENT = "datetime64[us, UTC]"
RELEASABLE = ("bars", "extended_bars", "corporate_actions")
_LISTED = ["id", "table", "symbol", "time", "session", "reason", "rule", "decision", "known_at", "source"]


def id_of(row: Mapping[str, object]) -> str:
    """A short digest of a quarantined row's key.

    When the row came in does not count, nor what the reason says beside the rule, so that one that comes
    again is the same row.
    """
    original = {name: value for name, value in original_of(row).items() if name != "known_at"}
    key = [f"{row['session']:%Y-%m-%d}", row["table"], row["symbol"], rule_of(str(row["reason"])), original]
    text = json.dumps(key, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LETTERS]


def original_of(row: Mapping[str, object]) -> dict[str, object]:
    """The row as it came; empty if it was no row of columns."""
    try:
        read = json.loads(str(row["row"]))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def with_originals(quarantined: pd.DataFrame) -> pd.DataFrame:
    """`quarantined` with the timeframe ("" if it is none of ours) and the ts (NaT) of each original."""
    originals = [original_of(row) for row in quarantined.to_dict("records")]
    starts = pd.Series([row.get("ts") for row in originals], index=quarantined.index, dtype=object)
    frame = pd.Series([row.get("timeframe") for row in originals], index=quarantined.index, dtype=object)
    known = frame.isin(frames.TIMEFRAMES)
    return quarantined.assign(
        timeframe=frame.where(known, "").astype("str"), ts=column_of(starts, _MOMENT).values
    )


def listing(quarantined: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """What is in quarantine, one row an id, with the decision in force.

    Parameters
    ----------
    quarantined : columns of `quarantine`
    decisions : columns of `quarantine_decisions`

    Returns
    -------
    id, table, symbol, time (start of the bar, or the session), session, reason, rule, decision (pending,
    released, rejected or superseded; not_needed of an exact duplicate), known_at, source; and the original
    as `row`. Time and session are missing where the row names no day that can be read.
    """
    rows = with_originals(quarantined)
    ids = [id_of(row) for row in quarantined.to_dict("records")]
    rows["id"] = pd.Series(ids, index=rows.index, dtype="str")
    rows["session"] = rows["session"].mask(rows["session"] == NO_SESSION)
    rows["time"] = rows["ts"].fillna(rows["session"].dt.tz_localize("UTC"))
    rows["rule"] = rows["reason"].map(slug_of).astype("str")
    newest = decisions.sort_values("known_at", kind="stable").drop_duplicates("id", keep="last")
    decided = rows["id"].map(newest.set_index("id")["decision"])
    usual = rows["rule"].eq(_DUPLICATE).map({True: NOT_NEEDED, False: PENDING})
    rows["decision"] = decided.astype(object).fillna(usual).astype("str")
    rows = rows.sort_values(["time", "table", "symbol", "known_at"], kind="stable")
    return rows.drop_duplicates("id")[[*_LISTED, "row"]].reset_index(drop=True)


def find(listed: pd.DataFrame, id_: str) -> dict[str, object]:
    """The row of a listing whose id begins with `id_`.

    Raises
    ------
    UsageError
        If there is none, or more than one.
    """
    found = listed[listed["id"].str.startswith(id_).to_numpy()] if id_ else listed.iloc[:0]
    if len(found) != 1:
        many = f"{len(found)} rows in quarantine begin" if len(found) else "no row in quarantine begins"
        raise UsageError(f"{many} with id {id_!r}; `fabline quarantine list` shows all")
    return {str(name): value for name, value in found.iloc[0].to_dict().items()}


def released_row(
    row: Mapping[str, object],
    now: pd.Timestamp,
    corrections: Mapping[str, str] | None = None,
    *,
    basis: str | None = None,
) -> pd.DataFrame:
    """The row that a release enters into its table, known from `now` on.

    Parameters
    ----------
    row : of a listing
    now : the moment of release
    corrections : new values of its columns, as a person types them
    basis : the price basis of the bars beside it, if there are any

    Raises
    ------
    UsageError
        If a correction names no column that may be corrected.
    DataError
        If the row can be no valid row of its table as it is, or is in it already.
    """
    table = str(row["table"])
    if table not in RELEASABLE:
        raise DataError(f"rows of {table} cannot be released; load a corrected file instead")
    if slug_of(str(row["reason"])) == _DUPLICATE:
        raise DataError(
            f"quarantined row {row['id']} repeats another row, which is in {table} or in quarantine itself; it needs "
            f"no decision"
        )
    values = {**_corrected(table, row, corrections or {}), "known_at": now}
    asked = None if slug_of(str(row["reason"])) == "unknown_symbol" else {*_UNIVERSE, str(row["symbol"])}
    judged = _judged(table, pd.DataFrame([values], dtype=object), basis, asked)
    if not len(judged.accepted):
        reason = judged.quarantined["reason"].iloc[0]
        raise DataError(
            f"quarantined row {row['id']} cannot enter {table}: {reason}; give the right value with "
            f"--set COLUMN=VALUE, or reject it"
        )
    return judged.accepted


def _corrected(table: str, row: Mapping[str, object], corrections: Mapping[str, str]) -> dict[str, object]:
    """The original's columns of a table, with what a person typed in the place of some."""
    columns = frames.columns(table)
    wrong = [name for name in corrections if name not in columns or name == "known_at"]
    if wrong:
        raise UsageError(f"{', '.join(wrong)} cannot be set; the columns of {table} are {', '.join(columns)}")
    original = original_of(row)
    return {name: original.get(name) for name in columns} | dict(corrections)


def _judged(table: str, rows: pd.DataFrame, basis: str | None, symbols: Collection[str] | None) -> Separation:
    if table == "corporate_actions":
        return separate_actions(rows)
    judge = separate_bars if table == "bars" else separate_extended_bars
    return judge(rows, basis=basis, symbols=symbols)


def rivals(listed: pd.DataFrame, table: str, entered: pd.DataFrame) -> pd.DataFrame:
    """The rows of a listing that have the key of the row that is to be `entered`, and are no exact duplicates."""
    mine = listed[((listed["table"] == table) & (listed["rule"] != _DUPLICATE)).to_numpy()]
    originals = [original_of(row) for row in mine.to_dict("records")]
    alike = pd.Series(data=True, index=mine.index)
    for name in _prefix(table):
        values = pd.Series([one.get(name) for one in originals], index=mine.index, dtype=object)
        alike &= column_of(values, frames.table_of(table).dtypes[name]).values.eq(entered[name].iloc[0])
    return mine[alike]


def check_new(
    row: Mapping[str, object], entered: pd.DataFrame, stored: pd.DataFrame, others: pd.DataFrame
) -> None:
    """Refuse a release that would change what its table holds.

    Parameters
    ----------
    row, entered : of a listing, and as `released_row` makes it
    stored : the newest revisions that its table holds of its session and symbol
    others : its `rivals`

    Raises
    ------
    DataError
        Naming what is stored in its place, and which row of quarantine that was.
    """
    table = str(row["table"])
    held = stored.merge(entered[_prefix(table)])
    if held.empty:
        return
    was = held.iloc[0]
    released = others.loc[(others["decision"] == RELEASED).to_numpy(), "id"].tolist()
    origin = f", released from quarantine as {', '.join(released)}" if released else ""
    where = f"{table} holds {was['symbol']} in session {was['session']:%Y-%m-%d}"
    if not revisions.is_news(table, held[frames.columns(table)], entered).any():
        raise DataError(f"{where} with the same values{origin}; reject row {row['id']} instead")
    apart = [
        name for name in frames.columns(table) if name != "known_at" and was[name] != entered[name].iloc[0]
    ]
    told = ", ".join(f"{name} {was[name]} instead of {entered[name].iloc[0]}" for name in apart)
    raise DataError(
        f"{where} with other values ({told}){origin}; to enter row {row['id']} as a revision that replaces it from "
        f"now on, add --replace, or reject it"
    )


def _prefix(table: str) -> list[str]:
    return [name for name in frames.table_of(table).key if name != "known_at"]


def decision_rows(row: Mapping[str, object], decision: str, now: pd.Timestamp, note: str) -> pd.DataFrame:
    """One row of `quarantine_decisions`."""
    made = {
        "session": session_of(row),
        "id": row["id"],
        "known_at": now,
        "decision": decision,
        "note": note,
    }
    dtypes = frames.table_of("quarantine_decisions").dtypes
    return frames.validated("quarantine_decisions", pd.DataFrame([made]).astype(dtypes))


def session_of(row: Mapping[str, object]) -> pd.Timestamp:
    """The session under which a row of a listing is stored."""
    session = pd.Timestamp(str(row["session"]))
    return NO_SESSION if pd.isna(session) else session

"""What was sent to a broker and what came back: recorded before it is acted on, never changed afterwards.

One SQLite file a broker and home. Each call is one durable transaction, and each row has a key that the
broker or the decision gives it, so that doing anything again after a crash adds nothing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from trading import calendar
from trading.execution.account import Order
from trading.execution.reconciliation import Difference, OrderStanding, Standing

FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, since TEXT, cash_cents INTEGER, format INTEGER);
CREATE TABLE IF NOT EXISTS opening (symbol TEXT PRIMARY KEY, shares INTEGER);
CREATE TABLE IF NOT EXISTS before_us (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, decision_session TEXT, symbol TEXT,
  quantity INTEGER, kind TEXT, sent_for TEXT, intended_at TEXT, accepted INTEGER, reason TEXT, answered_at TEXT,
  status TEXT);
CREATE TABLE IF NOT EXISTS fills (fill_id TEXT PRIMARY KEY, ts TEXT, order_id TEXT, symbol TEXT,
  decision_session TEXT, quantity INTEGER, price REAL, notional_cents INTEGER, known_at TEXT);
CREATE TABLE IF NOT EXISTS movements (movement_id TEXT PRIMARY KEY, ts TEXT, kind TEXT, symbol TEXT,
  shares INTEGER, cash_cents INTEGER, known_at TEXT);
CREATE TABLE IF NOT EXISTS reconciliations (at TEXT, session TEXT, kind TEXT, name TEXT, ours TEXT, theirs TEXT,
  halts INTEGER);
"""
_DIGESTED = {
    "orders": "SELECT order_id, decision_session, symbol, quantity, kind, accepted, status FROM orders ORDER BY 1",
    "fills": "SELECT fill_id, ts, order_id, symbol, decision_session, quantity, price, notional_cents "
    "FROM fills ORDER BY 1",
    "ledger": "SELECT '' AS ts, 'opening' AS kind, symbol, shares, 0 AS cash_cents FROM opening UNION ALL "
    "SELECT '', 'deposit', 'USD', 0, cash_cents FROM account UNION ALL "
    "SELECT ts, 'fill', symbol, quantity, CASE WHEN quantity > 0 THEN -notional_cents ELSE notional_cents END "
    "FROM fills UNION ALL SELECT ts, kind, symbol, shares, cash_cents FROM movements ORDER BY 1, 2, 3, 4, 5",
}


class BrokerJournal:
    """The records of one broker's account in one home.

    Parameters
    ----------
    path : of the file; without one nothing is kept when the process ends
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._sql = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=10.0)
        self._sql.row_factory = sqlite3.Row
        self._sql.executescript(f"PRAGMA synchronous = FULL; BEGIN; {_TABLES} COMMIT;")

    def close(self) -> None:
        """Give the file back."""
        self._sql.close()

    @property
    def account(self) -> str | None:
        """The account that these are the records of, None while there is none."""
        found = self._rows("SELECT name FROM account")
        return str(found[0]["name"]) if found else None

    def since(self) -> pd.Timestamp:
        """When the account was taken over (UTC)."""
        return pd.Timestamp(self._rows("SELECT since FROM account")[0]["since"])

    def take_over(
        self,
        account: str,
        now: pd.Timestamp,
        positions: Mapping[str, int],
        cash_cents: int,
        foreign: Iterable[str],
    ) -> None:
        """Begin the records with what the account holds; ids in `foreign` were over before and count for nothing."""
        with self._sql:
            self._sql.execute("BEGIN IMMEDIATE")
            self._put(
                "account", {"name": account, "since": _iso(now), "cash_cents": cash_cents, "format": FORMAT}
            )
            for symbol, shares in sorted(positions.items()):
                self._put("opening", {"symbol": symbol, "shares": shares})
            for name in foreign:
                self._put("before_us", {"id": name})

    def intend(self, order: Order, sent_for: pd.Timestamp, now: pd.Timestamp) -> None:
        """Record that `order` is about to be sent, before it is: a restart then knows its name."""
        row = {
            "order_id": order.order_id,
            "decision_session": _day(order.decision_session),
            "symbol": order.symbol,
            "quantity": order.remaining,
            "kind": order.kind,
            "sent_for": _day(sent_for),
            "intended_at": _iso(now),
            "status": "unsent",
        }
        self._put("orders", row)

    def answer(self, order_id: str, reason: str, now: pd.Timestamp, *, accepted: bool) -> None:
        """Record the broker's answer to an order that was intended."""
        self._sql.execute(
            "UPDATE orders SET accepted = ?, reason = ?, answered_at = ?, status = ? "
            "WHERE order_id = ? AND accepted IS NULL",
            (int(accepted), reason, _iso(now), "acknowledged" if accepted else "rejected", order_id),
        )

    def see(self, states: Mapping[str, str]) -> None:
        """Record where orders of ours stand at the broker."""
        with self._sql:
            self._sql.execute("BEGIN IMMEDIATE")
            for name, status in sorted(states.items()):
                self._sql.execute(
                    "UPDATE orders SET status = ?, accepted = COALESCE(accepted, 1) WHERE order_id = ?",
                    (status, name),
                )

    def record(self, fills: pd.DataFrame, movements: pd.DataFrame, now: pd.Timestamp) -> int:
        """Add fills and movements that are not there yet; returns how many were new."""
        before, foreign = self._count(), self.foreign()
        with self._sql:
            self._sql.execute("BEGIN IMMEDIATE")
            for row in fills[~fills["fill_id"].isin(foreign)].to_dict("records"):
                named = {name: row[name] for name in ("fill_id", "order_id", "symbol")}
                numbers = {"quantity": int(row["quantity"]), "price": float(row["price"])}
                decided = row["decision_session"]
                moments = {
                    "ts": _iso(row["ts"]),
                    "decision_session": None if pd.isna(decided) else _day(decided),
                }
                cents = {"notional_cents": int(row["notional_cents"]), "known_at": _iso(now)}
                self._put("fills", {**named, **moments, **numbers, **cents})
            for row in movements[~movements["movement_id"].isin(foreign)].to_dict("records"):
                amounts = {name: int(row[name]) for name in ("shares", "cash_cents")}
                self._put("movements", {**row, **amounts, "ts": _iso(row["ts"]), "known_at": _iso(now)})
        return self._count() - before

    def note(self, found: Iterable[Difference], session: pd.Timestamp, now: pd.Timestamp) -> None:
        """Record what a reconciliation found; `none` where it found nothing."""
        rows = [vars(one) for one in found] or [
            {"kind": "none", "name": "", "ours": "", "theirs": "", "halts": False}
        ]
        with self._sql:
            self._sql.execute("BEGIN IMMEDIATE")
            for row in rows:
                stamped = {"at": _iso(now), "session": _day(session), **row, "halts": int(row["halts"])}
                self._put("reconciliations", stamped)

    def orders(self) -> pd.DataFrame:
        """Everything that was to be sent, in the order of decision and name; `accepted` is None without an answer."""
        return self._frame("SELECT * FROM orders ORDER BY decision_session, order_id")

    def fills(self) -> pd.DataFrame:
        """Every fill that was told, with the moment at which we knew."""
        return self._frame("SELECT * FROM fills ORDER BY ts, fill_id")

    def reconciliations(self) -> pd.DataFrame:
        """What each reconciliation found."""
        return self._frame("SELECT * FROM reconciliations ORDER BY rowid")

    def newest(self) -> pd.Timestamp:
        """The moment of the last fill or movement, or of the take-over.

        A take-over by a clock that was ahead is no reason to miss a fill: it counts no later than the open that
        the first order was sent for.
        """
        last = self._rows(
            "SELECT max(ts) AS ts FROM (SELECT ts FROM fills UNION ALL SELECT ts FROM movements)"
        )
        first = self._rows("SELECT min(sent_for) AS day FROM orders")
        begun, day, moment = self.since(), first[0]["day"], last[0]["ts"]
        if day is not None:
            begun = min(begun, calendar.session_open(calendar.shift(pd.Timestamp(day), 1)))
        return begun if moment is None else max(begun, pd.Timestamp(moment))

    def foreign(self) -> set[str]:
        """Ids of orders, fills and movements that were in the account before us."""
        return {row["id"] for row in self._rows("SELECT id FROM before_us")}

    def standing(self, rounding_cents: int = 0) -> Standing:
        """What the account must hold by everything that is recorded; each fill may be off by `rounding_cents`."""
        lines = self._rows(_DIGESTED["ledger"])
        shares = Counter[str]()
        for line in lines:
            shares[line["symbol"]] += line["shares"]
        split = {line["symbol"] for line in lines if line["kind"] == "split"}
        fills = self._rows("SELECT * FROM fills ORDER BY fill_id")
        filled = Counter[str]()
        for fill in fills:
            filled[fill["order_id"]] += fill["quantity"]
        orders = {
            row["order_id"]: OrderStanding(
                row["symbol"], None if row["symbol"] in split else filled[row["order_id"]], row["status"]
            )
            for row in self._rows("SELECT * FROM orders")
        }
        unknown = {
            row["fill_id"]: f"{row['quantity']} {row['symbol']} at {row['price']} for order {row['order_id']}"
            for row in fills
            if row["order_id"] not in orders
        }
        return Standing(
            positions={symbol: count for symbol, count in shares.items() if count},
            cash_cents=sum(line["cash_cents"] for line in lines),
            orders=orders,
            unknown_fills=unknown,
            rounding_cents=rounding_cents * len(fills),
        )

    def digests(self) -> dict[str, str]:
        """SHA-256 of orders, fills and ledger, without the moments at which this process ran."""
        return {
            table: hashlib.sha256(
                "\n".join(json.dumps(tuple(row)) for row in self._rows(statement)).encode()
            ).hexdigest()
            for table, statement in _DIGESTED.items()
        }

    def _put(self, table: str, row: Mapping[str, Any]) -> None:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self._sql.execute(
            f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608  # our own names
            tuple(row.values()),
        )

    def _count(self) -> int:
        counted = "SELECT (SELECT count(*) FROM fills) + (SELECT count(*) FROM movements) AS n"
        return int(self._rows(counted)[0]["n"])

    def _rows(self, statement: str) -> list[sqlite3.Row]:
        return self._sql.execute(statement).fetchall()

    def _frame(self, statement: str) -> pd.DataFrame:
        cursor = self._sql.execute(statement)
        return pd.DataFrame([tuple(row) for row in cursor], columns=[name for name, *_ in cursor.description])


def _iso(moment: pd.Timestamp) -> str:
    return pd.Timestamp(moment).tz_convert("UTC").isoformat(timespec="microseconds")


def _day(session: pd.Timestamp) -> str:
    return f"{pd.Timestamp(session):%Y-%m-%d}"

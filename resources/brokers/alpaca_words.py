"""How Alpaca spells orders, fills and movements, and what we make of it; money and shares are strings there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd

from trading.errors import ReconciliationError
from trading.execution.account import Order

Row = Mapping[str, Any]
Named = tuple[str, pd.Timestamp | None]
FUNDS = "insufficient"
_OURS = re.compile(r"fabline-(\d{8})-(\w+)")
_TERMS = {
    "market": ("market", "day"),
    "on_open": ("market", "opg"),
    "on_close": ("market", "cls"),
    "limit": ("limit", "gtc"),
    "stop": ("stop", "gtc"),
}
_ENDED = {
    "filled": "filled",
    "canceled": "cancelled",
    "replaced": "cancelled",
    "expired": "expired",
    "done_for_day": "expired",
    "rejected": "rejected",
    "partially_filled": "partially_filled",
}
_KINDS = {
    "FEE": "fees",
    "CFEE": "fees",
    "INT": "interest",
    "SPLIT": "split",
    "SPIN": "split",
    "REORG": "split",
    "CIL": "cash_in_lieu",
    "CSD": "transfer",
    "CSW": "transfer",
    "JNLC": "transfer",
    "TRANS": "transfer",
}


def client_order_id(order: Order) -> str:
    """The name that Alpaca gets: it follows from the decision, and says of which session that is."""
    return f"fabline-{order.decision_session:%Y%m%d}-{order.order_id}"


def named(row: Row) -> Named:
    """Our name of an order and its decision session; Alpaca's name and None for an order of somebody else."""
    ours = _OURS.fullmatch(row["client_order_id"])
    return (ours[2], pd.Timestamp(ours[1])) if ours else (row["client_order_id"], None)


def request_of(order: Order) -> dict[str, str]:
    """An order as Alpaca wants it; what an auction did not fill ends there and is not carried over."""
    kind, life = _TERMS[order.kind]
    asked = {
        "client_order_id": client_order_id(order),
        "symbol": order.symbol,
        "qty": str(abs(order.remaining)),
        "side": "buy" if order.remaining > 0 else "sell",
        "type": kind,
        "time_in_force": life,
    }
    price = {"limit": order.limit_price, "stop": order.stop_price}.get(order.kind)
    return asked if price is None else {**asked, f"{order.kind}_price": f"{price:.4f}"}


def status_of(row: Row) -> str:
    """One of our statuses; whatever Alpaca still works on is acknowledged."""
    return _ENDED.get(row["status"], "acknowledged")


def state_of(row: Row) -> tuple[str, str, int, int, str]:
    """order_id, symbol, quantity, filled, status of an order."""
    side = row["side"]
    filled = signed(row["filled_qty"], side)
    return named(row)[0], row["symbol"], signed(row["qty"], side), filled, status_of(row)


def fill_of(row: Row, orders: Mapping[str, Named]) -> dict[str, Any]:
    """A fill of one execution; `orders` are our names by Alpaca's id. A trade that no order explains keeps that id."""
    order_id, decided = orders.get(row["order_id"], (row["order_id"], None))
    price, quantity = Decimal(row["price"]), signed(row["qty"], row["side"])
    return {
        "ts": pd.Timestamp(row["transaction_time"]),
        "fill_id": row["id"].rpartition("::")[2],
        "order_id": order_id,
        "symbol": row["symbol"],
        "decision_session": decided,
        "quantity": quantity,
        "price": float(price),
        "notional_cents": _cents(abs(quantity) * price),
    }


def movement_of(row: Row) -> dict[str, Any]:
    """A movement of shares or cash; the `qty` of a dividend is what it was paid on and moves nothing."""
    code = row["activity_type"]
    kind = "dividend" if code.startswith("DIV") else _KINDS.get(code, "other")
    return {
        "ts": pd.Timestamp(row["date"], tz="UTC"),
        "movement_id": row["id"].rpartition("::")[2],
        "kind": kind,
        "symbol": row.get("symbol") or "USD",
        "shares": shares(row.get("qty") or "0") if kind in {"split", "other"} else 0,
        "cash_cents": money(row.get("net_amount") or "0"),
    }


def signed(count: str, side: str) -> int:
    """Shares with their sign: negative where sold or short, however the count is spelled."""
    return -abs(shares(count)) if side in {"sell", "sell_short", "short"} else abs(shares(count))


def shares(count: str) -> int:
    """Whole shares.

    Raises
    ------
    ReconciliationError
        If there are parts of shares, which Fabline never orders there.
    """
    number = Decimal(count)
    if number != number.to_integral_value():
        raise ReconciliationError(
            f"alpaca tells of {count} shares, and Fabline trades whole shares there: sell the part in Alpaca's "
            f"own pages, then run the same again"
        )
    return int(number)


def money(usd: str) -> int:
    """USD as integer cents, halves away from zero."""
    return _cents(Decimal(usd))


def _cents(usd: Decimal) -> int:
    return int((usd * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))

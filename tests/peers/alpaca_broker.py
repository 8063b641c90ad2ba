"""Alpaca's trading interface over HTTP, for `HttpPeer`: an account in Alpaca's words over our simulated broker.

account = AlpacaAccount(1_000_000_00)
with HttpPeer(account) as peer:
    ... AlpacaBroker(keys, base_url=peer.url) ...
    account.open_session(session, quotes)
"""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.faults import Fault
from tests.peers.http_peer import Answer, Asked
from trading.execution.account import Order, Quote
from trading.execution.lifecycle import is_working
from trading.execution.paper_broker import SimulatedBroker
from trading.execution.simulator import Venue

Row = dict[str, Any]
EPOCH = pd.Timestamp("1990-01-01", tz="UTC")
STATUSES = {"new": "accepted", "acknowledged": "accepted", "cancelled": "canceled"}
KINDS = {("market", "opg"): "on_open", ("market", "cls"): "on_close", ("market", "day"): "market"}
ACTIVITIES = {"fees": "FEE", "dividend": "DIV", "split": "SPLIT", "interest": "INT", "cash_in_lieu": "CIL"}
UNIQUE = "client_order_id must be unique"


@dataclass
class AlpacaAccount:
    """One paper account; call it with a request.

    Attributes
    ----------
    cash_cents, venue : of the broker that does the work
    refuses : symbols that are not tradable: their orders are answered 422
    page : most orders or activities a page, whatever is asked for
    on_order : called after each order that was taken, before it is answered: a place to die at
    late : while it is above 0 the newest fill is not told, and each question lowers it
    """

    cash_cents: int
    venue: Venue | None = None
    refuses: tuple[str, ...] = ()
    page: int = 500
    on_order: Callable[[], None] = lambda: None
    late: int = 0
    posted: list[str] = field(default_factory=list)
    extra_fills: list[Row] = field(default_factory=list)
    extra_cash_cents: int = 0

    def __post_init__(self) -> None:
        self.broker = SimulatedBroker(self.cash_cents, self.venue)
        self._asked: dict[str, Row] = {}
        self._lock = threading.Lock()

    def open_session(self, session: pd.Timestamp, quotes: Mapping[str, Quote], actions: Any = ()) -> None:
        with self._lock:
            self.broker.open_session(session, quotes, actions)

    def fill_by_hand(self, symbol: str, quantity: int, price: str, at: pd.Timestamp) -> None:
        """Somebody trades in the account without us."""
        side = "buy" if quantity > 0 else "sell"
        facts = {"qty": str(abs(quantity)), "price": price, "side": side, "symbol": symbol}
        name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{symbol}{at}"))
        self.extra_fills.append(_fill(f"by-hand-{symbol}", at, f"{at:%Y%m%d}::{name}", **facts))

    def __call__(self, asked: Asked, _: Fault | None) -> Answer:
        keys = asked.headers.get("apca-api-key-id"), asked.headers.get("apca-api-secret-key")
        if keys != (KEY, SECRET):
            return _refused(401, f"unauthorized: key {keys[0]} with {keys[1]}")  # a vendor that echoes them
        with self._lock:
            return self._respond(asked)

    def _respond(self, asked: Asked) -> Answer:
        place = asked.path.removeprefix("/v2")
        match asked.method, place:
            case "POST", "/orders":
                return self._take(json.loads(asked.body))
            case "GET", "/orders":
                return _said(self._listed(asked.query))
            case "GET", "/orders:by_client_order_id":
                return self._one(asked.query["client_order_id"])
            case "DELETE", _ if place.startswith("/orders/"):
                return self._cancel(place.removeprefix("/orders/"))
        facts = self._facts(place, asked.query)
        return _refused(404, "endpoint not found.") if facts is None else _said(facts)

    def _facts(self, place: str, query: Mapping[str, str]) -> Any:
        cash = self.broker.cash() + self.extra_cash_cents
        answers: dict[str, Callable[[], Any]] = {
            "/positions": lambda: [_position(*held) for held in self.broker.positions().items()],
            "/account": lambda: {
                "account_number": "PA3TEST",
                "cash": f"{cash / 100:.2f}",
                "status": "ACTIVE",
            },
            "/account/activities/FILL": lambda: self._page(self._fills(), query),
            "/account/activities": lambda: self._page(self._movements(), query),
        }
        return answers.get(place, lambda: None)()

    def _take(self, body: Row) -> Answer:
        self.posted.append(body["client_order_id"])
        if body["client_order_id"] in self._asked:
            return _refused(422, UNIQUE)
        if body["symbol"] in self.refuses:
            return _refused(422, f"asset {body['symbol']} is not tradable")
        if body["side"] == "buy" and self.broker.cash() <= 0:
            return _refused(403, "insufficient buying power")
        _, day, order_id = body["client_order_id"].split("-")
        quantity = int(body["qty"]) * (1 if body["side"] == "buy" else -1)
        kind = KINDS.get((body["type"], body["time_in_force"]), body["type"])
        prices = {f"{k}_price": float(body[f"{k}_price"]) for k in ("limit", "stop") if f"{k}_price" in body}
        order = Order(order_id, body["symbol"], pd.Timestamp(day), quantity, 0.0, kind=kind, **prices)
        self.broker.submit(pd.DataFrame([vars(order)]))
        at = EPOCH + pd.Timedelta(seconds=len(self._asked))
        self._asked[body["client_order_id"]] = {"order_id": order_id, "submitted_at": at.isoformat(), **body}
        self.on_order()
        return _said(self._order(body["client_order_id"]))

    def _one(self, name: str) -> Answer:
        return (
            _said(self._order(name)) if name in self._asked else _refused(404, f"order not found for {name}")
        )

    def _cancel(self, vendor_id: str) -> Answer:
        found = [a["order_id"] for name, a in self._asked.items() if _vendor_id(name) == vendor_id]
        if not found:
            return _refused(404, f"order not found for {vendor_id}")
        if not is_working(self.broker.orders[found[0]]):
            return _refused(422, "order is not cancelable")
        self.broker.cancel(found)
        return Answer(b"", 204)

    def _listed(self, query: Mapping[str, str]) -> list[Row]:
        after = pd.Timestamp(query.get("after", "1970-01-01T00:00:00Z"))
        rows = [
            self._order(name) for name, a in self._asked.items() if pd.Timestamp(a["submitted_at"]) > after
        ]
        return rows[: min(self.page, int(query["limit"]))]

    def _order(self, name: str) -> Row:
        asked = self._asked[name]
        order = self.broker.orders[asked["order_id"]]
        counts = {"qty": str(abs(order.quantity)), "filled_qty": str(abs(order.filled))}
        status = STATUSES.get(order.status, order.status)
        return {**asked, "id": _vendor_id(name), "status": status, **counts}

    def _fills(self) -> list[Row]:
        names = {a["order_id"]: name for name, a in self._asked.items()}
        rows = [
            _fill(
                _vendor_id(names[fill["order_id"]]),
                fill["ts"],
                f"{fill['ts']:%Y%m%d%H%M%S}000::{fill['fill_id']}",
                qty=str(abs(fill["quantity"])),
                price=repr(fill["price"]),
                side="buy" if fill["quantity"] > 0 else "sell",
                symbol=fill["symbol"],
            )
            for fill in self.broker.fills(EPOCH).to_dict("records")
        ]
        told = rows[: len(rows) - 1] if self.late > 0 else rows
        self.late -= 1
        return sorted([*told, *self.extra_fills], key=lambda row: row["transaction_time"])

    def _movements(self) -> list[Row]:
        return [
            {
                "activity_type": ACTIVITIES[one["kind"]],
                "id": f"{one['ts']:%Y%m%d}000000000::{one['movement_id']}",
                "date": f"{one['ts']:%Y-%m-%d}",
                "net_amount": f"{one['cash_cents'] / 100:.2f}",
                "symbol": one["symbol"],
                "qty": str(one["shares"]),
            }
            for one in self.broker.movements(EPOCH).to_dict("records")
        ]

    def _page(self, rows: list[Row], query: Mapping[str, str]) -> list[Row]:
        after = pd.Timestamp(query["after"])
        kept = [r for r in rows if pd.Timestamp(r.get("transaction_time") or r["date"] + "T00:00Z") > after]
        ids = [row["id"] for row in kept]
        begin = ids.index(query["page_token"]) + 1 if "page_token" in query else 0
        return kept[begin : begin + min(self.page, int(query["page_size"]))]


def _fill(vendor_id: str, at: pd.Timestamp, name: str, **facts: str) -> Row:
    return {
        "activity_type": "FILL",
        "id": name,
        "order_id": vendor_id,
        "transaction_time": at.isoformat(),
        **facts,
    }


def _position(symbol: str, count: int) -> Row:
    return {"symbol": symbol, "qty": str(count), "side": "long" if count > 0 else "short"}


def _vendor_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def _said(value: object) -> Answer:
    return Answer(json.dumps(value).encode())


def _refused(status: int, message: str) -> Answer:
    return Answer(json.dumps({"code": 40010001, "message": message}).encode(), status)

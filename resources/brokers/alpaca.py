"""An Alpaca paper account behind the brokers' port, over its REST interface through alpaca-py.

Alpaca refuses a second order with the same `client_order_id`, and ours follow from the decision: so an order
whose answer was lost is sent again without fear, and what comes back is looked up. Loads in 0.8 s: imported
only when Alpaca is asked.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import pandas as pd
import requests

from resources.brokers import alpaca_words as words
from resources.brokers.dry_run import order_of
from resources.sources.alpaca_client import answered, message_of
from resources.sources.alpaca_keys import REMEDY, AlpacaKeys
from resources.sources.sessions import Polite
from resources.sources.transport import Answer, Policy, Transport, transport_of
from trading.errors import SourceUnavailableError
from trading.execution.account import Order
from trading.execution.matching import ill_formed
from trading.execution.paper_broker import MOVEMENTS, ORDER_STATES

with warnings.catch_warnings():
    # alpaca-py 0.44 still uses the old client of websockets, which says so on import.
    warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
    from alpaca.common.exceptions import APIError
    from alpaca.trading.client import TradingClient

Row = dict[str, Any]
R = TypeVar("R")
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, UNPROCESSABLE, OK = 401, 403, 404, 422, 200
REQUESTS_PER_HOUR = 12_000  # Alpaca allows 200 a minute
ORDERS_A_PAGE, ACTIVITIES_A_PAGE, MOST_PAGES = 500, 100, 1000
DUPLICATE = "client_order_id must be unique"
FILL_COLUMNS = (
    "ts",
    "fill_id",
    "order_id",
    "symbol",
    "decision_session",
    "quantity",
    "price",
    "notional_cents",
)


class AlpacaBroker:
    """`Brokerage` of a paper account at Alpaca.

    Parameters
    ----------
    keys : from the environment
    transport : the way to Alpaca
    base_url : of a peer that answers instead of Alpaca; without one it is the paper account, never the live one
    """

    def __init__(self, keys: AlpacaKeys, transport: Transport | None = None, base_url: str = "") -> None:
        self._keys = keys
        policy = Policy(per_hour=REQUESTS_PER_HOUR, burst=100)
        self._session = _Session(transport or transport_of("alpaca paper", policy))
        self._lock = threading.Lock()
        self._client = TradingClient(
            keys.key, keys.secret, paper=True, raw_data=True, url_override=base_url or None
        )
        self._client._session = self._session  # noqa: SLF001  # it offers no other way to an own one
        self._client._retry = 0  # noqa: SLF001  # the transport asks again, and knows when to stop

    def __repr__(self) -> str:
        return "AlpacaBroker(***)"

    @property
    def account(self) -> str:
        """The name of the account, by which records of two accounts are kept apart."""
        return f"alpaca/{self._get('the account', '/account')['account_number']}"

    def submit(self, orders: pd.DataFrame) -> pd.DataFrame:
        """Acknowledgements of `orders`: order_id, accepted, reason; a duplicate is one order.

        Raises
        ------
        SourceUnavailableError
            If no answer came: the order may be there; submitting it again is safe.
        """
        rows = [self._submit(order_of(row)) for row in orders.to_dict("records")]
        return pd.DataFrame(rows, columns=["order_id", "accepted", "reason"])

    def _submit(self, order: Order) -> tuple[str, bool, str]:
        wrong = ill_formed(order)
        if wrong:
            return order.order_id, False, wrong
        asked = words.request_of(order)
        try:
            self._asked(f"order {order.order_id}", lambda: self._client.post("/orders", asked))
        except _RefusedError as refused:
            if DUPLICATE in refused.said:
                return self._found(order, asked)
            return order.order_id, False, f"alpaca: {refused.said}"
        return order.order_id, True, ""

    def _found(self, order: Order, asked: Mapping[str, str]) -> tuple[str, bool, str]:
        """The order that has our name already: ours, or not what we meant."""
        query = {"client_order_id": asked["client_order_id"]}
        there = self._get(f"order {order.order_id}", "/orders:by_client_order_id", query)
        same = all(there[name] == asked[name] for name in ("symbol", "side")) and (
            words.shares(there["qty"]) == words.shares(asked["qty"])
        )
        if same:
            return order.order_id, True, "already submitted"
        return order.order_id, False, "alpaca: another order has its name"

    def cancel(self, order_ids: Iterable[str]) -> pd.DataFrame:
        """Answers: order_id, cancelled, reason. What is over or was never there is not cancelled."""
        there = {words.named(row)[0]: row for row in self._orders()}
        rows = [self._cancel(name, there.get(name)) for name in order_ids]
        return pd.DataFrame(rows, columns=["order_id", "cancelled", "reason"])

    def _cancel(self, order_id: str, row: Row | None) -> tuple[str, bool, str]:
        if row is None:
            return order_id, False, "unknown order"
        status = words.status_of(row)
        if status not in {"acknowledged", "partially_filled"}:
            return order_id, False, f"the order is {status}"
        try:
            self._asked(f"cancelling {order_id}", lambda: self._client.delete(f"/orders/{row['id']}"))
        except _RefusedError as refused:
            return order_id, False, f"alpaca: {refused.said}"
        return order_id, True, ""

    def fills(self, since: pd.Timestamp) -> pd.DataFrame:
        """Fills at or after the moment `since`, one an execution, under Alpaca's own ids."""
        told = list(self._activities("fills", "/account/activities/FILL", since))
        orders = {row["id"]: words.named(row) for row in self._orders()} if told else {}
        rows = [words.fill_of(row, orders) for row in told]
        return pd.DataFrame([row for row in rows if row["ts"] >= since], columns=list(FILL_COLUMNS))

    def order_states(self) -> pd.DataFrame:
        """Every order of the account: order_id, symbol, quantity, filled, status."""
        return pd.DataFrame([words.state_of(row) for row in self._orders()], columns=list(ORDER_STATES))

    def movements(self, since: pd.Timestamp) -> pd.DataFrame:
        """What moved the account since the day of `since` and is no fill: fees, dividends, transfers."""
        day = since.normalize()
        query = {"category": "non_trade_activity"}
        told = self._activities("movements", "/account/activities", day, query)
        rows = [words.movement_of(row) for row in told]
        return pd.DataFrame([row for row in rows if row["ts"] >= day], columns=list(MOVEMENTS))

    def positions(self) -> dict[str, int]:
        """Shares by symbol, negative for a short."""
        held = self._get("positions", "/positions")
        return {row["symbol"]: words.signed(row["qty"], row["side"]) for row in held}

    def cash(self) -> int:
        """Cash in cents."""
        return words.money(self._get("the account", "/account")["cash"])

    def _orders(self) -> list[Row]:
        """Every order, oldest first; pages meet at a moment, so what stands at one comes twice and counts once."""
        found: dict[str, Row] = {}
        query = {"status": "all", "direction": "asc", "limit": ORDERS_A_PAGE, "nested": "false"}
        for _ in range(MOST_PAGES):
            page = self._get("orders", "/orders", query)
            fresh = [row for row in page if row["id"] not in found]
            found |= {row["id"]: row for row in page}
            if len(page) < ORDERS_A_PAGE or not fresh:
                break
            before = pd.Timestamp(page[-1]["submitted_at"]) - pd.Timedelta(microseconds=1)
            query = {**query, "after": before.isoformat()}
        return list(found.values())

    def _activities(
        self, wanted: str, path: str, since: pd.Timestamp, more: Mapping[str, str] | None = None
    ) -> Iterator[Row]:
        after = (since - pd.Timedelta(seconds=1)).isoformat()  # Alpaca leaves out the moment itself
        query: Row = {"after": after, "direction": "asc", "page_size": ACTIVITIES_A_PAGE, **(more or {})}
        for _ in range(MOST_PAGES):
            page = self._get(wanted, path, query)
            yield from page
            if len(page) < ACTIVITIES_A_PAGE:
                return
            query = {**query, "page_token": page[-1]["id"]}

    def _get(self, wanted: str, path: str, query: Row | None = None) -> Any:
        try:
            return self._asked(wanted, lambda: self._client.get(path, query))
        except _RefusedError as refused:
            raise SourceUnavailableError(f"alpaca gives no {wanted}: {refused.said}") from None

    def _asked(self, wanted: str, question: Callable[[], R]) -> R:
        """An answer; _RefusedError where Alpaca has understood and says no."""
        with self._lock:
            self._session.wanted = wanted
            return answered(wanted, question, self._in_words)

    def _in_words(self, refusal: APIError, wanted: str) -> Exception:
        status, said = refusal.status_code, self._keys.hidden_in(message_of(str(refusal)))
        barred = status == FORBIDDEN and not said.startswith(words.FUNDS)
        if status == UNAUTHORIZED or (barred and "forbidden" in said):
            return SourceUnavailableError(f"alpaca refuses {wanted}: {said or 'no reason given'}; {REMEDY}")
        if status in (FORBIDDEN, NOT_FOUND, UNPROCESSABLE):
            return _RefusedError(said or f"HTTP {status}")
        return SourceUnavailableError(f"alpaca gives no {wanted}: {said or f'HTTP {status}'}")


class _RefusedError(Exception):
    """Alpaca has understood what was asked, and said no."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class _Session(Polite, requests.Session):  # type: ignore[misc]  # as Polite says, fewer words
    """The session of alpaca-py's client."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self.transport = transport

    def __repr__(self) -> str:
        return "_Session(***)"

    def flaw(self, url: str, answer: Answer) -> str:  # noqa: ARG002
        """An answer that Alpaca itself would not give: cut off, or from somebody in between."""
        said: str = answer.text  # type: ignore[attr-defined]
        if answer.status_code == NOT_FOUND and not message_of(said):
            return f"HTTP {NOT_FOUND} that is not Alpaca's"
        if answer.status_code != OK:
            return ""
        try:
            json.loads(said)
        except ValueError:
            return "not a whole answer"
        return ""

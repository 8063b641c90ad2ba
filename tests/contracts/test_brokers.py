"""What every broker must do, in this process, over HTTP or dry: each case only brings how its session opens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pandas as pd
import pytest

from resources.brokers.dry_run import DryRunBroker
from tests.peers.alpaca_broker import AlpacaAccount
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.http_peer import HttpPeer
from trading import calendar
from trading.errors import OrderRejectedError
from trading.execution.account import Quote
from trading.execution.costs import CostModel
from trading.execution.orders import order_id
from trading.execution.paper_broker import MOVEMENTS, SimulatedBroker
from trading.execution.simulator import Venue
from trading.interfaces import Broker

DECIDED, OPENED = pd.Timestamp("2024-06-06"), pd.Timestamp("2024-06-07")
CASH_CENTS, PRICE = 10_000_00, 100.0
FREE = Venue(CostModel.free())
LIMIT = "limit_price"


@dataclass
class InstantBroker:
    """The least that is a broker: everything fills in full at one price."""

    cents: int = CASH_CENTS
    shares: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, dict[str, object]] = field(default_factory=dict)
    done: list[dict[str, object]] = field(default_factory=list)

    def submit(self, orders: pd.DataFrame) -> pd.DataFrame:
        rows = orders.to_dict("records")
        known = {*self.waiting, *(row["order_id"] for row in self.done)}
        answers = [(r["order_id"], r["quantity"] != 0, "") for r in rows]
        self.waiting |= {r["order_id"]: r for r in rows if r["quantity"] and r["order_id"] not in known}
        return pd.DataFrame(answers, columns=["order_id", "accepted", "reason"])

    def cancel(self, order_ids: Iterable[str]) -> pd.DataFrame:
        rows = [(name, self.waiting.pop(name, None) is not None, "it does not wait") for name in order_ids]
        return pd.DataFrame(rows, columns=["order_id", "cancelled", "reason"])

    def open(self) -> None:
        for row in self.waiting.values():
            self.shares[row["symbol"]] = self.shares.get(row["symbol"], 0) + row["quantity"]
            self.cents -= round(row["quantity"] * PRICE * 100)
            self.done.append({**row, "ts": calendar.session_open(OPENED), "price": PRICE})
        self.waiting = {}

    def fills(self, since: pd.Timestamp) -> pd.DataFrame:
        columns = ["ts", "order_id", "symbol", "decision_session", "quantity", "price"]
        return pd.DataFrame([row for row in self.done if row["ts"] >= since], columns=columns)

    def positions(self) -> dict[str, int]:
        return {symbol: count for symbol, count in self.shares.items() if count}

    def cash(self) -> int:
        return self.cents


Case = tuple[Broker, Callable[[], object]]
QUOTES = {symbol: Quote(PRICE, PRICE) for symbol in ("NVDA", "AMD")}


def simulated() -> Iterator[Case]:
    broker = SimulatedBroker(CASH_CENTS, FREE)
    yield broker, lambda: broker.open_session(OPENED, QUOTES)


def instant() -> Iterator[Case]:
    broker = InstantBroker()
    yield broker, broker.open


def alpaca() -> Iterator[Case]:
    module = pytest.importorskip("resources.brokers.alpaca", reason="needs the extra `brokers`")
    from resources.sources.alpaca_keys import AlpacaKeys
    from resources.sources.transport import Transport

    account = AlpacaAccount(CASH_CENTS, FREE)
    with HttpPeer(account) as peer:
        broker = module.AlpacaBroker(AlpacaKeys(KEY, SECRET), Transport("alpaca"), peer.url)
        yield broker, lambda: account.open_session(OPENED, QUOTES)


def dry_run() -> Iterator[Case]:
    yield DryRunBroker(CASH_CENTS), lambda: None


def orders(**quantities: int) -> pd.DataFrame:
    rows = [
        (order_id("swing", DECIDED, s, q), s, DECIDED, q, PRICE, float("nan")) for s, q in quantities.items()
    ]
    names = ["order_id", "symbol", "decision_session", "quantity", "reference_price", "limit_price"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(params=[simulated, instant, alpaca])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    yield from request.param()


@pytest.fixture(params=[simulated, instant, alpaca, dry_run])
def any_case(request: pytest.FixtureRequest) -> Iterator[Case]:
    yield from request.param()


@pytest.fixture(params=[simulated, alpaca])
def brokerage(request: pytest.FixtureRequest) -> Iterator[Case]:
    yield from request.param()


def test_a_new_account_holds_its_cash_and_nothing_else(any_case: Case) -> None:
    broker, _ = any_case

    assert (broker.positions(), broker.cash()) == ({}, CASH_CENTS)
    assert len(broker.fills(pd.Timestamp("2000-01-01", tz="UTC"))) == 0


def test_submitting_alone_moves_nothing(any_case: Case) -> None:
    broker, _ = any_case

    answers = broker.submit(orders(NVDA=10, AMD=5))

    assert answers["accepted"].tolist() == [True, True]
    assert list(answers.columns) == ["order_id", "accepted", "reason"]
    assert (broker.positions(), broker.cash()) == ({}, CASH_CENTS)


def test_an_open_turns_orders_into_positions_paid_in_cash(case: Case) -> None:
    broker, open_session = case
    broker.submit(orders(NVDA=10, AMD=5))

    open_session()

    assert broker.positions() == {"NVDA": 10, "AMD": 5}
    assert broker.cash() == CASH_CENTS - 1_500_00


def test_the_same_order_twice_is_one_order(case: Case) -> None:
    broker, open_session = case
    broker.submit(orders(NVDA=10))
    broker.submit(orders(NVDA=10))
    open_session()

    assert broker.submit(orders(NVDA=10))["accepted"].tolist() == [True]
    open_session()

    assert broker.positions() == {"NVDA": 10}


def test_fills_name_their_order_and_are_found_by_their_moment(case: Case) -> None:
    broker, open_session = case
    broker.submit(orders(NVDA=10))
    open_session()
    opened = calendar.session_open(OPENED)

    (fill,) = broker.fills(opened).to_dict("records")

    assert fill["order_id"] == order_id("swing", DECIDED, "NVDA", 1)
    assert (fill["quantity"], fill["price"], fill["decision_session"]) == (10, PRICE, DECIDED)
    assert len(broker.fills(opened + pd.Timedelta(seconds=1))) == 0


def test_a_cancelled_order_is_never_filled_and_cancelling_it_again_says_no(any_case: Case) -> None:
    broker, open_session = any_case
    (name,) = broker.submit(orders(NVDA=10))["order_id"]

    answers = [broker.cancel([name])["cancelled"].tolist() for _ in range(2)]
    open_session()

    assert answers == [[True], [False]]
    assert (broker.positions(), broker.cash()) == ({}, CASH_CENTS)


def test_what_is_filled_or_was_never_sent_cannot_be_cancelled(case: Case) -> None:
    broker, open_session = case
    (name,) = broker.submit(orders(NVDA=10))["order_id"]
    open_session()

    answers = broker.cancel([name, "never"])

    assert list(answers.columns) == ["order_id", "cancelled", "reason"]
    assert answers["cancelled"].tolist() == [False, False]
    assert broker.positions() == {"NVDA": 10}


def test_an_order_for_nothing_is_not_accepted(any_case: Case) -> None:
    broker, _ = any_case

    assert broker.submit(orders(NVDA=0))["accepted"].tolist() == [False]


def test_a_dry_run_says_what_it_would_send_and_never_fills_it() -> None:
    broker = DryRunBroker(CASH_CENTS)

    answers = broker.submit(orders(NVDA=10, AMD=-5))

    assert answers["reason"].tolist() == [
        "dry run, not sent: buy 10 NVDA at the open",
        "dry run, not sent: sell 5 AMD at the open",
    ]
    assert len(broker.fills(pd.Timestamp("2000-01-01", tz="UTC"))) == 0
    assert broker.order_states()["status"].tolist() == ["acknowledged", "acknowledged"]


def test_an_account_tells_where_each_order_stands(brokerage: Case) -> None:
    broker, open_session = brokerage
    broker.submit(orders(NVDA=10))
    before = broker.order_states()["status"].tolist()

    open_session()

    (state,) = broker.order_states().to_dict("records")
    assert before == ["acknowledged"]
    assert (state["symbol"], state["quantity"], state["filled"], state["status"]) == (
        "NVDA",
        10,
        10,
        "filled",
    )
    assert list(broker.movements(pd.Timestamp("2000-01-01", tz="UTC")).columns) == list(MOVEMENTS)


def test_the_simulator_refuses_an_open_that_is_not_after_the_decision() -> None:
    broker = SimulatedBroker(CASH_CENTS)
    broker.submit(orders(NVDA=10))

    with pytest.raises(OrderRejectedError, match="NVDA was decided at 2024-06-06"):
        broker.open_session(DECIDED, {"NVDA": Quote(PRICE, PRICE)})


def test_the_simulator_carries_an_order_to_the_next_open() -> None:
    broker = SimulatedBroker(CASH_CENTS, FREE)
    broker.submit(orders(NVDA=10))

    (waiting,) = broker.open_session(OPENED, {}).working
    broker.open_session(pd.Timestamp("2024-06-10"), {"NVDA": Quote(PRICE, PRICE)})

    assert (waiting.status, waiting.reason) == ("acknowledged", "no bar")
    assert broker.positions() == {"NVDA": 10}

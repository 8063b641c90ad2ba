"""Alpaca's account in our words: kinds of orders, pages, refusals, and keys that never show."""

import pickle
import traceback

import pandas as pd
import pytest

from resources.brokers import alpaca, alpaca_words
from tests.peers.alpaca_broker import EPOCH, AlpacaAccount
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.faults import FaultEngine
from tests.peers.trading_desk import CASH_CENTS, DECIDED, OPENED, QUOTES, decision, remote
from trading.errors import ReconciliationError, SourceUnavailableError
from trading.execution.account import Order
from trading.execution.costs import CostModel
from trading.execution.orders import OrderRules
from trading.execution.simulator import Venue


@pytest.mark.parametrize(
    ("kind", "prices", "said"),
    [
        ("on_open", {}, ("market", "opg")),
        ("on_close", {}, ("market", "cls")),
        ("market", {}, ("market", "day")),
        ("limit", {"limit_price": 99.5}, ("limit", "gtc")),
        ("stop", {"stop_price": 99.5}, ("stop", "gtc")),
    ],
)
def test_each_kind_of_order_has_its_words(kind: str, prices: dict[str, float], said: tuple[str, str]) -> None:
    order = Order("abc", "NVDA", DECIDED, -7, 100.0, kind=kind, **prices)  # type: ignore[arg-type]

    asked = alpaca_words.request_of(order)

    assert (asked["type"], asked["time_in_force"], asked["side"], asked["qty"]) == (*said, "sell", "7")
    assert asked["client_order_id"] == "fabline-20240606-abc"
    assert {name: asked[name] for name in prices} == dict.fromkeys(prices, "99.5000")


def test_what_an_account_tells_on_many_pages_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alpaca, "ORDERS_A_PAGE", 2)
    monkeypatch.setattr(alpaca, "ACTIVITIES_A_PAGE", 2)
    account = AlpacaAccount(CASH_CENTS, page=2)
    with remote(account) as there:
        there.broker.submit(decision(NVDA=1, AMD=2, TSM=3))
        account.open_session(OPENED, QUOTES)
        told = there.broker.order_states(), there.broker.fills(EPOCH), there.broker.movements(EPOCH)

    assert [len(frame) for frame in told] == [3, 3, 3]
    assert told[0]["filled"].tolist() == [1, 2, 3]


def test_an_order_that_fills_in_parts_is_partially_filled_until_the_rest_comes() -> None:
    account = AlpacaAccount(CASH_CENTS, Venue(CostModel.free(), OrderRules(participation=0.01)))
    with remote(account) as there:
        there.broker.submit(decision(NVDA=300))  # the volume is 20,000, of which 200 may be taken
        states = []
        for session in (OPENED, pd.Timestamp("2024-06-10")):
            account.open_session(session, QUOTES)
            states += there.broker.order_states()[["filled", "status"]].to_numpy().tolist()
        fills = there.broker.fills(EPOCH)

    assert states == [[200, "partially_filled"], [300, "filled"]]
    assert fills["quantity"].tolist() == [200, 100]


def test_a_rate_limit_is_waited_out() -> None:
    account = AlpacaAccount(CASH_CENTS)
    with remote(account, FaultEngine({"too_many": 0.5})) as there:
        answers = there.broker.submit(decision(NVDA=1, AMD=2))

    assert answers["accepted"].tolist() == [True, True]
    assert len(account.posted) == 2
    assert there.peer.engine.drawn["too_many"] > 0


def test_a_venue_that_hangs_up_is_unavailable_and_that_is_said() -> None:
    with remote(AlpacaAccount(CASH_CENTS)) as there:
        there.peer.hangs_up = True

        with pytest.raises(SourceUnavailableError, match="alpaca paper gives no order"):
            there.broker.submit(decision(NVDA=1))


def test_an_account_without_buying_power_refuses_and_the_reason_is_told() -> None:
    with remote(AlpacaAccount(0)) as there:
        (answer,) = there.broker.submit(decision(NVDA=1)).to_dict("records")

    assert (answer["accepted"], answer["reason"]) == (False, "alpaca: insufficient buying power")


def test_keys_show_in_no_error_no_print_and_no_pickle() -> None:
    wrong = "another-secret-that-must-never-show"
    with remote(AlpacaAccount(CASH_CENTS), secret=wrong) as there:
        with pytest.raises(SourceUnavailableError, match="APCA_API_KEY_ID") as refused:
            there.broker.cash()
        shown = (
            "".join(traceback.format_exception(refused.value)) + repr(there.broker) + repr(vars(there.broker))
        )
        with pytest.raises((TypeError, pickle.PicklingError)):
            pickle.dumps(there.broker)

    assert not [key for key in (KEY, SECRET, wrong) if key in shown]


def test_parts_of_shares_are_refused_and_part_cents_are_rounded_by_hand() -> None:
    with pytest.raises(ReconciliationError, match=r"0\.5 shares"):
        alpaca_words.shares("0.5")

    assert [alpaca_words.money(usd) for usd in ("1.005", "-1.005", "0.004")] == [101, -101, 0]


def test_a_dividend_moves_cash_alone_and_a_split_shares_alone() -> None:
    row = {"id": "20240607::x", "date": "2024-06-07", "symbol": "NVDA", "qty": "90"}

    paid = alpaca_words.movement_of({**row, "activity_type": "DIV", "net_amount": "3.60"})
    split = alpaca_words.movement_of({**row, "activity_type": "SPLIT"})

    assert (paid["kind"], paid["shares"], paid["cash_cents"]) == ("dividend", 0, 360)
    assert (split["kind"], split["shares"], split["cash_cents"]) == ("split", 90, 0)

"""A desk sends each order once, whatever dies; it obeys the switch, and stops at what nothing explains."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.peers.alpaca_broker import AlpacaAccount
from tests.peers.faults import FaultEngine
from tests.peers.trading_desk import (
    CASH_CENTS,
    DECIDED,
    OPENED,
    QUOTES,
    Fate,
    KilledError,
    Told,
    decision,
    desk_over,
    remote,
)
from trading.errors import HomeError, ReconciliationError, TradingHaltedError
from trading.execution.costs import CostModel
from trading.execution.paper_broker import SimulatedBroker
from trading.execution.simulator import Venue

ORDERS = decision(NVDA=10, AMD=5, TSM=7)
NAMES = set(ORDERS["order_id"])
FREE = Venue(CostModel.free())


class Counting(SimulatedBroker):
    """Counts how often each order reaches it."""

    def __init__(self) -> None:
        super().__init__(CASH_CENTS)
        self.reached: Counter[str] = Counter()

    def submit(self, orders: pd.DataFrame) -> pd.DataFrame:
        self.reached.update(orders["order_id"])
        return super().submit(orders)


def test_a_decision_is_sent_once_however_often_it_is_traded(tmp_path: Path) -> None:
    broker = Counting()

    first = desk_over(broker, tmp_path).trade(DECIDED, ORDERS)
    again = desk_over(broker, tmp_path).trade(DECIDED, ORDERS)

    assert set(first.sent["order_id"]) == NAMES
    assert (len(again.sent), again.known) == (0, 3)
    assert broker.reached == Counter(NAMES)


def test_a_desk_killed_before_or_after_anything_it_changes_sends_each_order_once_when_it_comes_back(
    tmp_path: Path,
) -> None:
    two, whole = decision(NVDA=10, AMD=5), Fate()
    desk_over(SimulatedBroker(CASH_CENTS), tmp_path / "whole", whole).trade(DECIDED, two)
    digests = desk_over(SimulatedBroker(CASH_CENTS), tmp_path / "whole").journal.digests()

    for at in range(1, whole.steps + 1):
        broker, folder = SimulatedBroker(CASH_CENTS), tmp_path / str(at)
        with pytest.raises(KilledError):
            desk_over(broker, folder, Fate(at)).trade(DECIDED, two)
        back = desk_over(broker, folder)
        back.trade(DECIDED, two)
        broker.open_session(OPENED, QUOTES)
        assert broker.positions() == {"AMD": 5, "NVDA": 10}, at
        assert back.journal.digests() == digests, at

    assert whole.steps > 20  # otherwise nothing was killed


def test_an_order_whose_answer_was_lost_is_looked_up_and_not_doubled(tmp_path: Path) -> None:
    account, fate = AlpacaAccount(CASH_CENTS), Fate()
    account.on_order = lambda: setattr(fate, "at", fate.steps + 1)  # dies before the answer is recorded
    with remote(account) as there:
        with pytest.raises(KilledError):
            desk_over(there.broker, tmp_path, fate).trade(DECIDED, ORDERS)
        account.on_order = lambda: None
        done = desk_over(there.broker, tmp_path).trade(DECIDED, ORDERS)
        account.open_session(OPENED, QUOTES)

    assert len(account.posted) == 3
    assert (len(done.sent), done.known) == (2, 1)
    assert account.broker.positions() == {"AMD": 5, "NVDA": 10, "TSM": 7}


def test_submitting_an_order_that_is_there_is_no_second_order_and_another_of_its_name_is_refused() -> None:
    account, other = AlpacaAccount(CASH_CENTS), ORDERS.assign(quantity=ORDERS["quantity"] + 1)
    with remote(account) as there:
        answers = [there.broker.submit(rows) for rows in (ORDERS, ORDERS, other)]

    assert [set(answer["reason"]) for answer in answers] == [
        {""},
        {"already submitted"},
        {"alpaca: another order has its name"},
    ]
    assert account.broker.order_states()["quantity"].tolist() == [10, 5, 7]


def test_broken_answers_of_the_venue_double_nothing_and_lose_nothing(tmp_path: Path) -> None:
    account = AlpacaAccount(CASH_CENTS)
    kinds = ("too_many", "server_error", "truncated", "reset", "not_found")
    with remote(account, FaultEngine.evenly(0.3, kinds=kinds)) as there:
        desk = desk_over(there.broker, tmp_path)
        desk.trade(DECIDED, ORDERS)
        account.open_session(OPENED, QUOTES)
        desk.reconcile(OPENED)

    assert set(desk.journal.fills()["order_id"]) == NAMES
    assert len(desk.journal.fills()) == 3
    assert sum(there.peer.engine.drawn.values()) - there.peer.engine.drawn["none"] > 5  # it was harmed


def test_nothing_is_sent_while_trading_is_halted(tmp_path: Path) -> None:
    broker = Counting()
    desk = desk_over(broker, tmp_path)
    desk.switch.halt("lunch", "a person", pd.Timestamp("2024-06-06", tz="UTC"))

    with pytest.raises(TradingHaltedError, match=r"lunch.*fabline resume"):
        desk.trade(DECIDED, ORDERS)

    assert not broker.reached


def test_a_halt_between_two_orders_stops_the_second_and_cancels_the_first(tmp_path: Path) -> None:
    broker = Counting()
    desk = desk_over(broker, tmp_path)
    send = broker.submit

    def send_and_halt(orders: pd.DataFrame) -> pd.DataFrame:
        desk.switch.halt("now", "a person", pd.Timestamp("2024-06-06", tz="UTC"))
        return send(orders)

    broker.submit = send_and_halt  # type: ignore[method-assign]
    with pytest.raises(TradingHaltedError):
        desk.trade(DECIDED, ORDERS)

    assert sum(broker.reached.values()) == 1
    assert broker.order_states()["status"].tolist() == ["cancelled"]


def test_an_event_during_a_halt_cancels_what_works_and_ends_the_following(tmp_path: Path) -> None:
    broker = SimulatedBroker(CASH_CENTS)
    desk = desk_over(broker, tmp_path)
    desk.trade(DECIDED, ORDERS)

    went_on = desk.on_event(DECIDED)
    desk.switch.halt("now", "a person", pd.Timestamp("2024-06-06", tz="UTC"))

    assert (went_on, desk.on_event(DECIDED)) == (True, False)
    assert set(broker.order_states()["status"]) == {"cancelled"}


def test_what_a_later_decision_withdraws_is_cancelled_at_the_broker(tmp_path: Path) -> None:
    broker = SimulatedBroker(CASH_CENTS)
    desk = desk_over(broker, tmp_path)
    desk.trade(DECIDED, ORDERS)

    done = desk.trade(OPENED, decision(status="cancelled", NVDA=10))

    states = dict(broker.order_states()[["symbol", "status"]].itertuples(index=False))
    assert done.cancelled["cancelled"].tolist() == [True]
    assert states == {"NVDA": "cancelled", "AMD": "acknowledged", "TSM": "acknowledged"}


def test_a_fill_that_nobody_ordered_halts_trading_cancels_what_works_and_is_named(tmp_path: Path) -> None:
    account = AlpacaAccount(CASH_CENTS, FREE)
    with remote(account) as there:
        desk = desk_over(there.broker, tmp_path)
        desk.trade(DECIDED, ORDERS)
        account.fill_by_hand("AVGO", 3, "130.5", pd.Timestamp("2024-06-07 14:00", tz="UTC"))

        with pytest.raises(ReconciliationError, match=r"3 AVGO at 130\.5") as stopped:
            desk.reconcile(OPENED)

        assert "position AVGO: recorded 3 shares, broker 0 shares" in str(stopped.value)
        assert set(there.broker.order_states()["status"]) == {"cancelled"}
    assert desk.switch.state() is not None
    assert isinstance(desk.notifier, Told)
    assert desk.notifier.events[0][0] == "trading_halted"


@pytest.mark.parametrize(("shares", "cents", "said"), [(4, 0, "position NVDA"), (0, -5_00, "cash USD")])
def test_a_position_or_cash_that_nothing_explains_halts_trading(
    tmp_path: Path, shares: int, cents: int, said: str
) -> None:
    broker = SimulatedBroker(CASH_CENTS)
    desk = desk_over(broker, tmp_path)
    desk.trade(DECIDED, ORDERS)
    broker.open_session(OPENED, QUOTES)
    held = broker.book
    broker.book = replace(
        held,
        shares={**held.shares, "NVDA": held.shares["NVDA"] + shares},
        cash_cents=held.cash_cents + cents,
    )

    with pytest.raises(ReconciliationError, match=said):
        desk.trade(OPENED, decision(OPENED, NVDA=1))

    assert broker.order_states()["order_id"].isin(NAMES).all()


def test_an_order_that_somebody_else_placed_halts_trading(tmp_path: Path) -> None:
    broker = SimulatedBroker(CASH_CENTS)
    desk = desk_over(broker, tmp_path)
    desk.trade(DECIDED, ORDERS)
    stranger = decision(session=pd.Timestamp("2024-06-05"), QCOM=9)
    broker.submit(stranger)

    with pytest.raises(ReconciliationError, match="recorded never sent, broker acknowledged, of QCOM"):
        desk.reconcile(DECIDED)


def test_what_was_in_the_account_before_counts_for_nothing(tmp_path: Path) -> None:
    broker = SimulatedBroker(CASH_CENTS)
    broker.submit(decision(session=pd.Timestamp("2024-06-03"), QCOM=9))
    broker.open_session(pd.Timestamp("2024-06-04"), {**QUOTES, "QCOM": QUOTES["NVDA"]})

    found = desk_over(broker, tmp_path).trade(DECIDED, ORDERS).found

    assert found == ()


def test_a_clock_that_was_a_month_ahead_at_the_first_look_misses_no_fill_once_it_is_right(
    tmp_path: Path,
) -> None:
    broker = SimulatedBroker(CASH_CENTS)
    desk_over(broker, tmp_path, now="2024-07-10T12:00Z").reconcile(DECIDED)
    desk = desk_over(broker, tmp_path)
    desk.trade(DECIDED, ORDERS)
    broker.open_session(OPENED, QUOTES)

    found = desk.reconcile(OPENED)

    assert len(desk.journal.fills()) == 3
    assert not any(one.halts for one in found)


def test_a_fill_that_is_told_late_is_recorded_once_when_it_comes(tmp_path: Path) -> None:
    account = AlpacaAccount(CASH_CENTS)
    with remote(account) as there:
        desk = desk_over(there.broker, tmp_path)
        desk.trade(DECIDED, ORDERS)
        account.open_session(OPENED, QUOTES)
        account.late = 1  # the first look misses it, the second one does not

        found = [str(one) for one in desk.reconcile(OPENED)]
        desk.reconcile(OPENED)

    assert len(desk.journal.fills()) == 3
    assert all("recorded acknowledged, broker filled" in one for one in found)


def test_records_of_one_account_are_not_continued_with_another(tmp_path: Path) -> None:
    desk = desk_over(SimulatedBroker(CASH_CENTS), tmp_path)
    desk.trade(DECIDED, ORDERS)

    with pytest.raises(HomeError, match="traded the account test and is now given other"):
        replace(desk, account="other").trade(DECIDED, ORDERS)


def test_a_refused_order_is_recorded_with_its_reason_and_not_tried_again(tmp_path: Path) -> None:
    account = AlpacaAccount(CASH_CENTS, refuses=("AMD",))
    with remote(account) as there:
        first = desk_over(there.broker, tmp_path).trade(DECIDED, ORDERS)
        again = desk_over(there.broker, tmp_path).trade(DECIDED, ORDERS)

    (refused,) = first.sent[~first.sent["accepted"]].to_dict("records")
    assert refused["reason"] == "alpaca: asset AMD is not tradable"
    assert (len(again.sent), len(account.posted)) == (0, 3)

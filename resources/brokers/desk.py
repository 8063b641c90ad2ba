"""The desk: sends the orders of a decision once, records what comes of them, and stops when something is odd.

Before an order leaves, its name is in the journal; before each order and at every event the kill switch is
looked at. A desk that dies at any point is started again with the same call and sends nothing twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from resources.brokers.dry_run import order_of
from resources.brokers.journal import BrokerJournal
from resources.halt import HaltSwitch
from resources.notifier import Notifier
from trading.errors import HomeError, ReconciliationError, SourceUnavailableError, TradingHaltedError
from trading.execution.account import Order
from trading.execution.lifecycle import WORKING
from trading.execution.reconciliation import Difference, OrderStanding, Standing, differences
from trading.interfaces import Brokerage, Clock

LATE = pd.Timedelta(days=7)  # a fill or fee may be told so long after it happened
GLANCES = 5  # an account that moves while it is read is read again so often


def _unheard(_update: str) -> None:
    pass


@dataclass(frozen=True)
class Traded:
    """What became of a decision's orders.

    Attributes
    ----------
    sent : columns order_id, accepted, reason, of the orders that left in this call
    known : how many had left before
    cancelled : columns order_id, cancelled, reason, of older orders that the decision withdrew
    found : differences that do not stop trading
    """

    sent: pd.DataFrame
    known: int
    cancelled: pd.DataFrame
    found: tuple[Difference, ...]


@dataclass(frozen=True)
class Desk:
    """One broker's account, our records of it, and the switch that stops both.

    Attributes
    ----------
    account : its name; records of another one are refused
    rounding_cents : by how much one fill may move cash otherwise, because the broker counts parts of cents
    """

    broker: Brokerage
    journal: BrokerJournal
    switch: HaltSwitch
    notifier: Notifier
    clock: Clock
    account: str
    rounding_cents: int = 0

    def trade(self, session: pd.Timestamp, orders: pd.DataFrame) -> Traded:
        """Send the `orders` of the decision of `session`, each once however often this is called.

        Raises
        ------
        TradingHaltedError
            If trading is halted, or halted while orders leave; then what works is cancelled.
        ReconciliationError
            If the account differs from the records so that nothing explains it; trading is halted then.
        """
        self.switch.check()
        self.reconcile(session)
        withdrawn = self._withdraw(orders)
        wanted = [order_of(row) for row in orders.to_dict("records") if row["status"] in WORKING]
        answered = self._answered()
        fresh = [order for order in wanted if order.order_id not in answered]
        try:
            sent = [self._send(order, session) for order in fresh]
        except TradingHaltedError:
            self.cancel_working()
            raise
        found = self.reconcile(session)
        rows = pd.DataFrame(sent, columns=["order_id", "accepted", "reason"])
        return Traded(rows, len(wanted) - len(fresh), withdrawn, found)

    def reconcile(self, session: pd.Timestamp) -> tuple[Difference, ...]:
        """Record what happened at the broker, and compare; the differences that do not stop trading.

        Raises
        ------
        ReconciliationError
            Naming every difference, if one of them halts trading.
        """
        self._take_over()
        theirs = self._look()
        ours = self.journal.standing(self.rounding_cents)
        found = differences(ours, theirs)
        self.journal.see({name: o.status for name, o in theirs.orders.items() if name in ours.orders})
        self.journal.note(found, session, self.clock())
        grave = [str(one) for one in found if one.halts]
        if grave:
            self._stop(f"at {session:%Y-%m-%d} {'; '.join(grave)}")
        return found

    def cancel_working(self) -> pd.DataFrame:
        """Cancel every order of ours that still works: order_id, cancelled, reason."""
        states = self.broker.order_states()
        ours = set(self.journal.orders()["order_id"])
        working = states[states["status"].isin(WORKING) & states["order_id"].isin(ours)]
        return self.broker.cancel(sorted(working["order_id"]))

    def on_event(self, session: pd.Timestamp) -> bool:
        """React to news of the broker: record and compare, or cancel and stop if trading is halted; whether to go on."""
        if self.switch.state() is not None:
            self.cancel_working()
            return False
        self.reconcile(session)
        return True

    async def follow(
        self, session: pd.Timestamp, updates: AsyncIterable[str], told: Callable[[str], None] = _unheard
    ) -> None:
        """React to every update of the broker until trading is halted; `told` hears of each that was dealt with.

        An update is a reason to look, never a fill: one that is lost, late or told twice changes nothing.
        """
        async for update in updates:
            if not self.on_event(session):
                return
            told(update)

    def _take_over(self) -> None:
        """Begin the records at the first look; refuse those of another account."""
        known = self.journal.account
        if known is None:
            now = self.clock()
            since = now - LATE
            ids = [
                *self.broker.fills(since)["fill_id"],
                *self.broker.movements(since)["movement_id"],
                *self._ended(),
            ]
            self.journal.take_over(self.account, now, self.broker.positions(), self.broker.cash(), ids)
        elif known != self.account:
            raise HomeError(
                f"this home traded the account {known} and is now given {self.account}; set the keys of the "
                f"former, or use another FABLINE_HOME for the latter"
            )

    def _ended(self) -> list[str]:
        """Orders that were over before we came; one that still works is not ours to ignore."""
        states = self.broker.order_states()
        return list(states["order_id"][~states["status"].isin(WORKING)])

    def _look(self) -> Standing:
        """The account as the broker tells it, at a moment at which nothing moved."""
        self._take_in()
        for _ in range(GLANCES):
            seen = self._seen()
            if not self._take_in():
                return seen
        raise SourceUnavailableError(
            f"the account {self.account} moves while it is read, {GLANCES} times in a row; run the same again"
        )

    def _take_in(self) -> int:
        """Record fills and movements; how many were new."""
        since = self.journal.newest() - LATE
        return self.journal.record(self.broker.fills(since), self.broker.movements(since), self.clock())

    def _seen(self) -> Standing:
        foreign = self.journal.foreign()
        orders = {
            row["order_id"]: OrderStanding(row["symbol"], row["filled"], row["status"])
            for row in self.broker.order_states().to_dict("records")
            if row["order_id"] not in foreign
        }
        return Standing(self.broker.positions(), self.broker.cash(), orders, {})

    def _answered(self) -> Mapping[str, int]:
        """Orders to which the broker has said yes or no."""
        rows = self.journal.orders()
        known = rows[rows["accepted"].notna()]
        return dict(zip(known["order_id"], known["accepted"], strict=True))

    def _withdraw(self, orders: pd.DataFrame) -> pd.DataFrame:
        """Cancel what the decision has withdrawn and the broker still works on."""
        gone = set(orders["order_id"][~orders["status"].isin(WORKING)])
        mine = self.journal.orders()
        working = mine[mine["order_id"].isin(gone) & mine["status"].isin(WORKING)]
        return self.broker.cancel(sorted(working["order_id"]))

    def _send(self, order: Order, session: pd.Timestamp) -> tuple[str, bool, str]:
        self.journal.intend(order, session, self.clock())
        self.switch.check()
        frame = pd.DataFrame([{**vars(order), "quantity": order.remaining, "filled": 0}])
        ((name, accepted, reason),) = self.broker.submit(frame).itertuples(index=False, name=None)
        self.journal.answer(name, reason, self.clock(), accepted=bool(accepted))
        return name, bool(accepted), reason

    def _stop(self, reason: str) -> None:
        self.switch.halt(reason, "reconciliation", self.clock())
        self.notifier.notify("trading_halted", reason=reason, account=self.account)
        self.cancel_working()
        raise ReconciliationError(
            f"trading is halted: {reason}; look into the account, and `fabline resume` when it is explained"
        )

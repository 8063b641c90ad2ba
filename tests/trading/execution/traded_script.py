"""Prints the SHA-256 of orders, fills and ledger of one scripted account."""

import hashlib
import sys

import pandas as pd

from trading import calendar
from trading.digest import generator
from trading.execution.account import Quote
from trading.execution.margin import MarginRules
from trading.execution.orders import order_id
from trading.execution.paper_broker import SimulatedBroker
from trading.execution.simulator import Venue

NAMES, KINDS = ("NVDA", "AMD", "TSM"), ("market", "limit", "stop", "on_open", "on_close")


def traded_digest() -> str:
    """Twenty sessions of random orders of every kind in a margin account."""
    broker = SimulatedBroker(100_000_00, Venue(margin=MarginRules("margin")))
    rng, session = generator("traded_script"), pd.Timestamp("2024-06-03")
    for _ in range(20):
        sizes, prices = rng.integers(-60, 60, 15), rng.uniform(90, 110, 15).round(2)
        rows = [
            (order_id("paper", session, name, size, place), name, session, size, price, price, price, kind)
            for place, (size, price) in enumerate(zip(sizes.tolist(), prices.tolist(), strict=True))
            for name, kind in [(NAMES[place % 3], KINDS[place % 5])]
        ]
        columns = [
            "order_id",
            "symbol",
            "decision_session",
            "quantity",
            "reference_price",
            "limit_price",
            "stop_price",
            "kind",
        ]
        broker.submit(pd.DataFrame(rows, columns=columns))
        session = calendar.shift(session, 1)
        broker.open_session(
            session, {name: Quote(100.0, 101.0, "", 106.0, 94.0, 2_000.0, 0.02, session) for name in NAMES}
        )
    told = (list(broker.orders.values()), broker.fills(pd.Timestamp(0, tz="UTC")).to_csv(), broker.bookings)
    assert len(told[1]) > 1000
    return hashlib.sha256(repr(told).encode()).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(traded_digest())

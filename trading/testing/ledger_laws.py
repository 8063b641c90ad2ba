"""What must hold of every traded history, checked from its tables alone; whatever breaks it is named by an assertion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from trading.execution.account import Booking
from trading.execution.ledger import project
from trading.interfaces import Store

IN_THE_PRICE = ["spread_cents", "slippage_cents", "impact_cents"]
_INCOME = ("dividend_accrued", "cash_in_lieu", "borrow_fee", "interest")


def check_ledger(store: Store, *, overdraft: bool = False) -> None:
    """Raise AssertionError unless bookings lead to positions and equity moves by profit less costs, to the cent.

    With `overdraft` cash may be negative, as in a margin account.
    """
    check_projection(store, overdraft=overdraft)
    check_profit(store)


def check_projection(store: Store, *, overdraft: bool = False) -> None:
    """All bookings up to each session, added up, are its positions."""
    ledger, positions = store.read("ledger"), store.read("positions")
    columns = list(Booking.__dataclass_fields__)
    held = dict(iter(positions.groupby("session")))
    booked = dict(iter(ledger.groupby("session")))
    balance = project((), overdraft=overdraft)
    for session, rows in held.items():
        lines = booked[session][columns].to_dict("records") if session in booked else []
        balance = project((Booking(**line) for line in lines), balance, overdraft=overdraft)
        shares = rows.set_index("symbol")["quantity"].to_dict()
        assert balance.cash_cents == shares.pop("USD"), f"cash of {session:%Y-%m-%d}"
        assert balance.receivable_cents == shares.pop("USD_RECEIVABLE"), f"dividends of {session:%Y-%m-%d}"
        assert balance.shares == shares, f"shares of {session:%Y-%m-%d}"


def check_profit(store: Store) -> None:
    """Equity changes by the change in value of the shares, less what they were bought for, plus income, less costs."""
    positions, fills, ledger = (store.read(table) for table in ("positions", "fills", "ledger"))
    performance = store.read("performance").set_index("session")
    shares = positions[~positions["symbol"].str.startswith("USD")]
    value = shares.groupby("session")["value_cents"].sum().reindex(performance.index, fill_value=0)
    lost = fills[IN_THE_PRICE].sum(axis=1)
    bought = np.sign(fills["quantity"]) * fills["notional_cents"] - lost
    income = ledger[ledger["kind"].isin(_INCOME)]
    received = income["cash_cents"] + income["receivable_cents"]
    bought, paid, received = (
        _by_session(amounts, sessions, performance.index)
        for amounts, sessions in (
            (bought, fills["session"]),
            (lost + fills["commission_cents"] + fills["fees_cents"], fills["session"]),
            (received, income["session"]),
        )
    )
    profit = value.diff().fillna(0) - bought + received
    assert (performance["cost_cents"] == paid).all(), "costs of performance and fills differ"
    assert (performance["equity_cents"].diff().iloc[1:] == (profit - paid).iloc[1:]).all(), (
        "equity and profit differ"
    )


def _by_session(amounts: pd.Series, sessions: pd.Series, wanted: pd.Index) -> pd.Series:
    return amounts.groupby(sessions).sum().reindex(wanted, fill_value=0)

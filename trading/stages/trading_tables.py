"""What a trading session made, from values to columns of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import frames
from trading.evaluation.performance import SessionPerformance
from trading.execution.account import Book, Booking, Fill, Order
from trading.execution.paper_broker import moment_of
from trading.interfaces import Floats
from trading.risk.overlay import DrawdownVerdict
from trading.risk.tail import TailLoss
from trading.stages.trading_state import CASH, RECEIVABLE, KeptMix
from trading.universe import SYMBOLS

Columns = Mapping[str, NDArray[Any]]
Row = Mapping[str, Any]
_STAMPED = {"session", "known_at"}
_USD_PER_CENT = 0.01
_NUMPY = {"str": "object", "datetime64[us, UTC]": "datetime64[us]"}


def columns(table: str, strategy: str, rows: Iterable[Row]) -> Columns:
    """The rows of one strategy as typed columns of `table`, all but what the walker stamps."""
    listed = [{"strategy": strategy, **row} for row in rows]
    dtypes = frames.table_of(table).dtypes
    return {
        name: _column([row[name] for row in listed], _NUMPY.get(dtype, dtype))
        for name, dtype in dtypes.items()
        if name not in _STAMPED
    }


def _column(values: Sequence[Any], dtype: str) -> NDArray[Any]:
    if dtype.startswith("datetime64"):
        return np.array([value.to_datetime64() for value in values], dtype="datetime64[us]")
    return np.array(values, dtype=dtype)


def fill_rows(fills: Iterable[Fill], session: pd.Timestamp) -> Iterable[Row]:
    """Fills, each at its moment of `session`."""
    return ({**vars(fill), "ts": moment_of(fill, session).tz_localize(None)} for fill in fills)


def ledger_rows(bookings: Iterable[Booking]) -> Iterable[Row]:
    """Bookings in the order in which they were made."""
    return ({**vars(booking), "sequence": place} for place, booking in enumerate(bookings))


def receivable_rows(book: Book) -> Iterable[Row]:
    """Dividends owed."""
    return (vars(claim) for claim in book.receivables)


def position_rows(book: Book) -> Iterable[Row]:
    """Shares of each symbol held, then cash and the sum of the dividends owed, both in cents."""
    for symbol in book.shares:
        yield {
            "symbol": symbol,
            "quantity": book.shares[symbol],
            "close": book.closes[symbol],
            "value_cents": book.value_cents(symbol),
            "stale_sessions": book.stale_sessions[symbol],
        }
    for symbol, amount in ((CASH, book.cash_cents), (RECEIVABLE, book.receivable_cents)):
        money = {"quantity": amount, "value_cents": amount, "close": _USD_PER_CENT, "stale_sessions": 0}
        yield {"symbol": symbol, **money}


def performance_rows(performance: SessionPerformance) -> Iterable[Row]:
    """The one row of performance."""
    return (asdict(performance),)


def risk_rows(
    verdict: DrawdownVerdict, volatility: float, loss: TailLoss, breaches: str, alarm: str
) -> Iterable[Row]:
    """The one row of risk."""
    yield {
        "drawdown": verdict.drawdown,
        "drawdown_state": verdict.state,
        "drawdown_multiplier": verdict.multiplier,
        "realized_volatility": volatility,
        "value_at_risk_95": loss.value_at_risk,
        "shortfall_95": loss.shortfall,
        "breaches": breaches,
        "alarm": alarm,
        "reason": verdict.reason,
    }


def target_rows(
    mix: KeptMix, exposure: float, targets: Floats, current: Floats, *, cut_by: str
) -> Iterable[Row]:
    """A row for each symbol of the universe, held or not; targets and current weights are (s,)."""
    proof = {name: value for name, value in vars(mix).items() if name not in {"caps", "weights"}}
    for place, symbol in enumerate(SYMBOLS):
        yield {
            "symbol": symbol,
            "cap": mix.caps[place],
            "mix_weight": mix.weights[place],
            "exposure": exposure,
            "target_weight": targets[place],
            "current_weight": current[place],
            "cut_by": cut_by,
            **proof,
        }


def order_rows(orders: Iterable[Order]) -> Iterable[Row]:
    """Orders, new and older; a price that no order asks for is NaN."""
    return (vars(order) for order in orders)

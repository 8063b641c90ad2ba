"""What a trading session keeps: from its own rows of the session before, back to values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar
from trading.errors import MissingStateError
from trading.evaluation.performance import SessionPerformance
from trading.execution.account import Book, Order, Receivable
from trading.execution.lifecycle import WORKING
from trading.history import Rows
from trading.interfaces import Floats
from trading.risk.overlay import DrawdownState
from trading.stages.stage import Inputs, Moment
from trading.universe import SYMBOLS

CASH, RECEIVABLE = "USD", "USD_RECEIVABLE"


@dataclass(frozen=True)
class KeptMix:
    """The mix in force, with the certificate of the session that solved it.

    Attributes
    ----------
    caps, weights : (s,)
    """

    caps: Floats
    weights: Floats
    optimized_session: pd.Timestamp
    status: str
    objective: str
    gap: float
    binding: str
    fallback: str
    conflicts: str


@dataclass(frozen=True)
class State:
    """The end of the session before.

    Attributes
    ----------
    equities : in cents, of the last sessions within the look-back, oldest first
    log_returns : (n,) of the same sessions, without the first of the home, which has none
    exposure : the part of the mix that was to be held
    """

    book: Book
    orders: tuple[Order, ...]
    performance: SessionPerformance
    equities: tuple[int, ...]
    log_returns: Floats
    drawdown_state: DrawdownState
    mix: KeptMix
    exposure: float


def read_state(moment: Moment, inputs: Inputs, strategy: str) -> State | None:
    """The state that the previous session left, None in the very first one.

    Raises
    ------
    MissingStateError
        If the home is past its first session and any part of the state is absent.
    """
    if moment.is_first:
        return None
    rows = {**inputs, "positions": inputs["positions"].at(calendar.shift(moment.session, -1))}
    kept = {table: _records(rows[table], strategy, columns) for table, columns in _COLUMNS.items()}
    for table in ("positions", "performance", "risk", "target_portfolio"):
        if not kept[table]:
            raise MissingStateError(
                f"trading_session cannot make {moment.session:%Y-%m-%d}: the {table} of strategy {strategy!r} "
                "of the session before are missing; make that session first (fabline backfill --from)"
            )
    past = sorted(kept["performance"], key=lambda row: row["session"])
    return State(
        book=_book(kept["positions"], kept["receivables"]),
        orders=tuple(Order(**row) for row in kept["orders"] if row["status"] in WORKING),
        performance=SessionPerformance(**{k: v for k, v in past[-1].items() if k != "session"}),
        equities=tuple(row["equity_cents"] for row in past),
        log_returns=np.array([row["log_return"] for row in past if row["session"] != moment.inception]),
        drawdown_state=kept["risk"][0]["drawdown_state"],
        mix=_mix(kept["target_portfolio"]),
        exposure=kept["target_portfolio"][0]["exposure"],
    )


def _records(rows: Rows, strategy: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The strategy's rows as plain values, in an order that does not depend on how they were kept."""
    mine = rows["strategy"] == strategy
    values = [_plain(rows[column][mine]) for column in columns]
    return [dict(zip(columns, row, strict=True)) for row in sorted(zip(*values, strict=True), key=_by_symbol)]


def _plain(values: NDArray[Any]) -> list[Any]:
    if values.dtype.kind == "M":
        return [pd.Timestamp(value).as_unit("us") for value in values]
    return list(values.tolist())


def _by_symbol(row: tuple[Any, ...]) -> tuple[int, Any]:
    first = row[0]
    return (_RANK.get(first, len(_RANK)), first) if isinstance(first, str) else (0, first)


def _book(positions: list[dict[str, Any]], receivables: list[dict[str, Any]]) -> Book:
    held = [row for row in positions if row["symbol"] not in {CASH, RECEIVABLE}]
    claims = (Receivable(**row) for row in receivables)
    return Book(
        shares={row["symbol"]: row["quantity"] for row in held},
        cash_cents=next(row["quantity"] for row in positions if row["symbol"] == CASH),
        receivables=tuple(sorted(claims, key=lambda claim: claim.ex_session)),
        closes={row["symbol"]: row["close"] for row in held},
        stale_sessions={row["symbol"]: row["stale_sessions"] for row in held},
    )


def _mix(rows: list[dict[str, Any]]) -> KeptMix:
    by_symbol = {row["symbol"]: row for row in rows}
    first = rows[0]
    proof = {name: first[name] for name in _PROOF}
    return KeptMix(
        caps=np.array([by_symbol[symbol]["cap"] for symbol in SYMBOLS]),
        weights=np.array([by_symbol[symbol]["mix_weight"] for symbol in SYMBOLS]),
        **proof,
    )


_RANK = {symbol: rank for rank, symbol in enumerate(SYMBOLS)}
_PROOF = ("optimized_session", "status", "objective", "gap", "binding", "fallback", "conflicts")
# The first column of each orders its rows.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "positions": ("symbol", "quantity", "close", "stale_sessions"),
    "receivables": tuple(Receivable.__dataclass_fields__),
    "orders": ("symbol", *(name for name in Order.__dataclass_fields__ if name != "symbol")),
    "performance": ("session", *SessionPerformance.__dataclass_fields__),
    "risk": ("session", "drawdown_state"),
    "target_portfolio": ("symbol", "cap", "mix_weight", "exposure", *_PROOF),
}

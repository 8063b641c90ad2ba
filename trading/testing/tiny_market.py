"""A market of a few sessions made by hand, to trade in: flat prices, no skill, nothing happening yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from trading import calendar, frames
from trading.digest import generator
from trading.frames import LEVELS, QUANTILES
from trading.interfaces import Mix
from trading.line import Request, make_and_write
from trading.plan import Plan
from trading.portfolio.mandates import Wanted
from trading.stages.stage import Inputs, Moment, Outputs, Stage
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_session import (
    VOLUME_LOOKBACK_SESSIONS,
    features_lookback,
    trading_session_stage,
)
from trading.testing.memory_store import MemoryStore
from trading.testing.stage_rows import CalendarBook, history_of
from trading.universe import SYMBOLS

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class FixedMix:
    """An optimiser that always wants the same: weights by symbol, the rest in cash."""

    weights: Mapping[str, float] = field(default_factory=dict)

    def solve(self, wanted: Wanted) -> Mix:
        """The fixed weights as a mix."""
        del wanted
        weights = np.array([self.weights.get(symbol, 0.0) for symbol in SYMBOLS])
        return Mix(weights, "fixed", 0.0, "fixed", (), "")


def tiny_market(inception: str, sessions: int, price: float = 100.0) -> Tables:
    """Tables of everything that a trading session reads, for `sessions` from `inception` on.

    Every stock opens and closes at `price` within a range of 1 USD on its two sides, a million raw
    shares a session; signals have no skill, the regime's multiplier is 1, log returns are noise.
    """
    first = calendar.session_of(inception)
    last = calendar.shift(first, sessions - 1)
    earlier = calendar.sessions_between(calendar.shift(first, -features_lookback(TradingRules())), last)
    traded = calendar.sessions_between(first, last)
    bars = calendar.sessions_between(calendar.shift(first, -VOLUME_LOOKBACK_SESSIONS), last)
    noise = np.concatenate([generator("tiny_market", session).normal(0, 0.02, 10) for session in earlier])
    rising = np.arange(len(bars)).repeat(10) + 1_000_000.0  # so that no bar repeats the one before
    quantiles = dict(zip(QUANTILES, 0.0435 * ndtri(LEVELS), strict=True))  # q875 at 0.05, as signals say
    prices: dict[str, Any] = {"open": price, "high": price + 1, "low": price - 1, "close": price}
    return {
        "bars": _frame("bars", bars, ts=_opens(bars), basis="raw", source="tiny", volume=rising, **prices),
        "corporate_actions": frames.empty("corporate_actions"),
        "features": _frame("features", earlier, log_return=noise, held_return=noise),
        "signals": _frame(
            "signals",
            traded,
            strategy="swing",
            horizon=5,
            probability=0.5,
            lower=-0.05,
            upper=0.05,
            regime="Bull",
            tilt=1.0,
        ),
        "ensemble_forecast": _frame("ensemble_forecast", traded, horizon=5, models=1, **quantiles),
        "regimes": _frame(
            "regimes", traded, symbols=1, regime="Bull", status="filtered", p_bull=1.0, multiplier=1.0
        ),
    }


def _frame(
    table: str, sessions: pd.DatetimeIndex, symbols: int = len(SYMBOLS), **columns: Any
) -> pd.DataFrame:
    labels = sessions.repeat(symbols)
    names = {"symbol": list(SYMBOLS) * len(sessions)} if symbols > 1 else {}
    history = history_of(table, labels, **names, **columns)
    zone = {name: "UTC" for name, kind in frames.table_of(table).dtypes.items() if kind.endswith("UTC]")}
    frame = pd.DataFrame(dict(history.values))
    return frame.assign(**{name: frame[name].dt.tz_localize("UTC") for name in zone}).astype(
        frames.table_of(table).dtypes
    )


def _opens(sessions: pd.DatetimeIndex) -> list[pd.Timestamp]:
    return [calendar.session_open(session) for session in sessions for _ in SYMBOLS]


def edited(tables: Tables, table: str, symbol: str, session: str = "", **values: Any) -> Tables:
    """The tables with some columns of one symbol's row changed, or of all its rows without a session."""
    frame = tables[table].copy()
    mine = _rows_of(frame, symbol, session)
    for column, value in values.items():
        frame.loc[mine, column] = value
    return {**tables, table: frame}


def without(tables: Tables, table: str, symbol: str, *sessions: str) -> Tables:
    """The tables without one symbol's rows of `sessions`, or without any of its rows."""
    frame = tables[table]
    gone = [_rows_of(frame, symbol, session) for session in sessions or ("",)]
    return {**tables, table: frame[~np.logical_or.reduce(gone)].reset_index(drop=True)}


def _rows_of(frame: pd.DataFrame, symbol: str, session: str) -> pd.Series[bool]:
    mine = frame["symbol"] == symbol
    return mine & (frame["session"] == pd.Timestamp(session)) if session else mine


def action(
    symbol: str, session: str, *, ratio: float = 1.0, amount: float = 0.0, pays: str = ""
) -> pd.DataFrame:
    """One row of `corporate_actions`: a split if it has a ratio, else a dividend."""
    kind = "split" if ratio != 1.0 else "dividend"
    pay_session = pd.DatetimeIndex([pays or session]).as_unit("us")
    labels = pd.DatetimeIndex([session])
    row = {"symbol": symbol, "kind": kind, "ratio": ratio, "amount": amount, "pay_session": pay_session}
    return _frame("corporate_actions", labels, symbols=1, source="tiny", **row)


def trade(
    tables: Tables, inception: str, ends: Sequence[str], rules: TradingRules | None = None
) -> MemoryStore:
    """A store in which `tables` were traded from inception, in one range up to each of `ends`."""
    store, first = MemoryStore(), calendar.session_of(inception)
    for table, frame in tables.items():
        if len(frame):
            store.write({table: frame}, frame["session"].min(), frame["session"].max(), commit={})
    stage = trading_session_stage(rules)
    plan = Plan(
        (*(_given(table) for table in ("features", "signals", "ensemble_forecast", "regimes")), stage)
    )
    start = first
    for end in ends:
        last = calendar.session_of(end)
        make_and_write(stage, plan, store, Request(first, start, last, CalendarBook()))
        start = calendar.shift(last, 1)
    return store


def _given(table: str) -> Stage:
    def make(_moment: Moment, _inputs: Inputs) -> Outputs:
        raise NotImplementedError

    return Stage(table, (), (table,), make, starts="window" if table == "features" else "inception")

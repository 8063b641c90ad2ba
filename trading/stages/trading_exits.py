"""What the stops of one session read, and which names they make the target leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading import calendar
from trading.execution.account import Book
from trading.interfaces import Floats
from trading.risk.stops import stopped
from trading.stages.layout import DAILY
from trading.stages.stage import Inputs
from trading.stages.trading_market import Market
from trading.stages.trading_rules import TradingRules
from trading.universe import SYMBOLS


@dataclass(frozen=True)
class Holdings:
    """Quantities (h, s) at the closes before today, NaN for none, and true ranges (s,) of today."""

    quantities: Floats
    atr: Floats


def read_holdings(inputs: Inputs, rules: TradingRules) -> Holdings | None:
    """What was held within the look-back of positions; None while no stop is on."""
    if not rules.stops.on:
        return None
    positions, features = inputs["positions"], inputs["features"]
    sessions = calendar.sessions_between(positions.first, positions.last)
    held = positions.block(("quantity",), session=sessions, strategy=(rules.strategy,), symbol=SYMBOLS)
    ranges = features.block(("atr_14",), session=features.sessions[-1:], timeframe=(DAILY,), symbol=SYMBOLS)
    return Holdings(held[:, 0, :, 0], ranges[0, 0, :, 0])


def exits(holdings: Holdings, book: Book, market: Market, rules: TradingRules) -> tuple[str, ...]:
    """The rule that makes each name be left or stay out after today's close, empty for none."""
    today = np.array([book.shares.get(symbol, 0) for symbol in SYMBOLS], dtype=float)
    quantities = np.vstack([holdings.quantities, today])
    return stopped(rules.stops, quantities, market.log_returns[-len(quantities) :], holdings.atr)

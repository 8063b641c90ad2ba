"""The stage `selection`: regime, features, graph and dividends become the names that the regime asks for."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd

from trading.frames import REGIMES
from trading.history import Rows
from trading.interfaces import Floats
from trading.signals import criteria as crit
from trading.signals.selection import Criteria, SelectionRules, Sleeves, drifted, moved, sleeves, wanted
from trading.stages.layout import DAILY, Column, labelled, same
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS

WINDOW_SESSIONS, REVERSION_SESSIONS, MINIMUM_RETURNS = 252, 63, 126
MARKETS = ("SPY", "QQQ")  # beta is measured against the first of them that has enough returns
_SLEEVES = tuple(f"w_{regime.lower()}" for regime in REGIMES)
_BELIEFS = tuple(f"p_{regime.lower()}" for regime in REGIMES)
_MOMENTA = ("momentum_252", "momentum_63", "momentum_21")
_NOW = (*_MOMENTA, "volatility_63", "rsi_14", "bollinger_20")


def selection_stage(rules: SelectionRules | None = None) -> Stage:
    """Criteria of every name, a sleeve a regime, and a mix that follows them slowly.

    The first session of a home holds what it wants; later ones move from what was held the session before.
    """
    chosen = rules or SelectionRules()

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        window = inputs["features"].sessions
        returns, to_market, market = _returns(inputs["features"], window)
        known = _criteria(inputs, moment.session, returns, to_market)
        before = inputs["selection"].block((*_SLEEVES, "held_weight"), symbol=SYMBOLS)  # (s, 5)
        tradable = np.isfinite(known.volatility)  # has a bar, and enough of them
        mixes = sleeves(known, tradable, np.nan_to_num(before[:, :-1].T) > 0, chosen)
        beliefs = inputs["regimes"].block(_BELIEFS, timeframe=(DAILY,))[0]
        target = wanted(mixes.weights, beliefs)
        held, turnover = _held(before[:, -1], returns[-1], target, chosen)
        columns = _columns(known, mixes) | {"wanted_weight": target, "held_weight": held}
        columns |= {"one_way_turnover": np.full(len(SYMBOLS), turnover)}
        texts = {
            "regime": inputs["regimes"]["regime"][0],
            "defensive_sleeve": mixes.defensive,
            "beta_market": market,
        }
        return {"selection": columns | same(len(SYMBOLS), timeframe=DAILY, **texts)}

    return Stage(
        name="selection",
        reads=(
            Read("features", lookback=WINDOW_SESSIONS - 1, timeframe=DAILY),
            Read("graph_nodes"),
            Read("regimes"),
            Read("corporate_actions", lookback=WINDOW_SESSIONS - 1),
            Read("bars", lookback=WINDOW_SESSIONS - 1, timeframe=DAILY),
        ),
        makes=("selection",),
        make=make,
        keeps=(Read("selection", offset=1),),
        starts="inception",
    )


def _returns(features: Rows, window: pd.DatetimeIndex) -> tuple[Floats, Floats, str]:
    """(w, s) log returns of the names, (w,) those of the market, and which market that is."""
    returns = features.cube("log_return", timeframe=(DAILY,), session=window, symbol=(*SYMBOLS, *MARKETS))[0]
    for place, market in enumerate(MARKETS, start=len(SYMBOLS)):
        if np.isfinite(returns[:, place]).sum() >= MINIMUM_RETURNS:
            return returns[:, : len(SYMBOLS)], returns[:, place], market
    return returns[:, : len(SYMBOLS)], np.full(len(window), np.nan), ""


def _criteria(inputs: Inputs, session: pd.Timestamp, returns: Floats, to_market: Floats) -> Criteria:
    now = inputs["features"].at(session).block(_NOW, symbol=SYMBOLS)
    *momenta, volatility, rsi, bollinger = now.T
    nodes = inputs["graph_nodes"].cube("eigenvector", timeframe=(DAILY,), symbol=SYMBOLS)[0]
    return Criteria(
        momentum_rank=crit.momentum_score(np.stack(momenta, axis=1)),
        beta=crit.beta_to(to_market, returns, MINIMUM_RETURNS),
        dividend_yield=_dividend_yield(inputs["corporate_actions"], inputs["bars"]),
        volatility=volatility,
        centrality=nodes,
        reversion=crit.reversion_score(rsi, bollinger, crit.z_of_price(returns[-REVERSION_SESSIONS:])),
    )


def _dividend_yield(actions: Rows, bars: Rows) -> Floats:
    """(s,) of the last 252 sessions, 0 for a name that paid nothing; NaN of all if no dividend is known at all.

    Prices that are adjusted for dividends come without them: then nothing is known, which is not a yield of 0.
    """
    paid = np.flatnonzero((actions["kind"] == "dividend") & np.isin(actions["symbol"], SYMBOLS))
    if not len(paid):
        return np.full(len(SYMBOLS), np.nan)
    days = np.unique(actions["session"][paid])
    closes = bars.cube("close", timeframe=(DAILY,), session=pd.DatetimeIndex(days), symbol=SYMBOLS)[0]
    amounts = np.zeros(closes.shape)
    rows = np.searchsorted(days, actions["session"][paid])
    names = np.array([SYMBOLS.index(symbol) for symbol in actions["symbol"][paid]])
    np.add.at(amounts, (rows, names), actions["amount"][paid])
    return crit.trailing_yield(amounts, closes)


def _held(before: Floats, returns: Floats, target: Floats, rules: SelectionRules) -> tuple[Floats, float]:
    if not np.isfinite(before).any():
        return target, 0.0
    return moved(drifted(np.nan_to_num(before), returns), target, rules)


def _columns(known: Criteria, mixes: Sleeves) -> dict[str, Column]:
    named = {item.name: getattr(known, item.name) for item in fields(known)}
    weights = dict(zip(_SLEEVES, mixes.weights, strict=True))
    return {"symbol": labelled(SYMBOLS), **named, **weights, "criteria_score": mixes.score}

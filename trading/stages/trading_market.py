"""What one session's market says to a trader: quotes, corporate actions, returns, signals, regime."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import calendar
from trading.errors import DataError
from trading.evaluation.performance import log_returns_of_holders
from trading.execution.account import Quote
from trading.execution.corporate_actions import CorporateAction, Late
from trading.frames import QUANTILES
from trading.history import Rows
from trading.interfaces import Bools, Floats
from trading.stages.layout import DAILY
from trading.stages.stage import Inputs, Moment
from trading.universe import SYMBOLS

WINDOW_SESSIONS = 63  # of returns behind a covariance and a loss
INDEX = "SPY"  # what beta is measured against where its bars are held
_RETURNS = ("log_return", "held_return")
_BAR = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Beliefs:
    """The strategy's signals, one a symbol, NaN where there is none.

    Attributes
    ----------
    probability : (s,) that the return over the horizon is positive
    alpha : (s,) log return over the horizon, shrunk by skill
    spread : (s,) standard deviation of one session's return, from the interval's width
    passes : (s,) whether the roadmap's gates let the symbol through
    tilt : (s,) what is held without a forecast, in units of equal weight
    horizon : sessions
    """

    probability: Floats
    alpha: Floats
    spread: Floats
    passes: Bools
    tilt: Floats
    horizon: int


@dataclass(frozen=True)
class Market:
    """Everything that is read at one session.

    Attributes
    ----------
    quotes : of each symbol that has a bar
    actions : effective before the open, none where prices are adjusted already
    log_returns : (w, s) up to the session, NaN where a session or the one before has no bar
    holder_returns : (s,) log return of holding each name since the previous session, gaps made up for
    quantiles : (s, q) of the ensemble's return over the strategy's horizon, NaN where it has none
    closes, dollar_volume : (s,) USD, and USD traded in an average session of the last 21; NaN without a bar
    index_returns : (w,) log returns of SPY, NaN where its bars are not held
    vix : (21,) closes of VIX, NaN where they are not held
    long_returns : (v, s) as `log_returns`, over the longer window that alarm and overlay ask for
    """

    quotes: dict[str, Quote]
    actions: tuple[CorporateAction, ...]
    log_returns: Floats
    holder_returns: Floats
    beliefs: Beliefs
    regime_multiplier: float
    regime_changed: bool
    quantiles: Floats
    closes: Floats
    dollar_volume: Floats
    index_returns: Floats
    vix: Floats
    long_returns: Floats


def read_market(moment: Moment, inputs: Inputs, strategy: str) -> Market:
    """The market as the session's stage sees it.

    Raises
    ------
    DataError
        If the price basis changed since the previous session, which would revalue every holding.
    """
    features = inputs["features"]
    returns, held = np.moveaxis(
        features.block(_RETURNS, session=features.sessions, timeframe=(DAILY,), symbol=(*SYMBOLS, INDEX))[
            :, 0
        ],
        -1,
        0,
    )
    recent = np.ascontiguousarray(returns[-WINDOW_SESSIONS:, :-1])
    beliefs = _beliefs(inputs["signals"], strategy)
    closes, dollar_volume = _traded(inputs["bars"])
    return Market(
        quotes=_quotes(inputs["bars"], recent[:-1]),
        actions=_actions(moment, inputs, strategy) if _basis(moment, inputs["bars"]) == "raw" else (),
        log_returns=recent,
        holder_returns=log_returns_of_holders(held[-WINDOW_SESSIONS:, :-1]),
        beliefs=beliefs,
        regime_multiplier=float(inputs["regimes"].cube("multiplier", timeframe=(DAILY,))[0]),
        regime_changed=bool(inputs["regimes"].cube("changed", timeframe=(DAILY,))[0] == 1.0),
        quantiles=inputs["ensemble_forecast"].block(
            QUANTILES, timeframe=(DAILY,), horizon=(beliefs.horizon,), symbol=SYMBOLS
        )[0, 0],
        closes=closes,
        dollar_volume=dollar_volume,
        index_returns=np.ascontiguousarray(returns[-WINDOW_SESSIONS:, -1]),
        vix=_levels(inputs["bars"]),
        long_returns=np.ascontiguousarray(returns[:, :-1]),
    )


def _levels(bars: Rows) -> Floats:
    """(w,) closes of VIX over the sessions read."""
    sessions = calendar.sessions_between(bars.first, bars.last)
    return bars.cube("close", session=sessions, timeframe=(DAILY,), symbol=("VIX",))[:, 0, 0]


def _traded(bars: Rows) -> tuple[Floats, Floats]:
    """(s,) closes of the last session, and dollars traded in the average of the sessions read, known ones only."""
    sessions = calendar.sessions_between(bars.first, bars.last)
    block = bars.block(("close", "volume"), session=sessions, timeframe=(DAILY,), symbol=SYMBOLS)[:, 0]
    dollars = block[:, :, 0] * block[:, :, 1]
    known = np.isfinite(dollars)
    average = np.where(known, dollars, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return block[-1, :, 0], np.where(known.any(axis=0), average, np.nan)


def _quotes(bars: Rows, before_today: Floats) -> dict[str, Quote]:
    """Quotes of today's bars, with the volatility that the returns (w, s) of the sessions before had."""
    last_two = calendar.sessions_between(bars.first, bars.last)[-2:]
    before, today = bars.block(_BAR, session=last_two, timeframe=(DAILY,), symbol=SYMBOLS)[:, 0]
    quoted = np.isfinite(today[:, 0])
    volatility = _volatility(before_today)
    return {
        symbol: Quote(bar[0], bar[3], _halt(bar, earlier), bar[1], bar[2], bar[4], sigma, last_two[-1])
        for symbol, bar, earlier, sigma, known in zip(
            SYMBOLS, today.tolist(), before.tolist(), volatility.tolist(), quoted, strict=True
        )
        if known
    }


def _volatility(log_returns: Floats) -> Floats:
    """(s,) root mean square of the returns (w, s) that are known; 0 without any."""
    known = np.isfinite(log_returns)
    squares = np.where(known, log_returns, 0.0) ** 2
    return np.sqrt(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _halt(bar: list[float], before: list[float]) -> str:
    """Why the open of a bar (open, high, low, close, volume) cannot be traded, or nothing."""
    opened, high, low, _, volume = bar
    if volume <= 0:
        return "no volume"
    frozen = high == low and opened == before[3]  # filled forward: a price of yesterday, and no trade since
    return "stale open" if frozen or bar == before else ""


def _basis(moment: Moment, bars: Rows) -> str:
    held = bars["session"] >= calendar.shift(moment.session, -1).to_datetime64()
    mine = np.isin(bars["symbol"], SYMBOLS) & (bars["timeframe"] == DAILY) & held
    found = sorted(set(bars["basis"][mine]))
    if len(found) > 1 and not moment.is_first:
        raise DataError(
            f"the price basis changes from {' to '.join(found)} at {moment.session:%Y-%m-%d}; shares held on one "
            "basis cannot be valued on another: start a home of its own there, or load one basis throughout"
        )
    return found[0] if found else ""


def _actions(moment: Moment, inputs: Inputs, strategy: str) -> tuple[CorporateAction, ...]:
    """Actions of the session, and earlier ones that became known since the session before: each once.

    A revision of terms that were booked already is no new action.
    """
    rows, before = inputs["corporate_actions"], calendar.shift(moment.session, -1)
    since = calendar.as_of(before).value // 1000
    today = moment.session.to_datetime64()
    due = np.flatnonzero((rows["session"] == today) | (rows.first_known() > since))
    columns = ("session", "symbol", "kind", "ratio", "amount", "pay_session")
    return tuple(
        CorporateAction(
            symbol,
            kind,
            float(ratio),
            float(amount),
            pd.Timestamp(pays),
            None if of == today else _late(pd.Timestamp(of), symbol, inputs["positions"], strategy),
        )
        for of, symbol, kind, ratio, amount, pays in zip(*(rows[name][due] for name in columns), strict=True)
    )


def _late(session: pd.Timestamp, symbol: str, positions: Rows, strategy: str) -> Late:
    """What was held before the open of `session`, which has passed."""
    rows = positions.at(calendar.shift(session, -1))
    mine = np.flatnonzero((rows["symbol"] == symbol) & (rows["strategy"] == strategy))
    if not len(mine):
        return Late(session, 0, math.nan)
    return Late(session, int(rows["quantity"][mine[0]]), float(rows["close"][mine[0]]))


def _beliefs(signals: Rows, strategy: str) -> Beliefs:
    columns = ("probability", "alpha", "lower", "upper", "horizon", "passes_filter", "tilt")
    block = signals.block(columns, strategy=(strategy,), symbol=SYMBOLS)[0]
    probability, alpha, lower, upper, horizons, passes, tilt = block.T
    horizon = int(np.nanmax(horizons)) if np.isfinite(horizons).any() else 1
    return Beliefs(
        probability=probability,
        alpha=alpha,
        spread=(upper - lower) / (2 * _Z_OF_875 * np.sqrt(horizon)),
        passes=passes == 1.0,
        tilt=np.nan_to_num(tilt),
        horizon=horizon,
    )


_Z_OF_875 = 1.1503493803760079  # the interval runs from the quantile 0.125 to 0.875 of a normal return

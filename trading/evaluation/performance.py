"""How a book did: one session's row, and what a whole run comes to, with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.evaluation.resampling import paired_figures
from trading.execution.account import Book, Fill
from trading.interfaces import Bools, Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR


@dataclass(frozen=True)
class SessionPerformance:
    """One row of the table `performance`; equity and cash in cents, returns as logarithms.

    `turnover` is what was bought and sold, at the open and before costs, over the equity of the
    session before. Equal weight is rebalanced every session at the close, pays no costs and starts
    with the same money: a benchmark that nobody can quite have. A name without a bar stays in it at its
    last close, and what happened meanwhile counts when its bars resume.
    """

    equity_cents: int
    cash_cents: int
    log_return: float
    drawdown: float
    gross_exposure: float
    turnover: float
    cost_cents: int
    equal_weight_log_return: float
    equal_weight_equity: float


def first_performance(book: Book) -> SessionPerformance:
    """The row of the first session: the deposit, and nothing traded yet."""
    equity = book.equity_cents
    return SessionPerformance(equity, book.cash_cents, 0.0, 0.0, 0.0, 0.0, 0, 0.0, equity / 100)


def next_performance(
    previous: SessionPerformance, book: Book, fills: Sequence[Fill], log_returns: Floats
) -> SessionPerformance:
    """The row after `previous`, from the book at the close and what a holder of each name made (s,)."""
    equity, equal = book.equity_cents, equal_weight_log_return(log_returns)
    peak = max(_peak(previous), equity)
    return SessionPerformance(
        equity_cents=equity,
        cash_cents=book.cash_cents,
        log_return=math.log(equity / previous.equity_cents),
        drawdown=(peak - equity) / peak,
        gross_exposure=sum(abs(book.value_cents(symbol)) for symbol in book.shares) / equity,
        turnover=sum(fill.open_notional_cents for fill in fills) / previous.equity_cents,
        cost_cents=sum(fill.cost_cents for fill in fills),
        equal_weight_log_return=equal,
        equal_weight_equity=previous.equal_weight_equity * math.exp(equal),
    )


def _peak(performance: SessionPerformance) -> int:
    """Highest equity so far in cents; the drawdown remembers it to the cent unless all but all is lost."""
    return round(performance.equity_cents / (1.0 - performance.drawdown))


def log_returns_of_holders(since_last_bar: Floats) -> Floats:
    """(s,) log return today of holding each name: 0 without a bar, the whole gap's when bars resume.

    Parameters
    ----------
    since_last_bar : (w, s) log return of each session's close over the name's last close before, NaN
        without a bar; a name takes part (is not NaN) once two closes within the window are known
    """
    today = since_last_bar[-1]
    listed = np.isfinite(since_last_bar).any(axis=0)
    return np.where(np.isfinite(today), today, np.where(listed, 0.0, np.nan))


def equal_weight_log_return(log_returns: Floats) -> float:
    """Log return of holding each name (s,) that has a return in equal parts for one session.

    Examples
    --------
    >>> round(math.exp(equal_weight_log_return(np.log([1.10, 0.98]))), 12)
    1.04
    """
    known = log_returns[np.isfinite(log_returns)]
    return math.log1p(float(np.expm1(known).mean())) if len(known) else 0.0


def sharpe_ratio(returns: Floats) -> float:
    """Sharpe ratio of a year from returns (n,) of sessions, over cash at no interest; NaN if undefined."""
    deviation = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    return float(np.mean(returns)) / deviation * math.sqrt(SESSIONS_PER_YEAR) if deviation > 0 else math.nan


def sharpe_standard_error(returns: Floats) -> float:
    """Standard error of `sharpe_ratio` in closed form, for skewed and heavy-tailed returns (n,).

    Mertens (2002), "Comments on variance of the IID estimator in Lo (2002)"; for normal returns it is
    Lo's (2002) equation 10.
    """
    count = len(returns)
    ratio = sharpe_ratio(returns) / math.sqrt(SESSIONS_PER_YEAR)
    standardised = (returns - np.mean(returns)) / np.std(returns)
    skewness, kurtosis = float(np.mean(standardised**3)), float(np.mean(standardised**4))
    variance = 1 + ratio**2 / 2 - skewness * ratio + (kurtosis - 3) / 4 * ratio**2
    return math.sqrt(max(variance, 0.0) / count * SESSIONS_PER_YEAR)


@dataclass(frozen=True)
class Summary:
    """What a run comes to, beside equal weight of the same names (daily rebalanced, without costs).

    Returns are simple fractions; volatility, Sharpe ratio and turnover are of a year; `cost_bps` is
    cost over what was traded.
    """

    sessions: int
    total_return: float
    volatility: float
    sharpe: float
    sharpe_lower: float
    sharpe_upper: float
    maximum_drawdown: float
    turnover: float
    cost_usd: float
    cost_bps: float
    equal_weight_return: float
    equal_weight_sharpe: float
    equal_weight_maximum_drawdown: float


def summarize(performance: pd.DataFrame, *, counts: Bools | None = None) -> Summary:
    """The summary of one strategy's rows of `performance`, sorted by session.

    The first row holds the deposit and no return, so it is left out of every figure.

    Parameters
    ----------
    counts : (n,) which rows count, all by default
    """
    kept = np.ones(len(performance), dtype=bool) if counts is None else np.array(counts)
    kept[:1] = False
    rows, before = performance[kept], performance["equity_cents"].shift(1)[kept]
    own, equal = np.expm1(rows["log_return"].to_numpy()), np.expm1(rows["equal_weight_log_return"].to_numpy())
    years, cost = max(len(rows), 1) / SESSIONS_PER_YEAR, float(rows["cost_cents"].sum()) / 100
    traded = float((rows["turnover"] * before).sum()) / 100
    ratio, _, _ = paired_figures(own, equal)["sharpe"]
    return Summary(
        sessions=len(rows),
        total_return=float(np.prod(1 + own)) - 1,
        volatility=float(np.std(own, ddof=1)) * math.sqrt(SESSIONS_PER_YEAR) if len(own) > 1 else math.nan,
        sharpe=sharpe_ratio(own),
        sharpe_lower=ratio.low,
        sharpe_upper=ratio.high,
        maximum_drawdown=maximum_drawdown(own),
        turnover=float(rows["turnover"].sum()) / years,
        cost_usd=cost,
        cost_bps=cost / traded * 1e4 if traded else 0.0,
        equal_weight_return=float(np.prod(1 + equal)) - 1,
        equal_weight_sharpe=sharpe_ratio(equal),
        equal_weight_maximum_drawdown=maximum_drawdown(equal),
    )


def maximum_drawdown(returns: Floats) -> float:
    """Deepest fall from a peak of the wealth that simple returns (n,) make of 1.

    Examples
    --------
    >>> maximum_drawdown(np.array([0.25, -0.2, 0.1]))
    0.2
    """
    wealth = np.concatenate([[1.0], np.cumprod(1 + returns)])
    return round(float((1 - wealth / np.maximum.accumulate(wealth)).max()), 15)

"""What a book would lose: in history's worst weeks, in scenarios that never were, and in simulated years.

Letters of the shapes: n sessions, s symbols. Losses are returns of the book, so negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from trading.digest import generator
from trading.execution.borrowing import DAYS_OF_A_YEAR
from trading.interfaces import Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR
from trading.risk.tail import drawn_returns

WEEK, MONTH = 5, 21
PATHS = 2000
LEVEL = 0.95
# Peak to trough of the market; the sessions in which the names are asked what they did.
PERIODS: Mapping[str, tuple[str, str]] = {
    "2008": ("2008-09-02", "2008-11-20"),
    "2020-03": ("2020-02-20", "2020-03-23"),
    "2022": ("2022-01-04", "2022-10-14"),
}
_MOST = 0.5  # of a period's returns make a name's part in it known
_TAIL_Z = 1.6448536269514722  # one session in twenty is worse, of a normal


@dataclass(frozen=True)
class Stress:
    """One answer.

    Attributes
    ----------
    kind : history, worst_week, scenario or monte_carlo
    case : which
    loss : return of the book, held at its weights
    shares : (s,) what each name brings of it; they sum to the loss, but for costs that no name has
    known : share of gross whose names traded then; the others stand in as the mean of those that did
    """

    kind: str
    case: str
    loss: float
    shares: Floats
    known: float = 1.0


@dataclass(frozen=True)
class Book:
    """What is stressed: weights (s,), covariance (s, s) of one session, annual borrow rates (s,)."""

    weights: Floats
    covariance: Floats
    borrow_rates: Floats = field(default_factory=lambda: np.zeros(0))


def by_history(book: Book, log_returns: Floats, sessions: pd.DatetimeIndex) -> Iterator[Stress]:
    """The periods that the home's returns (n, s) hold whole, and the worst week of each name held."""
    for case, (first, last) in PERIODS.items():
        inside = np.asarray((sessions >= pd.Timestamp(first)) & (sessions <= pd.Timestamp(last)))
        if inside.any() and sessions[0] <= pd.Timestamp(first) and sessions[-1] >= pd.Timestamp(last):
            yield replayed(book, "history", case, log_returns[inside])
    weekly = weeks_of(log_returns)
    for place in np.flatnonzero(book.weights):
        if np.isfinite(weekly[:, place]).any():
            end = int(np.nanargmin(np.sign(book.weights[place]) * weekly[:, place]))
            case = f"{place}:{sessions[end + WEEK - 1]:%Y-%m-%d}"
            yield replayed(book, "worst_week", case, log_returns[end : end + WEEK])


def weeks_of(log_returns: Floats) -> Floats:
    """(n - 4, s) log returns over five sessions, NaN where one of them is unknown."""
    if len(log_returns) < WEEK:
        return np.empty((0, log_returns.shape[1]))
    return np.lib.stride_tricks.sliding_window_view(log_returns, WEEK, axis=0).sum(axis=-1)


def replayed(book: Book, kind: str, case: str, log_returns: Floats) -> Stress:
    """The book through sessions (n, s), bought before the first and left alone.

    A name with fewer than half of the returns is given the mean of the others: to leave it out would call
    what is not known safe.
    """
    present = np.isfinite(log_returns).mean(axis=0) >= _MOST
    moved = np.expm1(np.nansum(log_returns, axis=0))
    mean = float(moved[present].mean()) if present.any() else 0.0
    shares = book.weights * np.where(present, moved, mean)
    gross = float(np.abs(book.weights).sum())
    known = float(np.abs(book.weights[present]).sum()) / gross if gross else 1.0
    return Stress(kind, case, float(shares.sum()), shares, known)


def by_scenario(book: Book) -> Iterator[Stress]:
    """One bad session each: VIX twice as high, the sector 20 % down, correlations at one; dearer borrowing a month.

    The first and third are a one-in-twenty loss, shared out by Euler's rule, under the changed covariance: VIX x 2
    doubles every deviation, correlations to one adds the deviations of the names up.
    """
    deviations = np.sqrt(np.diagonal(book.covariance))
    yield _tail("vix_x2", book.weights, book.covariance * 4.0)
    down = book.weights * -0.20
    yield Stress("scenario", "sector_-20%", float(down.sum()), down)
    yield _tail("correlations_to_1", book.weights, np.outer(deviations, deviations))
    rates = book.borrow_rates if len(book.borrow_rates) else np.zeros_like(book.weights)
    days = MONTH * 365 / SESSIONS_PER_YEAR
    fees = np.minimum(book.weights, 0.0) * rates * 10 * days / DAYS_OF_A_YEAR
    yield Stress("scenario", "borrow_x10", float(fees.sum()), fees)


def _tail(case: str, weights: Floats, covariance: Floats) -> Stress:
    marginal = covariance @ weights
    deviation = math.sqrt(max(0.0, float(weights @ marginal)))
    shares = -_TAIL_Z * weights * marginal / deviation if deviation > 0 else np.zeros_like(weights)
    return Stress("scenario", case, float(shares.sum()), shares)


def by_monte_carlo(book: Book) -> Iterator[Stress]:
    """Shortfall and value at risk over a month of 2,000 simulated paths with fat tails, book left alone."""
    draws, random = drawn_returns(book.covariance), generator("risk/stress")
    paths = np.zeros((PATHS, len(book.weights)))
    for _ in range(MONTH):
        paths += draws[random.integers(0, len(draws), PATHS)]
    each = np.expm1(paths) * book.weights
    outcomes = each.sum(axis=1)
    ordered = np.argsort(outcomes, kind="stable")
    beyond = ordered[: max(1, round(PATHS * (1 - LEVEL)))]
    shares = each[beyond].mean(axis=0)
    yield Stress("monte_carlo", "month_shortfall_95", float(shares.sum()), shares)
    at = each[beyond[-1]]  # the very path at the edge, so that its shares are a path's
    yield Stress("monte_carlo", "month_value_at_risk_95", float(at.sum()), at)

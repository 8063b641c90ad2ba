"""What a book was worth after costs, slice by slice, and how much of it luck could have made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from trading.evaluation.figures import BOOK, Figure, Of
from trading.evaluation.paired import Regimes, slices
from trading.evaluation.resampling import paired_figures
from trading.evaluation.sharpe_tests import (
    SESSIONS_PER_MONTH,
    SharpeMoments,
    drawdown_distribution,
    lo_interval,
    minimum_track_record,
    months_to_detect,
    probabilistic_sharpe,
)
from trading.evaluation.trials import Trials
from trading.evaluation.uncertainty import Estimate, mean_estimate, mean_p_value
from trading.interfaces import Bools, Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR

EQUAL_WEIGHT = "equal_weight"
BETA = "beta_"
_FALLS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class BookHistory:
    """A book's sessions with a return: (n,) each, after costs.

    Attributes
    ----------
    own, equal : simple returns of the book, and of equal weight of the same names without costs
    turnover, cost : of a session, fractions of the equity before it
    benchmarks : simple returns of each benchmark, NaN where it has no bar
    """

    strategy: str
    sessions: pd.DatetimeIndex
    own: Floats
    equal: Floats
    turnover: Floats
    cost: Floats
    benchmarks: Mapping[str, Floats]

    def where(self, inside: Bools) -> BookHistory:
        """The same over the sessions of a mask (n,)."""
        return replace(
            self,
            sessions=self.sessions[inside],
            **{name: getattr(self, name)[inside] for name in ("own", "equal", "turnover", "cost")},
            benchmarks={name: returns[inside] for name, returns in self.benchmarks.items()},
        )

    @property
    def returns(self) -> pd.Series[float]:
        """Its simple returns by session."""
        return pd.Series(self.own, index=self.sessions, dtype=float)


def book_history(
    performance: pd.DataFrame, counts: Bools, benchmarks: Mapping[str, pd.Series[float]]
) -> BookHistory:
    """The history of one strategy's rows of `performance`, sorted by session.

    Parameters
    ----------
    counts : (n,) which rows count; the first never does: it holds the deposit and no return
    benchmarks : simple returns by session
    """
    kept = np.array(counts, dtype=bool)
    kept[:1] = False
    before = performance["equity_cents"].shift(1).to_numpy(dtype=float)[kept]
    rows = performance[kept]
    sessions = pd.DatetimeIndex(rows["session"])
    return BookHistory(
        strategy=str(performance["strategy"].iloc[0]) if len(performance) else "",
        sessions=sessions,
        own=np.expm1(rows["log_return"].to_numpy(dtype=float)),
        equal=np.expm1(rows["equal_weight_log_return"].to_numpy(dtype=float)),
        turnover=rows["turnover"].to_numpy(dtype=float),
        cost=rows["cost_cents"].to_numpy(dtype=float) / before,
        benchmarks={name: held.reindex(sessions).to_numpy(dtype=float) for name, held in benchmarks.items()},
    )


def book_figures(book: BookHistory, regimes: Regimes, trials: Trials) -> Iterator[Figure]:
    """Every figure of a book over all its sessions, each year and each regime."""
    for kind, name, inside in slices(book.sessions, regimes):
        yield from slice_figures(book.where(inside), Of(BOOK, book.strategy, kind, name), trials)


def slice_figures(book: BookHistory, of: Of, trials: Trials) -> Iterator[Figure]:
    """Every figure of a book over all its sessions, as those of one slice; none without a session.

    Intervals are 95 %: of `total_return`, `volatility`, `sharpe` and `drawdown` by stationary bootstrap, of
    `sharpe_lo` and the rest by long-run variances. `naive` is equal weight's.
    """
    if not len(book.own):
        return
    drawn = {
        name: (own, equal.value) for name, (own, equal, _) in paired_figures(book.own, book.equal).items()
    }
    drawn["sharpe_lo"] = lo_interval(book.own), lo_interval(book.equal).value
    drawn["mean_return"] = (
        mean_estimate(book.own).scaled(SESSIONS_PER_YEAR),
        float(book.equal.mean()) * SESSIONS_PER_YEAR,
    )
    for metric in ("total_return", "volatility", "drawdown"):
        yield Figure.estimated(of, metric, *drawn[metric])
    low, middle, high = drawdown_distribution(book.own, _FALLS)
    yield Figure(of, "drawdown_to_expect", float(middle), float(low), float(high), len(book.own), math.nan)
    yield Figure.estimated(of, "mean_return", *drawn["mean_return"])
    yield Figure.sure(of, "p_value_of_mean", mean_p_value(book.own), len(book.own))
    for metric in ("sharpe", "sharpe_lo"):
        yield Figure.estimated(of, metric, *drawn[metric])
    yield from _luck(book, of, trials)
    yield from _costs(book, of)
    yield Figure.estimated(of, f"{BETA}{EQUAL_WEIGHT}", beta(book.own, book.equal), 1.0)
    for name, held in book.benchmarks.items():
        yield Figure.estimated(of, f"{BETA}{name}", beta(book.own, held), math.nan)


def beta(own: Floats, market: Floats) -> Estimate:
    """Slope of returns (n,) on those of a market, NaN left out, with an interval for dependent sessions.

    The delta method on the two moments, with the long-run variance of `mean_estimate`.
    """
    known = np.isfinite(own) & np.isfinite(market)
    y, x = own[known], market[known]
    spread = float(np.var(x)) if len(x) else 0.0
    if not spread > 0:
        return Estimate(math.nan, math.nan, math.nan, len(x))
    x, y = x - x.mean(), y - y.mean()
    slope = float(np.mean(x * y)) / spread
    return mean_estimate(slope + x * (y - slope * x) / spread)


def _luck(book: BookHistory, of: Of, trials: Trials) -> Iterator[Figure]:
    """What the Sharpe ratio is worth: against 0, against the best of all trials, and how long it would take."""
    moments, year, n = SharpeMoments.of(book.own), math.sqrt(SESSIONS_PER_YEAR), len(book.own)
    annual = moments.sharpe * year
    yield Figure.sure(of, "probabilistic_sharpe", probabilistic_sharpe(moments), n, 0.5)
    yield Figure.sure(of, "deflated_sharpe", trials.deflated(moments), n, 0.5)
    yield Figure.sure(of, "sharpe_of_luck", trials.luck(n) * year, trials.count)
    yield Figure.sure(of, "minimum_track_record", minimum_track_record(moments), n)
    months = months_to_detect(annual) if math.isfinite(annual) else math.nan
    yield Figure(of, "months_to_detect", months, math.nan, math.nan, n, n / SESSIONS_PER_MONTH)


def _costs(book: BookHistory, of: Of) -> Iterator[Figure]:
    yield Figure.estimated(of, "turnover", mean_estimate(book.turnover).scaled(SESSIONS_PER_YEAR))
    yield Figure.estimated(of, "cost", mean_estimate(book.cost).scaled(SESSIONS_PER_YEAR), 0.0)

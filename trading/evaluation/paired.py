"""Two variants of the line, or a book and a benchmark, side by side: the same sessions, and what sets them apart.

Whatever both share (the market's good and bad days) cancels in the difference of a session, so that far fewer
sessions are needed than to judge each alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from trading.evaluation.betting import Duel
from trading.evaluation.sharpe_tests import SharpeMoments, sharpe_influence
from trading.evaluation.uncertainty import Estimate, mean_estimate, mean_p_value
from trading.interfaces import Bools, Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR

ALL, YEAR, REGIME = "all", "year", "regime"
ALPHA = 0.05
COLUMNS: tuple[str, ...] = (
    *("slice_kind", "slice", "n", "mean_a", "mean_b", "difference", "low", "high", "p"),
    *("sharpe_a", "sharpe_b", "sharpe_difference", "sharpe_low", "sharpe_high", "sharpe_p"),
    *("e_a", "e_b", "verdict"),
)
Verdict = Literal["a", "b", "undecided"]
Regimes = Mapping[pd.Timestamp, str]


@dataclass(frozen=True)
class Bets:
    """What gamblers made who looked every session: one bet on A being better, one on B.

    Attributes
    ----------
    a, b : the most that one dollar ever came to (an e-value): 20 or more has a probability of 5 % at most if there
        is no difference, however often somebody looks
    verdict : who came first to 1 / alpha; `undecided` if neither did
    """

    a: float
    b: float
    verdict: Verdict


def paired_table(
    own: pd.Series[float], other: pd.Series[float], regimes: Regimes | None = None
) -> pd.DataFrame:
    """Differences of two series of simple returns over all sessions that both have, each year and each regime.

    Parameters
    ----------
    own, other : returns of A and B, indexed by session; NaN is a session without a return
    regimes : regime of each session, as it was named the evening before or on it

    Returns
    -------
    Columns `COLUMNS`. Means, their difference (A less B) and Sharpe ratios are of a year; `low` to `high` and
    `sharpe_low` to `sharpe_high` are 95 % intervals for dependent sessions, `p` and `sharpe_p` two-sided. `e_a`,
    `e_b` and `verdict` are those of `bets`, which hold under daily looking. Slices are not corrected for being
    many: only `all` is a test that was planned.
    """
    both = pd.concat([own.rename("a"), other.rename("b")], axis=1, join="inner").dropna().sort_index()
    a, b = both["a"].to_numpy(dtype=float), both["b"].to_numpy(dtype=float)
    sessions = pd.DatetimeIndex(both.index)
    rows = [
        (kind, name, int(inside.sum()), *_figures(a[inside], b[inside]))
        for kind, name, inside in slices(sessions, regimes or {})
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        {"slice_kind": "str", "slice": "str", "verdict": "str"}
    )


def slices(sessions: pd.DatetimeIndex, regimes: Regimes) -> Iterator[tuple[str, str, Bools]]:
    """(kind, name, (n,) inside) of all sessions, each year and each regime that occurs, in that order."""
    yield ALL, ALL, np.ones(len(sessions), dtype=bool)
    years = np.asarray(sessions.year)
    for year in np.unique(years):
        yield YEAR, str(year), years == year
    named = np.array([regimes.get(session, "") for session in sessions], dtype=object)
    for regime in sorted(set(named) - {""}):
        yield REGIME, str(regime), named == regime


def sharpe_difference(own: Floats, other: Floats) -> tuple[Estimate, float]:
    """Difference of two annual Sharpe ratios of the same sessions (n,), and the p-value of there being none.

    Ledoit and Wolf (2008), "Robust performance hypothesis testing with the Sharpe ratio", section 3.1: the delta
    method with a long-run variance, which is that of `mean_estimate`.
    """
    ratios = [SharpeMoments.of(returns).sharpe for returns in (own, other)]
    if any(math.isnan(ratio) for ratio in ratios):
        return Estimate(math.nan, math.nan, math.nan, len(own)), math.nan
    apart = ratios[0] - ratios[1]
    influence = apart + sharpe_influence(own) - sharpe_influence(other)
    return mean_estimate(influence).scaled(math.sqrt(SESSIONS_PER_YEAR)), mean_p_value(influence)


def bets(differences: Floats, alpha: float = ALPHA) -> Bets:
    """The test by which champions are promoted, on differences of returns (n,), in their order; NaN is skipped."""
    duel, highest, verdict = Duel(), [0.0, 0.0], "undecided"
    for difference in differences:
        duel = duel.after(float(difference))
        sides = (duel.challenger, duel.champion)
        highest = [max(most, side.log_wealth) for most, side in zip(highest, sides, strict=True)]
        if verdict == "undecided":
            verdict = next(
                (who for who, side in zip("ab", sides, strict=True) if side.passes(alpha)), verdict
            )
    a, b = (math.exp(min(most, 700.0)) for most in highest)
    return Bets(a, b, verdict)  # type: ignore[arg-type]  # one of three words


def _figures(a: Floats, b: Floats) -> tuple[float | str, ...]:
    apart = a - b
    mean = mean_estimate(apart).scaled(SESSIONS_PER_YEAR)
    ratio, ratio_p = sharpe_difference(a, b)
    year = math.sqrt(SESSIONS_PER_YEAR)
    made = bets(apart)
    return (
        *(_mean(a), _mean(b), mean.value, mean.low, mean.high, mean_p_value(apart)),
        *(SharpeMoments.of(a).sharpe * year, SharpeMoments.of(b).sharpe * year),
        *(ratio.value, ratio.low, ratio.high, ratio_p),
        *(made.a, made.b, made.verdict),
    )


def _mean(returns: Floats) -> float:
    return float(returns.mean()) * SESSIONS_PER_YEAR if len(returns) else math.nan

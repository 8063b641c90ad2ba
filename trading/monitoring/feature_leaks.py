"""Which columns of a file of features know the future, and how far they look ahead.

What is known at t cannot say where the price goes after t, or hardly: a column whose values go with
later returns more than any honest forecast could was made from them. Each column is looked at as it is, as its
change, and against the price, after all that past returns explain was taken away: how closely does it go with the sum
of the next k returns? And with the next k returns weighed as one half of time has learned, on the other half?

If a column is honest, the products of its past values with the return that comes are martingale differences,
however slowly the column moves: their sum over the root of the sum of their squares is a normal deviate, with
no bandwidth to choose. An honest column may have an information coefficient of `HONEST_IC` at each lag; only
what exceeds it counts. Letters of the shapes: n rows of a symbol in order of time, c columns, k lags.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from trading.interfaces import Bools, Floats
from trading.monitoring.feature_views import FEWEST_ROWS, VIEWS, Prepared, Series, prepared_for, shifted

LEAK, REVERSED, CLEAN, UNTESTED = "leak", "reversed", "clean", "untested"
COLUMNS: tuple[str, ...] = ("column", "verdict", "looks_ahead", "correlation", "p_value")
HONEST_IC = 0.05  # daily forecasts of single stocks reach 0.03
HONEST_MIRROR = 0.1
WINDOWS: tuple[int, ...] = (1, 5, 20)
SIGNIFICANCE = 0.05
# What one half teaches the other and the other the one is the same product of both: two halves, one piece of news.
HALVES_AGREE = math.sqrt(2)
LONGEST_SEARCH = 250
SEARCHED_ROWS = 20_000  # of all symbols: enough to tell how far, and little memory
SMALLEST_WEIGHT = 0.05  # of the largest: where a fading average ends


@dataclass(frozen=True)
class Evidence:
    """How closely later returns show in one view of each column.

    Attributes
    ----------
    correlation, p_value : (c,) NaN where the column does not vary or has too few values
    """

    correlation: Floats
    p_value: Floats


def leaks_in(series: Sequence[Series], names: Sequence[str]) -> pd.DataFrame:
    """One row a column: `COLUMNS`.

    `leak`: later returns show in it, up to `looks_ahead` rows later (`LONGEST_SEARCH` at most). `reversed`: it
    goes with the price only if its own time runs backwards. P-values are corrected for all
    views and columns (Holm 1979), and a column is accused below `SIGNIFICANCE`.
    """
    prepared = [prepared_for(each) for each in series]
    tests = list(_tests(prepared, len(names)))
    best, mirrored = _best(tests), _mirrored(prepared, len(names))
    ahead = _corrected(best.p_value, len(tests))
    behind = _corrected(mirrored.p_value, 2)
    leaking, known = ahead < SIGNIFICANCE, np.isfinite(ahead)
    turned = (behind < SIGNIFICANCE) & ~leaking
    correlation = np.where(turned, mirrored.correlation, best.correlation)
    reach: list[int | None] = [0 if clean else None for clean in known & ~turned]
    if leaking.any():
        later = _later(prepared)
        for place in np.flatnonzero(leaking).tolist():
            reach[place], correlation[place] = _shown(prepared, later, place)
    verdicts = np.select([leaking, turned, known], [LEAK, REVERSED, CLEAN], default=UNTESTED)
    return pd.DataFrame(
        {
            "column": pd.Series(list(names), dtype="str"),
            "verdict": pd.Series(verdicts, dtype="str"),
            "looks_ahead": pd.array(reach, dtype="Int64"),
            "correlation": correlation,
            "p_value": np.where(turned, behind, ahead),
        }
    )


def _tests(prepared: Sequence[Prepared], columns: int) -> Iterator[Evidence]:
    """Each view against the sum of the next returns, and, over more than one, weighted as the other half has learned."""
    for view in VIEWS:
        products = _lagged_products(prepared, view, max(WINDOWS), columns)
        for window in WINDOWS:
            yield _sum_test(prepared, view, window, columns)
            if window > 1:
                yield _learned_test(prepared, view, window, products)


def _halves(one: Prepared) -> tuple[Bools, Bools]:
    """(n,) rows before and after the middle of the symbol's rows."""
    early = np.arange(len(one.times)) < len(one.times) // 2
    return early, ~early


def _lagged_products(prepared: Sequence[Prepared], view: str, lags: int, columns: int) -> Floats:
    """(2, k, c) sum over each half of column times the return k rows later."""
    sums = np.zeros((2, lags, columns))
    for one in prepared:
        values = one.views[view]
        for half, rows in enumerate(_halves(one)):
            for lag in range(1, lags + 1):
                sums[half, lag - 1] += np.where(rows, shifted(one.returns, -lag), 0.0) @ values
    return sums


def _sum_test(prepared: Sequence[Prepared], view: str, window: int, columns: int) -> Evidence:
    """Correlation, of either sign, with the sum of the returns of the next rows."""
    together, used = _weighed(prepared, view, np.full((2, window, columns), 1 / math.sqrt(window)))
    sign = np.sign(together.sum(axis=0))
    found = _judged(together * sign, used, HONEST_IC * math.sqrt(window))
    return Evidence(found.correlation * sign, np.minimum(2 * found.p_value, 1.0))


def _learned_test(prepared: Sequence[Prepared], view: str, window: int, products: Floats) -> Evidence:
    """Correlation, on each half, with the returns of the next rows as the other half weighs them."""
    learned = products[::-1, :window]
    norms = np.sqrt((learned**2).sum(axis=1, keepdims=True))
    weights = np.divide(learned, norms, out=np.zeros_like(learned), where=norms > 0)  # (2, k, c)
    together, used = _weighed(prepared, view, weights)
    return _judged(together, used, HONEST_IC * math.sqrt(window), HALVES_AGREE)


def _weighed(prepared: Sequence[Prepared], view: str, weights: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Scores of each time (n, c), and how many rows of each column they rest on (c,)."""
    scores = [_scores(one, view, weights) for one in prepared]
    used = sum((np.abs(one.views[view]) > 0).sum(axis=0) for one in prepared)
    return _by_time([one.times for one in prepared], scores), np.asarray(used)


def _scores(one: Prepared, view: str, weights: Floats) -> Floats:
    """(n, c) return of each row times what the column said of it in the rows before."""
    said = np.zeros_like(one.views[view])
    for half, rows in enumerate(_halves(one)):
        for lag, weight in enumerate(weights[half], start=1):
            said += np.where(rows[:, np.newaxis], shifted(one.views[view], lag) * weight, 0.0)
    return said * one.returns[:, np.newaxis]


def _by_time(times: Sequence[NDArray[np.int64]], scores: Sequence[Floats]) -> Floats:
    """Scores of all symbols, those of one time added up: names move together."""
    if len(times) == 1:
        return scores[0]
    codes, place = np.unique(np.concatenate(times), return_inverse=True)
    together = np.zeros((len(codes), scores[0].shape[1]))
    np.add.at(together, place, np.concatenate(scores))
    return together


def _judged(scores: Floats, used: NDArray[np.int64], honest: float, wider: float = 1.0) -> Evidence:
    """One-sided test that the mean score is above `honest`, its standard error `wider` times that of the scores."""
    tested = (used >= FEWEST_ROWS) & (np.abs(scores) > 0).any(axis=0)
    count = np.where(tested, used, 1)
    correlation = scores.sum(axis=0) / count
    error = wider * np.sqrt((scores**2).sum(axis=0)) / count
    deviate = np.divide(correlation - honest, error, out=np.zeros_like(error), where=error > 0)
    return Evidence(np.where(tested, correlation, math.nan), np.where(tested, ndtr(-deviate), math.nan))


def _best(tests: Sequence[Evidence]) -> Evidence:
    """(c,) of each column the test with the smallest p-value."""
    p_values = np.stack([test.p_value for test in tests])
    chosen = np.where(np.isfinite(p_values), p_values, 2.0).argmin(axis=0)[np.newaxis]
    correlations = np.stack([test.correlation for test in tests])
    return Evidence(
        np.take_along_axis(correlations, chosen, axis=0)[0], np.take_along_axis(p_values, chosen, axis=0)[0]
    )


def _corrected(p_values: Floats, tests: int) -> Floats:
    """P-values of columns, each the smallest of `tests`, corrected for both (Bonferroni within, Holm across)."""
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = len(known) - np.arange(len(known))
    out = np.full(len(p_values), math.nan)
    out[order] = np.minimum(np.maximum.accumulate(p_values[order] * tests * steps), 1.0)
    return out


def _mirrored(prepared: Sequence[Prepared], columns: int) -> Evidence:
    """How closely each column goes with the returns of the file read backwards, as it is or as its change.

    What changes from one row to the next in a column whose time runs backwards belongs to the earlier row of the two.
    """
    tests = []
    for lag, view in enumerate(VIEWS[:2]):
        scores = [one.raw[view] * shifted(one.returns[::-1], lag)[:, np.newaxis] for one in prepared]
        used = sum((np.abs(one.raw[view]) > 0).sum(axis=0) for one in prepared)
        together = np.concatenate(scores) if scores else np.zeros((0, columns))
        sign = np.sign(together.sum(axis=0))
        found = _judged(together * sign, used, HONEST_MIRROR)
        tests.append(Evidence(found.correlation * sign, found.p_value))
    return _best(tests)


@dataclass(frozen=True)
class _Later:
    """The returns that follow each of the first `rows` rows of all symbols: calmed and plain (m, k).

    `inverse` is that of the cross-products (k, k).
    """

    rows: int
    returns: Floats
    plain: Floats
    inverse: Floats

    @property
    def lags(self) -> int:
        """How far ahead it looks."""
        return self.returns.shape[1]


def _later(prepared: Sequence[Prepared]) -> _Later:
    shortest = min(len(one.times) for one in prepared)
    lags = max(1, min(LONGEST_SEARCH, shortest // 8))

    rows = max(LONGEST_SEARCH, SEARCHED_ROWS // len(prepared))

    def following(each: Sequence[Floats]) -> Floats:
        """Row t holds the returns of t + 1 .. t + k."""
        return np.concatenate([sliding_window_view(one[1:], lags)[:rows] for one in each])

    together = following([one.returns for one in prepared])
    plain = following([one.plain for one in prepared])
    return _Later(rows, together, plain, np.asarray(np.linalg.pinv(together.T @ together), dtype=np.float64))


def _shown(prepared: Sequence[Prepared], later: _Later, column: int) -> tuple[int, float]:
    """How far ahead the returns lie that show in a column, and its closest correlation with one of them or their sum."""
    cut = [min(later.rows, len(one.times) - later.lags) for one in prepared]

    def rows(each: Sequence[Floats]) -> Floats:
        return np.concatenate([values[:count, column] for values, count in zip(each, cut, strict=True)])

    reach = max(_reach(rows([one.views[view] for one in prepared]), later) for view in VIEWS)
    seen = later.plain[:, : max(reach, 1)]
    closest = [_closest(rows([one.raw[view] for one in prepared]), seen) for view in VIEWS]
    return reach, max(closest, key=abs)


def _reach(values: Floats, later: _Later) -> int:
    """The last lag whose coefficient, all lags together, is beyond chance and not below a twentieth of the largest."""
    if not values.any():
        return 0
    weights = later.inverse @ (later.returns.T @ values)
    left = values - later.returns @ weights
    error = np.sqrt(((later.returns @ later.inverse) ** 2 * left[:, np.newaxis] ** 2).sum(axis=0))
    beyond = np.abs(weights) > -ndtri(SIGNIFICANCE / 2 / later.lags) * error
    large = np.abs(weights) >= SMALLEST_WEIGHT * np.abs(weights).max()
    found = np.flatnonzero(beyond & large)
    return int(found[-1]) + 1 if len(found) else 0


def _closest(values: Floats, returns: Floats) -> float:
    """Correlation of values (m,) with that return, or sum of returns, of the next k (m, k) with which it is closest."""
    candidates = np.concatenate([returns, np.cumsum(returns, axis=1)], axis=1)
    norms = np.sqrt((candidates**2).sum(axis=0) * (values**2).sum())
    correlations = np.divide(values @ candidates, norms, out=np.zeros_like(norms), where=norms > 0)
    return float(correlations[np.abs(correlations).argmax()])

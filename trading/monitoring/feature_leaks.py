"""Which columns of a file of features know the future, and how far they look ahead.

What is known at t cannot say where the price goes after t, or hardly: a column whose values go with
later returns more than any honest forecast could was made from them. Each column is looked at as it is, as its
change, and against the price, after all that past returns explain was taken away. From one half of time is
learned how the next k returns show in the column, on the other half is measured how closely they do.

If a column is honest, the products of its past values with the return that comes are martingale differences,
however slowly the column moves: their sum over the root of the sum of their squares is a normal deviate, with
no bandwidth to choose. An honest column may have an information coefficient of `HONEST_IC` at each lag; only
what exceeds it counts. Letters of the shapes: n rows of a symbol in order of time, c columns, k lags.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

from trading.interfaces import Bools, Floats

LEAK, REVERSED, CLEAN, UNTESTED = "leak", "reversed", "clean", "untested"
COLUMNS: tuple[str, ...] = ("column", "verdict", "looks_ahead", "correlation", "p_value")
HONEST_IC = 0.05  # daily forecasts of single stocks reach 0.03
HONEST_MIRROR = 0.1
WINDOWS: tuple[int, ...] = (1, 5, 20)
PAST_LAGS = 5
SIGNIFICANCE = 0.05
FEWEST_ROWS = 60
VOLATILITY_DECAY = 0.97
LARGEST_RETURN = 5.0  # standard deviations; a crash must not decide alone
KEPT = (0.005, 0.995)  # quantiles at which values are clipped
PRICE_LIKE = 3.0  # a column within this factor of the price is looked at against it
LONGEST_SEARCH = 250
SMALLEST_WEIGHT = 0.05  # of the largest: where a fading average ends
VIEWS: tuple[str, ...] = ("as it is", "change", "against the price")


@dataclass(frozen=True)
class Series:
    """One symbol: times (n,) as codes that all symbols share, its price (n,), and its columns (n, c)."""

    times: NDArray[np.int64]
    price: Floats
    values: Floats


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
    prepared = [_prepared(each) for each in series]
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


@dataclass(frozen=True)
class _Prepared:
    """One symbol, standardised: returns (n,), 0 where unknown, and each view of the columns (n, c), 0 where unknown.

    `returns` are over the volatility that was known before, `plain` are not; `raw` holds the views before past
    returns were taken away.
    """

    times: NDArray[np.int64]
    returns: Floats
    plain: Floats
    views: Mapping[str, Floats]
    raw: Mapping[str, Floats]


def _prepared(series: Series) -> _Prepared:
    returns = np.diff(np.log(series.price), prepend=math.nan)
    calmed = _standardised(_calmed(returns)[:, np.newaxis])[:, 0]
    scaled = np.nan_to_num(np.clip(calmed, -LARGEST_RETURN, LARGEST_RETURN))
    plain = np.nan_to_num(_standardised(returns[:, np.newaxis])[:, 0])
    raw = {name: _clipped(view) for name, view in _views(series).items()}
    cleaned = {name: _without_past(view, scaled) for name, view in raw.items()}
    known = {name: np.nan_to_num(_standardised(view)) for name, view in raw.items()}
    return _Prepared(series.times, scaled, plain, cleaned, known)


def _calmed(returns: Floats) -> Floats:
    """(n,) returns over the volatility that was known the row before, so that no crash decides alone."""
    known = np.isfinite(returns)
    squares = np.where(known, returns, 0.0) ** 2
    start = squares.sum() / max(known.sum(), 1)
    variance = lfilter(
        [1 - VOLATILITY_DECAY], [1, -VOLATILITY_DECAY], squares, zi=[start * VOLATILITY_DECAY]
    )[0]
    before = np.sqrt(np.concatenate([[start], variance[:-1]]))
    return np.divide(returns, before, out=np.full_like(returns, math.nan), where=before > 0)


def _views(series: Series) -> dict[str, Floats]:
    """The columns as they are, their changes (relative ones where price-like), and their logarithm over the price."""
    price = series.price[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.where(series.values > 0, np.log(np.abs(series.values) / price), math.nan)
    near = np.abs(over) < math.log(PRICE_LIKE)
    like = near.sum(axis=0) > 0.95 * np.isfinite(series.values).sum(axis=0)
    over = np.where(like & near, over, math.nan)
    level = np.where(like, over + np.log(price), series.values)
    change = np.diff(level, axis=0, prepend=math.nan)
    return dict(zip(VIEWS, (level, change, over), strict=True))


def _clipped(values: Floats) -> Floats:
    known = np.isfinite(values).sum(axis=0) > 1
    low, high = np.full((2, values.shape[1]), math.nan)
    if known.any():
        low[known], high[known] = np.nanquantile(values[:, known], KEPT, axis=0)
    low, high = np.where(high > low, low, -math.inf), np.where(high > low, high, math.inf)
    return np.clip(values, low, high)


def _standardised(values: Floats) -> Floats:
    """Zero mean and unit variance of what is known; NaN all over where a column does not vary or is too short."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=0) / count
    centered = np.where(known, values - mean, 0.0)
    deviation = np.sqrt((centered**2).sum(axis=0) / count)
    varies = (deviation > 1e-9 * (np.abs(mean) + 1e-300)) & (known.sum(axis=0) >= FEWEST_ROWS)
    scaled = centered / np.where(varies, deviation, 1.0)
    return np.where(known & varies, scaled, math.nan)


def _without_past(values: Floats, returns: Floats) -> Floats:
    """(n, c) what the return of the row and those before it leave of each column, standardised, 0 where unknown."""
    scaled = _standardised(values)
    past = np.column_stack([_shifted(returns, lag) for lag in range(PAST_LAGS + 1)])
    known = np.isfinite(scaled)
    filled = np.nan_to_num(scaled)
    gram = past.T @ past + 1e-9 * len(past) * np.eye(PAST_LAGS + 1)
    left = np.where(known, filled - past @ np.linalg.solve(gram, past.T @ filled), math.nan)
    return np.nan_to_num(_standardised(left))


def _shifted(values: Floats, lag: int) -> Floats:
    """Values `lag` rows earlier (negative: later), 0 where there are none."""
    if not lag:
        return values
    out = np.zeros_like(values)
    if lag > 0:
        out[lag:] = values[:-lag]
    else:
        out[:lag] = values[-lag:]
    return out


def _tests(prepared: Sequence[_Prepared], columns: int) -> Iterator[Evidence]:
    for view in VIEWS:
        products = _lagged_products(prepared, view, max(WINDOWS), columns)
        for window in WINDOWS:
            yield _window_test(prepared, view, window, products)


def _halves(one: _Prepared) -> tuple[Bools, Bools]:
    """(n,) rows before and after the middle of the symbol's rows."""
    early = np.arange(len(one.times)) < len(one.times) // 2
    return early, ~early


def _lagged_products(prepared: Sequence[_Prepared], view: str, lags: int, columns: int) -> Floats:
    """(2, k, c) sum over each half of column times the return k rows later."""
    sums = np.zeros((2, lags, columns))
    for one in prepared:
        values = one.views[view]
        for half, rows in enumerate(_halves(one)):
            for lag in range(1, lags + 1):
                sums[half, lag - 1] += np.where(rows, _shifted(one.returns, -lag), 0.0) @ values
    return sums


def _window_test(prepared: Sequence[_Prepared], view: str, window: int, products: Floats) -> Evidence:
    """Correlation, on each half, with the returns of the next rows as the other half weighs them."""
    learned = products[::-1, :window]
    norms = np.sqrt((learned**2).sum(axis=1, keepdims=True))
    weights = np.divide(learned, norms, out=np.zeros_like(learned), where=norms > 0)  # (2, k, c)
    scores = [_scores(one, view, weights) for one in prepared]
    together = _by_time([one.times for one in prepared], scores)
    used = sum((np.abs(one.views[view]) > 0).sum(axis=0) for one in prepared)
    return _judged(together, used, HONEST_IC * math.sqrt(window))


def _scores(one: _Prepared, view: str, weights: Floats) -> Floats:
    """(n, c) return of each row times what the column said of it in the rows before."""
    said = np.zeros_like(one.views[view])
    for half, rows in enumerate(_halves(one)):
        for lag, weight in enumerate(weights[half], start=1):
            said += np.where(rows[:, np.newaxis], _shifted(one.views[view], lag) * weight, 0.0)
    return said * one.returns[:, np.newaxis]


def _by_time(times: Sequence[NDArray[np.int64]], scores: Sequence[Floats]) -> Floats:
    """Scores of all symbols, those of one time added up: names move together."""
    if len(times) == 1:
        return scores[0]
    codes, place = np.unique(np.concatenate(times), return_inverse=True)
    together = np.zeros((len(codes), scores[0].shape[1]))
    np.add.at(together, place, np.concatenate(scores))
    return together


def _judged(scores: Floats, used: NDArray[np.int64], honest: float) -> Evidence:
    """One-sided test that the mean score is above `honest`."""
    tested = (used >= FEWEST_ROWS) & (np.abs(scores) > 0).any(axis=0)
    count = np.where(tested, used, 1)
    correlation = scores.sum(axis=0) / count
    error = np.sqrt((scores**2).sum(axis=0)) / count
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


def _mirrored(prepared: Sequence[_Prepared], columns: int) -> Evidence:
    """How closely each column goes with the returns of the file read backwards, as it is or as its change.

    What changes from one row to the next in a column whose time runs backwards belongs to the earlier row of the two.
    """
    tests = []
    for lag, view in enumerate(VIEWS[:2]):
        scores = [one.raw[view] * _shifted(one.returns[::-1], lag)[:, np.newaxis] for one in prepared]
        used = sum((np.abs(one.raw[view]) > 0).sum(axis=0) for one in prepared)
        together = np.concatenate(scores) if scores else np.zeros((0, columns))
        sign = np.sign(together.sum(axis=0))
        found = _judged(together * sign, used, HONEST_MIRROR)
        tests.append(Evidence(found.correlation * sign, found.p_value))
    return _best(tests)


@dataclass(frozen=True)
class _Later:
    """The returns that follow each row, of all symbols: calmed and plain (m, k), and the inverse of the cross-products (k, k)."""

    returns: Floats
    plain: Floats
    inverse: Floats

    @property
    def lags(self) -> int:
        """How far ahead it looks."""
        return self.returns.shape[1]


def _later(prepared: Sequence[_Prepared]) -> _Later:
    shortest = min(len(one.times) for one in prepared)
    lags = max(1, min(LONGEST_SEARCH, shortest // 8))

    def following(each: Sequence[Floats]) -> Floats:
        """Row t holds the returns of t + 1 .. t + k."""
        return np.concatenate([np.lib.stride_tricks.sliding_window_view(one[1:], lags) for one in each])

    together = following([one.returns for one in prepared])
    plain = following([one.plain for one in prepared])
    return _Later(together, plain, np.asarray(np.linalg.pinv(together.T @ together), dtype=np.float64))


def _shown(prepared: Sequence[_Prepared], later: _Later, column: int) -> tuple[int, float]:
    """How far ahead the returns lie that show in a column, and its closest correlation with one of them or their sum."""
    cut = [len(one.times) - later.lags for one in prepared]

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

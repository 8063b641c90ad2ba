"""What a component is worth: a variant of the line less the line, by block bootstrap over paired sessions.

Sessions are drawn in blocks, the same for both sides, so that the market's good and bad days cancel. The
intervals are of one comparison; the verdict is over all that were made (Holm 1979).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.digest import generator
from trading.evaluation.comparison import block_sessions, stretched, widening
from trading.evaluation.paired import ALL, REGIME, Regimes, slices
from trading.evaluation.resampling import BOOTSTRAPS, MINIMUM_SESSIONS, deepest_drawdown, stationary_indices
from trading.interfaces import Bools, Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR

# One row a session: simple return after costs, turnover, and of the forecasts issued in it over the strategy's
# horizon how many called the direction, how many called it rightly, how many there are, and the sum of their losses.
SESSION_COLUMNS: tuple[str, ...] = ("net_return", "turnover", "calls", "hits", "cases", "loss")
HORIZON = 5  # sessions ahead that forecasts are judged at; their outcomes overlap, so blocks are three times as long
LEVEL = 0.05
BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"
COLUMNS: tuple[str, ...] = (
    *("slice_kind", "slice", "measure", "value", "base", "difference", "low", "high", "n", "p"),
)
_EXACT = 1e-12  # of either side: below it a difference is rounding
_Sums = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Measure:
    """A figure of a line, made of sums over sessions.

    Attributes
    ----------
    parts : (n, c) columns -> (n, k) whose sums over sessions decide the figure
    figure : sums (..., k) and the number of sessions -> (...)
    sign : 1 where more is better, -1 where less is
    is_ratio : whether sides are set apart by their ratio less 1 instead of by their difference
    of_forecasts : whether it is about forecasts, and not about the book
    """

    parts: _Sums
    figure: Callable[[Floats, int], Floats]
    sign: int
    is_ratio: bool = False
    of_forecasts: bool = False

    def apart(self, own: Floats, base: Floats) -> Floats:
        """Difference of two figures, or their ratio less 1."""
        if not self.is_ratio:
            return own - base
        return np.divide(own, base, out=np.full(np.shape(own), np.nan), where=base != 0) - 1


def _column(name: str) -> _Sums:
    place = SESSION_COLUMNS.index(name)
    return lambda values: values[:, place : place + 1]


def _columns(*names: str) -> _Sums:
    places = [SESSION_COLUMNS.index(name) for name in names]
    return lambda values: values[:, places]


def _moments(values: Floats) -> Floats:
    returns = values[:, 0]
    return np.column_stack([returns, returns**2])


def _annual(sums: Floats, count: int) -> Floats:
    return sums[..., 0] / count * SESSIONS_PER_YEAR


def _volatility(sums: Floats, count: int) -> Floats:
    mean = sums[..., 0] / count
    variance = (sums[..., 1] - count * mean**2) / max(count - 1, 1)
    return np.sqrt(np.maximum(variance, 0.0) * SESSIONS_PER_YEAR)


def _sharpe(sums: Floats, count: int) -> Floats:
    volatility = _volatility(sums, count)
    return np.divide(
        _annual(sums, count), volatility, out=np.full(volatility.shape, np.nan), where=volatility > _EXACT
    )


def _ratio(sums: Floats, _count: int) -> Floats:
    above, below = sums[..., 0], sums[..., 1]
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


DRAWDOWN = (
    "drawdown"  # of a path: it has no sums, and no meaning over sessions that do not follow one another
)
MEASURES: Mapping[str, Measure] = {
    "annual_return": Measure(_moments, _annual, 1),
    "volatility": Measure(_moments, _volatility, -1),
    "sharpe": Measure(_moments, _sharpe, 1),
    DRAWDOWN: Measure(_column("net_return"), lambda sums, _: sums[..., 0], -1),
    "turnover": Measure(_column("turnover"), _annual, -1),
    "direction": Measure(_columns("hits", "calls"), _ratio, 1, of_forecasts=True),
    "loss": Measure(_columns("loss", "cases"), _ratio, -1, is_ratio=True, of_forecasts=True),
}


def differences(
    own: pd.DataFrame, base: pd.DataFrame, regimes: Regimes, measures: Sequence[str] = tuple(MEASURES)
) -> pd.DataFrame:
    """How a variant differs from the base, over all sessions that both have, each year and each regime.

    Parameters
    ----------
    own, base : indexed by session, with `SESSION_COLUMNS`
    regimes : of each session, as it was named when the session's orders were decided

    Returns
    -------
    Columns `COLUMNS`. `value` and `base` are the two figures, `difference` is variant less base; of `loss` it is
    the ratio less 1. `low` to `high` is a 95 % interval and `p` two-sided, NaN below 21 sessions. A measure of
    forecasts has no rows where both sides forecast the same.
    """
    both = own.index.intersection(base.index)
    one, other = (side.loc[both, list(SESSION_COLUMNS)].to_numpy(dtype=float) for side in (own, base))
    told = _measures_told(one, other, measures)
    rows = [
        (kind, name, measure, *_compared(MEASURES[measure], measure, one[inside], other[inside]))
        for kind, name, inside in slices(pd.DatetimeIndex(both), regimes)
        for measure in told
        if not (kind == REGIME and measure == DRAWDOWN)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        dict.fromkeys(("slice_kind", "slice", "measure"), "str")
    )


def _measures_told(one: Floats, other: Floats, wanted: Sequence[str]) -> list[str]:
    first = SESSION_COLUMNS.index("calls")
    alike = np.array_equal(one[:, first:], other[:, first:], equal_nan=True)
    return [name for name in wanted if not (alike and MEASURES[name].of_forecasts)]


def _compared(measure: Measure, name: str, one: Floats, other: Floats) -> tuple[float, ...]:
    """value, base, difference, low, high, n, p of one slice (n, c)."""
    count = len(one)
    sides = [np.nan_to_num(side) for side in (one, other)]
    if name == DRAWDOWN:
        values = [deepest_drawdown(side[:, 0]) for side in sides]
    else:
        values = [measure.figure(measure.parts(side).sum(axis=0), count) for side in sides]
    apart = float(measure.apart(*(np.asarray(value) for value in values)))
    figures = (float(values[0]), float(values[1]), apart)
    if np.array_equal(sides[0], sides[1]) or count < MINIMUM_SESSIONS:
        return (*figures, math.nan, math.nan, count, math.nan)
    drawn = measure.apart(*(_drawn(measure, name, side) for side in sides))
    low, high, p = _interval(drawn, apart, count)
    return (*figures, low, high, count, p)


def _drawn(measure: Measure, name: str, side: Floats) -> Floats:
    """(b,) the figure of each draw of sessions."""
    count = len(side)
    if name == DRAWDOWN:
        return deepest_drawdown(side[:, 0][_places(count)])
    return measure.figure(_weights(count) @ measure.parts(side), count)


def _interval(drawn: Floats, value: float, count: int) -> tuple[float, float, float]:
    """low, high and p of a difference: how often draws around nothing are as far from it, as wide as the interval."""
    blocks = count / block_sessions(HORIZON)
    low, high = stretched(value, drawn, blocks)
    if math.isnan(low):
        return low, high, math.nan
    known = drawn[np.isfinite(drawn)]
    moves = (known - known.mean()) * widening(blocks)
    return low, high, (1 + int((np.abs(moves) >= abs(value)).sum())) / (1 + len(known))


@functools.lru_cache(maxsize=64)
def _places(count: int) -> NDArray[np.int64]:
    """(b, n) the same for every variant, which makes differences of variants comparable, too."""
    return stationary_indices(count, BOOTSTRAPS, block_sessions(HORIZON), generator("ablation"))


@functools.lru_cache(maxsize=64)
def _weights(count: int) -> Floats:
    """(b, n) how often each session was drawn."""
    flat = _places(count) + np.arange(BOOTSTRAPS)[:, np.newaxis] * count
    return np.bincount(flat.ravel(), minlength=BOOTSTRAPS * count).reshape(BOOTSTRAPS, count).astype(float)


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """(k,) p-values as if each had been the only test: Holm's step-down correction; NaN is no test.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=float)
    out = np.full(len(values), np.nan)
    known: NDArray[np.intp] = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return out


def with_verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `differences` of many variants, with `holm`, `comparisons` and `verdict` of its rows over all sessions.

    All comparisons of one measure are one family.
    """
    planned = (table["slice_kind"] == ALL).to_numpy()
    corrected, made = np.full(len(table), np.nan), np.zeros(len(table), dtype=np.int64)
    groups = table.reset_index(drop=True)[planned].groupby("measure", sort=False).groups
    for places in groups.values():
        mine = np.asarray(places, dtype=np.intp)
        p_values = table["p"].to_numpy(dtype=float)[mine]
        corrected[mine], made[mine] = holm(p_values), int(np.isfinite(p_values).sum())
    signs = (
        table["measure"].map({name: measure.sign for name, measure in MEASURES.items()}).to_numpy(dtype=float)
    )
    decided = np.nan_to_num(corrected, nan=1.0) < LEVEL
    return table.assign(
        holm=corrected,
        comparisons=made,
        verdict=_verdicts(planned, decided, signs * table["difference"].to_numpy()),
    )


def _verdicts(planned: Bools, decided: Bools, gain: Floats) -> NDArray[np.object_]:
    words = np.where(decided, np.where(gain > 0, BETTER, WORSE), UNDECIDED)
    return np.where(planned, words, "").astype(object)

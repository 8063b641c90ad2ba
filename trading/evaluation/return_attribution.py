"""Where a book's return came from, in cents: every table of parts sums to the change of its equity.

A profit has one size and many tellings. By name and by cost it is booked, so the parts are facts. By model and by
timeframe it is divided by who had a say the evening before, which says who was listened to and not who was right.
By factor it is a regression over the whole period, known only in hindsight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.evaluation.uncertainty import Estimate, mean_estimate
from trading.interfaces import Floats
from trading.universe import groups

COLUMNS = ("part", "cents")
IN_THE_PRICE = ("spread", "slippage", "impact")
PRICE_MOVES, UNEXPLAINED, IDIOSYNCRATIC = "price moves", "not in the ledger", "idiosyncratic"
NO_SAY = "no forecast"
_OF_SHARES = ("fill", "split", "cash_in_lieu")
_DIVIDENDS = ("dividend_accrued", "dividend_paid")
_FEWEST = 20  # sessions a regression needs at least


def by_cost(profit: pd.DataFrame, ledger: pd.DataFrame, fills: pd.DataFrame, change: int) -> pd.DataFrame:
    """What prices did at no cost, dividends, and each cost, in columns `COLUMNS`; costs are negative.

    Spread, slippage and impact are within the price of a fill: price moves are counted at the market's price.

    Parameters
    ----------
    profit : of `contributions.profits`
    ledger, fills : rows of one strategy from the session after the first on
    change : of equity over these sessions, in cents; what the bookings do not explain of it is a part of its own
    """
    booked = (ledger["cash_cents"] + ledger["receivable_cents"]).groupby(ledger["kind"]).sum()
    inside = {kind: -int(fills[f"{kind}_cents"].sum()) for kind in IN_THE_PRICE}
    others = {
        str(kind): int(cents)
        for kind, cents in booked.items()
        if kind not in (*_OF_SHARES, *_DIVIDENDS, "deposit")
    }
    dividends = sum(int(booked.get(kind, 0)) for kind in _DIVIDENDS)
    whole = round(float(profit.to_numpy().sum()))
    known = dividends + sum(inside.values()) + sum(others.values())
    parts = {PRICE_MOVES: whole - known, "dividends": dividends, **inside, **others}
    return _told(parts, change)


def by_name(profit: pd.DataFrame, change: int) -> pd.DataFrame:
    """What each name brought after its costs, and cash."""
    return _told({str(name): round(float(profit[name].sum())) for name in profit}, change)


def by_group(profit: pd.DataFrame, change: int) -> pd.DataFrame:
    """The same by the names' groups; what belongs to no name keeps its own."""
    group_of = groups()
    summed = profit.T.groupby(lambda name: group_of.get(name, name), sort=False).sum().T
    return by_name(summed, change)


def by_say(profit: pd.DataFrame, says: pd.DataFrame, change: int) -> pd.DataFrame:
    """Each session's profit divided by the shares that somebody had in the decision the evening before.

    Parameters
    ----------
    says : (n, k) shares by session of the decision; sessions without one count as `NO_SAY`
    """
    every = profit.sum(axis=1)
    before = says.reindex(every.index.union(says.index)).shift(1).reindex(every.index).fillna(0.0)
    divided = before.mul(every, axis=0).sum()
    heard = before.sum(axis=1)
    parts = {str(name): float(cents) for name, cents in divided.items()}
    parts[NO_SAY] = float((every * (1 - heard)).sum())
    return _told(whole_cents(parts, round(float(every.sum()))), change)


def by_label(profit: pd.DataFrame, labels: pd.DataFrame, change: int) -> pd.DataFrame:
    """The profit of each name and session under the label that the name had the evening before.

    Parameters
    ----------
    labels : (n, k) words by session and name, such as the timeframes that had a say; none counts as `NO_SAY`
    """
    before = labels.astype(object).reindex(profit.index.union(labels.index)).shift(1)
    before = before.reindex(index=profit.index, columns=profit.columns).astype(object).fillna(NO_SAY)
    flat = pd.Series(profit.to_numpy().ravel()).groupby(before.to_numpy().ravel()).sum()
    return _told({str(label): round(float(cents)) for label, cents in flat.items()}, change)


@dataclass(frozen=True)
class Factors:
    """A regression of returns on factors, and what each brought.

    Attributes
    ----------
    parts : columns `COLUMNS`: each factor's and the idiosyncratic part
    exposures : coefficient of each factor, 95 % for dependent sessions
    explained : share of the variance of returns (R squared)
    alpha : idiosyncratic mean of a session
    """

    parts: pd.DataFrame
    exposures: Mapping[str, Estimate]
    explained: float
    alpha: Estimate


def by_factor(own: Floats, factors: Mapping[str, Floats], equity: Floats, change: int) -> Factors | None:
    """Least squares of simple returns (n,) on those of factors; None with too few sessions or a flat factor.

    Coefficients have the intervals of `mean_estimate` on their influence functions (the delta method, with a long-run
    variance). A session without some factor's return is idiosyncratic as a whole.

    Parameters
    ----------
    equity : (n,) before each session, in cents
    """
    values = np.column_stack([np.ones(len(own)), *factors.values()])
    known = np.isfinite(values).all(axis=1) & np.isfinite(own)
    x, y = values[known], own[known]
    if len(y) < _FEWEST or np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    found = np.linalg.lstsq(x, y, rcond=None)[0]
    rest = y - x @ found
    influence = np.linalg.solve(x.T @ x / len(y), (x * rest[:, None]).T)  # (k + 1, n)
    alpha, *slopes = (mean_estimate(found[k] + influence[k]) for k in range(len(found)))
    brought = {
        name: float((found[k] * x[:, k] * equity[known]).sum()) for k, name in enumerate(factors, start=1)
    }
    spread = float(np.var(y))
    return Factors(
        _told(_rest(whole_cents(brought, round(sum(brought.values()))), change), change),
        dict(zip(factors, slopes, strict=True)),
        1 - float(np.var(rest)) / spread if spread > 0 else np.nan,
        alpha,
    )


def _rest(parts: Mapping[str, int], change: int) -> dict[str, int]:
    return {**parts, IDIOSYNCRATIC: change - sum(parts.values())}


def whole_cents(parts: Mapping[str, float], total: int) -> dict[str, int]:
    """Parts in whole cents that sum to `total`: what rounding loses goes to those that lost most of it.

    Examples
    --------
    >>> whole_cents({"a": 0.5, "b": 0.5, "c": 1.0}, 2)
    {'a': 1, 'b': 0, 'c': 1}
    """
    exact = np.array(list(parts.values()), dtype=float)
    down: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    over = total - int(down.sum())
    order = np.argsort(-(exact - down), kind="stable")
    for place in range(over):
        down[order[place % len(order)]] += 1
    return dict(zip(parts, (int(cents) for cents in down), strict=True))


def _told(parts: Mapping[str, int], change: int) -> pd.DataFrame:
    """Parts that are not nothing, and what is left of the change under a name of its own."""
    left = change - sum(parts.values())
    every = {**parts, UNEXPLAINED: left}
    rows = [(name, cents) for name, cents in every.items() if cents or name == PRICE_MOVES]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"part": "str", "cents": "int64"})

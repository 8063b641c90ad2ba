"""What forecasts of one model over one horizon were worth: sums a session, and figures from any sum of them.

All figures are ratios of sums over sessions, so that a bootstrap only has to weigh sessions, and the names
of a session stay together. Letters of the shapes: n sessions, s symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.interfaces import Bools, Floats

FEWEST_NAMES = 3  # two names rank perfectly or perfectly wrong
SUMS: tuple[str, ...] = (
    *("cases", "said", "came", "said_squared", "came_squared", "said_came"),
    *("calls", "hits", "rises"),
    *("squared_error", "price_error", "price_move"),
    *("pinball", "paired", "paired_pinball", "paired_naive"),
    *("ranked", "rank_correlation"),
)
METRICS: tuple[str, ...] = ("ic", "rank_ic", "direction", "rmse", "mape", "pinball")
_CONSTANT = 1e-12  # share of the mean square below which a variance is a rounding error


@dataclass(frozen=True)
class Matured:
    """Forecasts of one model over one horizon, with what happened; NaN where there is none.

    Attributes
    ----------
    sessions : (n,) on which they were issued, ascending
    median, realized : (n, s) cumulative log returns
    pinball, naive_pinball : (n, s) mean pinball loss of the model, and of the random walk on the same case
    """

    sessions: np.ndarray
    median: Floats
    realized: Floats
    pinball: Floats
    naive_pinball: Floats


def session_sums(matured: Matured) -> Floats:
    """(n, c) one row a session, in the order of `SUMS`."""
    known = np.isfinite(matured.median) & np.isfinite(matured.realized)
    said, came = np.where(known, matured.median, 0.0), np.where(known, matured.realized, 0.0)
    calls = known & (said != 0) & (came != 0)
    paired = known & np.isfinite(matured.naive_pinball)
    pinball = np.where(known, matured.pinball, 0.0)
    ranked = _rank_correlation(said, came, known)
    each = {
        "cases": known,
        "said": said,
        "came": came,
        "said_squared": said**2,
        "came_squared": came**2,
        "said_came": said * came,
        "calls": calls,
        "hits": calls & ((said > 0) == (came > 0)),
        "rises": calls & (came > 0),
        "squared_error": (said - came) ** 2,
        "price_error": np.abs(np.expm1(said - came)) * known,
        "price_move": np.abs(np.expm1(-came)) * known,
        "pinball": pinball,
        "paired": paired,
        "paired_pinball": np.where(paired, pinball, 0.0),
        "paired_naive": np.where(paired, matured.naive_pinball, 0.0),
        "ranked": np.isfinite(ranked)[:, np.newaxis],
        "rank_correlation": np.nan_to_num(ranked)[:, np.newaxis],
    }
    return np.column_stack([each[name].sum(axis=1, dtype=float) for name in SUMS])


def ranks(values: Floats, known: Bools) -> Floats:
    """(n, s) rank of each known value among those of its row, from 1, ties averaged; 0 where unknown."""
    one, other = values[:, :, np.newaxis], values[:, np.newaxis, :]
    below = ((other < one) & known[:, np.newaxis, :]).sum(axis=2)
    equal = ((other == one) & known[:, np.newaxis, :]).sum(axis=2)
    return np.where(known, below + (equal + 1) / 2, 0.0)


def _rank_correlation(said: Floats, came: Floats, known: Bools) -> Floats:
    """(n,) Spearman's correlation across the names of each session, NaN for fewer than three or a constant."""
    count = known.sum(axis=1)
    middle = ((count + 1) / 2)[:, np.newaxis]
    one, other = (np.where(known, ranks(values, known) - middle, 0.0) for values in (said, came))
    spread = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    usable = (count >= FEWEST_NAMES) & (spread > 0)
    return np.divide((one * other).sum(axis=1), spread, out=np.full(len(said), np.nan), where=usable)


def figures(sums: Floats) -> dict[str, Floats]:
    """Metrics (...) of sums (..., c), NaN where there is nothing to divide by.

    `ic` is the correlation of median and outcome over all cases, names and sessions alike; `rank_ic` is
    Spearman's across the names of a session, averaged over sessions; `direction` the share of cases in
    which the median had the sign of the outcome, where both have one; `rmse` is in log returns, `mape` a
    fraction of the price that came; `pinball` the mean loss of the quantiles.
    """
    by = _named(sums)
    return {
        "ic": _correlation(by),
        "rank_ic": _ratio(by["rank_correlation"], by["ranked"]),
        "direction": _ratio(by["hits"], by["calls"]),
        "rmse": np.sqrt(_ratio(by["squared_error"], by["cases"])),
        "mape": _ratio(by["price_error"], by["cases"]),
        "pinball": _ratio(by["pinball"], by["cases"]),
    }


def naive_figures(sums: Floats) -> dict[str, Floats]:
    """What knowing nothing gives on the same cases, (...).

    The random walk's for the errors and the loss, 0 for correlations, and for the direction the share of
    rises: the hits of who always says up.
    """
    by = _named(sums)
    nothing = np.zeros(sums.shape[:-1])
    return {
        "ic": nothing,
        "rank_ic": nothing,
        "direction": _ratio(by["rises"], by["calls"]),
        "rmse": np.sqrt(_ratio(by["came_squared"], by["cases"])),
        "mape": _ratio(by["price_move"], by["cases"]),
        "pinball": _ratio(by["paired_naive"], by["paired"]),
    }


def observations(sums: Floats) -> dict[str, int]:
    """On how many observations each metric of sums (c,) rests: cases, for `rank_ic` sessions."""
    by = {name: round(float(value)) for name, value in _named(sums).items()}
    counted = {"ic": "cases", "rank_ic": "ranked", "direction": "calls"}
    return {metric: by[counted.get(metric, "cases")] for metric in METRICS}


def session_losses(sums: Floats) -> tuple[Floats, Floats]:
    """(n,) mean pinball loss of a session and the random walk's, on the cases that both have; else NaN."""
    by = _named(sums)
    return _ratio(by["paired_pinball"], by["paired"]), _ratio(by["paired_naive"], by["paired"])


def _named(sums: Floats) -> dict[str, Floats]:
    return {name: sums[..., place] for place, name in enumerate(SUMS)}


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _correlation(by: dict[str, Floats]) -> Floats:
    cases = by["cases"]
    together = cases * by["said_came"] - by["said"] * by["came"]
    one = cases * by["said_squared"] - by["said"] ** 2
    other = cases * by["came_squared"] - by["came"] ** 2
    varies = (one > _CONSTANT * cases * by["said_squared"]) & (other > _CONSTANT * cases * by["came_squared"])
    spread = np.sqrt(np.where(varies, one * other, 1.0))
    return np.where(varies, together / spread, np.nan)

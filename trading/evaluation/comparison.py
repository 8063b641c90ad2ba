"""The comparison of all models: every metric of every model and horizon, by year and by regime, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from trading.digest import generator
from trading.evaluation.forecast_scores import (
    METRICS,
    Matured,
    figures,
    naive_figures,
    observations,
    session_losses,
    session_sums,
)
from trading.evaluation.loss_tests import diebold_mariano, model_confidence_set
from trading.evaluation.relative_loss import BASELINE
from trading.evaluation.resampling import stationary_indices
from trading.interfaces import Bools, Floats

COLUMNS: tuple[str, ...] = ("model", "horizon", "metric", "value", "low", "high", "n", "naive", "slice")
ALL = "all"
SAMPLES = 1000
MINIMUM_SESSIONS = 21
FEWEST_BLOCKS = 2.0
LEAST_VARIANCE_KEPT = 0.3
RANGES: Mapping[str, tuple[float, float | None]] = {
    "ic": (-1.0, 1.0),
    "rank_ic": (-1.0, 1.0),
    "direction": (0.0, 1.0),
}
_NONE: Floats = np.empty(0)
DIEBOLD_MARIANO, CONFIDENCE_SET, CONTAMINATED = "diebold_mariano", "model_confidence_set", "contaminated"
_CASE = ["session", "horizon", "symbol"]
_OF_LOSS = ["issued_session", "timeframe", "model", "version", "horizon", "symbol"]
_OF_FORECAST = ["session", *_OF_LOSS[1:]]
Row = tuple[str, int, str, float, float, float, int, float, str]


def champion_cases(losses: pd.DataFrame, forecasts: pd.DataFrame) -> pd.DataFrame:
    """Daily forecasts of the versions that spoke for their models, with what happened.

    Parameters
    ----------
    losses : rows of `version_losses`; forecasts : rows of `forecasts`

    Returns
    -------
    One row a case: session (of issue), model, horizon, symbol, median, realized, pinball, contaminated.
    """
    daily = losses[(losses["timeframe"] == "1D").to_numpy()]
    keys = forecasts[_OF_FORECAST].rename(columns={"session": "issued_session"})
    spoken = daily.merge(keys, on=_OF_LOSS).drop(columns="session")
    return spoken.rename(columns={"issued_session": "session"})[
        [*_CASE, "model", "median", "realized", "pinball", "contaminated"]
    ]


def block_sessions(horizon: int) -> int:
    """Mean block of the bootstrap: three times the horizon, so that what overlaps mostly stays together; at least ten."""
    return max(10, 3 * horizon)


def stretched(value: float, samples: Floats, blocks: float) -> tuple[float, float]:
    """95 % interval of a figure from its bootstrap `samples` (b,), for a stretch of `blocks` mean blocks.

    The percentiles' distance from the value is widened by Student's quantile with as many degrees of
    freedom over the normal one, and by what blocks lose against the mean of so few of them, 1 - 2 /
    blocks of the variance. Without it intervals over twenty sessions hold 8 times in 10.
    """
    known = samples[np.isfinite(samples)]
    if len(known) < SAMPLES // 2 or blocks < FEWEST_BLOCKS:
        return math.nan, math.nan
    low, high = np.quantile(known, [0.025, 0.975])
    wider = widening(blocks)
    return value - wider * (value - float(low)), value + wider * (float(high) - value)


def widening(blocks: float) -> float:
    """By how much `stretched` widens what a bootstrap of `blocks` mean blocks says."""
    student = float(stdtrit(blocks, 0.975) / ndtri(0.975))
    return student / math.sqrt(max(1 - 2 / blocks, LEAST_VARIANCE_KEPT))


@dataclass(frozen=True)
class _Scored:
    """One model over one horizon: sums (n, c) and losses (n, s) on the sessions of all models, contaminated cases."""

    model: str
    sums: Floats
    pinball: Floats
    contaminated: int
    cases: int


def compare(
    cases: pd.DataFrame, regimes: Mapping[pd.Timestamp, str] | None = None, seed: int = 0
) -> pd.DataFrame:
    """The comparison table of `champion_cases`, in columns `COLUMNS`.

    Contaminated cases count in the metric `contaminated` alone (value: their share, n: of how many). Every
    figure stands beside the naive one of the same cases. Intervals are those of `stretched` from a stationary
    bootstrap of sessions; of `diebold_mariano` (negative: loses less than the random walk) the value plus and
    minus the critical value of 5 %; NaN with fewer than 21 sessions or two blocks.

    Parameters
    ----------
    regimes : regime of each session of issue, for slices such as `regime=bull`
    """
    rows: list[Row] = []
    for horizon, part in cases.groupby("horizon", sort=True):
        rows.extend(_horizon_rows(int(horizon), part, regimes or {}, seed))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    texts = dict.fromkeys(("model", "metric", "slice"), "str")
    numbers = dict.fromkeys(("value", "low", "high", "naive"), "float64")
    return frame.astype({**texts, **numbers, "horizon": "int64", "n": "int64"})


def _horizon_rows(
    horizon: int, cases: pd.DataFrame, regimes: Mapping[pd.Timestamp, str], seed: int
) -> Iterator[Row]:
    sessions = np.sort(cases["session"].unique())
    scored = _scored(cases, sessions)
    block = block_sessions(horizon)
    weights = _weights(len(sessions), block, horizon, seed)
    for name, inside in _slices(pd.DatetimeIndex(sessions), regimes).items():
        for one in scored:
            yield from _metric_rows(one, horizon, name, inside, weights)
            yield _loss_row(one, horizon, name, inside)
        yield from _set_rows(scored, horizon, name, inside, weights)
    for one in scored:
        share = one.contaminated / one.cases
        yield one.model, horizon, CONTAMINATED, share, math.nan, math.nan, one.cases, math.nan, ALL


def _weights(count: int, block: int, horizon: int, seed: int) -> Floats:
    """(b, n) how often each session comes in each bootstrap sample: the same for all models, so pairs stay pairs."""
    if count < MINIMUM_SESSIONS:
        return np.zeros((0, count))
    rng = generator("comparison", seed=seed * 100 + horizon)
    places = stationary_indices(count, SAMPLES, block, rng)
    return np.stack([np.bincount(row, minlength=count) for row in places]).astype(float)


def _slices(sessions: pd.DatetimeIndex, regimes: Mapping[pd.Timestamp, str]) -> dict[str, Bools]:
    """(n,) sessions of each slice: all, each year, each regime."""
    years = sessions.year.to_numpy()
    named = np.array([str(regimes.get(session, "")).lower() for session in sessions])
    return {
        ALL: np.ones(len(sessions), dtype=bool),
        **{f"year={year}": years == year for year in np.unique(years)},
        **{f"regime={regime}": named == regime for regime in np.unique(named) if regime},
    }


def _scored(cases: pd.DataFrame, sessions: np.ndarray) -> list[_Scored]:
    symbols = np.unique(cases["symbol"].to_numpy(dtype=object))
    shape = (len(sessions), len(symbols))
    own = {
        str(model): _cubes(part, sessions, symbols, shape)
        for model, part in cases.groupby("model", sort=True)
    }
    naive = own[BASELINE]["pinball"] if BASELINE in own else np.full(shape, np.nan)
    scored = []
    for model, cubes in own.items():
        matured = Matured(sessions, cubes["median"], cubes["realized"], cubes["pinball"], naive)
        spoiled, every = int(cubes["spoiled"].sum()), int(cubes["every"].sum())
        scored.append(_Scored(model, session_sums(matured), matured.pinball, spoiled, every))
    return scored


def _cubes(
    part: pd.DataFrame, sessions: np.ndarray, symbols: np.ndarray, shape: tuple[int, int]
) -> dict[str, Floats]:
    """(n, s) of each column, contaminated cases left out but counted."""
    at = np.searchsorted(sessions, part["session"].to_numpy())
    place = np.searchsorted(symbols, part["symbol"].to_numpy(dtype=object))
    clean = ~part["contaminated"].to_numpy(dtype=bool)
    cubes = {"spoiled": np.zeros(shape), "every": np.zeros(shape)}
    cubes["spoiled"][at[~clean], place[~clean]] = 1
    cubes["every"][at, place] = 1
    for name in ("median", "realized", "pinball"):
        cubes[name] = np.full(shape, np.nan)
        cubes[name][at[clean], place[clean]] = part[name].to_numpy(dtype=float)[clean]
    return cubes


def _metric_rows(one: _Scored, horizon: int, name: str, inside: Bools, weights: Floats) -> Iterator[Row]:
    mine = one.sums[inside]
    whole = mine.sum(axis=0)
    counted, naive, found = observations(whole), naive_figures(whole), figures(whole)
    used = inside & (one.sums[:, 0] > 0)
    blocks = float(used.sum()) / block_sessions(horizon)
    drawn = figures(weights[:, used] @ one.sums[used]) if used.sum() >= MINIMUM_SESSIONS else {}
    for metric in METRICS:
        value = float(found[metric])
        low, high = np.clip(
            stretched(value, drawn.get(metric, _NONE), blocks), *RANGES.get(metric, (0.0, None))
        )
        row = (value, float(low), float(high), counted[metric], float(naive[metric]), name)
        yield one.model, horizon, metric, *row


def _loss_row(one: _Scored, horizon: int, name: str, inside: Bools) -> Row:
    own, naive = session_losses(one.sums[inside])
    found = diebold_mariano(own, naive, horizon)
    low, high = found.statistic - found.critical, found.statistic + found.critical
    return one.model, horizon, DIEBOLD_MARIANO, found.statistic, low, high, found.observations, 0.0, name


def _set_rows(
    scored: Sequence[_Scored], horizon: int, name: str, inside: Bools, weights: Floats
) -> Iterator[Row]:
    """P-values of the model confidence set, on the cases that all models which spoke share."""
    speaking = [one for one in scored if np.isfinite(one.pinball[inside]).any()]
    if not speaking:
        return
    cubes = np.stack([one.pinball[inside] for one in speaking])  # (m, n, s)
    known = np.asarray(np.isfinite(cubes).all(axis=0))
    together = known.any(axis=1)
    totals = np.where(known, cubes, 0.0).sum(axis=2)[:, together]
    losses = (totals / known.sum(axis=1)[together]).T
    used = np.flatnonzero(inside)[together]
    found = model_confidence_set(losses, [one.model for one in speaking], weights[:, used])
    naive = found.get(BASELINE, math.nan)
    for model, p_value in found.items():
        yield model, horizon, CONFIDENCE_SET, p_value, math.nan, math.nan, len(losses), naive, name

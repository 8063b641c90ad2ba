"""What forecasts were worth, beside the random walk and who always says up, slice by slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from trading.evaluation.figures import FORECASTS, GROUP, SYMBOL, Figure, Of
from trading.evaluation.matured import matured_ensemble
from trading.evaluation.paired import Regimes, slices
from trading.evaluation.relative_loss import BASELINE
from trading.evaluation.uncertainty import Estimate, ratio_estimate
from trading.interfaces import Bools
from trading.stages.layout import DAILY, FIVE_MINUTES
from trading.universe import groups

CASES: tuple[str, ...] = (
    *("session", "matured", "timeframe", "bar", "model", "horizon", "symbol"),
    *("median", "realized", "pinball", "contaminated"),
)
_ISSUED = ["issued_session", "timeframe", "model", "version", "horizon", "symbol"]
_CASE = ["session", "timeframe", "matured", "bar", "horizon", "symbol"]
_SUMS = ("cases", "calls", "hits", "rises", "error", "move", "loss", "naive_loss")


def forecast_cases(
    losses: pd.DataFrame, forecasts: pd.DataFrame, intervals: pd.DataFrame, ensemble: pd.DataFrame
) -> pd.DataFrame:
    """Forecasts of the versions that spoke for their models, and of the ensemble, with what happened.

    Parameters
    ----------
    losses : rows of `version_losses`; forecasts : of `forecasts`
    intervals, ensemble : daily rows of `ensemble_intervals` and `ensemble_forecast`

    Returns
    -------
    Columns `CASES`: session of issue, session at which it matured, `bar` (which of the five-minute bars of that
    session; 0 of coarser ones), and the rest.
    """
    keys = (
        forecasts[["session", *_ISSUED[1:]]].drop_duplicates().rename(columns={"session": "issued_session"})
    )
    spoken = losses.merge(keys, on=_ISSUED)
    mixed = matured_ensemble(intervals, ensemble)
    fine = (spoken["timeframe"] == FIVE_MINUTES).to_numpy()
    spoken = spoken.assign(bar=np.where(fine, spoken["ts"].astype("int64"), 0))
    mixed = mixed.assign(median=mixed["matured_median"], timeframe=DAILY, bar=0)
    both = pd.concat([part for part in (spoken, mixed) if len(part)] or [spoken])
    both = both.rename(columns={"session": "matured", "issued_session": "session"})
    return both[list(CASES)].reset_index(drop=True)


def forecast_figures(cases: pd.DataFrame, regimes: Regimes) -> Iterator[Figure]:
    """Direction, loss over the random walk's and price error of each model, timeframe and horizon.

    Over all sessions of issue, each year, regime, symbol and group; contaminated cases count in the share
    `contaminated` alone. Symbols of a session are one observation, and forecasts that overlap are allowed for.
    """
    clean = cases[~cases["contaminated"].astype(bool)]
    naive = clean[clean["model"] == BASELINE].set_index(_CASE)["pinball"]
    for (model, timeframe, horizon), part in cases.groupby(["model", "timeframe", "horizon"], sort=True):
        of = Of(FORECASTS, str(model), "all", "all", str(timeframe), int(horizon))
        marked = part["contaminated"].to_numpy(dtype=bool)
        yield Figure.sure(of, "contaminated", float(marked.mean()), len(part), 0.0)
        if not marked.all():
            yield from _of_model(of, part[~marked], naive, regimes)


def _of_model(of: Of, part: pd.DataFrame, naive: pd.Series[float], regimes: Regimes) -> Iterator[Figure]:
    part = part.sort_values(["session", "symbol"], kind="stable", ignore_index=True)
    known = pd.MultiIndex.from_frame(part[_CASE])
    summed = _summands(part.assign(naive=naive.reindex(known).to_numpy(dtype=float)))
    for kind, name, inside in _inside(part, regimes):
        yield from _figures(of._replace(slice_kind=kind, slice=name), summed[inside], part["session"][inside])


def _inside(part: pd.DataFrame, regimes: Regimes) -> Iterator[tuple[str, str, Bools]]:
    """(kind, name, (n,) inside) of cases: the slices of their sessions, then symbols and groups."""
    sessions = pd.DatetimeIndex(part["session"].unique())
    place = sessions.get_indexer(pd.DatetimeIndex(part["session"]))
    for kind, name, inside in slices(sessions, regimes):
        yield kind, name, inside[place]
    symbols = part["symbol"].to_numpy(dtype=object)
    group_of: Mapping[str, str] = groups()
    of_group = np.array([group_of.get(symbol, "") for symbol in symbols], dtype=object)
    for kind, values in ((SYMBOL, symbols), (GROUP, of_group)):
        for name in dict.fromkeys(values):
            yield kind, str(name), values == name


def _summands(part: pd.DataFrame) -> pd.DataFrame:
    """What each case adds to the sums of its session, in columns `_SUMS`."""
    said, came = (part[name].to_numpy(dtype=float) for name in ("median", "realized"))
    calls = (said != 0) & (came != 0)
    paired = np.isfinite(part["naive"].to_numpy(dtype=float))
    each = {
        "cases": np.ones(len(part)),
        "calls": calls,
        "hits": calls & ((said > 0) == (came > 0)),
        "rises": calls & (came > 0),
        "error": np.abs(np.expm1(said - came)),
        "move": np.abs(np.expm1(-came)),
        "loss": np.where(paired, part["pinball"].to_numpy(dtype=float), 0.0),
        "naive_loss": np.where(paired, part["naive"].to_numpy(dtype=float), 0.0),
    }
    return pd.DataFrame({name: each[name] for name in _SUMS}, index=part.index).astype(float)


def _figures(of: Of, summed: pd.DataFrame, sessions: pd.Series[pd.Timestamp]) -> Iterator[Figure]:
    by = summed.groupby(sessions.to_numpy(), sort=True).sum()
    total = by.sum()
    cases = int(total["cases"])
    if total["calls"] and of.subject != BASELINE:
        rises = float(total["rises"] / total["calls"])
        yield _ratio(of, "direction", (by["hits"], by["calls"]), rises, int(total["calls"]))
    if total["naive_loss"] and of.subject != BASELINE:
        yield _ratio(of, "relative_loss", (by["loss"], by["naive_loss"]), 1.0, cases)
    naive = float(total["move"] / total["cases"])
    yield _ratio(of, "mape", (by["error"], by["cases"]), naive, cases)


def _ratio(
    of: Of, metric: str, sums: tuple[pd.Series[float], pd.Series[float]], naive: float, cases: int
) -> Figure:
    """The ratio of two sums by session, of which neighbours share what their horizons share."""
    overlap = (
        1 if of.timeframe == FIVE_MINUTES else of.horizon
    )  # a session holds all but the longest of its bars
    above, below = (each.to_numpy(dtype=float) for each in sums)
    found = ratio_estimate(above, below, overlap=overlap)
    low, high = max(found.low, 0.0), found.high if metric != "direction" else min(found.high, 1.0)
    return Figure.estimated(of, metric, Estimate(found.value, low, high, cases), naive)

"""Every numeric target of the roadmap beside what a home's tables say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.evaluation.book_measures import absolute_beta, market_returns, monthly_turnover
from trading.evaluation.contamination import clean_sessions
from trading.evaluation.matured import matured_ensemble
from trading.evaluation.paired import sharpe_difference
from trading.evaluation.regime_report import complete_stays
from trading.evaluation.resampling import paired_figures
from trading.evaluation.roadmap import SESSIONS_PER_MONTH, TARGETS
from trading.evaluation.sharpe_tests import lo_interval
from trading.evaluation.trades import closed_trades, profit_factor
from trading.evaluation.uncertainty import Estimate, mean_estimate, ratio_estimate
from trading.frames import HORIZONS
from trading.interfaces import Bools, Floats

TABLES: tuple[str, ...] = (
    *("performance", "target_portfolio", "ledger"),
    *("ensemble_forecast", "ensemble_intervals", "version_losses", "forecasts", "regimes"),
    *("selection", "features"),
)
COLUMNS: tuple[str, ...] = ("target", "roadmap", "value", "low", "high", "n", "naive", "verdict")
Tables = Mapping[str, pd.DataFrame]
EDGE_MEASURE = "sharpe_gain"  # annual Sharpe ratio after costs, less that of equal weight of the same names


@dataclass(frozen=True)
class Measurement:
    """A figure with its uncertainty, and what knowing nothing gives: NaN where that means nothing."""

    estimate: Estimate
    naive: float = math.nan


def scoreboard(measured: Mapping[str, Measurement]) -> pd.DataFrame:
    """One row a target, in the order of the roadmap, with the verdict that its measurement allows."""
    rows = []
    for target in TARGETS:
        found = measured.get(target.measure)
        shown = found.estimate if found else Estimate(math.nan, math.nan, math.nan, 0)
        verdict = target.verdict(found.estimate if found else None)
        naive = found.naive if found else math.nan
        figures = (shown.value, shown.low, shown.high, shown.observations, naive)
        rows.append((target.name, target.roadmap, *figures, verdict))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table `scoreboard` in the order of the roadmap, without their session."""
    place = {target.name: number for number, target in enumerate(TARGETS)}
    return rows.sort_values("target", key=lambda names: names.map(place), ignore_index=True)[list(COLUMNS)]


def measurements(tables: Tables) -> dict[str, Measurement]:
    """What a home's tables say of each measure; one without any observation is absent.

    Parameters
    ----------
    tables : daily rows of one strategy of each of `TABLES`, from inception on
    """
    found = {**_of_the_book(tables), **_of_trades(tables), **_of_forecasts(tables), **_of_regimes(tables)}
    found["selection_turnover"] = Measurement(monthly_turnover(tables["selection"]))
    return {name: each for name, each in found.items() if not math.isnan(each.estimate.value)}


def _of_the_book(tables: Tables) -> dict[str, Measurement]:
    performance = tables["performance"]
    if len(performance) < 2:  # noqa: PLR2004 - one session holds the deposit and no return
        return {}
    counts = clean_sessions(
        pd.DatetimeIndex(performance["session"]), tables["ensemble_forecast"], tables["target_portfolio"]
    )[1:]
    own, equal = (
        _simple(performance, column, counts) for column in ("log_return", "equal_weight_log_return")
    )
    if not len(own):
        return {}
    sessions = pd.DatetimeIndex(performance["session"])[1:][counts]
    moved = absolute_beta(own, market_returns(tables["features"], sessions))
    return {"monthly_return": _monthly(own, equal), **_risk(own, equal), "absolute_beta": Measurement(moved)}


def _simple(performance: pd.DataFrame, column: str, counts: Bools) -> Floats:
    return np.expm1(performance[column].to_numpy(dtype=float)[1:][counts])


def _monthly(own: Floats, equal: Floats) -> Measurement:
    return Measurement(
        mean_estimate(own).scaled(SESSIONS_PER_MONTH), float(equal.mean()) * SESSIONS_PER_MONTH
    )


def _risk(own: Floats, equal: Floats) -> dict[str, Measurement]:
    sharpe, naive, drawn = lo_interval(own), lo_interval(equal).value, paired_figures(own, equal)
    apart, _ = sharpe_difference(own, equal)  # a percentile interval of it would be too narrow (decision 38)
    gained = apart.scaled(1 / abs(naive)) if naive else Estimate(math.nan, math.nan, math.nan, len(own))
    return {
        "sharpe": Measurement(sharpe, naive),
        EDGE_MEASURE: Measurement(apart, 0.0),
        "risk_adjusted_gain": Measurement(gained, 0.0),
        "drawdown": Measurement(drawn["drawdown"][0], drawn["drawdown"][1].value),
        "volatility": Measurement(drawn["volatility"][0], drawn["volatility"][1].value),
    }


def _of_trades(tables: Tables) -> dict[str, Measurement]:
    """Win rate and profit factor of closed trades; their intervals take sessions as the unit."""
    closed = closed_trades(tables["ledger"])
    if closed.empty:
        return {}
    by = closed.assign(won=closed["profit_cents"] > 0, gain=closed["profit_cents"].clip(lower=0))
    by = by.assign(loss=by["gain"] - by["profit_cents"], one=1.0)
    sums = by.groupby("session")[["won", "one", "gain", "loss"]].sum()
    wins = ratio_estimate(sums["won"].to_numpy(dtype=float), sums["one"].to_numpy(dtype=float))
    factor = ratio_estimate(sums["gain"].to_numpy(dtype=float), sums["loss"].to_numpy(dtype=float))
    whole = profit_factor(closed["profit_cents"].to_numpy(dtype=float))
    factor = Estimate(whole, factor.low, factor.high, len(closed))
    return {
        "win_rate": Measurement(Estimate(wins.value, wins.low, wins.high, len(closed)), 0.5),
        "profit_factor": Measurement(factor, 1.0),
    }


def _of_forecasts(tables: Tables) -> dict[str, Measurement]:
    matured = matured_ensemble(tables["ensemble_intervals"], tables["ensemble_forecast"])
    clean = matured[~matured["contaminated"].to_numpy(dtype=bool)]
    next_session = clean[clean["horizon"] == HORIZONS[0]]
    return {
        **{f"coverage_{h}": _coverage(clean[clean["horizon"] == h], h) for h in HORIZONS},
        "direction": _direction(next_session),
        "mape": _mape(next_session),
        "ensemble_gain": _ensemble_gain(next_session, tables),
    }


def _by_session(rows: pd.DataFrame, **columns: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"session": rows["session"], **columns}).groupby("session").sum()


def _ratio(sums: pd.DataFrame, above: str, below: str, overlap: int = 1) -> Estimate:
    return ratio_estimate(
        sums[above].to_numpy(dtype=float), sums[below].to_numpy(dtype=float), overlap=overlap
    )


def _coverage(rows: pd.DataFrame, horizon: int) -> Measurement:
    judged = rows[rows["covered"].notna()]
    sums = _by_session(judged, held=judged["covered"], cases=judged["covered"].notna())
    return Measurement(_counted(_ratio(sums, "held", "cases", horizon), len(judged)))


def _counted(estimate: Estimate, cases: int) -> Estimate:
    return Estimate(estimate.value, estimate.low, estimate.high, cases)


def _direction(rows: pd.DataFrame) -> Measurement:
    """Share of cases in which the median had the sign of the outcome; naive is who always says up."""
    called = rows[(rows["matured_median"] != 0) & (rows["realized"] != 0)]
    hit = (called["matured_median"] > 0) == (called["realized"] > 0)
    sums = _by_session(called, hits=hit, calls=hit.notna(), rises=called["realized"] > 0)
    naive = float(sums["rises"].sum() / sums["calls"].sum()) if len(called) else math.nan
    return Measurement(_counted(_ratio(sums, "hits", "calls"), len(called)), naive)


def _mape(rows: pd.DataFrame) -> Measurement:
    """Mean error of the price that came, as a fraction of it; naive is the random walk."""
    error = np.expm1(rows["matured_median"] - rows["realized"]).abs()
    move = np.expm1(-rows["realized"]).abs()
    sums = _by_session(rows, error=error, move=move, cases=error.notna())
    naive = float(sums["move"].sum() / sums["cases"].sum()) if len(rows) else math.nan
    return Measurement(_counted(_ratio(sums, "error", "cases"), len(rows)), naive)


def _ensemble_gain(rows: pd.DataFrame, tables: Tables) -> Measurement:
    """By what share the ensemble's pinball loss is below the best single model's of the same cases."""
    spoke = tables["forecasts"][["session", "model", "version"]].drop_duplicates()
    spoke = spoke.rename(columns={"session": "issued_session"})
    losses = tables["version_losses"]
    losses = losses[losses["horizon"] == HORIZONS[0]].merge(spoke, on=["issued_session", "model", "version"])
    wide = losses.pivot_table(index=["session", "symbol"], columns="model", values="pinball").dropna()
    both = wide.join(rows.set_index(["session", "symbol"])["pinball"].rename("_ensemble"), how="inner")
    if both.empty:
        return Measurement(Estimate(math.nan, math.nan, math.nan, 0))
    best = both.drop(columns="_ensemble").mean().idxmin()
    means = both.groupby(level="session")[["_ensemble", best]].mean()
    ratio = ratio_estimate(means["_ensemble"].to_numpy(), means[best].to_numpy())
    return Measurement(Estimate(1 - ratio.value, 1 - ratio.high, 1 - ratio.low, len(both)), 0.0)


def _of_regimes(tables: Tables) -> dict[str, Measurement]:
    """Mean length of the spells of one label that began and ended within the sessions."""
    labels = tables["regimes"].sort_values("session")["regime"].to_numpy()
    if not len(labels):
        return {}
    spells = complete_stays(labels)
    return {"regime_duration": Measurement(mean_estimate(spells))} if len(spells) else {}

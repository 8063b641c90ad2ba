"""Optimised mixes against equal weight on real daily bars, out of sample, and what each choice changes.

python benchmarks/measure_portfolio.py [--first 2015-01-02] [--last 2025-06-30]
python benchmarks/measure_portfolio.py --alarm

Weekly mixes on a window of 63 sessions, held through the next week with prices moving them, after costs of
the line's cost model. Beliefs are what equal weight implies plus an AR(1) forecast shrunk by a skill of 0.05:
no skill is claimed, the choices of the optimiser are compared. Weights are before the overlay.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from trading.execution.costs import CostModel
from trading.features.correlation import pairwise_correlation
from trading.interfaces import Floats
from trading.portfolio.alpha import expected_returns
from trading.portfolio.breakdown import BreakdownAlarm, stability
from trading.portfolio.covariance_rules import CovarianceRules, VixScaling
from trading.portfolio.drift import drifted
from trading.portfolio.mandates import ConvexOptimizer, Wanted
from trading.portfolio.sizing import KellySizer
from trading.universe import SYMBOLS, groups

SHARED = Path(__file__).parents[2] / "shared" / "data" / "daily"
WINDOW, WEEK, YEAR = 63, 5, 252
STRESS = {
    "2018-Q4": ("2018-10-01", "2018-12-31"),
    "2020-03": ("2020-02-19", "2020-04-15"),
    "2022": ("2022-01-03", "2022-10-14"),
}
Z = 1.1503493803760079


@dataclass(frozen=True)
class Choice:
    """What a variant is made of."""

    optimizer: ConvexOptimizer = field(default_factory=ConvexOptimizer)
    covariance: CovarianceRules = field(default_factory=CovarianceRules)
    sizer: KellySizer = field(default_factory=KellySizer)
    penalty: bool = True
    flat_caps: bool = False
    vix: VixScaling = field(default_factory=lambda: VixScaling(strength=0.0))


def variants() -> dict[str, Choice]:
    wide = Choice(flat_caps=True)
    rule = wide.optimizer

    def by(**settings: object) -> Choice:
        return replace(wide, optimizer=replace(rule, **settings))  # type: ignore[arg-type]

    return {
        "line's default (Kelly caps)": Choice(),
        "  without correlation penalty": Choice(penalty=False),
        "caps of 0.20 alone": wide,
        "  no links": by(linked_from=1.0),
        "  no costs in the objective": by(cost_sessions=1e9),
        "  costs over 5 sessions": by(cost_sessions=5.0),
        "  box": by(uncertainty="box"),
        "  ellipsoid": by(uncertainty="ellipsoid"),
        "  minimum variance": by(objective="minimum_variance"),
        "  risk budget": by(objective="risk_budget"),
        "  mean-variance": by(objective="mean_variance"),
        "  Ledoit-Wolf": replace(wide, covariance=CovarianceRules("ledoit_wolf")),
        "  3 factors": replace(wide, covariance=CovarianceRules("factor")),
        "  VIX scaling 0.5": replace(wide, vix=VixScaling()),
    }


def panel(column: str = "close", name: str = "panel_adjusted.parquet") -> pd.DataFrame:
    rows = pd.read_parquet(SHARED / name)
    rows["session"] = pd.to_datetime(rows["session"])
    return rows.pivot_table(index="session", columns="symbol", values=column)


def wanted_at(returns: Floats, prices: Floats, previous: Floats, choice: Choice, vix: Floats) -> Wanted:
    """The question after a session, from returns (w, s) up to it."""
    estimate = choice.vix.scaled(choice.covariance.estimate(returns), vix)
    usual, eligible = estimate.volatility, estimate.observed & np.isfinite(prices)
    last = np.nan_to_num(returns[-1])
    forecast = -0.05 * 0.05 * last  # five sessions of a weak reversal, shrunk
    alpha = expected_returns(estimate.covariance, forecast, WEEK, eligible)
    recent = pairwise_correlation(returns[-30:], 21)
    probability = np.where(eligible, 0.5, np.nan)
    penalised = recent if choice.penalty else np.eye(len(usual))
    caps = choice.sizer.caps(probability, alpha, usual, penalised, usual_spread=usual)
    if choice.flat_caps:
        caps = np.where(eligible, 0.20, 0.0)
    plain = Wanted.plain(alpha, estimate.covariance, caps, previous, [groups()[s] for s in SYMBOLS])
    cost = np.nan_to_num(CostModel().linear_rate(prices))
    return replace(plain, correlation=recent, half_width=Z * usual, linear_cost=cost)


def walked(
    returns: pd.DataFrame, prices: pd.DataFrame, vix: pd.Series, choice: Choice
) -> tuple[Floats, float, float, int]:
    """Log returns after costs of each session, turnover a year, mean invested, and fallbacks."""
    values, closes, levels = returns.to_numpy(), prices.to_numpy(), vix.to_numpy()
    mix, out, moved, invested, fallen = np.zeros(len(SYMBOLS)), [], 0.0, [], 0
    for session in range(WINDOW, len(values) - 1):
        if (session - WINDOW) % WEEK == 0:
            asked = wanted_at(
                values[session - WINDOW + 1 : session + 1],
                closes[session],
                mix,
                choice,
                levels[session - 30 : session + 1],
            )
            solved = choice.optimizer.solve(asked)
            change, fallen = np.abs(solved.weights - mix), fallen + bool(solved.fallback)
            paid, mix, moved = float(asked.linear_cost @ change), solved.weights, moved + float(change.sum())
        else:
            paid = 0.0
        tomorrow = values[session + 1]
        out.append(np.log1p(float(mix @ np.expm1(np.nan_to_num(tomorrow)))) - paid)
        invested.append(mix.sum())
        mix = drifted(mix, tomorrow, exposure=1.0, ceiling=0.20)
    return np.array(out), moved / len(out) * YEAR, float(np.mean(invested)), fallen


def equal_weight(returns: pd.DataFrame) -> Floats:
    values = returns.to_numpy()[WINDOW + 1 :]
    return np.log1p(np.nanmean(np.expm1(values), axis=1))


def figures(log_returns: Floats, dates: pd.DatetimeIndex) -> dict[str, float]:
    mean, deviation = log_returns.mean() * YEAR, log_returns.std(ddof=1) * np.sqrt(YEAR)
    path = np.cumsum(log_returns)
    fall = 1 - np.exp((path - np.maximum.accumulate(path)).min())
    found = {"return": mean, "volatility": deviation, "sharpe": mean / deviation, "drawdown": fall}
    for name, (first, last) in STRESS.items():
        found[name] = float(np.expm1(log_returns[(dates >= first) & (dates <= last)].sum()))
    return found


def table(first: str, last: str) -> Iterator[dict[str, object]]:
    prices = panel().reindex(columns=list(SYMBOLS)).loc[:last]
    prices = prices.iloc[max(0, prices.index.searchsorted(pd.Timestamp(first)) - WINDOW - 1) :]
    returns = np.log(prices).diff()
    vix = panel("close", "vix.parquet").iloc[:, 0].reindex(returns.index)
    dates = pd.DatetimeIndex(returns.index[WINDOW + 1 :])
    yield {"variant": "equal weight, daily, no costs", **figures(equal_weight(returns), dates)}
    for name, choice in variants().items():
        made, turnover, invested, fallen = walked(returns, prices, vix, choice)
        yield {
            "variant": name,
            **figures(made, dates),
            "turnover": turnover,
            "invested": invested,
            "fallbacks": fallen,
        }


def alarm() -> Iterator[dict[str, object]]:
    """Delay and false alarms on a simulated break from 0.3 to 0.7, by threshold; and real alarms a year."""
    real = np.log(panel().reindex(columns=list(SYMBOLS)).loc["2014-06":"2025-06"]).diff().to_numpy()
    for threshold in (6.0, 8.0, 10.0):
        rule, delays, false = BreakdownAlarm(threshold=threshold), [], 0
        for seed in range(40):
            calm, broken = simulated(seed, 500, 0.3), simulated(1000 + seed, 120, 0.7)
            rung = rule.alarms(np.vstack([calm, broken]))
            false += int(rung[:500].sum())
            delays.append(np.flatnonzero(rung[500:])[0] if rung[500:].any() else 120)
        years = 40 * (500 - rule.window_sessions) / YEAR
        yield {
            "threshold": threshold, "median delay": float(np.median(delays)), "90 % delay": float(np.quantile(delays, 0.9)),
            "false alarms a year": false / years, "real alarms a year": rule.alarms(real).sum() / (len(real) / YEAR),
        }  # fmt: skip
    change = stability(real)
    print(
        f"change of Fisher's z from week to week, real: median {np.median(change):.3f}, 95 % {np.quantile(change, 0.95):.3f}"
    )


def simulated(seed: int, sessions: int, correlation: float, names: int = 10) -> Floats:
    """SIMULATED returns with one correlation for all pairs."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(sessions, 1)), rng.normal(size=(sessions, names))
    return 0.02 * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    parser.add_argument("--alarm", action="store_true")
    asked = parser.parse_args()
    rows = alarm() if asked.alarm else table(asked.first, asked.last)
    print(pd.DataFrame(list(rows)).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()

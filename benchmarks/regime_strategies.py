"""Equal weight, momentum and mean reversion in each regime of a walk over real closes, after costs.

Letters: n sessions, s names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from regime_material import SESSIONS_A_YEAR

from trading.evaluation.regime_walk import RegimeWalk
from trading.evaluation.resampling import paired_figures
from trading.evaluation.uncertainty import mean_estimate
from trading.frames import REGIMES
from trading.interfaces import Bools, Floats

COST, TOP, REBALANCE = 0.0005, 5, 5


def told(walk: RegimeWalk, closes: pd.DataFrame) -> Iterator[str]:
    """Lines of each strategy in all sessions and in each regime, and of the pairs that are compared."""
    simple = closes.pct_change(fill_method=None).to_numpy()
    past = np.log(closes)
    targets = {
        "equal weight": _equal(closes.notna().to_numpy()),
        "momentum": _best(past.diff(252).to_numpy()),
        "reversion": _best(-past.diff(5).to_numpy()),
    }
    made = {name: held(target, simple) for name, target in targets.items()}
    chosen = {"Bull": "momentum", "Range": "reversion"}
    switched = np.stack(
        [targets[chosen.get(str(name), "equal weight")][t] for t, name in enumerate(walk.names)]
    )
    made["by regime"] = held(switched, simple)
    yield (
        f"{walk.sessions[0]:%Y-%m-%d} to {walk.sessions[-1]:%Y-%m-%d}; a year, after {COST:.2%} of turnover"
    )
    for name, returns in made.items():
        for place, regime in [(-1, "all"), *enumerate(REGIMES)]:
            chosen_sessions = returns[:-1] if place < 0 else returns[:-1][walk.labels[:-1] == place]
            yield _performance(name, regime, chosen_sessions)
    yield from _paired(made, walk)


def _equal(listed: Bools) -> Floats:
    """(n, s) the same of each name that is listed."""
    return listed / np.maximum(listed.sum(axis=1, keepdims=True), 1)


def _best(score: Floats) -> Floats:
    """(n, s) the same of the five highest scores of each session; names without a score are left out."""
    ranks = pd.DataFrame(score).rank(axis=1, ascending=False, method="first").to_numpy()
    return _equal(ranks <= TOP)


def held(target: Floats, simple: Floats) -> Floats:
    """(n,) return of the session after each, of a book rebalanced to `target` (n, s) every fifth session, after costs.

    A session's target is traded at its close; between rebalances the weights drift.
    """
    weights, out = np.zeros(target.shape[1]), np.full(len(target), np.nan)
    ahead = np.nan_to_num(simple[1:])
    for t in range(len(target) - 1):
        traded = target[t] - weights if t % REBALANCE == 0 else np.zeros_like(weights)
        weights = weights + traded
        gain = float(weights @ ahead[t])
        out[t] = gain - COST * np.abs(traded).sum()
        weights = weights * (1 + ahead[t]) / (1 + gain)
    return out


def _performance(name: str, regime: str, returns: Floats) -> str:
    mean = mean_estimate(returns).scaled(SESSIONS_A_YEAR)
    spread = returns.std(ddof=1) * np.sqrt(SESSIONS_A_YEAR)
    return (
        f"{name:13s} {regime:9s} n {len(returns):5d}  mean {mean.value:7.1%} [{mean.low:7.1%}, {mean.high:7.1%}]  "
        f"volatility {spread:6.1%}  Sharpe {mean.value / spread:5.2f}"
    )


def _paired(made: Mapping[str, Floats], walk: RegimeWalk) -> Iterator[str]:
    """Equal weight scaled by the smoothed multiplier, and the switched book, beside equal weight."""
    plain = made["equal weight"][:-1]
    moved = np.abs(np.diff(walk.multipliers, prepend=walk.multipliers[0]))[:-1]
    scaled = walk.multipliers[:-1] * plain - COST * moved
    constant = walk.multipliers.mean() * plain
    for name, returns, other in (
        ("scaled by regime", scaled, constant),
        ("by regime", made["by regime"][:-1], plain),
    ):
        for figure, (own, its, gap) in paired_figures(returns, other).items():
            yield (f"{name}, {figure}: {own.value:.3f}, beside {its.value:.3f}; difference {gap.value:+.3f} "
                f"[{gap.low:+.3f}, {gap.high:+.3f}]")  # fmt: skip

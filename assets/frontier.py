"""The efficient frontier of the last traded session, made anew each time, with its picture."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import numpy as np
import pandas as pd

from assets import evidence, plots
from assets.face import TRADING, Face
from assets.failures import translated
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.features.correlation import pairwise_correlation
from trading.features.graph import GraphRules
from trading.interfaces import Floats, Store
from trading.portfolio.alpha import expected_returns
from trading.portfolio.covariance import SESSIONS_PER_YEAR
from trading.portfolio.mandates import ConvexOptimizer, Wanted
from trading.stages.layout import DAILY
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_session import RETURNS_LOOKBACK_SESSIONS
from trading.universe import SYMBOLS, groups

TABLE = "frontier"
_SAME = 1e-5  # of equity: mixes that differ by less are one point, seen through the grid of the weights
DEPENDS_ON = ("features", "signals", "target_portfolio")
FACE = Face(
    group="portfolio",
    description="For each volatility the most return that the mandate's limits allow, and that the caps of the last "
    "session leave of it, on what was believed then, beside the mix in force and equal weight. Nothing depends on it.",
    owner=TRADING,
    kinds=("python", "cvxpy", "deltalake"),
    plot=plots.frontier,
)


def frontier_asset(rules: TradingRules) -> dg.AssetsDefinition:
    """`frontier`: unpartitioned, because it speaks of the last session alone."""

    @dg.asset(**evidence.declared(TABLE, FACE, DEPENDS_ON))
    def frontier(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = drawn(home.store, rules)
            commit = {"run_id": context.run.run_id, "settings": home.settings_digest}
            evidence.replace_whole(home.store, TABLE, made, commit)
        return dg.MaterializeResult(
            metadata=evidence.facts(TABLE, made, FACE, simulated=home.source.simulated)
        )

    return frontier


def drawn(store: Store, rules: TradingRules) -> pd.DataFrame:
    """Rows of `frontier` for the last session with a target; none before the first."""
    targets = store.read("target_portfolio")
    targets = targets[targets["strategy"] == rules.strategy]
    if targets.empty or not isinstance(rules.optimizer, ConvexOptimizer):
        return frames.empty(TABLE)
    session = targets["session"].max()
    target = targets[targets["session"] == session].set_index("symbol").reindex(SYMBOLS)
    wanted = _wanted(store, session, target, rules)
    rows = pd.DataFrame(
        _rows(rules.optimizer, rules.sizer.position_limit, wanted, target["mix_weight"].to_numpy())
    )
    return evidence.dated(TABLE, rows, session) if len(rows) else frames.empty(TABLE)


def _wanted(store: Store, session: pd.Timestamp, target: pd.DataFrame, rules: TradingRules) -> Wanted:
    first = calendar.shift(session, -RETURNS_LOOKBACK_SESSIONS)
    features = store.read("features", first, session, timeframe=DAILY)
    returns = features.pivot_table(index="session", columns="symbol", values="log_return").reindex(
        columns=list(SYMBOLS)
    )
    estimate = rules.covariance.estimate(returns.to_numpy())
    signals = store.read("signals", session, session, timeframe=DAILY)
    mine = signals[signals["strategy"] == rules.strategy].set_index("symbol").reindex(SYMBOLS)
    eligible = np.isfinite(mine["alpha"].to_numpy()) & estimate.observed
    horizon = int(mine["horizon"].max()) if eligible.any() else 1
    alpha = expected_returns(
        estimate.covariance,
        mine["alpha"].to_numpy(),
        horizon,
        eligible,
        rules.risk_aversion,
        tilt=np.nan_to_num(mine["tilt"].to_numpy()),
    )
    caps, nothing = np.nan_to_num(target["cap"].to_numpy()), np.zeros(len(SYMBOLS))
    labels = [groups()[symbol] for symbol in SYMBOLS]
    plain = Wanted.plain(alpha, estimate.covariance, caps, nothing, labels)
    forecast = np.where(eligible, np.nan_to_num(mine["alpha"].to_numpy()) / horizon, 0.0)
    rule = GraphRules()
    recent = pairwise_correlation(returns.to_numpy()[-rule.window_sessions :], rule.minimum_returns)
    return replace(plain, active=forecast, correlation=recent)


def _rows(
    optimizer: ConvexOptimizer, largest: float, wanted: Wanted, mix: Floats
) -> Iterator[dict[str, object]]:
    held = (wanted.caps > 0) / max(int((wanted.caps > 0).sum()), 1)
    shown = [*_points(optimizer, largest, wanted), ("mix", mix, ""), ("equal_weight", held, "")]
    for place, (kind, weights, binding) in enumerate(shown):
        volatility = float(np.sqrt(weights @ wanted.covariance @ weights * SESSIONS_PER_YEAR))
        facts = {
            "kind": kind,
            "point": place,
            "expected_return": float(wanted.alpha @ weights) * SESSIONS_PER_YEAR,
            "volatility": volatility,
            "binding": binding,
        }
        for symbol, weight in zip(SYMBOLS, weights, strict=True):
            yield {"symbol": symbol, "weight": float(weight), **facts}


def _points(optimizer: ConvexOptimizer, largest: float, wanted: Wanted) -> Iterator[tuple[str, Floats, str]]:
    """Two frontiers, without points that repeat the one before: the mandate's own, and what the day's caps leave.

    `largest` is the weight that one name may have at most.
    """
    from trading.portfolio.frontier import efficient_frontier

    caps = np.where(wanted.caps > 0, largest, 0.0)
    whole = replace(wanted, caps=caps, hedged_caps=caps)
    for kind, asked in (("frontier", whole), ("sized_frontier", wanted)):
        before: Floats | None = None
        for point in efficient_frontier(optimizer.question(asked)):
            if before is None or np.abs(point.mix.weights - before).max() > _SAME:
                yield kind, point.mix.weights, ", ".join(point.mix.binding)
            before = point.mix.weights

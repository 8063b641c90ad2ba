"""What the book of the last traded session would lose, made anew each time, and the event of a broken limit."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pandas as pd

from assets import evidence, plots
from assets.face import TRADING, Face
from assets.failures import translated
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.interfaces import Floats, Store
from trading.portfolio.factor_covariance import FactorCovariance
from trading.risk.decomposition import factor_share, risk_shares
from trading.risk.stress import Book, Stress, by_history, by_monte_carlo, by_scenario
from trading.stages.layout import DAILY
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_session import RETURNS_LOOKBACK_SESSIONS
from trading.universe import SYMBOLS, groups

TABLE = "stress"
DEPENDS_ON = ("features", "target_portfolio", "risk")
FACE = Face(
    group="portfolio",
    description="The book of the last session in 2008, March 2020, 2022 and its names' worst weeks as far as the "
    "home's history goes, in scenarios and in simulated months; and which names its risk comes from.",
    owner=TRADING,
    kinds=("python", "numpy", "deltalake"),
    plot=plots.stress,
)


def stress_asset(rules: TradingRules) -> dg.AssetsDefinition:
    """`stress`: unpartitioned, because it speaks of the last session alone."""

    @dg.asset(**evidence.declared(TABLE, FACE, DEPENDS_ON))
    def stress(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = stressed(home.store, rules)
            commit = {"run_id": context.run.run_id, "settings": home.settings_digest}
            evidence.replace_whole(home.store, TABLE, made, commit)
        tell_breaches(home, rules.strategy)
        return dg.MaterializeResult(
            metadata=evidence.facts(TABLE, made, FACE, simulated=home.source.simulated)
        )

    return stress


def tell_breaches(home: OpenHome, strategy: str) -> None:
    """Tell people of the limits that the book broke at the last close, what cut its target, and of correlations."""
    last = _last(home.store.read("risk"), strategy)
    cut = _last(home.store.read("target_portfolio"), strategy)
    for event, rows, column, said in (
        ("limit_breached", last, "breaches", "limits"),
        ("target_cut", cut, "cut_by", "limits"),
        ("correlations_broke", last, "alarm", "alarm"),
    ):
        if len(rows) and rows[column].iloc[0]:
            session = f"{rows['session'].iloc[0]:%Y-%m-%d}"
            home.notifier.notify(event, session=session, strategy=strategy, **{said: rows[column].iloc[0]})


def _last(rows: pd.DataFrame, strategy: str) -> pd.DataFrame:
    mine = rows[rows["strategy"] == strategy]
    return mine[mine["session"] == mine["session"].max()]


def stressed(store: Store, rules: TradingRules) -> pd.DataFrame:
    """Rows of `stress` for the last session with a target; none before the first or with nothing held."""
    target = _last(store.read("target_portfolio"), rules.strategy)
    if target.empty or not (target["current_weight"] != 0).any():
        return frames.empty(TABLE)
    session = target["session"].iloc[0]
    weights = target.set_index("symbol")["current_weight"].reindex(SYMBOLS).fillna(0.0).to_numpy()
    history = store.read("features", None, session, timeframe=DAILY)
    returns = history.pivot_table(index="session", columns="symbol", values="log_return")
    returns = returns.reindex(
        index=calendar.sessions_between(returns.index[0], session), columns=list(SYMBOLS)
    )
    return evidence.dated(TABLE, pd.DataFrame(list(_rows(weights, returns, rules))), session)


def _rows(weights: Floats, returns: pd.DataFrame, rules: TradingRules) -> Iterator[dict[str, object]]:
    values = returns.to_numpy()
    recent = values[-RETURNS_LOOKBACK_SESSIONS - 1 :]
    book = Book(weights, rules.covariance.estimate(recent).covariance, rules.costs.borrow.rates(SYMBOLS))
    risk = risk_shares(weights, book.covariance)
    common = factor_share(weights, FactorCovariance().risk_model(np.nan_to_num(recent)))
    dates = pd.DatetimeIndex(returns.index)
    for found in (*by_history(book, values, dates), *by_scenario(book), *by_monte_carlo(book)):
        for place, symbol in enumerate(SYMBOLS):
            yield {
                "kind": found.kind, "case": _case(found), "loss": found.loss, "known": found.known,
                "symbol": symbol, "weight": weights[place], "share": found.shares[place],
                "risk_share": risk[place], "group": groups()[symbol], "factor_share": common,
            }  # fmt: skip


def _case(found: Stress) -> str:
    """The case by its name, a worst week by its symbol and last session."""
    if found.kind != "worst_week":
        return found.case
    place, last = found.case.split(":")
    return f"{SYMBOLS[int(place)]} {last}"

"""Every mandate through fills and ledger on real daily bars, out of sample, beside equal weight.

    python benchmarks/measure_mandates.py --folder DIR [--first 2015-01-02] [--last 2025-06-30] [--only "NAME;NAME"]

The line's own stages make forecasts (random_walk, ar1), intervals, regimes and signals once and keep them in DIR; its
trading stage then trades each book. Two beliefs: the line's own, whose skill is measured, and a weak reversal that
claims an information coefficient of 0.05 and has not earned it: with it books sell short. The first book holds the
names in equal parts under the same overlay and costs, and Sharpe ratios are compared with its. Every book's ledger is
checked to the cent. The strong reversal claims 0.20, so that shorts are large. `--raw` trades raw bars with dividends and splits from 2024-07-01 on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from book_material import SHARED, given_tables, told, traded
from scipy.special import ndtr

from trading import frames
from trading.evaluation.paired import sharpe_difference
from trading.execution.borrowing import BorrowTerms
from trading.execution.costs import CostModel
from trading.execution.margin import MarginRules
from trading.execution.orders import OrderRules
from trading.interfaces import Floats, Mix
from trading.portfolio.covariance_rules import VixScaling
from trading.portfolio.mandates import ConvexOptimizer, Mandate, Wanted
from trading.portfolio.problem import GRID
from trading.risk.volatility_forecast import VolatilityForecast
from trading.stages.trading_rules import TradingRules
from trading.testing.ledger_laws import check_ledger
from trading.testing.memory_store import MemoryStore

YEAR, WINDOW, SKILL, STEP = 252, 63, 0.05, 5e-5
RAW_FIRST = "2024-07-01"
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Book:
    """One row of the table: beliefs, and the rules of whoever holds them."""

    beliefs: str
    rules: TradingRules


def rules_of(mandate: Mandate, **terms: object) -> TradingRules:
    account = MarginRules("cash" if mandate == "long_only" else "margin")
    costs = CostModel(borrow=BorrowTerms(**terms))  # type: ignore[arg-type]
    return TradingRules(optimizer=ConvexOptimizer(mandate=mandate), margin=account, costs=costs)


@dataclass(frozen=True)
class EqualWeight:
    """Whatever is believed, the names that a mix could hold in equal parts: what an optimiser must be worth more than."""

    def solve(self, wanted: Wanted) -> Mix:
        held = wanted.caps > 0
        weights = np.floor(held / max(int(held.sum()), 1) / GRID) * GRID
        return Mix(weights, "optimal", np.nan, "equal_weight", (), "")


def books() -> dict[str, Book]:
    found = {"equal weight, same overlay and costs": Book("line", TradingRules(optimizer=EqualWeight()))}
    found["line's beliefs, long_only"] = Book("line", TradingRules())
    for band in (0.0, 0.02, 0.10):
        banded = replace(TradingRules(), orders=OrderRules(rebalance_band=band))
        found[f"  rebalanced beyond a band of {band:.0%}"] = Book("line", banded)
    deaf = replace(TradingRules(), solve_on_regime_change=False)
    found["  solved weekly, whatever the regime"] = Book("line", deaf)
    found["  overlay of the covariance, no VIX"] = Book(
        "line",
        replace(TradingRules(), overlay=VolatilityForecast("covariance"), vix=VixScaling(strength=0.0)),
    )
    found["  overlay without VIX"] = Book("line", TradingRules(vix=VixScaling(strength=0.0)))
    found["  solved when correlations break"] = Book("line", TradingRules(solve_on_broken_correlations=True))
    found["line's beliefs, long_short"] = Book("line", rules_of("long_short"))
    found["line's beliefs, market_neutral"] = Book("line", rules_of("market_neutral"))
    found["reversal, long_only"] = Book("reversal", TradingRules())
    found["reversal, long_short"] = Book("reversal", rules_of("long_short"))
    found["reversal, market_neutral"] = Book("reversal", rules_of("market_neutral"))
    hard = rules_of("market_neutral", annual_rate=0.05, unavailable=("SMCI", "ARM"))
    found["  borrow 5 %, SMCI and ARM not to be had"] = Book("reversal", hard)
    found["strong reversal, long_short"] = Book("strong", rules_of("long_short"))
    found["strong reversal, market_neutral"] = Book("strong", rules_of("market_neutral"))
    return found


def reversed_beliefs(tables: Tables, skill: float) -> Tables:
    """The tables with signals that expect the names that rose in a week to fall behind, by a supposed skill."""
    features = tables["features"].query("timeframe == '1D'")
    returns = features.pivot_table(index="session", columns="symbol", values="log_return")
    week, deviation = returns.rolling(5).sum(), returns.rolling(63, min_periods=21).std() * np.sqrt(5)
    scores = week.sub(week.mean(axis=1), axis=0).div(week.std(axis=1), axis=0)
    both = pd.concat({"alpha": -skill * scores * deviation, "spread": deviation}, axis=1)
    signals = tables["signals"].copy()
    places = pd.MultiIndex.from_frame(signals[["session", "symbol"]])
    said = {
        name: both[name].melt(ignore_index=False).set_index("symbol", append=True)["value"]
        for name in both.columns.levels[0]
    }
    alpha, spread = (said[name].reindex(places).to_numpy() for name in ("alpha", "spread"))
    signals["alpha"] = np.nan_to_num(alpha)
    signals["probability"] = ndtr(np.nan_to_num(alpha / spread))
    return {**tables, "signals": signals}


def with_raw_bars(tables: Tables) -> Tables:
    """The same with the raw bars, splits and dividends of the newest file in place of adjusted bars."""
    rows = pd.read_parquet(SHARED / "daily" / "raw_with_actions.parquet")
    rows["session"] = pd.to_datetime(rows["session"]).dt.as_unit("us")
    bars = tables["bars"]
    keyed = rows.set_index(["session", "symbol"])
    places = pd.MultiIndex.from_frame(bars[["session", "symbol"]])
    inside = (bars["timeframe"] == "1D").to_numpy() & places.isin(keyed.index)
    raw = bars[inside].copy()
    for column in ("open", "high", "low", "close", "volume"):
        raw[column] = keyed.loc[places[inside], column].to_numpy(dtype=float)
    others = bars[(bars["symbol"] == "VIX") & (bars["session"] >= raw["session"].min())]
    return {
        **tables,
        "bars": pd.concat([raw.assign(basis="raw"), others]),
        "corporate_actions": _actions(rows, tables),
    }


def _actions(rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    known = tables["bars"].drop_duplicates("session").set_index("session")["known_at"]
    before = rows[rows["symbol"].isin(tables["signals"]["symbol"].unique())]
    splits = before[before["split_factor"] != 1].assign(
        kind="split", ratio=lambda r: r["split_factor"], amount=0.0
    )
    paid = before[before["div_cash"] != 0].assign(kind="dividend", ratio=1.0, amount=lambda r: r["div_cash"])
    both = pd.concat([splits, paid]).assign(
        source="files", pay_session=lambda r: r["session"] + pd.Timedelta(days=28)
    )
    both["known_at"] = known.reindex(both["session"]).to_numpy()
    both["known_at"] = pd.to_datetime(both["known_at"], utc=True) - pd.Timedelta(days=1)
    wanted = frames.table_of("corporate_actions").dtypes
    return both[list(wanted)].astype(wanted)


def figures(store: MemoryStore, rules: TradingRules, spy: pd.Series) -> dict[str, object]:
    """What a book did, and whether it kept what was asked of it."""
    check_ledger(store, overdraft=rules.margin.is_margin)
    performance = store.read("performance").set_index("session")
    targets, ledger, fills = (store.read(name) for name in ("target_portfolio", "ledger", "fills"))
    returns = performance["log_return"].iloc[1:]
    return _worth(returns, spy) | tracking(store, rules) | {
        "gross": performance["gross_exposure"].mean(),
        "shorts": _shorts(targets),
        "turnover a year": performance["turnover"].mean() * YEAR,
        "borrow USD": -ledger.loc[ledger["kind"] == "borrow_fee", "cash_cents"].sum() / 100,
        "dividends owed USD": -ledger.loc[
            (ledger["kind"] == "dividend_accrued") & (ledger["receivable_cents"] < 0), "receivable_cents"
        ].sum() / 100,
        "margin calls": int((ledger["kind"] == "margin_call").sum()),
        "solved": int(targets["optimized_session"].nunique()),
        "fills": len(fills),
        "broken": _broken(targets, rules),
    }  # fmt: skip


def tracking(store: MemoryStore, rules: TradingRules) -> dict[str, object]:
    """Realised volatility of 63 sessions less the target in force over them: as told, and without drawdown rule."""
    performance, risk = (store.read(name).set_index("session") for name in ("performance", "risk"))
    target = moving_target(store, rules).reindex(performance.index)
    realised = performance["log_return"].rolling(WINDOW).std() * np.sqrt(YEAR)
    apart = (realised - target.rolling(WINDOW).apply(root_mean_square, raw=True)).iloc[WINDOW:]
    free = (risk["drawdown_multiplier"].shift(1).rolling(WINDOW).min() == 1.0).reindex(apart.index)
    return {
        "target": root_mean_square(target.dropna().to_numpy()), "within 2 points": (apart.abs() <= 0.02).mean(), "mean distance": apart.abs().mean(),
        "bias": apart.mean(), "windows without drawdown rule": free.mean(),
        "within 2 points there": (apart[free].abs() <= 0.02).mean(), "mean distance there": apart[free].abs().mean(),
    }  # fmt: skip


def moving_target(store: MemoryStore, rules: TradingRules) -> pd.Series:
    """Volatility that each session was to have: the mandate's, times what the regime of the evening before allows."""
    multiplier = store.read("regimes", timeframe="1D").set_index("session")["multiplier"].shift(1)
    return rules.limits.volatility_target * (multiplier if rules.regime_scaling else multiplier * 0 + 1.0)


def root_mean_square(targets: Floats) -> float:
    """The one volatility that targets (n,) come to over n sessions: variances add up, volatilities do not."""
    return float(np.sqrt(np.mean(np.square(targets))))


def _worth(returns: pd.Series, spy: pd.Series) -> dict[str, object]:
    mean, deviation = returns.mean() * YEAR, returns.std() * np.sqrt(YEAR)
    path = returns.cumsum()
    index = spy.reindex(returns.index)
    beta = returns.cov(index) / index.var()
    return {
        "return": mean, "volatility": deviation, "sharpe": mean / deviation if deviation > 0 else np.nan,
        "drawdown": 1 - np.exp((path - path.cummax()).min()), "beta to SPY": beta,
    }  # fmt: skip


def _shorts(targets: pd.DataFrame) -> float:
    held = targets["current_weight"].clip(upper=0.0)
    return float(-held.groupby(targets["session"]).sum().mean())


def _broken(targets: pd.DataFrame, rules: TradingRules) -> int:
    """Sessions whose target breaks the limit of a position, a group or the whole."""
    from trading.universe import groups

    weights = targets.assign(size=targets["target_weight"].abs(), group=targets["symbol"].map(groups()))
    limits = rules.limits
    over = weights.groupby("session")["size"].max() > limits.position_limit + STEP
    over |= weights.groupby("session")["size"].sum() > limits.gross_limit + STEP
    together = weights.groupby(["session", "group"])["size"].sum().groupby("session").max()
    return int((over | (together > limits.group_limit + STEP)).sum())


def equal_weight(store: MemoryStore, spy: pd.Series) -> dict[str, object]:
    rows = store.read("performance").set_index("session")
    return _worth(rows["equal_weight_log_return"].iloc[1:], spy)


def table(asked: argparse.Namespace) -> Iterator[Mapping[str, object]]:
    tables = given_tables(asked.folder, asked.first, asked.last)
    first = RAW_FIRST if asked.raw else asked.first
    line = with_raw_bars(tables) if asked.raw else tables
    beliefs = {
        "line": line,
        "reversal": reversed_beliefs(line, SKILL),
        "strong": reversed_beliefs(line, 4 * SKILL),
    }
    features = tables["features"].query("timeframe == '1D' and symbol == 'SPY'")
    spy = features.set_index("session")["log_return"]
    wanted = {
        name: book
        for name, book in books().items()
        if not asked.only or any(part in name for part in asked.only)
    }
    plain: pd.Series | None = None
    for place, (name, book) in enumerate(wanted.items()):
        store = traded(beliefs[book.beliefs], first, asked.last, book.rules)
        returns = store.read("performance").set_index("session")["log_return"].iloc[1:]
        if plain is None:
            plain = returns
            yield {"book": "equal weight, daily, no costs", **equal_weight(store, spy)}
        better, _ = sharpe_difference(returns.to_numpy(), plain.to_numpy())
        apart = f"{better.value:.2f} ({better.low:.2f} to {better.high:.2f})"
        yield {"book": name, **figures(store, book.rules, spy), "sharpe less the first book's": apart}
        told("books", place + 1, len(wanted))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    parser.add_argument("--only", type=lambda text: text.split(";"), default=[])
    parser.add_argument("--raw", action="store_true")
    asked = parser.parse_args()
    for row in table(asked):
        print(
            "  ".join(f"{k}={v:.3f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()),
            flush=True,
        )


if __name__ == "__main__":
    main()

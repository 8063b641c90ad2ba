"""Value at risk, volatility targeting, stops and stress on real daily bars, as tables.

python benchmarks/measure_risk.py [--first 2015-01-02] [--last 2025-06-30] [--window 252]

Two books of the ten names: equal weight, and equal weight scaled each session to 15 % volatility by the line's
own overlay. Everything said of a session uses the sessions before it: 252 for a loss, 168 for the overlay.
Before costs, but for the stops' table, which says per trade.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from measure_portfolio import panel
from regime_material import real_panel

from trading.interfaces import Floats
from trading.portfolio.covariance_rules import CovarianceRules
from trading.risk.backtest import backtest
from trading.risk.limits import RiskLimits
from trading.risk.overlay import exposure
from trading.risk.stops import StopRules
from trading.risk.stress import Book, by_history, by_monte_carlo, by_scenario
from trading.risk.tail import Method, tail_loss
from trading.stages.trading_rules import TradingRules
from trading.universe import SYMBOLS

LOSS_WINDOW, COVARIANCE_WINDOW, YEAR, ATR_WINDOW, ROLLING = 252, 63, 252, 14, 63


@dataclass(frozen=True)
class Walked:
    """What was held into each session (n, s), and the simple return it then had (n,)."""

    weights: Floats
    outcomes: Floats


def equal(returns: Floats) -> Floats:
    known = np.isfinite(returns[-LOSS_WINDOW:]).sum(axis=0) >= COVARIANCE_WINDOW
    return known / max(1, known.sum())


def walked(returns: Floats, first: int, vix: Floats | None = None) -> Walked:
    """Equal weight, targeted where the closes of VIX (n,) are given."""
    rules, limits, weights = TradingRules(), RiskLimits(), []
    for place in range(first, len(returns)):
        held = equal(returns[:place])
        if vix is not None:
            past = returns[place - rules.overlay.window_sessions : place]
            covariance = rules.covariance.estimate(past[-COVARIANCE_WINDOW:]).covariance
            expected = rules.overlay.forecast(held, past, covariance) * rules.vix.factor(vix[:place])
            held = held * exposure(expected, np.nan, 1.0, limits)
        weights.append(held)
    kept = np.array(weights)
    return Walked(kept, (np.expm1(np.nan_to_num(returns[first:])) * kept).sum(axis=1))


def loss_rows(
    name: str, book: Walked, returns: Floats, first: int, window: int
) -> Iterator[dict[str, object]]:
    for level in (0.95, 0.99):
        for method in get_args(Method):
            said = [
                tail_loss(method, held, returns[place - window : place], level)
                for place, held in enumerate(book.weights, start=first)
            ]
            values = np.array([loss.value_at_risk for loss in said])
            test = backtest(values, np.array([loss.shortfall for loss in said]), book.outcomes, level)
            yield {"book": name, "level": level, "method": method, "mean": values.mean(), **vars(test)}


def volatility_rows(books: dict[str, Walked], dates: pd.DatetimeIndex) -> Iterator[dict[str, object]]:
    for year in [*sorted(set(dates.year)), "all"]:
        mine = dates.year == year if year != "all" else np.ones(len(dates), dtype=bool)
        row: dict[str, object] = {"year": year}
        for name, book in books.items():
            row[name] = np.log1p(book.outcomes[mine]).std(ddof=1) * np.sqrt(YEAR)
        held = books["targeted"]
        row["held"] = held.weights[mine].sum(axis=1).mean()
        row["within 2 points"] = bool(abs(float(row["targeted"]) - 0.15) <= 0.02)  # type: ignore[arg-type]
        yield row


def rolling_share(outcomes: Floats) -> float:
    """Share of windows of 63 sessions whose realised volatility is within 2 points of 15 %."""
    found = pd.Series(np.log1p(outcomes)).rolling(ROLLING).std() * np.sqrt(YEAR)
    return float((found.dropna() - 0.15).abs().le(0.02).mean())


def ranges() -> pd.DataFrame:
    """Mean true range of 14 sessions as a fraction of the close."""
    high, low, close = (panel(column).reindex(columns=list(SYMBOLS)) for column in ("high", "low", "close"))
    before = close.shift()
    spans = np.stack([high - low, (high - before).abs(), (low - before).abs()])
    true = pd.DataFrame(spans.max(axis=0), close.index, close.columns)
    return true.rolling(ATR_WINDOW).mean() / close


def stop_rows(
    returns: pd.DataFrame, opens: pd.DataFrame, closes: pd.DataFrame, atr: pd.DataFrame
) -> Iterator[dict[str, object]]:
    """Every name bought at each 21st close and held at most that long: what each stop changed."""
    rules = {
        "atr 2.0": StopRules(atr_multiple=2.0), "atr 3.0": StopRules(atr_multiple=3.0),
        "trailing 2.0": StopRules(trailing_multiple=2.0), "trailing 3.0": StopRules(trailing_multiple=3.0),
        "profit 5 %": StopRules(profit_target=0.05), "profit 10 %": StopRules(profit_target=0.10),
        "time 5": StopRules(time_sessions=5), "time 10": StopRules(time_sessions=10),
    }  # fmt: skip
    gap = np.log(opens / closes.shift()).to_numpy()
    cases = [*_cases(returns.to_numpy(), gap, atr.to_numpy())]
    starts = np.array([case[0] for case in cases])
    for name, rule in rules.items():
        ends = np.array([[path[-1], *_stopped(rule, path, gaps, span)] for _, path, gaps, span in cases])
        kept, made, hit = np.expm1(ends[:, 0]), np.expm1(ends[:, 1]), ends[:, 2] == 1
        saved = (made - kept)[hit]
        by_start = pd.Series(saved).groupby(starts[hit]).mean()  # names of one month rise and fall together
        error = by_start.std(ddof=1) / np.sqrt(len(by_start))
        yield {
            "stop": name, "trades": len(ends), "stopped": hit.mean(), "better than holding": (saved > 0).mean(),
            "mean gain of stopping": saved.mean(), "t": by_start.mean() / error, "worst 5 % held": np.quantile(kept, 0.05),
            "worst 5 % stopped": np.quantile(made, 0.05), "mean held": kept.mean(), "mean stopped": made.mean(),
        }  # fmt: skip


def _cases(returns: Floats, gap: Floats, atr: Floats) -> Iterator[tuple[int, Floats, Floats, float]]:
    for start in range(LOSS_WINDOW, len(returns) - 21, 21):
        for name in range(returns.shape[1]):
            path, gaps = np.cumsum(returns[start + 1 : start + 22, name]), gap[start + 1 : start + 22, name]
            if np.isfinite(path).all() and np.isfinite(gaps).all() and np.isfinite(atr[start, name]):
                yield start, path, gaps, float(atr[start, name])


def _stopped(rule: StopRules, path: Floats, gaps: Floats, span: float) -> tuple[float, float]:
    """Log return with the stop, sold at the open after it rang, and whether it rang before the end."""
    for day in range(len(path) - 1):
        if rule.triggered(path[: day + 1], span):
            return float(path[day] + gaps[day + 1]), 1.0
    return float(path[-1]), 0.0


def stress_rows(returns: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Equal weight of the ten names, held through the worst that its names have seen."""
    weights = np.full(len(SYMBOLS), 1 / len(SYMBOLS))
    covariance = CovarianceRules().estimate(returns.to_numpy()[-COVARIANCE_WINDOW:]).covariance
    book = Book(weights, covariance, np.full(len(SYMBOLS), 0.002))
    dates = pd.DatetimeIndex(returns.index)
    for found in (*by_history(book, returns.to_numpy(), dates), *by_scenario(book), *by_monte_carlo(book)):
        place, _, when = found.case.partition(":")
        case = f"{SYMBOLS[int(place)]} {when}" if found.kind == "worst_week" else found.case
        yield {"kind": found.kind, "case": case, "loss": found.loss, "known": found.known}


def shown(title: str, rows: Iterator[dict[str, object]]) -> None:
    print(f"\n{title}")
    print(
        pd.DataFrame(list(rows)).to_string(index=False, float_format=lambda value: f"{value:.4f}"), flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    parser.add_argument(
        "--window", type=int, default=LOSS_WINDOW, help="sessions behind a value at risk, at most 252"
    )
    asked = parser.parse_args()
    closes, opens = (panel(c).reindex(columns=list(SYMBOLS)).loc[: asked.last] for c in ("close", "open"))
    everything = np.log(closes).diff()
    start = max(0, everything.index.searchsorted(pd.Timestamp(asked.first)) - LOSS_WINDOW)
    returns, first = everything.iloc[start:], LOSS_WINDOW
    values, dates = returns.to_numpy(), pd.DatetimeIndex(returns.index[first:])
    vix = real_panel()[2].reindex(returns.index).ffill().to_numpy()
    books = {
        "equal weight": walked(values, first),
        "targeted": walked(values, first, vix),
    }
    shown("volatility of a year", volatility_rows(books, dates))
    print(f"63-session windows within 2 points of 15 %: {rolling_share(books['targeted'].outcomes):.3f}")
    shown(
        "stops", stop_rows(returns, opens.iloc[start:], closes.iloc[start:], ranges().reindex(returns.index))
    )
    shown("stress", stress_rows(everything))
    for name, book in books.items():
        shown(f"losses of one session, {name}", loss_rows(name, book, values, first, asked.window))


if __name__ == "__main__":
    main()

"""How near the line's book stays to its moving volatility target, by what its overlay forecasts with: real bars, real ledger.

    python benchmarks/measure_target.py --folder DIR [--first 2015-01-02] [--last 2025-06-30] [--only "NAME;NAME"]

The book is that of `measure_mandates.py`, whose folder is used again. The target of a session is 15 % times the regime's
multiplier of the evening before; over a span it is the root of its mean square, as realised volatility is one. `within` is the
share of windows of 63 sessions that end within 2 points, with an interval for windows that overlap; the differences are
to the first book, session by session. Years are realised less target, in points.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from book_material import given_tables, told, traded
from measure_mandates import YEAR, moving_target, root_mean_square

from trading.evaluation.paired import sharpe_difference
from trading.evaluation.uncertainty import Estimate, mean_estimate
from trading.portfolio.covariance_rules import VixScaling
from trading.risk.volatility_forecast import VolatilityForecast
from trading.stages.trading_rules import TradingRules

WINDOW, POINTS = 63, 100


def overlays() -> dict[str, TradingRules]:
    """The default first: what the others are held against."""
    found = {"default": TradingRules()}
    for name, vix, overlay in (
        ("without VIX", 0.0, VolatilityForecast()),
        ("VIX in full", 1.0, VolatilityForecast()),
        ("half life 5", 0.5, VolatilityForecast(half_life_sessions=5.0)),
        ("half life 21", 0.5, VolatilityForecast(half_life_sessions=21.0)),
        ("misses of 63 sessions, as before", 0.5, VolatilityForecast(window_sessions=63)),
        ("no feedback", 0.5, VolatilityForecast(feedback=False)),
        ("covariance, no VIX", 0.0, VolatilityForecast("covariance")),
    ):
        found[name] = TradingRules(overlay=overlay, vix=VixScaling(strength=vix))
    return found


@dataclass(frozen=True)
class Kept:
    """One book: its sessions, and realised volatility less target over windows of 63 sessions."""

    performance: pd.DataFrame
    target: pd.Series
    apart: pd.Series

    @classmethod
    def of(cls, tables: dict[str, pd.DataFrame], rules: TradingRules, first: str, last: str) -> Kept:
        store = traded(tables, first, last, rules)
        performance = store.read("performance").set_index("session").iloc[1:]
        target = moving_target(store, rules).reindex(performance.index)
        realised = performance["log_return"].rolling(WINDOW).std() * np.sqrt(YEAR)
        apart = realised - target.rolling(WINDOW).apply(root_mean_square, raw=True)
        return cls(performance, target, apart.dropna())

    @property
    def years(self) -> dict[int, float]:
        """Realised volatility of each calendar year less its target, in points."""
        returns = self.performance["log_return"]
        return {
            year: float(mine.std() * np.sqrt(YEAR) - root_mean_square(self.target[mine.index].to_numpy()))
            * POINTS
            for year, mine in returns.groupby(returns.index.year)
        }


def row(name: str, book: Kept, default: Kept) -> dict[str, object]:
    returns, apart = book.performance["log_return"], book.apart
    nearer = (apart.abs() - default.apart.abs()).to_numpy() * POINTS
    sharpe, _ = sharpe_difference(returns.to_numpy(), default.performance["log_return"].to_numpy())
    return {
        "overlay": name,
        "realised": _points(returns.std() * np.sqrt(YEAR)),
        "target": _points(root_mean_square(book.target.to_numpy())),
        "within": _told(mean_estimate((apart.abs() <= 0.02).to_numpy(dtype=float), WINDOW), POINTS),
        "distance": _points(apart.abs().mean()),
        "distance less default's": "" if book is default else _told(mean_estimate(nearer, WINDOW), 1),
        "worst year": max(map(abs, book.years.values())),
        "turnover": book.performance["turnover"].mean() * YEAR,
        "sharpe": returns.mean() / returns.std() * np.sqrt(YEAR),
        "sharpe less default's": "" if book is default else _told(sharpe, 1),
    }


def _points(value: float) -> float:
    return float(value) * POINTS


def _told(found: Estimate, scale: float) -> str:
    return f"{found.value * scale:.2f} ({found.low * scale:.2f} to {found.high * scale:.2f})"


def rows(asked: argparse.Namespace) -> Iterator[tuple[str, Kept, Kept]]:
    tables, default = given_tables(asked.folder, asked.first, asked.last), None
    wanted = {n: r for n, r in overlays().items() if n == "default" or not asked.only or n in asked.only}
    for place, (name, rules) in enumerate(wanted.items(), start=1):
        book = Kept.of(tables, rules, asked.first, asked.last)
        default = default or book
        told("books", place, len(wanted))
        yield name, book, default


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    parser.add_argument("--only", type=lambda text: text.split(";"), default=[])
    for name, book, default in rows(parser.parse_args()):
        print(
            "  ".join(
                f"{k}={v:.2f}" if isinstance(v, float) else f"{k}={v}"
                for k, v in row(name, book, default).items()
            )
        )
        print("    " + "  ".join(f"{year} {off:+.2f}" for year, off in book.years.items()), flush=True)


if __name__ == "__main__":
    main()

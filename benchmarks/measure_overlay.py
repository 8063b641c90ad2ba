"""Which forecast keeps a book nearest to its volatility target: equal weight of the real names, chosen on 2003 to 2014.

    python benchmarks/measure_overlay.py [--regimes FILE]

Each session's exposure is target / forecast, at most 1, held into the next session; before costs. At 10 % it is seldom cut at 1. Judged over windows of
63 sessions: realised volatility less the target in force, the root of its mean square. FILE holds a table `regimes`, whose multiplier moves
the target; `measure_mandates.py` keeps one in its folder. The last rows say what a forecast without any error would reach
if returns were normal, or had the tails of a t distribution with 5 degrees: the window itself is a noisy ruler.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from regime_material import real_panel

from trading.interfaces import Floats
from trading.portfolio.covariance_rules import VixScaling
from trading.risk.volatility_forecast import VolatilityForecast

WINDOW, YEAR, TARGET, LOW, MONTH, DRAWS, LONGEST = 63, 252, 0.15, 0.10, 21, 20, 168
SPANS = {"2003-2014": ("2003", "2014"), "2015-2025": ("2015", "2025-06")}


def variants() -> Iterator[tuple[str, VolatilityForecast, VixScaling]]:
    for half_life in (5.0, 10.0, 21.0):
        for feedback in (0, 63, 126, LONGEST):
            for strength in (0.0, 0.5, 1.0):
                name = f"half life {half_life:.0f}, misses of {feedback}, VIX {strength}"
                rule = VolatilityForecast("book", half_life, feedback > 0, feedback or WINDOW)
                yield name, rule, VixScaling(strength)


def forecasts(rule: VolatilityForecast, vix: VixScaling, book: Floats, levels: Floats) -> Floats:
    """(n,) said at each session from the window that ends there."""
    out = np.full(len(book), np.nan)
    for end in range(LONGEST, len(book) + 1):
        recent = np.log1p(book[end - LONGEST : end])[:, None]
        out[end - 1] = rule.forecast(np.ones(1), recent, np.eye(1)) * vix.factor(levels[end - MONTH : end])
    return out


def apart(outcomes: pd.Series, target: pd.Series, span: tuple[str, str]) -> pd.Series:
    mine, wanted = outcomes.loc[span[0] : span[1]], target.loc[span[0] : span[1]]
    realised = mine.rolling(WINDOW).std() * np.sqrt(YEAR)
    return (realised - np.sqrt(wanted.pow(2).rolling(WINDOW).mean())).dropna()


def judged(outcomes: pd.Series, target: pd.Series, span: tuple[str, str]) -> dict[str, float]:
    off = apart(outcomes, target, span)
    return {"within 2": (off.abs() <= 0.02).mean(), "mean distance": off.abs().mean(), "bias": off.mean()}


def rows(book: pd.Series, vix: pd.Series, moving: pd.Series | None) -> Iterator[dict[str, object]]:
    fixed = {target: pd.Series(target, book.index) for target in (LOW, TARGET)}
    for name, rule, scaling in variants():
        said = pd.Series(forecasts(rule, scaling, book.to_numpy(), vix.to_numpy()), book.index)
        for label, target, span in _cases(fixed, moving):
            held = (target / said).clip(upper=1.0).shift(1)
            row = judged(np.log1p(held * book), target.shift(1), span)
            traded = held.loc[span[0] : span[1]].diff().abs().mean() * YEAR
            yield {"forecast": name, "case": label, **row, "exposure traded a year": traded}
    random = np.random.default_rng(1)
    for name in ("normal", "t of 5 degrees"):
        for label, target, span in _cases(fixed, moving):
            yield {"forecast": f"no error, {name}", "case": label, **_perfect(random, name, target, span)}


def _perfect(
    random: np.random.Generator, name: str, target: pd.Series, span: tuple[str, str]
) -> dict[str, float]:
    found = []
    for _ in range(DRAWS):
        size = len(target)
        drawn = random.normal(size=size) if name == "normal" else random.standard_t(5, size) * np.sqrt(3 / 5)
        wanted = target.shift(1)
        found.append(judged(pd.Series(drawn, target.index) * wanted / np.sqrt(YEAR), wanted, span))
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def _cases(
    fixed: dict[float, pd.Series], moving: pd.Series | None
) -> Iterator[tuple[str, pd.Series, tuple[str, str]]]:
    for target, series in fixed.items():
        for label, span in SPANS.items():
            yield f"{target:.0%}, {label}", series, span
    if moving is not None:
        yield "moving, 2015-2025", moving, SPANS["2015-2025"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--regimes", type=Path)
    asked = parser.parse_args()
    close, _, vix = real_panel()
    returns = np.expm1(np.log(close).diff()).loc["2002":"2025-06"]
    book = returns.mean(axis=1).fillna(0.0)
    moving = None
    if asked.regimes is not None:
        table = pd.read_parquet(asked.regimes).query("timeframe == '1D'").set_index("session")
        moving = TARGET * table["multiplier"].reindex(book.index).ffill()
    found = pd.DataFrame(list(rows(book, vix.reindex(book.index).ffill(), moving)))
    print(found.to_string(index=False, float_format=lambda value: f"{value:.4f}"))


if __name__ == "__main__":
    main()

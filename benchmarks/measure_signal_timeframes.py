"""Does a weekly forecast's say make daily signals better? Ten real names; the same line with and without weeks.

    python benchmarks/measure_signal_timeframes.py [--first 2018-01-02] [--last 2025-06-30]

Random walk, AR(1) and ridge of both timeframes, as a home with `timeframes = 1D,1W` makes them; adjusted prices.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.in_memory import make_in_memory, market_of
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from trading import calendar
from trading.evaluation.uncertainty import mean_estimate
from trading.line import Request, make_range
from trading.signals.rules import SignalRules

SHARED = Path(__file__).parents[2] / "shared" / "data"
HORIZON = SignalRules().horizon


def signals(first: pd.Timestamp, last: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Signals of days alone, signals of days and weeks, and the features of both."""
    daily = Settings().with_value("models", "random_walk,ar1,ridge").with_value("source.name", "files")
    daily = daily.with_value("source.data", str(SHARED)).with_value("source.basis", "fully_adjusted")
    both = daily.with_value("timeframes", "1D,1W")
    plan = plan_of(both).up_to("signals")
    made = make_in_memory(both, plan, market_of(both, first, last), first, last)
    alone = plan_of(daily).up_to("signals")
    stage = next(stage for stage in alone.stages if stage.name == "signals")
    without = make_range(stage, alone, made.store, Request(first, first, last, made.models))["signals"]
    return without, made.store.read("signals"), made.store.read("features", timeframe="1D")


def judged(said: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Squared error of the probability, whether the direction was right, and its return, one row a session."""
    returns = features.pivot_table(index="session", columns="symbol", values="log_return", dropna=False)
    ahead = returns.rolling(HORIZON).sum().shift(-HORIZON).reset_index().melt("session", value_name="ahead")
    rows = said.merge(ahead, on=["session", "symbol"]).dropna(subset=["ahead", "probability"])
    rose = (rows["ahead"] > 0).astype(float)
    sign = np.where(rows["probability"] >= 0.5, 1.0, -1.0)
    return (
        rows.assign(
            brier=(rows["probability"] - rose) ** 2,
            right=(np.sign(rows["ahead"]) == sign).astype(float),
            earned=sign * rows["ahead"],
        )
        .groupby("session")[["brier", "right", "earned"]]
        .mean()
    )


def main() -> None:
    """Print the figures of both, and of the difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", default="2018-01-02")
    parser.add_argument("--last", default="2025-06-30")
    asked = parser.parse_args()
    alone, both, features = signals(calendar.session_of(asked.first), calendar.session_of(asked.last))
    keys = ["session", "symbol"]
    pairs = alone[[*keys, "probability"]].merge(both[[*keys, "probability"]], on=keys, suffixes=("", "_both"))
    turned = (pairs["probability"] >= 0.5) != (pairs["probability_both"] >= 0.5)
    tables = [judged(said, features) for said in (alone, both)]
    sys.stdout.write(
        f"{len(pairs)} signals, {len(tables[0])} sessions; direction turned in {turned.mean():.1%}\n"
    )
    for name in ("brier", "right", "earned"):
        own, other = (table[name].to_numpy() for table in tables)
        found = [mean_estimate(values, HORIZON) for values in (own, other, other - own)]
        said = "; ".join(f"{e.value:.5f} [{e.low:.5f}, {e.high:.5f}]" for e in found)
        sys.stdout.write(f"{name}: days alone; with weeks; difference: {said}\n")


if __name__ == "__main__":
    main()

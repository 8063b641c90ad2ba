"""TSMamba refined on returns, and on open, range and volume beside them: the same samples, the same year ahead.

    python benchmarks/measure_channels.py --features FILE [--years 2018,2022] > table.md

FILE holds daily features of ten real names (`compare_models.py` keeps them as features.parquet). Each year's network
is refined on the 1,008 sessions before it; validation is `fit`'s own, the last 15 % of those. Every fifth session of
the year is forecast.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from models.forecasters.bar_channels import CHANNELS as BARS
from models.forecasters.catalogue import ModelSpec, model_spec
from models.forecasters.tsmamba import TSMamba
from trading import calendar
from trading.evaluation.walk_forward import outcomes
from trading.frames import HORIZONS
from trading.history import History
from trading.interfaces import Floats
from trading.stages.maturity import pinball
from trading.stages.training import CHANNELS, training_window, window_at

STRIDE = 5


@dataclass
class Curve:
    """The validation losses of a training."""

    losses: list[float] = field(default_factory=list)

    def resume(self) -> bytes | None:
        """Nothing was kept."""
        return None

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:  # noqa: ARG002 - as the protocol has it
        """Remember the loss."""
        self.losses.append(metrics["validation_loss"])


def forecast(model: TSMamba, spec: ModelSpec, features: History, sessions: pd.DatetimeIndex) -> Floats:
    """(n, s, h, q) of a model at sessions."""
    length, said = model.context_sessions, []
    for session in sessions:
        rows = features.window(calendar.shift(session, 1 - length), session, calendar.as_of(session))
        said.append(model.predict(window_at(rows, session, length, spec.view), horizons=HORIZONS).quantiles)
    return np.stack(said)


def main() -> None:
    """Print a table of a line a year and variant."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--years", default="2018,2022")
    asked = parser.parse_args()
    features = History.from_frame("features", pd.read_parquet(asked.features))
    spec = replace(model_spec("tsmamba"), channels=tuple(dict.fromkeys((*CHANNELS, *BARS))))
    print(
        "| year | reads | validation loss | pinball × 1,000: 1 session | 5 | 20 | processor, s |", flush=True
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    for year in map(int, asked.years.split(",")):
        sessions = calendar.sessions_between(pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31))[::STRIDE]
        every = calendar.sessions_between(sessions[0], sessions[-1])
        came = outcomes(features, every)[::STRIDE][: len(sessions)]
        window = training_window(features, spec, calendar.shift(sessions[0], -1))
        for reads in ("returns", "ohlcv"):
            curve, began = Curve(), time.process_time()
            model = TSMamba(reads=reads).fit(window, journal=curve)
            took = time.process_time() - began
            losses = np.nanmean(pinball(forecast(model, spec, features, sessions), came), axis=(0, 1))
            cells = " | ".join(f"{1000 * loss:.3f}" for loss in losses)
            print(f"| {year} | {reads} | {min(curve.losses):.5f} | {cells} | {took:.0f} |", flush=True)


if __name__ == "__main__":
    main()

"""TimesFM beside the random walk and AR(1) on ten real names, and what a batch of 32 x 512 costs at any size.

    python benchmarks/measure_timesfm.py real [CHECKPOINT ...]
    python benchmarks/measure_timesfm.py cost [CHECKPOINT ...]
    python benchmarks/measure_timesfm.py published 2.5|3.0

`real` reads ../shared/data, adjusted closes of 2019 to June 2025, every fifth session; AR(1) is trained anew each
quarter on what was known by then. `published` makes a network of the published size with random weights: its
forecasts mean nothing, its cost does. One thread each.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from models.forecasters.ar1 import PooledAR1
from models.forecasters.random_walk import RandomWalk
from models.forecasters.timesfm import TimesFM
from trading import calendar
from trading.digest import generator
from trading.evaluation.resampling import stationary_indices
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import Floats, Forecaster, Window
from trading.testing.feature_history import window_of
from trading.universe import SYMBOLS

PANEL = Path(__file__).parents[2] / "shared" / "data" / "daily" / "panel_adjusted.parquet"
CONTEXT, TRAINING, EVERY, QUARTER = 512, 378, 5, 63
SAMPLES, BLOCK = 2000, 12  # origins a block: a quarter of a year


@dataclass(frozen=True)
class Panel:
    """Adjusted returns of the ten names: sessions (t,), returns (t, s)."""

    sessions: pd.DatetimeIndex
    returns: Floats

    def window(self, end: int, length: int) -> Window:
        """The bars up to and with row `end`."""
        part = self.returns[max(0, end + 1 - length) : end + 1]
        known = np.isfinite(self.returns[max(0, end + 1 - CONTEXT) : end + 1])
        mask = known[-64:].all(axis=0)
        return window_of(part, last=str(self.sessions[end].date()), mask=mask)


def panel() -> Panel:
    """2016 to June 2025, so that the first origin has its context."""
    frame = pd.read_parquet(PANEL)
    date = next(name for name in ("date", "session", "ts") if name in frame.columns)
    close = next(name for name in ("adj_close", "close") if name in frame.columns)
    wide = frame.assign(session=pd.to_datetime(frame[date]).dt.tz_localize(None)).pivot_table(
        index="session", columns="symbol", values=close
    )
    labels = calendar.sessions_between(pd.Timestamp("2016-06-01"), pd.Timestamp("2025-06-30"))
    prices = wide.reindex(index=labels, columns=list(SYMBOLS)).to_numpy(dtype=float)
    returns = np.diff(np.log(prices), axis=0)
    return Panel(labels[1:], returns)


def real(checkpoints: list[str]) -> None:
    """Mean pinball loss in basis points of the price, relative to the random walk, with a 95 % interval."""
    history = panel()
    first = int(np.searchsorted(history.sessions, pd.Timestamp("2019-01-02")))
    origins = np.arange(first, len(history.sessions) - max(HORIZONS), EVERY)
    models: dict[str, Forecaster] = {"random walk": RandomWalk(), "ar1": PooledAR1()}
    models |= {Path(name).name: TimesFM(name) for name in checkpoints}
    losses = {name: np.array(_walk(model, history, origins)) for name, model in models.items()}
    weights = stationary_indices(len(origins), SAMPLES, BLOCK, generator("measure_timesfm", seed=0))
    print(
        f"{len(origins)} origins, {history.sessions[origins[0]]:%Y-%m-%d} to {history.sessions[origins[-1]]:%Y-%m-%d}"
    )
    for name, found in losses.items():
        for place, horizon in enumerate(HORIZONS):
            print(_row(name, horizon, found[:, place], losses["random walk"][:, place], weights))
    if len(checkpoints) == 2:
        old, new = (losses[Path(name).name] for name in checkpoints)
        for place, horizon in enumerate(HORIZONS):
            print(
                _row(
                    f"{checkpoints[1]} against {checkpoints[0]}",
                    horizon,
                    new[:, place],
                    old[:, place],
                    weights,
                )
            )


def _walk(model: Forecaster, history: Panel, origins: np.ndarray) -> list[Floats]:
    """(h,) mean loss over names at every origin."""
    out, fitted, age = [], model, QUARTER
    for origin in origins:
        if age >= QUARTER:
            fitted, age = model.fit(history.window(int(origin), TRAINING)), 0
        age += EVERY
        quantiles = fitted.predict(history.window(int(origin), fitted.context_sessions)).quantiles
        came = np.stack([history.returns[origin + 1 : origin + 1 + h].sum(axis=0) for h in HORIZONS], axis=1)
        error = came[:, :, None] - quantiles
        levels = np.asarray(LEVELS)
        loss = np.maximum(levels * error, (levels - 1) * error).mean(axis=2)  # (s, h)
        out.append(loss[np.isfinite(loss).all(axis=1)].mean(axis=0))
    return out


def _row(name: str, horizon: int, found: Floats, floor: Floats, weights: np.ndarray) -> str:
    samples = found[weights].mean(axis=1) / floor[weights].mean(axis=1) - 1
    low, high = np.quantile(samples, [0.025, 0.975])
    share = found.mean() / floor.mean() - 1
    return f"{name:44} h{horizon:<3} {1e4 * found.mean():7.2f} bp  {share:+.2%} [{low:+.2%}, {high:+.2%}]"


def cost(models: Mapping[str, TimesFM]) -> None:
    """Latency and peak memory of a batch of 32 rows of 512 bars."""
    returns = np.random.default_rng(0).normal(0, 0.02, (CONTEXT, 10))
    for name, model in models.items():
        begun = time.perf_counter()
        model.predict(window_of(returns))
        loaded = time.perf_counter() - begun
        walls, busy = zip(*(_timed(model, returns) for _ in range(3)), strict=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = sum(of.numel() for of in model.network.module.parameters())
        print(
            f"{name}: {size / 1e6:.2f} M parameters, first {loaded:.2f} s, batch best {min(walls):.3f} s wall "
            f"{min(busy):.3f} s processor, peak memory of the process {peak:.0f} MiB"
        )


def _timed(model: TimesFM, returns: Floats) -> tuple[float, float]:
    wall, busy = time.perf_counter(), time.process_time()
    model.predict(window_of(returns))
    return time.perf_counter() - wall, time.process_time() - busy


def published(architecture: str) -> TimesFM:
    """A forecaster of the published size around random weights."""
    from models.forecasters.timesfm_networks import PUBLISHED_2P5, Version2p5, Version3

    model = TimesFM(symmetric=False)
    network = Version2p5(PUBLISHED_2P5) if architecture == "2.5" else Version3({})
    network.module.eval()
    model.__dict__["network"] = network  # where the property keeps what it built
    return model


def main() -> None:
    """See the module."""
    what, names = sys.argv[1], sys.argv[2:]
    if what == "real":
        real(names or ["timesfm_small", "timesfm_2p5_small"])
    elif what == "cost":
        cost(
            {name: TimesFM(name, symmetric=False) for name in names or ["timesfm_small", "timesfm_2p5_small"]}
        )
    else:
        cost({f"published {names[0]}": published(names[0])})


if __name__ == "__main__":
    main()

"""Measure the shipped checkpoint beside the random walk, on SIMULATED paths that it was not trained on.

python -m pipelines.training.measure_timesfm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import typer

from models.forecasters.random_walk import RandomWalk
from models.forecasters.timesfm import TimesFM
from pipelines.training.synthetic_paths import Floats, SyntheticMarket
from trading import calendar
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import Forecaster, Window

CONTEXT, AHEAD = 512, max(HORIZONS)
TEST_SEED = 2_000_007


@dataclass(frozen=True)
class Score:
    """What one forecaster reached at one horizon.

    Attributes
    ----------
    pinball : mean pinball loss in units of the series' realised volatility over the context
    coverage : share of the outcomes within the 75 % interval
    against_floor, standard_error : of the mean loss difference to the floor, as shares of the floor
    """

    pinball: float
    coverage: float
    against_floor: float
    standard_error: float


def measure(forecasters: Mapping[str, Forecaster], returns: Floats) -> dict[tuple[str, int], Score]:
    """Scores by name and horizon; the first forecaster is the floor.

    Parameters
    ----------
    returns : (n, 512 + 20) log returns
    """
    unit = returns[:, :CONTEXT].std(axis=1)[:, None] * np.sqrt(np.asarray(HORIZONS))
    realized = np.stack([returns[:, CONTEXT : CONTEXT + h].sum(axis=1) for h in HORIZONS], axis=1)
    window = _window(returns[:, :CONTEXT].T)
    quantiles = {name: model.predict(window).quantiles for name, model in forecasters.items()}
    losses = {name: _pinball(q, realized) / unit for name, q in quantiles.items()}
    floor = next(iter(losses.values()))
    return {
        (name, horizon): _score(losses[name][:, k], floor[:, k], quantiles[name][:, k], realized[:, k])
        for name in forecasters
        for k, horizon in enumerate(HORIZONS)
    }


def _window(returns: Floats) -> Window:
    """A window whose symbols are the series."""
    last = calendar.session_of("2024-06-28")
    labels = calendar.sessions_between(calendar.shift(last, 1 - len(returns)), last)
    names = tuple(f"S{place}" for place in range(returns.shape[1]))
    stamps = labels.to_numpy().astype("datetime64[us]")
    mask = np.ones(len(names), dtype=bool)
    return Window(
        calendar.as_of(last), stamps, names, ("log_return",), returns[:, :, None], mask, "simulated"
    )


def _pinball(quantiles: Floats, realized: Floats) -> Floats:
    """(n, h) mean over the levels."""
    error = realized[:, :, None] - quantiles
    levels = np.asarray(LEVELS)
    return np.asarray(np.maximum(levels * error, (levels - 1) * error).mean(axis=2))


def _score(loss: Floats, floor: Floats, quantiles: Floats, realized: Floats) -> Score:
    lower, upper = quantiles[:, LEVELS.index(0.125)], quantiles[:, LEVELS.index(0.875)]
    difference = loss - floor
    return Score(
        pinball=float(loss.mean()),
        coverage=float(((lower <= realized) & (realized <= upper)).mean()),
        against_floor=float(difference.mean() / floor.mean()),
        standard_error=float(difference.std() / np.sqrt(len(loss)) / floor.mean()),
    )


def main(checkpoint: str = "timesfm_small", series: int = 4096, seed: int = TEST_SEED) -> None:
    """Print one line for each forecaster and horizon."""
    returns = SyntheticMarket().returns(np.random.default_rng(seed), series, CONTEXT + AHEAD)
    models: dict[str, Forecaster] = {
        "random walk": RandomWalk(),
        "random walk, decay 0.97": RandomWalk(decay=0.97),
        "timesfm": TimesFM(checkpoint=checkpoint, batch=series),
        "timesfm, not mirrored": TimesFM(checkpoint=checkpoint, batch=series, symmetric=False),
    }
    typer.echo(
        f"SIMULATED, {series} series, seed {seed}, {Path(checkpoint).name}, {pd.Timestamp.now('UTC'):%Y-%m-%d}"
    )
    for (name, horizon), score in measure(models, returns).items():
        typer.echo(
            f"{name:26} h{horizon:<3} pinball {score.pinball:.4f}  against the floor "
            f"{score.against_floor:+.2%} (se {score.standard_error:.2%})  75 % interval {score.coverage:.1%}"
        )


if __name__ == "__main__":
    typer.run(main)

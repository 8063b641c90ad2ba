"""The ensemble beside its members, equal weights and the best fixed combination in hindsight; alarms on known streams.

python benchmarks/measure_ensemble.py --folder DIR [--only real,planted,alarms] [--models random_walk,ar1,timesfm]

DIR holds `features.parquet` as `compare_models.py` writes it; forecasts of each model are kept in it as `NAME.npz`.
Losses are pinball per square root of the horizon over 1, 5 and 20 sessions, by session of issue. Real: ten names,
2015 to June 2025, models trained once a year. Planted and streams: SIMULATED.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

from models.ensembles.bayesian import BayesianAveraging
from models.ensembles.choice import METHODS
from models.ensembles.exponentiated import ExponentiatedGradient
from models.ensembles.softmax import SoftmaxWeighting
from models.ensembles.stacked import StackedWeighting, stacked_weights
from models.ensembles.tracked import TrackedWeighting
from models.forecasters.catalogue import model_spec
from trading import calendar
from trading.digest import generator
from trading.evaluation.ensemble_walk import EnsembleWalk
from trading.evaluation.loss_tests import diebold_mariano
from trading.evaluation.pooling import averaged, pooled
from trading.evaluation.resampling import stationary_indices
from trading.evaluation.walk_forward import walk_forward
from trading.frames import HORIZONS, LEVELS
from trading.history import History
from trading.interfaces import Floats
from trading.monitoring.degradation import DRIFT, WORSE, DegradationRules, Watch

MODELS = ("random_walk", "ar1", "ridge", "gradient_boosting")
HINDSIGHT = "best fixed in hindsight"
WARM_UP = 60  # sessions before the first that is judged
SAMPLES, MEAN_BLOCK = 1000, 60
STREAMS, FAIR_SESSIONS, CALM, AFTER = 1000, 500, 150, 200


def real(folder: Path, models: tuple[str, ...]) -> EnsembleWalk:
    """Forecasts of models over the ten names."""
    sessions = calendar.sessions_between(calendar.session_of("2015-01-02"), calendar.session_of("2025-06-30"))
    parts = [_kept(folder, name, sessions) for name in models]
    roots = np.sqrt(np.array(HORIZONS))
    quantiles = np.stack([q for q, _ in parts], axis=3) / roots[:, None, None]  # (w, s, h, k, q)
    return EnsembleWalk(sessions, np.swapaxes(quantiles, 1, 2), np.swapaxes(parts[0][1] / roots, 1, 2))


def _kept(folder: Path, name: str, sessions: pd.DatetimeIndex) -> tuple[Floats, Floats]:
    path = folder / f"{name}.npz"
    if not path.exists():
        features = History.from_frame("features", pd.read_parquet(folder / "features.parquet"))
        walk = walk_forward(model_spec(name), features, sessions, cadence="yearly")
        np.savez(path, quantiles=walk.quantiles, realized=walk.realized)
    with np.load(path) as kept:
        return kept["quantiles"], kept["realized"]


def planted() -> EnsembleWalk:
    """SIMULATED: three models whose volatility is right by turns, for 300 sessions each, ten names."""
    sessions = calendar.sessions_between(calendar.session_of("2015-01-02"), calendar.session_of("2022-12-30"))
    random = generator("planted ensemble")
    returns = 0.02 * random.standard_normal((len(sessions) + max(HORIZONS), 10))
    right = (np.arange(len(sessions)) // 300) % 3
    beliefs = np.where(right[:, None] == np.arange(3), 1.0, [0.7, 1.5, 1.3])  # (w, k)
    normal = 0.02 * ndtri(np.array(LEVELS))
    said = np.broadcast_to(
        beliefs[:, None, None, :, None] * normal, (len(sessions), len(HORIZONS), 10, 3, len(LEVELS))
    )
    total = returns.cumsum(axis=0)
    ahead = [total[h : h + len(sessions)] - total[: len(sessions)] for h in HORIZONS]
    came = np.stack(ahead, axis=1) / np.sqrt(np.array(HORIZONS))[:, None]
    return EnsembleWalk(sessions, said, came)


def weightings() -> dict[str, TrackedWeighting]:
    """Every method as it is set by default, and what else was tried."""
    long = {f"bayesian, half-life {n:.0f}": BayesianAveraging(n, 0.001) for n in (60.0, 120.0, 500.0)}
    quick = {f"gradient, rate {r:g}": ExponentiatedGradient(floor=0.001, learning_rate=r) for r in (0.1, 0.3)}
    return {
        **{name: kind() for name, kind in METHODS.items()},
        "softmax, floor 0.001": SoftmaxWeighting(floor=0.001),
        "stacked, floor 0.1": StackedWeighting(floor=0.1),
        "stacked, 250 sessions": StackedWeighting(fit_sessions=250),
        **long,
        **quick,
    }


def table(walk: EnsembleWalk, names: tuple[str, ...]) -> pd.DataFrame:
    """Loss over that of equal weights and of the best member for all that was tried, with tests."""
    count = len(names)
    fixed = np.ones((len(walk.sessions), 1))
    losses = {f"member {name}": walk.losses(fixed * np.eye(count)[place]) for place, name in enumerate(names)}
    best = min(losses.values(), key=lambda own: float(np.nanmean(own[WARM_UP:])))
    hindsight = stacked_weights(walk.whole)
    losses[HINDSIGHT] = walk.losses(fixed * hindsight)
    for name, weighting in weightings().items():
        weights = walk.weights(weighting)
        losses[name] = walk.losses(weights, averaged)
        if name in ("softmax", "stacked", "equal"):
            losses[f"{name}, mixture"] = walk.losses(weights, pooled)
        sys.stdout.write(f"{name}: mean weights {weights[WARM_UP:].mean(axis=0).round(3).tolist()}\n")
    sys.stdout.write(f"weights in hindsight: {dict(zip(names, hindsight.round(3).tolist(), strict=True))}\n")
    return pd.DataFrame([_row(name, own, losses, best) for name, own in losses.items()])


def _row(name: str, own: Floats, losses: dict[str, Floats], best: Floats) -> dict[str, object]:
    kept = np.isfinite(own)
    kept[:WARM_UP] = False
    mine, equal, member, fixed = (x[kept] for x in (own, losses["equal"], best, losses[HINDSIGHT]))
    places = stationary_indices(len(mine), SAMPLES, MEAN_BLOCK, generator("measure_ensemble"))
    half = len(mine) // 2

    def beside(other: Floats) -> str:
        drawn = mine[places].mean(axis=1) / other[places].mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        return f"{mine.mean() / other.mean():.4f} ({low:.4f} - {high:.4f})"

    return {
        "who": name,
        "loss x 1e4": 1e4 * mine.mean(),
        "over equal": beside(equal),
        "DM p": diebold_mariano(mine, equal, max(HORIZONS)).p_value,
        "over best member": beside(member),
        "DM p of it": diebold_mariano(mine, member, max(HORIZONS)).p_value,
        "by halves": f"{mine[:half].mean() / member[:half].mean():.4f}, {mine[half:].mean() / member[half:].mean():.4f}",
        "regret %": 100 * (mine.mean() / fixed.mean() - 1),
        "sessions": len(mine),
    }


def alarms() -> pd.DataFrame:
    """SIMULATED: how often a fair stream is told to have degraded, and how long a degraded one goes untold."""
    shifted = [
        _alarm_row(f"loss {100 * np.expm1(shift):.0f} % up", shift, CALM + AFTER, CALM)
        for shift in (0.05, 0.1, 0.2)
    ]
    return pd.DataFrame([_alarm_row("fair", 0.0, FAIR_SESSIONS, 0), *shifted])


def _alarm_row(name: str, shift: float, sessions: int, begins: int) -> dict[str, object]:
    """Figures over 1,000 streams whose mean log loss ratio rises by `shift` at the session `begins`."""
    random = generator(f"alarms {name}")
    ratio = 0.08 * random.standard_t(4, (sessions, STREAMS)) / np.sqrt(2)
    ratio[begins:] += shift
    rules = DegradationRules()
    zero = np.zeros(STREAMS, np.int64)
    watch = Watch(rules, np.empty((0, STREAMS)), np.zeros(STREAMS), zero, zero)
    told = np.empty((sessions, STREAMS), dtype=object)
    for t in range(sessions):
        watch = watch.update(np.clip(ratio[t] / rules.ratio_limit, -1, 1))
        told[t] = watch.alarm
    figures: dict[str, object] = {"stream": name, "sessions": sessions}
    for label, kind in (("bet", WORSE), ("ADWIN", DRIFT)):
        hit = told == kind
        before, after = hit[:begins] if begins else hit, hit[begins:]
        figures[f"{label}: alarms a 1000 sessions"] = 1000 * before.mean()
        if begins:
            delay = np.where(after.any(axis=0), after.argmax(axis=0) + 1, np.nan)
            figures[f"{label}: found in {AFTER}"] = np.isfinite(delay).mean()
            figures[f"{label}: median delay"] = np.nanmedian(np.where(np.isnan(delay), np.inf, delay))
        else:
            figures[f"{label}: streams ever alarmed"] = hit.any(axis=0).mean()
    return figures


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", default="real,planted,alarms")
    parser.add_argument("--models", default=",".join(MODELS), help="of the real part")
    asked = parser.parse_args()
    models = tuple(asked.models.split(","))
    makers = {
        "real": lambda: table(real(asked.folder, models), models),
        "planted": lambda: table(planted(), ("calm", "wild", "nervous")),
        "alarms": alarms,
    }
    for name in asked.only.split(","):
        started = time.perf_counter()
        made = makers[name]()
        sys.stdout.write(f"\n{name}\n{made.round(4).to_string(index=False)}\n")
        sys.stdout.write(f"{time.perf_counter() - started:.0f} s\n")


if __name__ == "__main__":
    main()

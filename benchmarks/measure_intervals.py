"""Coverage, width and score of intervals on real daily bars, every method in one table.

python benchmarks/measure_intervals.py [--target 0.25] [--first 2015-01-02] [--last 2025-06-30] [--only adaptive;pid] [--names]

The quantiles of the sequential methods are a random walk's, and each method is walked as the line walks it. Fits are
ridge regressions on five returns in units of volatility. Intervals are compared over cells that all methods have.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from interval_material import Material, fitted, material, names_begun, of_mapie, rolling

from models.intervals.choice import IntervalChoice
from trading.evaluation.coverage import coverage_of, covered
from trading.evaluation.coverage_tests import clustering_of, coverage_spread
from trading.frames import HORIZONS, REGIMES
from trading.interfaces import Floats

warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)

BEFORE = 900  # sessions before the first that is judged: volatility, scores, and the level's own walk
ROLLING_SESSIONS = 252
Bounds = tuple[Floats, Floats]
SEQUENTIAL: dict[str, dict[str, object]] = {
    "adaptive": {},
    "adaptive, never returning": {"gamma": 0.03, "memory_sessions": 0.0},
    "adaptive, no pooling": {"pooling": 0.0},
    "adaptive, each end": {"asymmetric": True},
    "adaptive, half-life 60": {"half_life_sessions": 60.0},
    "adaptive, by regime": {"other_regime": 0.3},
    "split (level stays)": {"method": "split"},
    "aggregated": {"method": "aggregated"},
    "pid": {"method": "pid"},
    "pid, each end": {"method": "pid", "asymmetric": True},
    "enbpi": {"method": "enbpi"},
    "naive of positions": {"method": "naive"},
    "cv+ of positions": {"method": "cv_plus"},
}


def makers(given: Material) -> dict[str, Callable[[], Bounds]]:
    """How each method's bounds (w, s, h) are made."""
    target = given.walk.target
    limits: dict[str, object] = {"target": target, "lowest": min(0.02, target / 5)}
    found: dict[str, Callable[[], Bounds]] = {
        name: lambda how=how: given.walk.issued(IntervalChoice(**limits | how).chosen)  # type: ignore[arg-type,misc]
        for name, how in SEQUENTIAL.items()
    }
    slow = replace(IntervalChoice(**limits | {"method": "pid"}).chosen, learning_rate=0.02)  # type: ignore[arg-type,call-arg]
    found["pid, learning rate 0.02"] = lambda: given.walk.issued(slow)
    found["raw quantiles"] = lambda: given.walk.raw
    found[f"last {ROLLING_SESSIONS}"] = lambda: rolling(given, ROLLING_SESSIONS)
    for method in ("naive", "cv", "cv_plus", "jackknife_plus"):
        found[f"fit, {method}"] = lambda method=method: fitted(given, method)  # type: ignore[misc]
    found["fit, MAPIE cv_plus"] = lambda: of_mapie(given)
    return found


def judged(bounds: Bounds, given: Material, seen: Floats, place: int) -> dict[str, float]:
    """Figures of one method at the place of a horizon, over the cells `seen` (w, s)."""
    horizon, promised = HORIZONS[place], 1 - given.walk.target
    low, high, came = (np.where(seen, x[:, :, place], np.nan) for x in (*bounds, given.ahead))
    held, width = covered(low, high, came), high - low
    score = width + 2 / (1 - promised) * (np.maximum(low - came, 0) + np.maximum(came - high, 0))
    apart = held[::horizon]
    spread = coverage_spread(held, promised, mean_block=max(20, 3 * horizon))
    regimes = given.walk.regimes
    assert regimes is not None
    parts = {"year": given.sessions.year.to_numpy(), "regime": regimes}
    slices = {
        f"{kind} {label}": held[labels == label]
        for kind, labels in parts.items()
        for label in np.unique(labels)
    }
    rates = {name: np.nanmean(part) for name, part in slices.items() if np.isfinite(part).sum() >= 200}
    years, named = ([v for k, v in rates.items() if k.startswith(kind)] for kind in ("year", "regime"))
    return {
        "n": int(np.isfinite(held).sum()),
        "coverage": 100 * np.nanmean(held),
        "low": 100 * spread.low,
        "high": 100 * spread.high,
        "chi2_p": spread.chi_square_p,
        "year_min": 100 * min(years),
        "year_max": 100 * max(years),
        "regime_min": 100 * min(named),
        "regime_max": 100 * max(named),
        "width": np.nanmean(width),
        "score": np.nanmean(score),
        "kupiec": coverage_of(apart, promised).p_value,
        "christoffersen": clustering_of(apart, promised).independence_p,
        "recovery": recovery(held, given.sessions, promised),
    }


def recovery(held: Floats, sessions: pd.DatetimeIndex, promised: float) -> float:
    """Sessions from 2020-02-19 until the coverage of twenty sessions of issue was within five points for good.

    For good: for twenty sessions in a row. Zero if it never left, NaN if it was not back by 2020-12-31.
    """
    over = (
        pd.Series(np.nanmean(held, axis=1), index=sessions).rolling(20).mean().loc["2020-02-19":"2020-12-31"]
    )  # type: ignore[misc]
    fallen = (over < promised - 0.05).to_numpy()
    if not len(fallen) or not fallen[:60].any():
        return 0.0
    out = int(np.flatnonzero(fallen)[0])
    good = np.flatnonzero(~np.lib.stride_tricks.sliding_window_view(fallen, 20)[out:].any(axis=1))
    return float(out + good[0]) if len(good) else np.nan


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", type=float, default=0.25, help="miscoverage: 0.25 or 0.1")
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    parser.add_argument("--only", default="", help="methods, parted by semicolons; all without")
    parser.add_argument("--also", default="", help="settings of `adaptive`: gamma=0.02,memory_sessions=0;...")
    parser.add_argument("--names", action="store_true", help="regimes by walks that began elsewhere, too")
    asked = parser.parse_args()
    given = material(asked.first, asked.last, BEFORE, asked.target)
    also = asked.also.split(";") if asked.also else []
    SEQUENTIAL.update({said: _settings(said) for said in also})
    wanted = [*asked.only.split(";"), *also] if asked.only else None
    made, seconds = {}, {}
    for name, make in makers(given).items():
        if wanted is None or name in wanted:
            started = time.process_time()
            made[name] = make()
            seconds[name] = time.process_time() - started
    table = pd.DataFrame(_rows(made, given, asked.first)).set_index(["horizon", "method"])
    sys.stdout.write(f"{table.round(4).to_string()}\n")
    cells = given.ahead.size
    sys.stdout.writelines(f"{name}: {1e6 * spent / cells:.1f} us a cell\n" for name, spent in seconds.items())
    _tell_slices(made, given, asked.first)
    if asked.names:
        _tell_names(made, given, asked.first)


def _settings(said: str) -> dict[str, object]:
    """Settings of a calibrator from `name=number` parted by commas."""
    pairs = (each.split("=") for each in said.split(","))
    return {name: float(number) for name, number in pairs}


def _rows(made: dict[str, Bounds], given: Material, first: str) -> list[dict[str, object]]:
    return [
        {"horizon": horizon, "method": name}
        | judged(bounds, given, _seen(made, given, first)[:, :, place], place)
        for place, horizon in enumerate(HORIZONS)
        for name, bounds in made.items()
    ]


def _seen(made: dict[str, Bounds], given: Material, first: str) -> Floats:
    """(w, s, h) cells from `first` on that every method has an interval for, and that matured."""
    known = np.isfinite(given.ahead) & np.asarray(given.sessions >= pd.Timestamp(first))[:, None, None]
    for bounds in made.values():
        known &= np.isfinite(bounds[0])
    return known


def _tell_slices(made: dict[str, Bounds], given: Material, first: str) -> None:
    """Coverage of the default by year and by regime."""
    name = next(iter(made))
    seen = _seen(made, given, first)
    held = np.where(seen, covered(*made[name], given.ahead), np.nan)
    frame = pd.DataFrame(
        {h: np.nanmean(held[:, :, place], axis=1) for place, h in enumerate(HORIZONS)}, index=given.sessions
    ).loc[first:]  # type: ignore[misc]
    regimes = pd.Series(given.walk.regimes, index=given.sessions).loc[first:]  # type: ignore[misc]
    sys.stdout.write(
        f"\n{name} by year and by regime\n{(100 * frame.groupby(frame.index.year).mean()).round(1).T}\n"
    )
    sys.stdout.write(
        f"{(100 * frame.groupby(regimes).mean()).round(1).T}\nsessions: {regimes.value_counts().to_dict()}\n"
    )


def _tell_names(made: dict[str, Bounds], given: Material, first: str) -> None:
    """Lowest and highest coverage of each regime over homes whose first fits lie half a year apart."""
    begun = pd.date_range("2008-01-01", "2014-07-01", freq="6MS")
    names = np.stack([names_begun(day, given.sessions) for day in begun])
    seen = _seen(made, given, first)
    for name, bounds in made.items():
        held = np.where(seen, covered(*bounds, given.ahead), np.nan)
        for place, horizon in enumerate(HORIZONS):
            sys.stdout.write(f"{name}, {horizon} ahead: {_by_name(held[:, :, place], names)}\n")


def _by_name(held: Floats, names: np.ndarray) -> str:
    """Of each regime the lowest and the highest coverage (w, s) over walks that named (k, w) sessions."""
    rates = {regime: [100 * np.nanmean(held[said == regime]) for said in names] for regime in sorted(REGIMES)}
    return ", ".join(f"{regime} {min(each):.1f} - {max(each):.1f}" for regime, each in rates.items())


if __name__ == "__main__":
    main()

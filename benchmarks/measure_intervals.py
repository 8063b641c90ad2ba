"""Coverage, width and score of intervals on real daily bars, session by session, beside what is simpler.

python benchmarks/measure_intervals.py [--target 0.25] [--first 2015-01-02] [--last 2025-06-30]

The quantiles are a random walk's; the calibrator is the one of the line, with its window and its state.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from models.forecasters.random_walk import RandomWalk
from models.intervals.adaptive import AdaptiveConformal
from trading import calendar
from trading.evaluation.interval_report import interval_report
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import Floats, Forecast, Interval, Window
from trading.stages.maturity import conformity_score
from trading.stages.version_intervals import WINDOW_SESSIONS
from trading.universe import SYMBOLS

SHARED = Path(__file__).parents[2] / "shared" / "data" / "daily" / "panel_adjusted.parquet"
ROLLING_SESSIONS = 252
BEFORE = 600  # sessions before the first that is judged: volatility, scores, and the level's own walk
UNKNOWN = np.nan


def closes(path: Path) -> pd.DataFrame:
    """Closes of the ten names, (w, s), by session."""
    rows = pd.read_parquet(path, columns=["symbol", "session", "close"])
    rows["session"] = pd.to_datetime(rows["session"])
    wide = rows.pivot_table(index="session", columns="symbol", values="close")
    return wide.reindex(columns=list(SYMBOLS))


def quantiles_of(returns: Floats, sessions: pd.DatetimeIndex) -> Floats:
    """(w, s, h, q) of the random walk at each session, NaN before it has 63."""
    model, out = RandomWalk(), np.full((*returns.shape, len(HORIZONS), len(LEVELS)), UNKNOWN)
    for end in range(model.context_sessions, len(returns) + 1):
        recent = returns[end - model.context_sessions : end]
        mask = np.isfinite(recent).sum(axis=0) >= 21
        labels = sessions[end - model.context_sessions : end].to_numpy()
        window = Window(
            calendar.as_of(sessions[end - 1]),
            labels,
            SYMBOLS,
            ("log_return",),
            recent[:, :, None],
            mask,
            "scale_free",
        )
        out[end - 1] = model.predict(window).quantiles
    return out


def outcomes(returns: Floats) -> Floats:
    """(w, s, h) return over the next h sessions, NaN where one of them is unknown."""
    out = np.full((*returns.shape, len(HORIZONS)), UNKNOWN)
    for place, horizon in enumerate(HORIZONS):
        ahead = np.lib.stride_tricks.sliding_window_view(returns[1:], horizon, axis=0).sum(axis=2)
        out[: len(ahead), :, place] = ahead
    return out


def calibrated(quantiles: Floats, ahead: Floats, calibrator: AdaptiveConformal) -> tuple[Floats, Floats]:
    """(w, s, h) bounds as the line would have issued them, each from what had matured by then."""
    low, high = (quantiles[..., LEVELS.index(p)] for p in (calibrator.target / 2, 1 - calibrator.target / 2))
    lower, upper = np.full(low.shape, UNKNOWN), np.full(low.shape, UNKNOWN)
    scores = matured(conformity_score(low, high, ahead))
    realized, level = matured(ahead), None
    for t in range(max(HORIZONS), len(low)):
        then = Interval(*(at_issue(bounds, t) for bounds in (lower, upper)), np.empty(0))
        ready = calibrator.conformalize(scores[max(0, t + 1 - WINDOW_SESSIONS) : t + 1], level)
        ready = ready.update(then, realized[t])
        interval = ready.predict_interval(Forecast(SYMBOLS, HORIZONS, quantiles[t]))
        lower[t], upper[t], level = interval.lower, interval.upper, ready.miscoverage_
    return lower, upper


def matured(values: Floats) -> Floats:
    """(w, s, h) of each session of issue, moved to the session at which it was known."""
    out = np.full(values.shape, UNKNOWN)
    for place, horizon in enumerate(HORIZONS):
        out[horizon:, :, place] = values[:-horizon, :, place]
    return out


def at_issue(bounds: Floats, session: int) -> Floats:
    """(s, h) of what matures at `session`, when it was issued."""
    return np.stack([bounds[session - horizon, :, place] for place, horizon in enumerate(HORIZONS)], axis=1)


def rolling(ahead: Floats, target: float) -> tuple[Floats, Floats]:
    """(w, s, h) quantiles of the last 252 outcomes that were known."""
    known = matured(ahead)
    shape = (len(known), -1)
    past = pd.DataFrame(known.reshape(shape)).rolling(ROLLING_SESSIONS, min_periods=60)
    low, high = past.quantile(target / 2), past.quantile(1 - target / 2)
    return low.to_numpy().reshape(known.shape), high.to_numpy().reshape(known.shape)


def rows_of(
    name: str, bounds: tuple[Floats, Floats], ahead: Floats, sessions: pd.DatetimeIndex
) -> pd.DataFrame:
    """Long rows of issued intervals that matured, for `interval_report`."""
    axes = [sessions, list(SYMBOLS), list(HORIZONS)]
    index = pd.MultiIndex.from_product(axes, names=["session", "symbol", "horizon"])
    columns = {"lower": bounds[0].ravel(), "upper": bounds[1].ravel(), "realized": ahead.ravel()}
    frame = pd.DataFrame(columns, index=index).dropna().reset_index()
    return frame.assign(model=name, year=frame["session"].dt.year.astype(str), regime="all")


def recovery(rows: pd.DataFrame, promised: float) -> Iterator[str]:
    """How deep the coverage of twenty sessions fell after 19 February 2020, and when it was back."""
    for (model, horizon), part in rows.groupby(["model", "horizon"]):
        held = ((part["lower"] <= part["realized"]) & (part["realized"] <= part["upper"])).groupby(
            part["session"]
        )
        over = held.mean().rolling(20).mean().loc["2020-02-19":"2020-09-30"]  # type: ignore[misc]
        if len(over):
            back = over[(over.index > over.idxmin()) & (over > promised - 0.05)].index
            then = f"{back[0]:%Y-%m-%d}" if len(back) else "not by 2020-09-30"
            yield f"{model}, {horizon}: lowest {over.min():.2f} ({over.idxmin():%Y-%m-%d}), within 5 points again {then}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", type=float, default=0.25, help="miscoverage: 0.25 or 0.1")
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    given = parser.parse_args()
    wide = closes(SHARED)
    begin = wide.index.searchsorted(pd.Timestamp(given.first)) - BEFORE
    wide = wide.iloc[begin:].loc[: given.last]
    sessions = pd.DatetimeIndex(wide.index).as_unit("us")
    returns = np.log(wide).diff().to_numpy()
    quantiles, ahead = quantiles_of(returns, sessions), outcomes(returns)
    low, high = LEVELS.index(given.target / 2), LEVELS.index(1 - given.target / 2)
    started = time.process_time()
    ours = calibrated(quantiles, ahead, AdaptiveConformal(target=given.target))
    seconds = time.process_time() - started
    kinds = {
        "calibrated": ours,
        "raw": (quantiles[..., low], quantiles[..., high]),
        "rolling 252": rolling(ahead, given.target),
    }
    rows = pd.concat([rows_of(name, bounds, ahead, sessions) for name, bounds in kinds.items()])
    rows = rows[rows["session"] >= pd.Timestamp(given.first)]
    table = interval_report(rows, 1 - given.target)
    everything = table[(table["symbol"] == "all") & table["slice_kind"].isin(["all", "year"])]
    years = everything[everything["slice_kind"] == "year"].groupby(["model", "horizon"])["coverage"]
    shown = everything[everything["slice_kind"] == "all"].set_index(["model", "horizon"])
    shown = shown[["n", "coverage", "mean_width", "interval_score", "kupiec_p", "christoffersen_p"]]
    shown = shown.assign(lowest_year=years.min(), highest_year=years.max())
    sys.stdout.write(f"{shown.round(4).to_string()}\n")
    sys.stdout.writelines(f"{line}\n" for line in recovery(rows, 1 - given.target))
    each = seconds / len(sessions) / len(SYMBOLS) / len(HORIZONS)
    sys.stdout.write(
        f"one calibration step: {1e6 * each:.1f} microseconds of processor for a symbol and horizon\n"
    )


if __name__ == "__main__":
    main()

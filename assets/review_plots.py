"""The pictures of a version's review page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"pinball": "#1d5f9e", "naive": "#8d99ae", "champion": "#2a9d5c"}
NAMES = {"pinball": "this version", "naive": "random walk", "champion": "champion"}


def over_time(means: pd.DataFrame) -> Figure:
    """Mean loss one session ahead, of the last 21 sessions: this version, the random walk, the champion."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    for column in ("naive", "champion", "pinball"):
        if means[column].notna().any():
            dashed = "--" if column == "champion" else "-"
            axes.plot(means.index, means[column], dashed, color=COLOURS[column], label=NAMES[column], lw=1.4)
    axes.set_ylabel("pinball loss, mean of 21 sessions")
    axes.tick_params(axis="x", rotation=30)
    axes.legend(frameon=False, fontsize=9)
    return figure


def reliability(shares: pd.DataFrame) -> Figure:
    """How often outcomes lay below each quantile, by horizon; on the diagonal a version is calibrated."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#c0c5cc", lw=1)
    for horizon, part in shares.groupby("horizon"):
        axes.plot(part["level"], part["share"], marker="o", ms=4, lw=1.2, label=f"{horizon} sessions ahead")
    axes.set_xlabel("quantile level")
    axes.set_ylabel("share of outcomes below it")
    axes.legend(frameon=False, fontsize=9)
    return figure


def by_slice(table: pd.DataFrame, horizon: int) -> Figure:
    """Loss over the random walk's, in per cent more or less, and direction, by year and regime, at one horizon."""
    from matplotlib.figure import Figure

    rows = table[(table["horizon"] == horizon).to_numpy()][::-1]
    figure = Figure(figsize=(9, 1.2 + 0.32 * len(rows)), layout="constrained")
    loss, direction = figure.subplots(1, 2, sharey=True)
    names = [f"{row.slice} (n {row.n:,})" for row in rows.itertuples()]
    loss.barh(names, (rows["over_naive"] - 1) * 100, color="#1d5f9e")
    loss.axvline(0, color="#454f5b", lw=0.8)
    loss.set_xlabel("loss over the random walk's, % (left is better)")
    direction.barh(names, rows["accuracy"] * 100, color="#2a9d5c")
    direction.axvline(50, color="#454f5b", lw=0.8)
    direction.set_xlim(30, 70)
    direction.set_xlabel("direction right, %")
    return figure

"""The pictures of a version's review page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"pinball": "#1d5f9e", "naive": "#8d99ae", "champion": "#2a9d5c"}
NAMES = {"pinball": "this version", "naive": "random walk", "champion": "champion"}


def over_time(means: pd.DataFrame) -> Figure:
    """Mean loss one session ahead, of the last 21 sessions, and below it by how much it differs from the others'."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    level, apart = figure.subplots(2, 1, sharex=True)
    for column in ("naive", "champion", "pinball"):
        if means[column].notna().any():
            style = "--" if column == "champion" else "-"
            level.plot(means.index, means[column], style, color=COLOURS[column], label=NAMES[column], lw=1.4)
    for column in ("naive", "champion"):
        more = (means["pinball"] / means[column] - 1) * 100
        apart.plot(means.index, more, color=COLOURS[column], label=f"than the {NAMES[column]}'s", lw=1.4)
    level.set_ylabel("pinball loss, 21 sessions")
    apart.set_ylabel("% more (below 0 is better)")
    apart.axhline(0, color="#454f5b", lw=0.8)
    apart.tick_params(axis="x", rotation=30)
    for axes in (level, apart):
        axes.legend(frameon=False, fontsize=9, ncols=3)
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
    direction.barh(names, (rows["accuracy"] - 0.5) * 100, color="#2a9d5c")
    direction.axvline(0, color="#454f5b", lw=0.8)
    direction.set_xlabel("direction right, points above 50 % (right is better)")
    return figure

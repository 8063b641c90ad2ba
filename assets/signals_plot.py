"""Signals and selection as pictures: what is believed, what the gates pass, and what the regime asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from trading.universe import SYMBOLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UP, DOWN, QUIET = "#2a9d5c", "#c8443f", "#8d99ae"
SLEEVES = {"w_bull": "Bull", "w_bear": "Bear", "w_volatile": "Volatile", "w_range": "Range"}


def _pair(width: float = 9.0) -> tuple[Figure, Axes, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    return figure, left, right


def _slant(axes: Axes) -> None:
    """Dates that do not run into one another, however few sessions there are."""
    axes.tick_params(axis="x", rotation=30, labelsize=7)


def signals(frame: pd.DataFrame) -> Figure:
    """The newest session's probability of each name, and over the sessions how many of ten the gates pass."""
    figure, left, right = _pair()
    newest = frame["session"].max()
    rows = frame[frame["session"] == newest].set_index("symbol").reindex(list(SYMBOLS))
    moved = rows["probability"] - 0.5
    left.barh(list(SYMBOLS), moved, left=0.5, color=np.where(moved >= 0, UP, DOWN).tolist())
    left.axvline(0.5, color="#333333", linewidth=0.8)
    left.invert_yaxis()
    left.set_xlabel(f"probability of a rise, {newest:%Y-%m-%d}")
    passed = frame.groupby("session")["passes_filter"].sum()
    right.plot(passed.index, passed, color=QUIET)
    right.set_ylim(-0.2, len(SYMBOLS) + 0.2)
    right.set_title(
        f"names that pass the gates ({int(passed.sum())} of {len(frame)} signals)", loc="left", fontsize=8
    )
    _slant(right)
    return figure


def selection(frame: pd.DataFrame) -> Figure:
    """Weights held over the sessions, and the sleeves of the newest one."""
    figure, left, right = _pair()
    wide = frame.pivot_table(index="session", columns="symbol", values="held_weight").reindex(
        columns=list(SYMBOLS)
    )
    left.stackplot(wide.index, wide.fillna(0.0).to_numpy().T, labels=list(SYMBOLS))
    left.set_ylim(0, 1)
    left.legend(ncols=5, fontsize=7, loc="upper left")
    _slant(left)
    newest = frame[frame["session"] == frame["session"].max()].set_index("symbol").reindex(list(SYMBOLS))
    right.pcolormesh(newest[list(SLEEVES)].to_numpy(dtype=float), cmap="Blues", vmin=0, vmax=0.4)
    right.set_xticks(np.arange(len(SLEEVES)) + 0.5, list(SLEEVES.values()))
    right.set_yticks(np.arange(len(SYMBOLS)) + 0.5, list(SYMBOLS))
    right.invert_yaxis()
    right.set_title(f"defensive: {newest['defensive_sleeve'].iloc[0]}", loc="left", fontsize=8)
    return figure


def reliability(table: pd.DataFrame, horizon: int) -> Figure:
    """How often a rise came, bin by bin of the probability that was given, with 95 % intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 3.6), layout="constrained")
    axes = figure.subplots()
    known = table.dropna()
    error = np.abs(known[["low", "high"]].to_numpy().T - known["frequency"].to_numpy())
    axes.errorbar(known["probability"], known["frequency"], yerr=error, fmt="o", color="#1d5f9e", capsize=2)
    ends = [table["probability"].min(), table["probability"].max()]
    axes.plot(ends, ends, color="#333333", linewidth=0.8)
    axes.set_xlabel(f"probability of a rise over {horizon} sessions")
    axes.set_ylabel("share of rises")
    return figure

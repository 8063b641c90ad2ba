"""The correlation graph as a picture: names on a circle, links as lines, and how many there were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from trading.features.graph import communities
from trading.interfaces import Floats
from trading.universe import SYMBOLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#1d5f9e", "#e9a23b", "#2a9d5c", "#c8443f", "#7b5ea7", "#8d99ae")
POSITIVE, NEGATIVE = "#5b6b7b", "#c8443f"
Placed = dict[str, tuple[float, float]]


def correlation_graph(frame: pd.DataFrame) -> Figure:
    """Links of the newest session, and how many links there were and how strong over all of them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    graph, history = figure.subplots(1, 2, width_ratios=(1, 1.1))
    newest = frame["session"].max()
    _draw(graph, frame[frame["session"] == newest])
    graph.set_title(f"{newest:%Y-%m-%d}", loc="left", fontsize=9)
    _draw_history(history, frame)
    return figure


def _draw(axes: Axes, edges: pd.DataFrame) -> None:
    names = [symbol for symbol in SYMBOLS if symbol in set(edges["symbol"])]
    weights = _weights(edges, names)
    label = communities(weights)
    colour = {
        name: COLOURS[sorted(set(label)).index(own) % len(COLOURS)]
        for name, own in zip(names, label, strict=True)
    }
    placed = _circle([names[place] for place in np.argsort(label, kind="stable")])
    for row in edges[edges["symbol"] < edges["neighbour"]].itertuples():
        _draw_link(axes, placed[row.symbol], placed[row.neighbour], float(row.correlation))
    for name, strength in zip(names, weights.sum(axis=1), strict=True):
        x, y = placed[name]
        axes.scatter([x], [y], s=120 + 60 * strength, color=colour[name], zorder=2)
        axes.annotate(name, (1.3 * x, 1.24 * y), ha="center", va="center", fontsize=9)
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-1.35, 1.35)
    axes.set_axis_off()


def _draw_link(axes: Axes, one: tuple[float, float], other: tuple[float, float], correlation: float) -> None:
    size = abs(correlation)
    axes.plot(
        (one[0], other[0]),
        (one[1], other[1]),
        color=POSITIVE if correlation > 0 else NEGATIVE,
        linewidth=0.4 + 4 * size**3,
        alpha=min(1.0, 0.15 + 0.8 * size**2),
        zorder=1,
    )


def _draw_history(axes: Axes, frame: pd.DataFrame) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    daily = frame.groupby("session")["correlation"].agg(["size", "mean"])
    axes.plot(daily.index, daily["size"] / 2, color="#1d5f9e")
    axes.set_ylim(0, None)
    axes.set_ylabel("links", color="#1d5f9e")
    axes.xaxis.set_major_formatter(ConciseDateFormatter(AutoDateLocator()))
    mean = axes.twinx()
    mean.plot(daily.index, daily["mean"], color="#e9a23b")
    mean.set_ylim(-0.05, 1)
    mean.set_ylabel("their mean correlation", color="#b8741a")


def _weights(edges: pd.DataFrame, names: list[str]) -> Floats:
    """(s, s) sizes of the links' correlations."""
    weights = np.zeros((len(names), len(names)))
    place = {name: number for number, name in enumerate(names)}
    weights[edges["symbol"].map(place), edges["neighbour"].map(place)] = edges["correlation"].abs()
    return weights


def _circle(names: list[str]) -> Placed:
    """Names evenly on a circle, the first at the top."""
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / max(len(names), 1)
    return {name: (float(np.cos(a)), float(np.sin(a))) for name, a in zip(names, angles, strict=True)}

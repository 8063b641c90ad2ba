"""Estimates as dots with their uncertainty, one a row, along a shared axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.report import axes
from pipelines.report.markup import Html, el


@dataclass(frozen=True)
class Dot:
    """One estimate.

    Attributes
    ----------
    label : what is estimated; `group` stands once above the rows that share it
    value, low, high : estimate and the ends of its interval, NaN where unknown
    colour : CSS custom property
    figures : words at the end of the row
    """

    label: str
    value: float
    low: float
    high: float
    colour: str
    figures: str
    group: str = ""


def dot_plot(title: str, dots: Sequence[Dot], *, target: float, label: Callable[[float, int], str]) -> Html:
    """A figure with one row a dot and a line at `target`."""
    known = np.array([edge for dot in dots for edge in (dot.value, dot.low, dot.high)], dtype=float)
    low, high = axes.padded(known, around=target)
    ticks = axes.value_ticks(low, high, label, 5)
    names = [el("span", tick.label, style=f"left:{100 * tick.place:.2f}%") for tick in ticks]
    rows = [_row(dot, low, high, target) for dot in dots]
    axis = el("div", el("span"), el("div", names, class_="x-axis"), el("span"), class_="dot-row axis")
    return el("figure", el("figcaption", title), _grouped(dots, rows), axis, class_="dots")


def _grouped(dots: Sequence[Dot], rows: Sequence[Html]) -> list[Html]:
    out: list[Html] = []
    for place, dot in enumerate(dots):
        if dot.group and (not place or dots[place - 1].group != dot.group):
            out.append(el("h4", dot.group))
        out.append(rows[place])
    return out


def _row(dot: Dot, low: float, high: float, target: float) -> Html:
    def place(value: float) -> float:
        return 100 * (value - low) / ((high - low) or 1.0)

    marks = [el("i", class_="target", style=f"left:{place(target):.2f}%")]
    if np.isfinite([dot.low, dot.high]).all():
        reach = f"left:{place(dot.low):.2f}%;width:{place(dot.high) - place(dot.low):.2f}%"
        marks.append(el("i", class_="whisker", style=reach))
    if np.isfinite(dot.value):
        marks.append(el("i", class_="dot", style=f"left:{place(dot.value):.2f}%"))
    return el(
        "div",
        el("span", dot.label, class_="what"),
        el("div", marks, class_="track"),
        el("span", dot.figures, class_="how"),
        class_="dot-row",
        style=f"--k:var({dot.colour})",
    )

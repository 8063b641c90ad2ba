"""Charts whose horizontal axis is a value: a histogram, and bars of parts beside their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.report import axes, figures
from pipelines.report.markup import Html, el
from trading.interfaces import Floats

_UNITS = 1000
_BINS = 41
_TAIL = 0.002
_HEIGHT = 210


def histogram(title: str, samples: Mapping[str, tuple[Floats, str]]) -> Html:
    """Share of the values of each sample in bins that all share; the outermost bins hold the tails.

    Parameters
    ----------
    samples : values (n,) and the CSS property of their colour, by name; the first is filled, the others are outlines
    """
    every = np.concatenate([values for values, _ in samples.values()])
    reach = float(np.quantile(np.abs(every), 1 - _TAIL)) or 0.01
    edges = np.linspace(-reach, reach, _BINS + 1)
    shares = {
        name: np.histogram(np.clip(values, -reach, reach), edges)[0] / max(len(values), 1)
        for name, (values, _) in samples.items()
    }
    top = 1.08 * max(float(share.max()) for share in shares.values())
    levels = axes.value_ticks(0.0, top, lambda value, digits: figures.percent(value, max(0, digits - 2)))
    below = axes.value_ticks(
        -reach, reach, lambda value, digits: figures.percent(value, max(0, digits - 2)), 8
    )
    drawn = [
        el("path", d=_steps(share, top), class_="step" if place else "step filled", style=f"--k:var({samples[name][1]})")
        for place, (name, share) in enumerate(shares.items())
    ]  # fmt: skip
    svg = el(
        "svg",
        [el("path", d=f"M0 {_UNITS * (1 - t.place):.1f}H{_UNITS}", class_="grid") for t in levels],
        el("path", d=f"M{_UNITS // 2} 0V{_UNITS}", class_="rule"),
        drawn,
        viewBox=f"0 0 {_UNITS} {_UNITS}", preserveAspectRatio="none", role="img",
        aria_label=f"{title}: share of sessions in {_BINS} bins; quantiles are in the table below",
    )  # fmt: skip
    y = [el("span", t.label, class_="y", style=f"bottom:{100 * t.place:.2f}%") for t in levels]
    x = [el("span", t.label, style=f"left:{100 * t.place:.2f}%") for t in below]
    head = el("span", "Share of sessions", class_="panel-label")
    plot = el("div", head, svg, y, class_="plot", style=f"height:{_HEIGHT}px")
    return el(
        "figure",
        el("figcaption", title),
        _key([(name, colour) for name, (_, colour) in samples.items()]),
        el("div", plot, class_="plots"),
        el("div", x, class_="x-axis", aria_hidden="true"),
        class_="histogram",
    )


def _key(names: Sequence[tuple[str, str]]) -> Html:
    keys = [el("span", el("i", style=f"--k:var({colour})"), name) for name, colour in names]
    return el("div", keys, class_="legend")


def _steps(shares: Floats, top: float) -> str:
    heights = _UNITS * (1 - shares / top)
    width = _UNITS / len(shares)
    steps = "".join(f"V{y:.1f}H{width * (k + 1):.1f}" for k, y in enumerate(heights.tolist()))
    return f"M0 {_UNITS}{steps}V{_UNITS}Z"


def bar(share: float) -> Html:
    """A bar from the middle of its cell, to the right above 0 and to the left below; `share` is within ±1."""
    size = 50 * min(abs(share), 1.0)
    left = 50 - (size if share < 0 else 0)
    mark = el("i", class_="gain" if share >= 0 else "loss", style=f"left:{left:.1f}%;width:{size:.1f}%")
    return el("span", mark, class_="part-bar", aria_hidden="true")

"""Charts as SVG that stretches with the page, with labels in HTML that do not.

The drawing is a box of 1000 × 1000 units that CSS pulls to any width; strokes keep their width
(`vector-effect`), and ticks are text placed in per cent, so a chart is as legible on a phone as on
paper. Colours are CSS custom properties, which is how a chart follows light, dark and print.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from pipelines.report import axes, figures
from pipelines.report.axes import Tick
from pipelines.report.markup import Html, el, joined, table
from trading.interfaces import Floats

UNITS = 1000
_MOST_POINTS = 1600  # of a curve: a page shows about so many dots across
_NEAR_END = 0.965  # a label in the middle of such a tick would leave the page
Unit = Literal["percent", "dollars", "number"]
_TICK_TEXT: dict[Unit, Callable[[float, int], str]] = {
    "percent": lambda value, digits: figures.percent(value, max(0, digits - 2)),
    "dollars": lambda value, _digits: figures.short_dollars(value),
    "number": figures.plain,
}


@dataclass(frozen=True)
class Series:
    """One line, area or band over the sessions of a chart.

    Attributes
    ----------
    name : as the legend says it; empty keeps it out of legend and tooltip
    values : (n,) upper edge, NaN where there is none
    colour : CSS custom property such as `--c-nvda`
    lower : (n,) lower edge of a filled area, None for a line
    shown : (n,) what the tooltip says, if not `values`
    bars : drawn as a stick a session; band : lets what is below it shine through
    dashed, faint : how it is drawn
    """

    name: str
    values: Floats
    colour: str
    lower: Floats | None = None
    shown: Floats | None = None
    bars: bool = False
    band: bool = False
    dashed: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Span:
    """A tinted stretch of sessions, from place `first` to place `last`, both included."""

    first: int
    last: int
    colour: str


@dataclass(frozen=True)
class Panel:
    """One plot of a chart, with a vertical axis of its own.

    Attributes
    ----------
    limits : of the axis; None takes what the series need
    rule : a value at which a line is drawn across, such as a target
    log : whether the axis is logarithmic; values must be above 0
    """

    series: Sequence[Series]
    unit: Unit = "number"
    height: int = 240
    label: str = ""
    limits: tuple[float, float] | None = None
    rule: float | None = None
    spans: Sequence[Span] = field(default=())
    log: bool = False

    @property
    def drawn(self) -> Panel:
        """The panel as it stands on paper: a logarithmic one holds the logarithms."""
        if not self.log:
            return self
        limits = self.limits or _limits(self)
        series = [replace(s, values=np.log(s.values)) for s in self.series]
        return replace(self, series=series, limits=(math.log(limits[0]), math.log(limits[1])))


def stacked(names: Sequence[str], values: Floats, colours: Sequence[str]) -> list[Series]:
    """Areas on top of each other from (n, k) values; the tooltip shows each one's own value."""
    upper = np.cumsum(np.nan_to_num(values), axis=1)
    lower = upper - np.nan_to_num(values)
    return [
        Series(name, upper[:, k], colours[k], lower=lower[:, k], shown=values[:, k])
        for k, name in enumerate(names)
    ]


def chart(title: str, sessions: pd.DatetimeIndex, panels: Sequence[Panel], *, small: bool = False) -> Html:
    """A figure of panels over the same sessions, with legend and tooltip."""
    ticks = axes.session_ticks(sessions, 4 if small else 9)
    return el(
        "figure",
        el("figcaption", title),
        None if small else _legend(panels),
        el("div", [_plot(title, panel, ticks, len(sessions)) for panel in panels], class_="plots"),
        _ticks_below(ticks),
        None if small else _numbers(sessions, panels),
        _tooltip_data(sessions, panels),
        class_="chart small" if small else "chart",
    )


def _legend(panels: Sequence[Panel]) -> Html | None:
    """Names by colour; a panel with one named series says itself what it shows."""
    named = [[s for s in panel.series if s.name] for panel in panels]
    by_colour = {
        (s.colour, s.dashed): s for several in reversed(named) if len(several) > 1 for s in reversed(several)
    }
    keys = [
        el("span", el("i", style=f"--k:var({s.colour})", class_="dashed" if s.dashed else None), s.name)
        for s in reversed(by_colour.values())
    ]
    return el("div", keys, class_="legend") if keys else None


def _plot(title: str, given: Panel, ticks: Sequence[Tick], count: int) -> Html:
    panel = given.drawn
    low, high = panel.limits or _limits(panel)
    levels = _levels(given, low, high)
    drawing = el(
        "svg",
        [_span(span, count) for span in panel.spans],
        [_line_at(UNITS * (1 - tick.place), "grid") for tick in levels],
        [el("path", d=f"M{UNITS * tick.place:.1f} 0V{UNITS}", class_="grid x") for tick in ticks],
        [_drawn(series, low, high) for series in panel.series],
        None if panel.rule is None else _line_at(_height_of(panel.rule, low, high), "rule"),
        viewBox=f"0 0 {UNITS} {UNITS}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{title} {panel.label}".strip() + _spoken(given),
    )
    names = [el("span", t.label, class_="y", style=f"bottom:{100 * t.place:.2f}%") for t in levels]
    head = el("span", panel.label, class_="panel-label") if panel.label else None
    return el("div", head, drawing, names, class_="plot", style=f"height:{panel.height}px")


def _levels(panel: Panel, low: float, high: float) -> list[Tick]:
    text, wanted = _TICK_TEXT[panel.unit], max(2, panel.height // 44)
    if panel.log:
        return axes.log_ticks(math.exp(low), math.exp(high), text, wanted)
    return axes.value_ticks(low, high, text, wanted)


def _spoken(panel: Panel) -> str:
    """What the lines of a panel do, for who cannot see them."""
    said = []
    for series in panel.series:
        known = _shown(series)[np.isfinite(_shown(series))]
        if series.name and len(known):
            ends = (_number(panel.unit, value) for value in (known[0], known[-1], known.min(), known.max()))
            said.append("{}: from {} to {}, lowest {}, highest {}".format(series.name, *ends))
    return f". {'; '.join(said)}" if said else ""


def _numbers(sessions: pd.DatetimeIndex, panels: Sequence[Panel]) -> Html | None:
    """The chart as a table: first, last, lowest and highest value of each line, with the session of the extremes."""
    rows = [_extremes(sessions, panel.unit, s) for panel in panels for s in panel.series if s.name]
    told = [row for row in rows if row]
    if not told:
        return None
    headers = ("", "First", "Last", "Lowest", "on", "Highest", "on")
    return el("details", el("summary", "The chart in numbers"), table(headers, told), class_="values")


def _extremes(sessions: pd.DatetimeIndex, unit: Unit, series: Series) -> list[str]:
    values = _shown(series)
    places = np.flatnonzero(np.isfinite(values))
    if not len(places):
        return []
    low, high = places[values[places].argmin()], places[values[places].argmax()]
    first, last = (_number(unit, values[place]) for place in places[[0, -1]])
    return [
        series.name, first, last, _number(unit, values[low]), figures.day(sessions[low]),
        _number(unit, values[high]), figures.day(sessions[high]),
    ]  # fmt: skip


def _shown(series: Series) -> Floats:
    return series.values if series.shown is None else series.shown


def _number(unit: Unit, value: float) -> str:
    if unit == "dollars":
        return figures.dollars(100 * value)
    return figures.percent(value, 2) if unit == "percent" else figures.plain(value, 3)


def _limits(panel: Panel) -> tuple[float, float]:
    edges = [s.values for s in panel.series] + [s.lower for s in panel.series if s.lower is not None]
    return axes.padded(np.concatenate([np.ravel(edge) for edge in edges] or [np.empty(0)]), around=panel.rule)


def _line_at(height: float, kind: str) -> Html:
    return el("path", d=f"M0 {height:.1f}H{UNITS}", class_=kind)


def _height_of(value: float, low: float, high: float) -> float:
    return UNITS * (1 - (value - low) / ((high - low) or 1.0))


def _span(span: Span, count: int) -> Html:
    step = UNITS / max(count - 1, 1)
    left, right = max(0.0, (span.first - 0.5) * step), min(float(UNITS), (span.last + 0.5) * step)
    path = f"M{left:.1f} 0H{right:.1f}V{UNITS}H{left:.1f}Z"
    return el("path", d=path, class_="span", style=f"--k:var({span.colour})")


def _drawn(series: Series, low: float, high: float) -> Html:
    count = len(series.values)
    across = UNITS * (np.arange(count) / (count - 1) if count > 1 else np.full(count, 0.5))
    top = UNITS * (1 - (series.values - low) / ((high - low) or 1.0))
    if not series.bars:
        edges = (
            [top]
            if series.lower is None
            else [top, UNITS * (1 - (series.lower - low) / ((high - low) or 1.0))]
        )
        kept = axes.kept_places(np.stack(edges), _MOST_POINTS)
        across, edges = across[kept], [edge[kept] for edge in edges]
    kinds = ["area" if series.lower is not None else "line"]
    kinds += [kind for kind in ("bars", "band", "dashed", "faint") if getattr(series, kind)]
    if series.bars:
        path = _sticks(across, top, _height_of(0.0, low, high))
    elif series.lower is None:
        path = _path(across, edges[0])
    else:
        path = _outline(across, *edges)
    return el("path", d=path, class_=" ".join(kinds), style=f"--k:var({series.colour})")


def _sticks(across: Floats, top: Floats, ground: float) -> str:
    """A stick from the ground for each value that is not zero."""
    places = zip(across.tolist(), top.tolist(), strict=True)
    return "".join(f"M{x:.1f} {ground:.1f}V{y:.1f}" for x, y in places if not math.isnan(y) and y != ground)


def _path(across: Floats, down: Floats) -> str:
    """One stroke for each stretch without a gap; a lone point becomes a dot."""
    parts, lifted = [], True
    for x, y in zip(across.tolist(), down.tolist(), strict=True):
        if math.isnan(y):
            lifted = True
            continue
        parts.append(f"{'M' if lifted else 'L'}{x:.1f} {y:.1f}{'h.01' if lifted else ''}")
        lifted = False
    return "".join(parts)


def _outline(across: Floats, top: Floats, bottom: Floats) -> str:
    """A closed outline around each stretch where both edges are known."""
    known = ~(np.isnan(top) | np.isnan(bottom))
    breaks = np.flatnonzero(np.diff(known.astype(int))) + 1
    stretches = [part for part in np.split(np.arange(len(known)), breaks) if len(part) and known[part[0]]]
    return "".join(_closed(across[part], top[part], bottom[part]) for part in stretches)


def _closed(across: Floats, top: Floats, bottom: Floats) -> str:
    edge = np.column_stack([np.append(across, across[::-1]), np.append(top, bottom[::-1])])
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in edge.tolist()) + "Z"


def _ticks_below(ticks: Sequence[Tick]) -> Html:
    names = [
        el("span", t.label, class_="end" if t.place > _NEAR_END else None, style=f"left:{100 * t.place:.2f}%")
        for t in ticks
    ]
    return el("div", names, class_="x-axis", aria_hidden="true")


def _tooltip_data(sessions: pd.DatetimeIndex, panels: Sequence[Panel]) -> Html:
    """What the pointer shows, as JSON that no text can break out of."""
    lines = [
        [s.name, s.colour, panel.unit, _rounded(s.values if s.shown is None else s.shown)]
        for panel in panels
        for s in panel.series
        if s.name
    ]
    payload = json.dumps({"x": [f"{s:%Y-%m-%d}" for s in sessions], "s": lines}, separators=(",", ":"))
    return el("script", joined(Html(payload.replace("<", "\\u003c"))), type="application/json")


def _rounded(values: Floats) -> list[float | None]:
    return [float(f"{v:.7g}") if math.isfinite(v) else None for v in values.tolist()]

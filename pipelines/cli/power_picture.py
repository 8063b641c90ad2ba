"""The power curve as a picture of its own: share of runs that claim an edge, against the edge that was planted."""

from __future__ import annotations

from typing import Any

import pandas as pd

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 560, 340, 60, 44, 20, 50
_STYLE = "font-family:system-ui,sans-serif;font-size:12px;fill:#333"


def power_picture(curve: pd.DataFrame) -> str:
    """An SVG of the shares with their intervals.

    Parameters
    ----------
    curve : one row an edge, ascending: edge, share, low, high, n, and the level at the edge 0, if it is there
    """
    largest = float(curve["edge"].max())
    points = [(_across(row.edge, largest), row) for row in curve.itertuples()]
    line = " ".join(f"{x:.1f},{_down(row.share):.1f}" for x, row in points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" style="{_STYLE}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-weight="600">SIMULATED: share of runs that report an edge, with 95 % intervals</text>',
        *(_rule(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        *(_level(level) for level in curve["level"].dropna().head(1)),
        f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="2"/>',
        *(_point(x, row) for x, row in points),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">planted edge, in tenths of correlation</text>',
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _across(edge: float, largest: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * edge / largest


def _down(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _rule(share: float) -> str:
    y = _down(share)
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>'
    )


def _level(level: float) -> str:
    y = _down(level)
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#b3261e" stroke-dasharray="4 3"/>'
        f'<text x="{WIDTH - RIGHT}" y="{y - 5:.1f}" text-anchor="end" fill="#b3261e">level {level:.1%}</text>'
    )


def _point(x: float, row: Any) -> str:
    low, middle, high = (_down(float(share)) for share in (row.low, row.share, row.high))
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="#1f5fa8"/>'
        f'<circle cx="{x:.1f}" cy="{middle:.1f}" r="4" fill="#1f5fa8"><title>{row.share:.1%} of {row.n}</title></circle>'
        f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{row.edge:g}</text>'
    )

"""`fabline explain`: the chain behind a fill, as a tree for people or as JSON."""

from __future__ import annotations

import io
import json
import math
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from pipelines import settings
from pipelines.environment import market_line, open_store
from pipelines.wiring import plan_of
from trading.errors import UsageError
from trading.monitoring.explain import Step, Value, explain_fill

_SHARES = ("p_", "value_at_risk", "weight", "return", "exposure", "probability", "cap", "drawdown", "volatility", "turnover", "miscoverage")  # fmt: skip
_LOG_RETURNS = ("q050", "q125", "q250", "q500", "q750", "q875", "q950", "lower", "upper", "median", "alpha", "between_models", "realized", "matured_median")  # fmt: skip
_HIDDEN = ("row", "source")
DASH = "–"
_PAGE_WIDTH = 140


def explain(home: Path, fill: str, format_: Literal["tree", "json"] = "tree") -> None:
    """Print the chain behind `fill`: an id, the start of one, `last`, or SYMBOL@SESSION."""
    step = chain(home, fill)
    if format_ == "json":
        print(json.dumps(step.as_dict(), indent=2, ensure_ascii=False, allow_nan=False))  # noqa: T201 - the answer
        return
    console = Console(highlight=False)
    if said := market_line(home):
        console.print(said, style="bold yellow")
    console.print(tree(step))


def chain(home: Path, fill: str) -> Step:
    """The steps behind `fill` in the home at `home`."""
    if not fill:
        raise UsageError("which fill? an id of the table fills, `last`, or SYMBOL@SESSION")
    with closing(open_store(home)) as store:
        wanted = settings.load(home).settings
        return explain_fill(store, plan_of(wanted), fill, wanted.main)


@dataclass(frozen=True)
class Explanation:
    """The chain behind a fill, as a notebook shows it, under a line on a simulated market."""

    step: Step
    heading: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The chain as plain values."""
        return self.step.as_dict()

    def __str__(self) -> str:
        """The chain as a tree of text."""
        page = io.StringIO()
        if self.heading:
            page.write(f"{self.heading}\n")
        Console(file=page, width=_PAGE_WIDTH, highlight=False, color_system=None).print(tree(self.step))
        return page.getvalue()

    __repr__ = __str__


def tree(step: Step) -> Tree:
    """A step and all behind it, for the terminal."""
    grown = Tree(_label(step), guide_style="dim")
    _grow(grown, step)
    return grown


def _grow(node: Tree, step: Step) -> None:
    if step.values:
        node.add(_grid(step))
    for cause in step.because:
        _grow(node.add(_label(cause)), cause)


def _label(step: Step) -> Text:
    return Text.assemble((step.title, "bold"), "  ", (f"{step.table} {step.session}", "dim"))


def _grid(step: Step) -> Table:
    """Names and values side by side, in pairs of columns."""
    shown = [(name, text(name, value)) for name, value in step.values.items() if name not in _HIDDEN]
    grid = Table.grid(padding=(0, 2))
    half = math.ceil(len(shown) / 2)
    for k in range(half):
        pair = shown[k], shown[k + half] if k + half < len(shown) else ("", "")
        grid.add_row(
            *(Text(word, style=style) for cell in pair for word, style in zip(cell, ("dim", ""), strict=True))
        )
    return grid


def text(name: str, value: Value) -> str:
    """A value as a person reads it, by the name of its column.

    >>> text("commission_cents", 123), text("target_weight", 0.1), text("q500", -0.01), text("gap", None)
    ('1.23 USD', '10.00 %', '-1.000 %', '–')
    """
    if value is None or value == "":
        return DASH
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if name.endswith("_cents"):
        return f"{value / 100:,.2f} USD"
    if name in _LOG_RETURNS:
        return f"{value:.3%}".replace("%", " %")
    if any(word in name for word in _SHARES):
        return f"{value:.2%}".replace("%", " %")
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"

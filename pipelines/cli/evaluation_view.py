"""An evaluation for people: the figures over all sessions in full, then what years, regimes, names and horizons did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipelines.cli.rendering import write_text
from trading.evaluation.figures import BOOK, CHOICE, FORECASTS, HELD_OUT, NAMES
from trading.evaluation.paired import ALL

_WHOLE = (ALL, HELD_OUT)
# How each metric reads: words, and whether it is a share (in per cent).
_WORDS: Mapping[str, tuple[str, bool]] = {
    "total_return": ("return", True),
    "mean_return": ("mean return a year", True),
    "p_value_of_mean": ("  t-test: p of a mean of 0", False),
    "volatility": ("volatility a year", True),
    "sharpe": ("Sharpe ratio (stationary bootstrap)", False),
    "sharpe_lo": ("Sharpe ratio (Lo)", False),
    "probabilistic_sharpe": ("  probability that it is above 0", True),
    "sharpe_of_luck": ("  best of all trials without skill", False),
    "deflated_sharpe": ("  probability that it is above that", True),
    "minimum_track_record": ("  sessions until it is above 0 (95 %)", False),
    "months_to_detect": ("  months to tell it from 0 (power 80 %), and had", False),
    "drawdown": ("deepest drawdown", True),
    "drawdown_to_expect": ("  to expect in as long again (5 to 95 %)", True),
    "turnover": ("turnover a year, times equity", False),
    "cost": ("costs a year", True),
}  # fmt: skip
_DIGITS = {"relative_loss": 4, "mape": 4}
_SHARES = ("contaminated", "direction", "mape", "probability_of_overfitting", "probability_of_loss")


def write(found: pd.DataFrame, facts: Sequence[str], output: Path | None) -> None:
    """Write the facts and the tables that people read; every slice is in the other formats."""
    write_lines([*facts, *_parts(found)], output)


def write_lines(lines: Iterable[str], output: Path | None) -> None:
    """Write lines for people."""
    write_text("\n".join(lines) + "\n", output)


def _parts(found: pd.DataFrame) -> Iterator[str]:
    whole = found[found["slice_kind"].isin(_WHOLE)]
    for subject, rows in whole[whole["part"] == BOOK].groupby("subject", sort=False):
        yield f"\nBOOK {subject} (value, 95 % interval, n, equal weight of the same names)"
        yield aligned([[_words(row.metric), *_cells(row)] for row in rows.itertuples()])
    for strategy, rows in found[found["part"].isin((BOOK, NAMES))].groupby("subject", sort=False):
        yield from _slices_of(str(strategy), rows)
    forecasts = whole[(whole["part"] == FORECASTS) & (whole["metric"] != "contaminated")]
    if len(forecasts):
        yield "\nFORECASTS (value, 95 % interval, n, knowing nothing: always up, the random walk)"
        yield aligned(
            [[f"{r.subject} {r.timeframe} {r.horizon}", r.metric, *_cells(r)] for r in forecasts.itertuples()]
        )
    choice = found[found["part"] == CHOICE]
    if len(choice):
        yield "\nCHOICE among variants (value, interval, n, equal weight or chance)"
        yield aligned([[r.subject, r.metric, *_cells(r)] for r in choice.itertuples()])
        return
    yield "\nevery year, regime, symbol and group of every model: --format csv or json"


def _slices_of(strategy: str, found: pd.DataFrame) -> Iterator[str]:
    """What one book did by year and regime, and what each name and group brought it."""
    for kind in ("year", "regime"):
        rows = found[(found["part"] == BOOK) & (found["slice_kind"] == kind)]
        if len(rows):
            yield (
                f"\nBOOK {strategy} by {kind} (Sharpe ratio, 95 % interval by bootstrap, n, equal weight's; return; "
                f"deepest drawdown)"
            )
            yield aligned(list(_book_lines(rows)))
    for kind in ("symbol", "group"):
        rows = found[
            (found["part"] == NAMES) & (found["slice_kind"] == kind) & (found["metric"] == "mean_return")
        ]
        if len(rows):
            yield f"\nBOOK {strategy} by {kind} (what it brought a year, 95 % interval, n)"
            yield aligned([[row.slice, *_cells(row)[:3]] for row in rows.itertuples()])


def _book_lines(rows: pd.DataFrame) -> Iterator[list[str]]:
    for name, part in rows.groupby("slice", sort=False):
        by = {row.metric: row for row in part.itertuples()}
        yield [str(name), *_cells(by["sharpe"]), _cells(by["total_return"])[0], _cells(by["drawdown"])[0]]


def _words(metric: str) -> str:
    return _WORDS[metric][0] if metric in _WORDS else metric.replace("_", " ", 1)


def _cells(row: pd.Series) -> list[str]:
    """Value, interval, sample and naive figure of a row, as text; a figure that means nothing is a dash."""
    share = _WORDS.get(row.metric, ("", row.metric in _SHARES))[1]
    digits = _DIGITS.get(row.metric, 3)
    value, low, high, naive = (
        number(v, share=share, digits=digits) for v in (row.value, row.low, row.high, row.naive)
    )
    interval = f"{low} to {high}" if math.isfinite(row.low) and math.isfinite(row.high) else ""
    return [value, interval, f"{row.n:,}", "" if math.isnan(row.naive) else naive]


def number(value: float, *, share: bool, digits: int = 3) -> str:
    """A figure as text, with so many digits that say something; a dash if it means nothing."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never" if value > 0 else "-never"
    if share:
        return f"{100 * value:.{digits - 2}f} %"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.{digits}g}"  # noqa: PLR2004 - digits that say something


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Lines of cells of the same width, the first of a row on the left, the others on the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))] if rows else []
    return "\n".join(
        "  ".join(
            cell.ljust(w) if place == 0 else cell.rjust(w)
            for place, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )

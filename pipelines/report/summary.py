"""The end of a run on the terminal: what it came to, what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.report import figures
from pipelines.report.contaminated import clean_sessions, left_out
from pipelines.report.facts import ReportFacts
from pipelines.report.material import Material
from pipelines.report.matured import matured_ensemble
from pipelines.report.sections.calibration import PROMISED
from pipelines.report.sections.headline import NEXT_OPEN, simple_returns, verdict, waiting_orders
from trading.evaluation.coverage import coverage_of
from trading.evaluation.performance import Summary, summarize
from trading.evaluation.resampling import paired_figures
from trading.evaluation.uncertainty import Estimate
from trading.interfaces import Bools

SUMMARY_TABLES: tuple[str, ...] = (
    "performance", "fills", "orders", "ensemble_intervals", "ensemble_forecast", "target_portfolio",
)  # fmt: skip
NO_INTERVAL = "no interval"


def summary(
    tables: Mapping[str, pd.DataFrame],
    facts: ReportFacts,
    *,
    report: Path | None = None,
    next_command: str = "",
) -> RenderableType:
    """What a person wants to know when a run is over.

    Parameters
    ----------
    tables : at least `SUMMARY_TABLES`; an absent one counts as empty
    report : where the report is; None leaves it out
    next_command : what to type next; empty leaves it out
    """
    material = Material(tables, facts)
    return Group(
        _title(facts),
        _figures(material),
        Text(""),
        _orders(material),
        *_ends(report, next_command),
    )


def _title(facts: ReportFacts) -> Text:
    words = Text()
    if facts.what_if:
        mark, said = facts.what_if.split(": ", 1)
        words.append(f" {mark} ", style="black on magenta")
        words.append(f" {said}\n", style="magenta")
    if facts.simulated:
        words.append(" SIMULATED ", style="black on yellow")
        words.append(" prices made up by a program\n", style="yellow")
    return words.append(f"{figures.day(facts.first)} to {figures.day(facts.last)}, source {facts.source}")


def _figures(material: Material) -> RenderableType:
    performance = material["performance"]
    if len(performance) < 2:  # noqa: PLR2004 - one session holds the deposit and no return
        equity = (
            f"equity {figures.dollars(performance['equity_cents'].iloc[0])}"
            if len(performance)
            else "no traded session yet"
        )
        return Text(f"{equity}; returns need two sessions")
    counts = clean_sessions(material)
    flag = [Text(said, style="bold yellow")] if (said := left_out(counts)) else []
    trials = Text(material.facts.trials_told, style="dim")
    if not counts[1:].any():
        return Group(*flag, Text("no session is left for a figure"), trials)
    found = summarize(performance, counts=counts)
    grid = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    for name in ("", "strategy", "equal weight"):
        grid.add_column(name, justify="left" if not name else "right")
    for row in _rows(performance, found, counts):
        grid.add_row(*row)
    below = [Text(verdict(found), style="dim"), Text(_activity(material, found)), trials]
    return Group(*flag, grid, *below)


def _rows(performance: pd.DataFrame, found: Summary, counts: Bools) -> list[tuple[str, str, str]]:
    last = performance.iloc[-1]
    own, equal = simple_returns(performance)
    drawn = paired_figures(own[counts[1:]], equal[counts[1:]])
    fall, naive_fall, _ = (replace(e, low=-e.high, high=-e.low) for e in drawn["drawdown"])
    made, naive_made, _ = drawn["total_return"]
    sharpe = found.sharpe_lower, found.sharpe_upper
    naive = drawn["sharpe"][1]
    return [
        ("equity", figures.dollars(last["equity_cents"]), figures.dollars(100 * last["equal_weight_equity"])),
        ("return (95 %)", figures.percent(found.total_return, 2, signed=True) + _share(made), figures.percent(found.equal_weight_return, 2, signed=True) + _share(naive_made)),
        ("deepest drawdown (95 %)", figures.percent(-found.maximum_drawdown) + _share(fall), figures.percent(-found.equal_weight_maximum_drawdown) + _share(naive_fall)),
        ("Sharpe ratio (95 %)", figures.plain(found.sharpe) + _below(figures.span(*sharpe)), figures.plain(found.equal_weight_sharpe) + _below(figures.span(naive.low, naive.high))),
        ("costs", f"{figures.dollars(100 * found.cost_usd)}, {figures.plain(found.cost_bps, 1)} bps", "none assumed"),
    ]  # fmt: skip


def _share(estimate: Estimate) -> str:
    return _below(figures.span(estimate.low, estimate.high, 1, as_percent=True))


def _below(interval: str) -> str:
    """An interval under its figure; a missing one says so."""
    return f"\n{NO_INTERVAL if interval == figures.DASH else interval}"


def _activity(material: Material, found: Summary) -> str:
    due = matured_ensemble(material)
    marked = due["contaminated"].to_numpy(dtype=bool)
    held = coverage_of(due["covered"].to_numpy(dtype=float)[~marked], PROMISED)
    coverage = (
        f"{figures.percent(held.rate)} of {held.observations:,} intervals held ({figures.percent(PROMISED, 0)} promised)"
        if held.observations
        else "no interval has matured yet"
    )
    flag = f"; {int(marked.sum()):,} CONTAMINATED ones are left out" if marked.any() else ""
    return f"{found.sessions} sessions of returns, {len(material['fills']):,} fills; {coverage}{flag}"


def _orders(material: Material) -> Text:
    waiting = waiting_orders(material)
    listed = ", ".join(
        f"{'buy' if row.quantity > 0 else 'sell'} {abs(row.quantity):,} {row.symbol}"
        for row in waiting.itertuples()
    )
    return Text.assemble((f"{NEXT_OPEN}: ", "bold"), listed or "nothing")


def _ends(report: Path | None, next_command: str) -> list[Text]:
    lines = [Text.assemble(("report  ", "dim"), str(report))] if report else []
    return [*lines, *([Text.assemble(("next    ", "dim"), next_command)] if next_command else [])]

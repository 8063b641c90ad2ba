"""How a run ends on the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from pipelines.report import ReportFacts
from pipelines.report.summary import summary
from trading.testing.finished_home import finished_home

TABLES = finished_home(40)
FIRST, LAST = TABLES["performance"]["session"].iloc[[0, -1]]
FACTS = ReportFacts(
    home="trial", source="simulated", simulated=True, basis="raw", inception=FIRST, first=FIRST, last=LAST,
    made_at=pd.Timestamp("2026-01-02", tz="UTC"),
)  # fmt: skip


def told(tables: dict[str, pd.DataFrame], facts: ReportFacts = FACTS, **ends: object) -> str:
    page = io.StringIO()
    Console(file=page, width=120, color_system=None).print(summary(tables, facts, **ends))
    return page.getvalue()


def test_figures_are_those_of_the_tables() -> None:
    rows, text = TABLES["performance"], told(TABLES)
    made = rows["equity_cents"].iloc[-1] / rows["equity_cents"].iloc[0] - 1

    assert f"${rows['equity_cents'].iloc[-1] / 100:,.0f}" in text
    assert f"{100 * made:+.2f} %".replace("-", "−") in text
    assert "39 sessions of returns, 39 fills" in text


def test_coverage_counts_what_matured() -> None:
    held = TABLES["ensemble_intervals"]["covered"].dropna()

    assert f"{100 * held.mean():.1f} % of {len(held):,} intervals held" in told(TABLES)


def test_waiting_orders_and_the_way_on_are_told() -> None:
    order = TABLES["orders"].iloc[-1]
    text = told(TABLES, report=Path("/tmp/r.html"), next_command="fabline explain last")

    assert f"to trade at the next open: sell {-order['quantity']} {order['symbol']}" in text
    assert "/tmp/r.html" in text
    assert text.rstrip().endswith("fabline explain last")


def test_a_made_up_market_is_called_simulated_and_a_real_one_is_not() -> None:
    assert "SIMULATED" in told(TABLES)
    assert "SIMULATED" not in told(TABLES, replace(FACTS, simulated=False))


def test_the_sharpe_ratio_comes_with_its_interval_and_its_meaning() -> None:
    text = " ".join(told(TABLES).split())

    assert "Sharpe ratio (95 %)" in text
    assert "The 95 % interval of the Sharpe ratio" in text


def test_a_home_of_one_session_says_so() -> None:
    text = told(finished_home(1), replace(FACTS, last=FIRST))

    assert "returns need two sessions" in text
    assert "nan" not in text


def test_an_empty_home_says_so() -> None:
    text = told({}, replace(FACTS, inception=None, first=None, last=None))

    assert "no traded session yet" in text
    assert "next open: nothing" in text


def test_a_sure_sample_still_promises_nothing() -> None:
    rising = TABLES["performance"].assign(log_return=np.resize([0.01, 0.012, 0.009], 40))

    assert "promises nothing" in " ".join(told({**TABLES, "performance": rising}).split())

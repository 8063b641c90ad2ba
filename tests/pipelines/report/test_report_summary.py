"""How a run ends on the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pipelines.report import ReportFacts
from pipelines.report.summary import summary
from trading.evaluation.resampling import paired_figures
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


def spoilt(sessions: int) -> dict[str, pd.DataFrame]:
    """The tables with the ensemble's forecasts of the first sessions CONTAMINATED."""
    said = TABLES["ensemble_forecast"]
    last = TABLES["performance"]["session"].iloc[sessions - 1]
    return {**TABLES, "ensemble_forecast": said.assign(contaminated=said["session"] <= last)}


def test_what_rests_on_contaminated_forecasts_is_left_out_and_counted() -> None:
    text = " ".join(told(spoilt(12)).split())
    rows = TABLES["performance"]

    # mixes are solved every fifth session: that of the 11th holds to the 15th, and decides what is held
    # until the open of the 17th
    made = np.exp(rows["log_return"].iloc[17:].sum()) - 1
    assert "16 of 39 sessions rest on CONTAMINATED forecasts and are left out" in text
    assert f"{100 * made:+.2f} %".replace("-", "−") in text
    assert "23 sessions of returns" in text


def test_coverage_leaves_contaminated_forecasts_out() -> None:
    issued = spoilt(12)["ensemble_forecast"]
    rows = TABLES["ensemble_intervals"].dropna(subset=["covered"])
    place = pd.Series(range(40), index=TABLES["performance"]["session"])
    clean = rows[(rows["session"].map(place) - rows["horizon"]) >= 12]

    text = " ".join(told(spoilt(12)).split())

    assert f"{100 * clean['covered'].mean():.1f} % of {len(clean):,} intervals held" in text
    assert f"{len(rows) - len(clean):,} CONTAMINATED ones are left out" in text
    assert issued["contaminated"].sum() == 12 * 30


def test_without_a_clean_session_there_is_no_figure() -> None:
    text = " ".join(told(spoilt(40)).split())

    assert "39 of 39 sessions rest on CONTAMINATED forecasts" in text
    assert "no session is left for a figure" in text
    assert "nan" not in text


def test_each_figure_of_equal_weight_has_its_interval_or_says_that_it_has_none() -> None:
    returns = np.expm1(TABLES["performance"][["log_return", "equal_weight_log_return"]].to_numpy()[1:].T)
    _, equal, _ = paired_figures(*returns)["sharpe"]
    few = finished_home(10)

    assert f"{equal.low:.2f} to {equal.high:.2f}".replace("-", "−") in told(TABLES)
    assert told(few, replace(FACTS, last=few["performance"]["session"].iloc[-1])).count("no interval") == 6


@pytest.mark.parametrize(
    ("trials", "said"),
    [(0, "book of trials is empty"), (1, "1 variant was looked at"), (3, "3 variants were looked at")],
)
def test_the_number_of_trials_is_told_with_what_it_leaves_out(trials: int, said: str) -> None:
    text = " ".join(told(TABLES, replace(FACTS, trials=trials)).split())

    assert said in text
    assert ("other homes are not counted" in text) == (trials > 0)


def test_waiting_orders_and_the_way_on_are_told() -> None:
    order = TABLES["orders"].iloc[-1]
    text = told(TABLES, report=Path("/tmp/r.html"), next_command="fabline explain last")

    assert f"to trade at the next open: sell {-order['quantity']} {order['symbol']}" in text
    assert "/tmp/r.html" in text
    assert text.rstrip().endswith("fabline explain last")


def test_a_made_up_market_is_called_simulated_and_a_real_one_is_not() -> None:
    assert "SIMULATED" in told(TABLES)
    assert "SIMULATED" not in told(TABLES, replace(FACTS, simulated=False))


def test_a_what_if_copy_is_called_one() -> None:
    assert "WHAT-IF  trial as if" in told(TABLES, replace(FACTS, what_if="WHAT-IF: trial as if"))


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

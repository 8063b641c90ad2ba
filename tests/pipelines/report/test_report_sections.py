"""Sections that a committee reads: each computed again from the tables, and honest where there is nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report import ReportFacts, axes
from pipelines.report.bars import histogram
from pipelines.report.charts import Panel, Series, chart
from pipelines.report.checked import expectations_in, nulls_in
from pipelines.report.facts import Expectations
from pipelines.report.material import Material
from pipelines.report.page import _running_head as running_head
from pipelines.report.sections import (
    attribution,
    conclusions,
    evidence,
    losses_ahead,
    regimes,
    reliability,
    tear_sheet,
)
from trading import calendar
from trading.testing.finished_home import finished_home

TABLES = finished_home(90)
ROWS = TABLES["performance"]
FIRST, LAST = ROWS["session"].iloc[[0, -1]]
FACTS = ReportFacts(
    home="trial", source="simulated", simulated=True, basis="raw", inception=FIRST, first=FIRST, last=LAST,
    made_at=pd.Timestamp("2026-01-02 12:00", tz="UTC"), trials=3,
)  # fmt: skip
HOME = Material(TABLES, FACTS)
SECTIONS = (
    tear_sheet.months, tear_sheet.rolling, tear_sheet.distribution, tear_sheet.drawdowns, tear_sheet.trades, attribution.attribution,
    conclusions.conclusions, evidence.trials, evidence.gates, evidence.quality, reliability.by_slice, reliability.probabilities,
    losses_ahead.losses_ahead,
)  # fmt: skip


def words(shown: list[str]) -> str:
    text = re.sub(r"<script.*?</script>|<[^>]+>", " ", " ".join(shown))
    return " ".join(text.replace("\u00a0", " ").replace("&lt;", "<").split())


def percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:+.{digits}f} %".replace("-", "−")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_an_empty_home_is_a_sentence_and_no_chart(section: object) -> None:
    blank = Material({}, replace(FACTS, inception=None, first=None, last=None))
    shown = section(blank)  # type: ignore[operator]

    assert len(words(shown)) > 20
    assert "<svg" not in " ".join(shown)


def test_a_month_is_the_product_of_its_sessions() -> None:
    returns = ROWS.set_index("session")["log_return"].iloc[1:]
    february = np.expm1(returns[returns.index.month == 2].sum())

    assert percent(february) in words(tear_sheet.months(HOME))


def test_the_deepest_fall_is_that_of_the_table() -> None:
    assert percent(-ROWS["drawdown"].max()) in words(tear_sheet.drawdowns(HOME))


def test_trades_are_told_with_how_many_won() -> None:
    some = TABLES["ledger"][lambda rows: rows["kind"] == "fill"].head(4)
    booked = some.assign(
        symbol=["NVDA", "NVDA", "TSM", "TSM"], shares=[10, -10, 10, -10], cash_cents=[-900, 1_500, -900, 700]
    )
    text = words(tear_sheet.trades(Material({**TABLES, "ledger": booked}, FACTS)))

    assert "Trades that closed shares 2" in text
    assert "Share that gained 50.0 %" in text
    assert "Gains over losses 3.00" in text
    assert f"median distance from the market's price {len(TABLES['fills'])}, 5.0 bps" in text


def test_every_table_of_parts_ends_with_the_same_sum() -> None:
    change = int(ROWS["equity_cents"].iloc[-1] - ROWS["equity_cents"].iloc[0])
    sign = "−" if change < 0 else ""
    whole = f"whole {sign}${abs(change) / 100:,.2f}"

    assert words(attribution.attribution(HOME)).count(whole) == 6


def test_conclusions_name_the_trials_and_never_more_than_the_interval_allows() -> None:
    text = words(conclusions.conclusions(HOME))
    _, open_ = text.split("What they do not allow to say")

    assert "deflated by 3 variants in the book of trials" in open_
    assert "these prices are SIMULATED" in open_
    assert "The home holds no bars of SPY, QQQ or SMH" in text


def test_a_fund_that_the_home_holds_stands_beside_with_its_n() -> None:
    name = TABLES["features"]["symbol"] == "NVDA"
    spy = TABLES["features"][name].assign(symbol="SPY")
    held = Material({**TABLES, "features": pd.concat([TABLES["features"], spy])}, FACTS)
    made = np.expm1(spy["log_return"].iloc[1:].sum())

    text = words(conclusions.conclusions(held))
    assert f"SPY {percent(made)}" in text
    assert "market (SPY)" in words(attribution.attribution(held))


def test_value_at_risk_is_judged_by_the_session_after_the_evening() -> None:
    risk = TABLES["risk"].assign(value_at_risk_95=0.01, shortfall_95=0.012)
    found = losses_ahead.value_at_risk_backtest(Material({**TABLES, "risk": risk}, FACTS))
    losses = -np.expm1(ROWS["log_return"].to_numpy()[1:])

    assert found is not None
    assert found.sessions == len(losses)
    assert found.exceeded == pytest.approx((losses > 0.01).mean())


def test_probabilities_are_matched_with_what_came_of_them() -> None:
    cases = reliability.matured_probabilities(HOME)
    one = cases.iloc[7]
    due = calendar.shift(one["session"], int(one["horizon"]))
    met = TABLES["ensemble_intervals"].set_index(["session", "horizon", "symbol"])["realized"]

    assert len(cases) == (90 - 5) * 10
    assert one["happened"] == float(met[due, one["horizon"], one["symbol"]] > 0)


def test_regimes_tell_what_followed_what() -> None:
    text = words(regimes.regimes(HOME))
    named = TABLES["regimes"]["regime"].iloc[:-1]

    assert "From / to Bull Bear Volatile Range n" in text
    assert all(re.search(rf"{name} \d.*? {count}\b", text) for name, count in named.value_counts().items())


def test_checks_say_what_to_run_where_nothing_was() -> None:
    text = words(evidence.gates(HOME))

    assert "not run in this home. Command: fabline nulls" in text
    assert "fabline leaks --mutants" in text


def test_results_of_expectations_are_read_and_torn_ones_left_out(tmp_path: Path) -> None:
    told = {
        "suite_name": "bars", "success": False, "statistics": {"evaluated_expectations": 9, "unsuccessful_expectations": 2},
        "meta": {"run_id": {"run_name": "r", "run_time": "2024-01-01"}},
    }  # fmt: skip
    for run, text in (("a", json.dumps(told)), ("b", '{"half')):
        folder = tmp_path / "datadocs" / "results" / "bars" / run / "t"
        folder.mkdir(parents=True)
        (folder / "batch.json").write_text(text)
    found = expectations_in(tmp_path)

    assert found == (Expectations("bars", "r", 9, 2, passed=False),)
    assert "bars r 9 2 FAILED" in words(
        evidence.quality(Material(TABLES, replace(FACTS, expectations=found)))
    )


def test_the_null_gate_of_a_home_is_told(tmp_path: Path) -> None:
    line = {"kind": "fair", "edge": 0.0, "mutant": "", "market": 1, "gain": 0.0, "low": -1.0, "high": 1.0, "claims": [], "duels": 0, "promoted": 0, "unearned": 0}  # fmt: skip
    (tmp_path / "nulls").mkdir()
    (tmp_path / "nulls" / "markets.jsonl").write_text(json.dumps(line) + '\n{"torn')
    found = nulls_in(tmp_path)

    assert found is not None
    assert "fair" in words(evidence.gates(Material(TABLES, replace(FACTS, nulls=found))))
    assert nulls_in(tmp_path / "nowhere") is None


def test_limits_name_hindsight_contamination_and_simulation() -> None:
    text = words(evidence.limits(HOME))

    assert all(
        word in text for word in ("hindsight", "CONTAMINATED", "SIMULATED", "90 sessions in 1 calendar year")
    )


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=900), st.integers(20, 200))
def test_thinning_a_curve_keeps_its_ends_and_its_extremes(values: list[float], most: int) -> None:
    curve = np.array(values)
    kept = axes.kept_places(curve[None], most)

    assert {0, len(curve) - 1} <= set(kept.tolist())
    assert (curve[kept].min(), curve[kept].max()) == (curve.min(), curve.max())
    assert len(kept) <= max(most, 4) + 4


def test_a_chart_speaks_its_lines_and_holds_them_as_a_table() -> None:
    sessions = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-08"))
    page = chart(
        "Wealth", sessions, [Panel([Series("own", np.array([1.0, 4.0, 2.0, 3.0, 3.5]), "--ink")], log=True)]
    )

    assert "own: from 1.000 to 3.500, lowest 1.000, highest 4.000" in page
    assert "The chart in numbers" in page
    # half of the way from 1 to 4 on a logarithmic axis is 2: the middle but for the air around
    places = [
        float(y)
        for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", re.findall(r'd="(M0\.0 [^"]*h[^"]*)"', page)[0])
    ]
    assert places[2] == pytest.approx((places[0] + places[1]) / 2, abs=0.2)


def test_a_histogram_holds_every_value() -> None:
    page = histogram("t", {"own": (np.array([-0.01, 0.0, 0.0, 0.5]), "--strategy")})

    assert page.count('class="step filled"') == 1
    assert 'role="img"' in page


def test_the_head_of_a_page_cannot_be_broken_out_of() -> None:
    attack = '"; } </style><script>alert(1)</script>'
    style = running_head(replace(FACTS, home=attack))

    assert style.count('"') == 2
    assert "<" not in style

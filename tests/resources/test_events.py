"""Announcements and statements of a folder: when each counts as known, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resources.sources import events
from trading import calendar, frames
from trading.errors import SchemaError

DATA = Path(__file__).parents[3] / "shared" / "data"
FIRST, LAST = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-12-31")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "events" / "fundamentals").mkdir(parents=True)
    return tmp_path


def with_estimates(folder: Path, *rows: tuple[str, str, float, float, str]) -> None:
    columns = ["symbol", "date", "eps_est", "eps", "release_time"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["date"] = pd.to_datetime(frame["date"])
    frame.to_parquet(folder / "events" / "earnings_2024.parquet")


def with_dates(folder: Path, *lines: str) -> None:
    text = "\n".join(["symbol,report_date,time_of_day,eps_surprise_pct", *lines])
    (folder / "events" / "earnings_dates_x.csv").write_text(text + "\n")


def announced(folder: Path, *symbols: str) -> pd.DataFrame:
    rows = events.earnings(folder, symbols, FIRST, LAST, source="test")
    return frames.validated("earnings", rows)


def test_an_announcement_before_the_open_is_known_at_the_open_and_others_after_the_decision(
    folder: Path,
) -> None:
    with_estimates(folder, ("NVDA", "2024-05-22", 2.0, 2.5, "pre"), ("AMD", "2024-05-22", -0.5, -0.4, "post"))
    with_dates(folder, "MU,2024-05-22,,")

    rows = announced(folder, "NVDA", "AMD", "MU").set_index("symbol")

    day = pd.Timestamp("2024-05-22")
    assert rows["release"].to_dict() == {"NVDA": "before_open", "AMD": "after_close", "MU": "unknown"}
    assert rows.loc["NVDA", "known_at"] == calendar.session_open(day)
    late = calendar.session_close(day) + pd.Timedelta(minutes=30)
    assert rows.loc["AMD", "known_at"] == rows.loc["MU", "known_at"] == late
    assert late > calendar.as_of(day)


def test_a_surprise_is_a_fraction_of_the_size_of_the_estimate(folder: Path) -> None:
    with_estimates(
        folder,
        ("NVDA", "2024-05-22", 2.0, 2.5, "post"),
        ("AMD", "2024-05-22", -0.5, -0.4, "post"),
        ("MU", "2024-05-22", 0.0, 0.1, "post"),
    )
    with_dates(folder, "INTC,2024-05-22,post,-12.5")

    surprise = announced(folder, "NVDA", "AMD", "MU", "INTC").set_index("symbol")["surprise"]

    assert surprise.drop("MU").round(12).to_dict() == {"NVDA": 0.25, "AMD": 0.2, "INTC": -0.125}
    assert np.isnan(surprise["MU"])


def test_one_that_two_files_list_on_neighbouring_days_is_one_on_the_later_day(folder: Path) -> None:
    with_estimates(folder, ("MU", "2024-06-25", 0.5, 0.6, "post"))
    with_dates(folder, "MU,2024-06-26,post,20.0", "MU,2024-09-25,post,6.0")

    rows = announced(folder, "MU")

    assert rows["session"].tolist() == [pd.Timestamp("2024-06-26"), pd.Timestamp("2024-09-25")]
    assert rows["actual"].iloc[0] == 0.6
    assert rows["known_at"].iloc[0] > calendar.session_close(pd.Timestamp("2024-06-26"))


def test_one_on_a_day_without_a_session_belongs_to_the_next(folder: Path) -> None:
    with_dates(folder, "MU,2024-07-04,pre,1.0")

    assert announced(folder, "MU")["session"].tolist() == [pd.Timestamp("2024-07-05")]


def test_only_the_symbols_and_the_range_that_were_asked_for(folder: Path) -> None:
    with_dates(folder, "MU,2023-12-20,post,1.0", "MU,2024-03-20,post,1.0", "AMD,2024-03-20,post,1.0")

    assert announced(folder, "MU")["session"].tolist() == [pd.Timestamp("2024-03-20")]
    assert announced(folder, "QCOM").empty


def test_a_folder_without_events_has_none(tmp_path: Path) -> None:
    assert announced(tmp_path, "MU").empty
    assert events.statements(tmp_path, ("MU",), source="test").empty


def test_a_list_of_dates_without_a_column_is_refused_with_its_name(folder: Path) -> None:
    (folder / "events" / "earnings_dates_x.csv").write_text("symbol,report_date\nMU,2024-03-20\n")

    with pytest.raises(SchemaError, match=r"earnings_dates_x\.csv lacks the columns time_of_day"):
        announced(folder, "MU")


def test_statements_of_both_layouts_become_figures_of_the_session_that_ended_the_period(folder: Path) -> None:
    by_period = {
        "quarterly_income": {"2024-03-31": {"Net Income": 5.0, "EPS": None, "Note": "x"}},
        "ticker": "AMD",
    }
    by_row = {"income_statement": [{"period": "2024-08-31", "Net Income": 7.0, "Other": float("nan")}]}
    for symbol, content in (("AMD", by_period), ("MU", by_row), ("XOM", by_row)):
        (folder / "events/fundamentals" / f"{symbol}.json").write_text(json.dumps(content))

    rows = events.statements(folder, ("AMD", "MU"), source="test")

    assert rows[["symbol", "statement", "item", "value"]].to_numpy().tolist() == [
        ["AMD", "quarterly_income", "Net Income", 5.0],
        ["MU", "annual_income", "Net Income", 7.0],
    ]
    assert rows["period_end"].tolist() == [pd.Timestamp("2024-03-31"), pd.Timestamp("2024-08-31")]
    assert rows["session"].tolist() == [pd.Timestamp("2024-03-28"), pd.Timestamp("2024-08-30")]
    assert "known_at" not in rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ('{"annual_income": {"last year": {"EPS": 1.0}}}', "'last year' is no end of a period"),
    ],
)
def test_a_broken_file_of_statements_is_named(text: str, words: str, folder: Path) -> None:
    (folder / "events/fundamentals/MU.json").write_text(text)

    with pytest.raises(SchemaError, match=rf"MU\.json.*{words}"):
        events.statements(folder, ("MU",), source="test")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_the_real_announcements_and_statements_load() -> None:
    first, last = pd.Timestamp("2012-01-03"), pd.Timestamp("2025-06-30")

    earnings = frames.validated(
        "earnings", events.earnings(DATA, ("NVDA", "MU", "AMD"), first, last, source="x")
    )
    statements = events.statements(DATA, ("NVDA", "MU"), source="x")

    assert earnings.groupby("symbol").size().to_dict() == {"AMD": 30, "MU": 50, "NVDA": 54}
    apart = earnings.groupby("symbol")["session"].diff().dt.days.dropna()
    assert apart.min() > 45  # quarters; AMD's list has a hole of years
    assert set(statements["symbol"]) == {"NVDA", "MU"}
    assert not statements.duplicated(["session", "symbol", "statement", "item"]).any()

"""What commits say of speed and uptime, and the measures of beta and turnover: by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from trading import calendar
from trading.digest import generator
from trading.evaluation.book_measures import absolute_beta, market_returns, monthly_turnover
from trading.evaluation.operations import bar_seconds, in_time, operations

DAYS = calendar.sessions_between(calendar.session_of("2024-03-01"), calendar.session_of("2024-03-08"))


def write(table: str, first: int, last: int, moment: pd.Timestamp, run: str) -> dict[str, object]:
    return {"table": table, "first": DAYS[first], "last": DAYS[last], "written_at": moment, "run_id": run}


def evening(place: int, late: float = 0.0, hours: float = 0.0) -> list[dict[str, object]]:
    begun = calendar.as_of(DAYS[place]) + pd.Timedelta(hours=hours)
    steps = {
        "bars": 0.0,
        "features": 1.0,
        "graph_edges": 1.5,
        "signals": 2.0,
        "target_portfolio": 2.25,
        "orders": 2.5,
    }
    return [
        write(
            table,
            place,
            place,
            begun + pd.Timedelta(seconds=s + (late if table == "orders" else 0)),
            f"run{place}",
        )
        for table, s in steps.items()
    ]


def commits(*runs: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame([row for run in runs for row in run])


def test_an_evening_is_timed_from_bars_to_orders_and_stages_from_the_write_before() -> None:
    found = operations(commits(evening(0), evening(1, late=1.0)))

    assert found["signal_seconds"].value == pytest.approx((2.5 + 3.5) / 2)
    assert found["signal_seconds"].observations == 2
    assert found["graph_seconds"].value == pytest.approx(0.5)
    assert found["optimizer_seconds"].value == pytest.approx(0.25)


def test_a_run_over_many_sessions_is_no_evening() -> None:
    long = [{**row, "first": DAYS[0], "last": DAYS[4]} for row in evening(4)]

    assert "signal_seconds" not in operations(commits(long))


def test_uptime_begins_when_the_home_went_live_and_a_late_evening_is_down() -> None:
    back_filled = [{**row, "last": DAYS[1], "first": DAYS[0]} for row in evening(1, hours=500)]

    due = in_time(commits(back_filled, evening(2), evening(3, hours=100), evening(4)))

    assert due.tolist() == [True, False, True]
    assert operations(commits(back_filled, evening(2), evening(3, hours=100)))["uptime"].value == 0.5


def test_making_a_session_again_later_does_not_make_it_late() -> None:
    again = [{**row, "run_id": "again"} for row in evening(2, hours=900)]

    assert in_time(commits(evening(2), again)).tolist() == [True]


def test_a_session_that_was_never_made_is_down() -> None:
    assert in_time(commits(evening(0), evening(2))).tolist() == [True, False, True]


def test_a_home_that_was_only_back_filled_has_no_uptime() -> None:
    assert "uptime" not in operations(commits(evening(0, hours=800)))


def test_a_bar_is_as_slow_as_its_slowest_model() -> None:
    live = pd.DataFrame({"session": DAYS[0], "ts": [1, 1, 2], "latency_ms": [100.0, 300.0, 500.0]})

    assert bar_seconds(live).value == pytest.approx(0.4)


def test_beta_counts_whichever_way_and_an_interval_around_0_begins_there() -> None:
    market, noise = generator("market").normal(0, 0.01, (2, 500))

    against, none = absolute_beta(-0.5 * market + noise / 10, market), absolute_beta(noise, market)

    assert against.value == pytest.approx(0.5, abs=0.02)  # noise of a tenth over 500 sessions: sd 0.0045
    assert 0 < against.low < against.value < against.high
    assert none.low == 0


def test_the_market_is_spy_and_unknown_where_it_has_no_bar() -> None:
    features = pd.DataFrame({"session": DAYS[:2], "symbol": ["SPY", "QQQ"], "log_return": [0.01, 0.02]})

    assert market_returns(features, DAYS[:2]) == pytest.approx([math.expm1(0.01), np.nan], nan_ok=True)


def test_a_month_of_turnover_is_twenty_one_sessions_and_the_first_choice_is_none() -> None:
    rows = pd.DataFrame(
        {"session": DAYS[:3].repeat(2), "one_way_turnover": [1.0, 1.0, 0.02, 0.02, 0.04, 0.04]}
    )

    assert monthly_turnover(rows).value == pytest.approx(21 * 0.03)
    assert math.isnan(monthly_turnover(rows.iloc[:0]).value)

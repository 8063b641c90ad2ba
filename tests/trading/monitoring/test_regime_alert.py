import pandas as pd

from trading import frames
from trading.monitoring.regime_alert import regime_change
from trading.testing.finished_home import finished_home

ROWS = finished_home(count=30)["regimes"]  # a new regime every seven sessions


def test_a_newest_session_like_the_one_before_is_quiet() -> None:
    found = regime_change(ROWS.head(10))
    assert found.passed
    assert found.facts["changes"] == int(ROWS.head(10)["changed"].sum())
    assert "for 3 sessions" in found.summary


def test_a_change_at_the_newest_session_is_told_with_its_probabilities() -> None:
    found = regime_change(ROWS.head(8))
    assert not found.passed
    assert f"changed to {ROWS.iloc[7]['regime']} at {ROWS.iloc[7]['session']:%Y-%m-%d}" in found.summary
    assert found.bad_sessions == [f"{ROWS.iloc[7]['session']:%Y-%m-%d}"]


def test_the_order_of_rows_does_not_matter_and_none_is_no_change() -> None:
    assert not regime_change(pd.concat([ROWS.iloc[4:8], ROWS.iloc[:4]])).passed
    assert regime_change(frames.empty("regimes")).passed

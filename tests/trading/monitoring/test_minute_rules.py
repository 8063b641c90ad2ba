"""Bars of a stream are judged one by one, in the words of the rules of bars."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from trading.interfaces import LiveBar
from trading.monitoring.bar_rules import SLUGS, rule_of
from trading.monitoring.minute_rules import fault_of, quarantined

START = pd.Timestamp("2024-07-02 14:31", tz="UTC").as_unit("us")
GOOD = LiveBar(
    "NVDA",
    START,
    1,
    open=10.0,
    high=12.0,
    low=9.0,
    close=11.0,
    volume=0.0,
    received=START + pd.Timedelta("1min"),
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"close": float("nan")}, "a value is missing: close"),
        ({"volume": float("nan")}, "a value is missing: volume"),
        ({"high": float("inf")}, "a value is infinite"),
        ({"ts": START + pd.Timedelta(seconds=1)}, "not on the five-minute grid"),
        ({"minutes": 5}, "not on the five-minute grid"),
        ({"low": 0.0}, "a price is not positive"),
        ({"high": 1e12}, "a number is beyond all sense"),
        ({"low": 1e-9}, "a number is beyond all sense"),
        ({"high": 8.9}, "high is below low"),
        ({"close": 12.1}, "open or close lies outside low to high"),
        ({"open": 8.9}, "open or close lies outside low to high"),
        ({"volume": -1.0}, "negative volume"),
    ],
)
def test_each_rule_has_its_reason(change: dict[str, object], reason: str) -> None:
    assert fault_of(replace(GOOD, **change)) == reason  # type: ignore[arg-type]
    assert not reason or rule_of(reason) in SLUGS, "the same words as for bars that were loaded"


def test_a_bad_bar_is_kept_as_it_came_and_is_one_row_however_often_it_comes() -> None:
    bad = replace(GOOD, volume=-1.0, high=float("inf"))
    again = replace(bad, received=bad.received + pd.Timedelta("1h"))

    rows = quarantined([(bad, "negative volume"), (again, "negative volume")], source="alpaca")

    (row,) = rows.itertuples()
    assert (row.symbol, row.table, row.session) == ("NVDA", "bars", pd.Timestamp("2024-07-02"))
    assert json.loads(row.row) == {
        "symbol": "NVDA",
        "ts": str(START),
        "minutes": 1,
        "open": 10.0,
        "high": "inf",
        "low": 9.0,
        "close": 11.0,
        "volume": -1.0,
    }


def test_nothing_bad_is_an_empty_table() -> None:
    assert quarantined([], source="alpaca").empty

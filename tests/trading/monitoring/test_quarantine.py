"""Rows in quarantine: their ids, their decisions, and what may be released."""

import pandas as pd
import pytest

from trading import frames
from trading.errors import DataError, UsageError
from trading.monitoring.bar_rules import separate_actions, separate_bars, separate_extended_bars
from trading.monitoring.quarantine import (
    PENDING,
    REJECTED,
    RELEASED,
    decision_rows,
    find,
    listing,
    original_of,
    released_row,
    with_originals,
)
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import actions_frame, bars_frame

TUESDAY = pd.Timestamp("2024-06-11")
NOW = pd.Timestamp("2024-06-20 12:00", tz="UTC").as_unit("us")
BARS = bars_frame({"NVDA": [100.0, 110.0], "AMD": [50.0, 51.0]}, TUESDAY)
NO_DECISIONS = frames.empty("quarantine_decisions")


def quarantined(**values: object) -> pd.DataFrame:
    """NVDA's bar of Tuesday, spoiled."""
    rows = BARS[(BARS["symbol"] == "NVDA") & (BARS["session"] == TUESDAY)]
    return separate_bars(rows.assign(**values)).quarantined


def only(bad: pd.DataFrame) -> dict[str, object]:
    return find(listing(bad, NO_DECISIONS), str(listing(bad, NO_DECISIONS)["id"][0]))


def test_the_same_bad_row_has_the_same_id_whenever_it_comes() -> None:
    later = quarantined(volume=-1.0, known_at=BARS["known_at"].max() + pd.Timedelta(days=2))
    other = quarantined(volume=-2.0)

    ids = [only(bad)["id"] for bad in (quarantined(volume=-1.0), later, other)]

    assert ids[0] == ids[1] != ids[2]
    assert len(listing(pd.concat([quarantined(volume=-1.0), later]), NO_DECISIONS)) == 1


def test_the_newest_decision_is_in_force() -> None:
    bad = quarantined(volume=-1.0)
    row = only(bad)
    decisions = [
        decision_rows(row, REJECTED, NOW, "first"),
        decision_rows(row, RELEASED, NOW + pd.Timedelta(days=1), "then"),
    ]

    assert row["decision"] == PENDING
    assert listing(bad, pd.concat(decisions[::-1]))["decision"].tolist() == [RELEASED]


def test_an_id_that_fits_several_rows_or_none_is_refused() -> None:
    bad = separate_bars(BARS.assign(volume=-1.0)).quarantined
    rows = listing(bad, NO_DECISIONS)

    assert find(rows, rows["id"][0])["id"] == rows["id"][0]
    with pytest.raises(UsageError, match="no row in quarantine begins"):
        find(rows, "zz")
    with pytest.raises(UsageError, match="4 rows in quarantine"):
        find(rows.assign(id="abc"), "a")


def test_a_row_that_was_no_row_of_columns_has_no_time_and_no_timeframe() -> None:
    for text in ("not JSON", "[1]"):
        bad = with_originals(quarantined(volume=-1.0).assign(row=text))
        assert original_of({"row": text}) == {}
        assert (bad["timeframe"].tolist(), bad["ts"].isna().tolist()) == ([""], [True])


def test_a_release_is_known_from_its_moment_and_judged_by_the_rules() -> None:
    row = only(quarantined(volume=-1.0))

    entered = released_row(row, NOW, {"volume": "12.5"})

    assert entered[["volume", "close"]].to_numpy().tolist() == [[12.5, 110.0]]
    assert entered["known_at"].tolist() == [NOW]
    with pytest.raises(DataError, match="cannot enter bars: negative volume"):
        released_row(row, NOW)


def test_a_row_of_another_price_basis_than_the_bars_beside_it_stays_out() -> None:
    row = only(quarantined(volume=-1.0))

    with pytest.raises(DataError, match="another price basis"):
        released_row(row, NOW, {"volume": "1"}, basis="fully_adjusted")


def test_a_symbol_outside_the_universe_is_released_unless_that_was_the_fault() -> None:
    rows = BARS.iloc[:1].assign(symbol="AAPL")
    asked = separate_bars(rows.assign(volume=-1.0), symbols=["AAPL"]).quarantined

    assert released_row(only(asked), NOW, {"volume": "1"})["symbol"].tolist() == ["AAPL"]
    with pytest.raises(DataError, match="unknown symbol"):
        released_row(only(separate_bars(rows).quarantined), NOW)


def test_bars_outside_the_session_are_released_into_their_own_table() -> None:
    rows = SimulatedMarket().bars(("NVDA",), TUESDAY, TUESDAY, "5min").iloc[:1]
    early = rows.assign(ts=rows["ts"] - pd.Timedelta(hours=1), phase="pre", volume=-1.0)
    row = only(separate_extended_bars(early).quarantined)

    assert released_row(row, NOW, {"volume": "3"})["phase"].tolist() == ["pre"]


def test_a_repeated_dividend_is_released_when_a_person_knows_better() -> None:
    twice = actions_frame(("2024-06-10", "ASML", "dividend", 1.35), ("2024-06-11", "ASML", "dividend", 1.57))

    entered = released_row(only(separate_actions(twice).quarantined), NOW)

    assert entered[["amount", "known_at"]].to_numpy().tolist() == [[1.57, NOW]]


def test_a_duplicate_and_a_row_of_a_table_without_rules_are_not_released() -> None:
    twice = separate_bars(pd.concat([BARS, BARS.iloc[:1]])).quarantined
    elsewhere = quarantined(volume=-1.0).assign(table="earnings")

    with pytest.raises(DataError, match="repeats another row"):
        released_row(only(twice), NOW)
    with pytest.raises(DataError, match="rows of earnings cannot be released"):
        released_row(only(elsewhere), NOW)


@pytest.mark.parametrize("column", ["mood", "known_at"])
def test_only_columns_of_the_table_can_be_corrected_and_not_the_moment(column: str) -> None:
    with pytest.raises(UsageError, match=f"{column} cannot be set"):
        released_row(only(quarantined(volume=-1.0)), NOW, {column: "2024-01-01"})

"""Every rule about bars and actions: the bad row goes to quarantine with its reason, the rest goes on."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames
from trading.errors import SchemaError
from trading.monitoring.bar_rules import (
    DIVIDENDS_APART_SESSIONS,
    SLUGS,
    rule_of,
    separate_actions,
    separate_bars,
    separate_extended_bars,
    slug_of,
)
from trading.monitoring.separation import NO_MOMENT
from trading.testing.market import ALL_SYMBOLS, SimulatedMarket
from trading.testing.market_frames import actions_frame

SESSION = calendar.session_of("2024-06-10")
MARKET = SimulatedMarket()
Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def bars(timeframe: str = "1D") -> pd.DataFrame:
    return MARKET.bars(("NVDA", "AMD", "VIX"), calendar.shift(SESSION, -1), SESSION, timeframe)


def spoiled(rows: pd.DataFrame, **values: object) -> pd.DataFrame:
    """`rows` with the first one changed."""
    first = rows.iloc[:1].assign(**values)
    return pd.concat([first, rows.iloc[1:]], ignore_index=True)


DAILY_FAULTS: dict[str, dict[str, object]] = {
    "a value is missing": {"close": np.nan},
    "a value is infinite": {"volume": np.inf},
    "unknown timeframe": {"timeframe": "7min"},
    "not a session of XNYS": {"session": pd.Timestamp("2024-06-19").as_unit("us")},
    "a daily bar does not begin at the open": {
        "ts": pd.Timestamp("2024-06-07 13:31", tz="UTC").as_unit("us")
    },
    "known before it ended": {"known_at": pd.Timestamp("2024-06-07 19:59", tz="UTC").as_unit("us")},
    "before the listing": {"symbol": "ARM", "session": pd.Timestamp("2023-09-13").as_unit("us")},
    "a price is not positive": {"low": 0.0},
    "high is below low": {"high": 1.0},
    "open or close lies outside low to high": {"close": 1e6},
    "negative volume": {"volume": -1.0},
    "unknown symbol": {"symbol": "NVDIA"},
    "a number is beyond all sense": {"volume": 1e13},
    "unknown price basis": {"basis": "guessed"},
    "another price basis than the bars beside it": {"basis": "fully_adjusted"},
}
STAMPS = {"2023-09-13": ("2023-09-13 13:30", "2023-09-13 20:10")}


@pytest.mark.parametrize("reason", DAILY_FAULTS)
def test_a_bad_daily_bar_is_quarantined_with_its_reason(reason: str) -> None:
    values = dict(DAILY_FAULTS[reason])
    if reason == "before the listing":
        start, known = (pd.Timestamp(m, tz="UTC").as_unit("us") for m in STAMPS["2023-09-13"])
        values |= {"ts": start, "known_at": known}
    rows = spoiled(bars(), **values)

    result = separate_bars(rows, basis="raw")

    assert result.quarantined["reason"].map(rule_of).tolist() == [reason]
    assert result.quarantined["table"].tolist() == ["bars"]
    assert len(result.accepted) == len(rows) - 1


def test_a_price_below_any_quote_is_beyond_all_sense() -> None:
    result = separate_bars(spoiled(bars(), low=1e-9), basis="raw")

    assert result.quarantined["reason"].tolist() == ["a number is beyond all sense"]


@pytest.mark.parametrize(
    ("reason", "moment"),
    [
        ("outside the trading hours", "2024-06-07 13:25"),
        ("outside the trading hours", "2024-06-07 20:00"),
        ("not on the five-minute grid", "2024-06-07 13:32"),
    ],
)
def test_a_five_minute_bar_off_the_grid_is_quarantined(reason: str, moment: str) -> None:
    rows = spoiled(bars("5min"), ts=pd.Timestamp(moment, tz="UTC").as_unit("us"))

    result = separate_bars(rows)

    assert result.quarantined["reason"].tolist() == [reason]


def test_clean_rows_are_all_accepted_in_any_order() -> None:
    rows = bars()

    result = separate_bars(rows.sample(frac=1.0, random_state=1))

    pd.testing.assert_frame_equal(result.accepted, frames.validated("bars", rows))
    assert result.quarantined.empty


def test_no_rows_are_separated_into_no_rows() -> None:
    bars_result = separate_bars(bars().iloc[:0])
    actions_result = separate_actions(actions_frame())

    for result in (bars_result, actions_result):
        assert result.accepted.empty
        assert list(result.quarantined.columns) == frames.columns("quarantine")


def test_of_exact_duplicates_one_is_accepted_and_the_others_are_counted() -> None:
    rows = bars()
    repeated = pd.concat([rows, rows.iloc[:1], rows.iloc[:1]], ignore_index=True)

    result = separate_bars(repeated)

    assert result.quarantined["reason"].tolist() == ["exact duplicate"] * 2
    assert result.quarantined["row"].nunique() == 2  # the second says that it is the second
    pd.testing.assert_frame_equal(result.accepted, frames.validated("bars", rows))


def test_rows_of_one_key_that_contradict_each_other_are_all_quarantined() -> None:
    rows = bars()
    torn = pd.concat([rows, rows.iloc[:1].assign(volume=7.0)], ignore_index=True)

    result = separate_bars(torn)

    assert result.quarantined["reason"].tolist() == ["contradicts another row of the same key"] * 2
    assert len(result.accepted) == len(rows) - 1


def test_a_revision_with_its_own_known_at_is_no_contradiction() -> None:
    rows = bars()
    later = rows.iloc[:1].assign(volume=7.0, known_at=rows["known_at"].iloc[0] + pd.Timedelta(hours=1))

    assert len(separate_bars(pd.concat([rows, later])).accepted) == len(rows) + 1


def test_moments_without_a_time_zone_are_quarantined_not_guessed() -> None:
    rows = bars()
    naive = rows.assign(known_at=rows["known_at"].dt.tz_localize(None))
    one = rows.assign(known_at=rows["known_at"].astype(object))
    one.loc[0, "known_at"] = rows["known_at"][0].tz_localize(None)

    assert separate_bars(naive).accepted.empty
    result = separate_bars(one)
    assert result.quarantined["reason"].tolist() == ["a moment has no time zone"]
    assert len(result.accepted) == len(rows) - 1


def test_prices_off_by_rounding_are_accepted() -> None:
    rows = bars()
    rounded = rows.assign(close=rows["high"] * (1 + 5e-7))

    assert separate_bars(rounded).quarantined.empty


def test_the_basis_of_the_first_bar_counts_when_none_is_named() -> None:
    rows = bars()
    mixed = rows.assign(basis=rows["basis"].mask(rows["session"] == SESSION, "split_adjusted"))

    quarantined = separate_bars(mixed).quarantined

    assert (quarantined["session"] == SESSION).all()
    assert len(quarantined) == 3


def test_the_quarantined_row_is_kept_as_it_came() -> None:
    rows = spoiled(bars(), high=1.0)

    quarantined = separate_bars(rows).quarantined.iloc[0]

    row = json.loads(quarantined["row"])
    assert row["symbol"] == quarantined["symbol"] == rows["symbol"].iloc[0]
    assert row["high"] == 1.0
    assert row["open"] == rows["open"].iloc[0]


def test_a_row_without_session_or_symbol_is_still_quarantined() -> None:
    rows = spoiled(bars(), session=pd.NaT, known_at=pd.NaT, symbol=np.nan)

    result = separate_bars(rows)

    assert result.quarantined["reason"].tolist() == ["a value is missing: session, symbol, known_at"]
    assert result.quarantined["symbol"].tolist() == [""]
    assert result.quarantined["known_at"].tolist() == [NO_MOMENT], "until somebody says when it came"


def test_a_missing_column_or_one_that_is_there_twice_is_a_schema_error() -> None:
    with pytest.raises(SchemaError, match=r"bars.*volume.*missing"):
        separate_bars(bars().drop(columns="volume"))
    with pytest.raises(SchemaError, match=r"bars.*close.*twice"):
        separate_bars(pd.concat([bars(), bars()[["close"]]], axis=1))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("close", "much"),
        ("close", [1.0]),
        ("close", True),
        ("volume", b"5"),
        ("symbol", 5),
        ("symbol", "NV\0DA"),
        ("source", "\ud800"),
        ("ts", 1718026200),
        ("ts", "yesterday"),
        ("known_at", "2024-13-45"),
        ("session", pd.Timestamp("2024-06-07", tz="UTC")),
        ("session", 20240607),
    ],
)
def test_one_value_that_cannot_be_read_costs_its_row_and_no_other(column: str, value: object) -> None:
    rows = bars().astype({column: object})
    rows[column] = pd.Series([value, *rows[column].iloc[1:]], dtype=object)

    result = separate_bars(rows)

    assert result.quarantined["reason"].tolist() == [f"a value cannot be read: {column} {value!r}"]
    pd.testing.assert_frame_equal(result.accepted, frames.validated("bars", bars().iloc[1:]))


def test_every_value_that_cannot_be_read_is_named_a_long_one_in_part() -> None:
    rows = bars().astype({"close": object, "high": object})
    rows.loc[0, ["close", "high"]] = ["x", "y" * 1000]

    said = separate_bars(rows).quarantined["reason"].item()

    assert said.startswith("a value cannot be read: high 'yyyy")
    assert said.endswith("yyyy', close 'x'")
    assert len(said) < 160
    assert slug_of(said) == "unreadable"


def test_numbers_and_moments_that_came_as_text_are_read() -> None:
    rows = bars().astype({"close": object, "ts": object, "session": object})
    rows["close"] = rows["close"].map(str)
    rows["ts"] = [ts.tz_convert("Asia/Tokyo").isoformat() for ts in rows["ts"]]
    rows["session"] = [f"{session:%Y-%m-%d}" for session in rows["session"]]

    result = separate_bars(rows)

    pd.testing.assert_frame_equal(result.accepted, frames.validated("bars", bars()))


def week(**values: object) -> pd.DataFrame:
    """The bar of the week of Juneteenth 2024, whose Wednesday has no session."""
    row = {
        "session": "2024-06-21",
        "timeframe": "1W",
        "ts": "2024-06-17 13:30Z",
        "known_at": "2024-06-21 20:10Z",
    }
    return bars().iloc[:1].assign(**(row | values))


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ({}, []),
        ({"ts": "2024-06-18 13:30Z"}, ["a weekly bar does not span its week"]),
        ({"session": "2024-06-20"}, ["a weekly bar does not span its week"]),
        ({"known_at": "2024-06-21 19:59Z"}, ["known before it ended"]),
    ],
)
def test_a_weekly_bar_begins_with_its_week_and_belongs_to_its_last_session(
    values: dict[str, object], reasons: list[str]
) -> None:
    assert separate_bars(week(**values)).quarantined["reason"].tolist() == reasons


@pytest.mark.parametrize(
    ("phase", "moment", "reasons"),
    [
        ("pre", "2024-06-10 08:00Z", []),
        ("post", "2024-06-10 23:55Z", []),
        ("lunch", "2024-06-10 08:00Z", ["unknown phase"]),
        ("pre", "2024-06-10 13:30Z", ["outside the trading hours"]),
        ("post", "2024-06-11 00:00Z", ["outside the trading hours"]),
        ("pre", "2024-06-10 08:01Z", ["not on the five-minute grid"]),
    ],
)
def test_a_bar_outside_the_session_belongs_to_its_phase(phase: str, moment: str, reasons: list[str]) -> None:
    rows = MARKET.bars(("NVDA",), SESSION, SESSION, "5min").iloc[:1]
    rows = rows.assign(phase=phase, ts=moment, known_at="2024-06-12 00:00Z")

    result = separate_extended_bars(rows)

    assert result.quarantined["reason"].tolist() == reasons
    assert len(result.accepted) == 1 - len(reasons)


def test_symbols_outside_the_universe_are_kept_out_unless_they_are_named() -> None:
    rows = bars().assign(symbol="NVDIA").iloc[:1]

    assert separate_bars(rows).quarantined["reason"].tolist() == ["unknown symbol"]
    assert len(separate_bars(rows, symbols=["NVDIA"]).accepted) == 1


def test_a_bar_that_claims_to_be_known_after_the_present_is_kept_out() -> None:
    rows = bars()
    now = rows["known_at"].min()

    result = separate_bars(rows, now=now)

    assert set(result.quarantined["reason"]) == {"from the future"}
    assert set(result.accepted["known_at"]) == {now}


def test_a_bad_first_bar_does_not_decide_on_the_basis_of_the_others() -> None:
    rows = spoiled(bars(), basis="split_adjusted", close=np.nan)

    assert len(separate_bars(rows).accepted) == len(rows) - 1


def test_every_reason_has_a_slug_and_an_undeclared_one_is_joined_from_its_words() -> None:
    assert {*DAILY_FAULTS, *ACTION_FAULTS} <= set(SLUGS)
    assert slug_of("high is below low") == "high_below_low"
    assert slug_of("Smells odd") == "smells_odd"


@settings(max_examples=12, deadline=None)
@given(
    faults=st.lists(
        st.tuples(
            st.integers(0, 13),
            st.sampled_from(("open", "high", "low", "close", "volume")),
            st.sampled_from((np.nan, np.inf, -1.0, 0.0, 1e9)),
        ),
        max_size=6,
    ),
    copies=st.lists(st.integers(0, 13), max_size=4),
)
def test_no_row_is_ever_lost(faults: list[tuple[int, str, float]], copies: list[int]) -> None:
    rows = MARKET.bars(ALL_SYMBOLS, SESSION, SESSION)
    for at, column, value in faults:
        rows.loc[at, column] = value
    rows = pd.concat([rows, rows.iloc[copies]], ignore_index=True)

    result = separate_bars(rows)

    assert len(result.accepted) + len(result.quarantined) == len(rows)
    assert (result.quarantined["reason"] != "").all()
    again = separate_bars(result.accepted)
    pd.testing.assert_frame_equal(again.accepted, result.accepted)


ACTION_FAULTS: dict[str, dict[str, object]] = {
    "a value is missing": {"amount": np.nan},
    "unknown kind": {"kind": "merger"},
    "unknown symbol": {"symbol": "NVDIA"},
    "a value cannot be read": {"amount": "a lot"},
    "not a session of XNYS": {"session": pd.Timestamp("2024-06-08").as_unit("us")},
    "paid outside the sessions of XNYS": {"pay_session": pd.Timestamp("2024-07-04").as_unit("us")},
    "paid before it is due": {"pay_session": pd.Timestamp("2024-06-07").as_unit("us")},
    "before the listing": {"symbol": "ARM", "session": pd.Timestamp("2023-06-09").as_unit("us")},
    "the ratio of a split is not positive": {"ratio": 0.0},
    "the amount of a dividend is not positive": {"amount": 0.0},
    "a split and a dividend in one row": {"ratio": 2.0},
}


@pytest.mark.parametrize("reason", ACTION_FAULTS)
def test_a_bad_action_is_quarantined_with_its_reason(reason: str) -> None:
    rows = actions_frame(("2024-06-10", "NVDA", "dividend", 0.1), ("2024-06-10", "AMD", "split", 4.0))
    rows = rows.sort_values("kind", ignore_index=True)  # the dividend first

    result = separate_actions(spoiled(rows, **ACTION_FAULTS[reason]))

    assert result.quarantined["reason"].map(rule_of).tolist() == [reason]
    assert result.accepted["kind"].tolist() == ["split"]


def test_a_dividend_listed_twice_counts_once() -> None:
    row = ("2024-06-10", "ASML", "dividend", 1.57)
    same = actions_frame(row)
    other = actions_frame((*row[:3], 1.35))

    twice = separate_actions(pd.concat([same, same]))
    torn = separate_actions(pd.concat([same, other]))

    assert twice.accepted["amount"].tolist() == torn.accepted["amount"].tolist() == [1.57]
    assert twice.quarantined["reason"].tolist() == ["exact duplicate"]
    assert torn.quarantined["reason"].tolist() == ["contradicts another row of the same key"]


@pytest.mark.parametrize("apart", [1, DIVIDENDS_APART_SESSIONS - 1, DIVIDENDS_APART_SESSIONS])
def test_a_dividend_a_few_sessions_after_another_is_its_repetition(apart: int) -> None:
    later = f"{calendar.shift(SESSION, apart):%Y-%m-%d}"
    rows = actions_frame(
        ("2024-06-10", "ASML", "dividend", 1.35),
        (later, "ASML", "dividend", 1.57),
        (later, "TSM", "dividend", 0.5),
    )

    result = separate_actions(rows)

    expected = 2 if apart < DIVIDENDS_APART_SESSIONS else 3
    assert len(result.accepted) == expected
    assert set(result.quarantined["reason"]) <= {"repeats a dividend of a few sessions before"}


def test_an_evening_decides_about_a_dividend_as_the_whole_history_does() -> None:
    rows = actions_frame(("2024-06-10", "ASML", "dividend", 1.35), ("2024-06-11", "ASML", "dividend", 1.57))
    whole = separate_actions(rows)

    monday = separate_actions(rows.iloc[:1]).accepted
    again = separate_actions(rows.iloc[:1], known=monday).accepted
    tuesday = separate_actions(rows.iloc[1:], known=monday)

    pd.testing.assert_frame_equal(whole.accepted, monday)
    pd.testing.assert_frame_equal(again, monday)  # loading it again is no repetition
    assert tuesday.accepted.empty
    pd.testing.assert_frame_equal(tuesday.quarantined, whole.quarantined)


def test_a_value_that_is_spelled_nan_is_missing_and_named() -> None:
    rows = bars()
    rows = rows.assign(open=rows["open"].astype(object))

    result = separate_bars(spoiled(rows, open="nan"))

    assert result.quarantined["reason"].tolist() == ["a value is missing: open"]

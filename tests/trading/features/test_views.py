"""Views of bars as of a moment: across splits, simulated and real, and made of finer bars."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trading import calendar, frames
from trading.errors import DataError
from trading.features.adjustment import adjusted_bars
from trading.features.views import adjusted_as_of, of_timeframe, scale_session
from trading.history import History
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import actions_frame, bars_frame

DATA = Path(__file__).parents[4] / "shared" / "data"
MARKET = SimulatedMarket()
SPLIT = pd.Timestamp("2023-09-28")  # SPY, 4:1, in the market of seed 7
BEFORE = calendar.shift(SPLIT, -1)
NO_ACTIONS = frames.empty("corporate_actions")
PRICES = ["open", "high", "low", "close"]


def known(rows: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    return rows[(rows["known_at"] <= moment).to_numpy()].reset_index(drop=True)


def view(bars: pd.DataFrame, actions: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    seen = known(bars, moment)
    return adjusted_as_of(seen, known(actions, moment), seen, moment)


def last_close(rows: pd.DataFrame, session: pd.Timestamp) -> float:
    return float(rows.loc[rows["session"] == session, "close"].iloc[0])


def test_a_view_is_on_the_scale_of_the_session_that_is_open_or_was_last() -> None:
    friday, monday = pd.Timestamp("2024-06-07"), pd.Timestamp("2024-06-10")

    assert scale_session(calendar.as_of(friday)) == friday
    assert scale_session(pd.Timestamp("2024-06-09 12:00", tz="UTC")) == friday
    assert scale_session(calendar.session_open(monday) - pd.Timedelta(microseconds=1)) == friday
    assert scale_session(calendar.session_open(monday)) == monday


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("symbol", "session", "raw_before", "raw_after"),
    [
        ("NVDA", "2024-06-10", 1208.88, 121.79),
        ("AVGO", "2024-07-15", 1700.67, 171.42),
        ("SMCI", "2024-10-01", 416.40, 40.55),
    ],
)
def test_real_splits_are_seen_the_day_after_and_not_the_day_before(
    symbol: str, session: str, raw_before: float, raw_after: float
) -> None:
    from resources.sources import FilesSource

    source, split = FilesSource(DATA, basis="raw"), pd.Timestamp(session)
    before, first, last = (calendar.shift(split, n) for n in (-1, -10, 5))
    bars, actions = source.bars((symbol,), first, last), source.actions((symbol,), first, last)

    day_before = view(bars, actions, calendar.as_of(before))
    day_after = view(bars, actions, calendar.as_of(split))

    assert last_close(day_before, before) == raw_before
    assert last_close(day_after, before) == round(raw_before / 10, 3)
    assert last_close(day_after, split) == raw_after
    np.testing.assert_allclose(day_after["close"].iloc[:10], day_before["close"] / 10, rtol=1e-11)
    np.testing.assert_allclose(day_after["volume"].iloc[:10], day_before["volume"] * 10, rtol=1e-11)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("symbol", ["NVDA", "AVGO", "SMCI", "INTC"])
def test_the_adjusted_view_is_that_of_the_vendor(symbol: str) -> None:
    from resources.sources import FilesSource
    from trading.monitoring.bar_rules import separate_actions

    source, first, last = (
        FilesSource(DATA, basis="raw"),
        pd.Timestamp("2024-04-01"),
        pd.Timestamp("2025-06-30"),
    )
    bars = source.bars((symbol,), first, last)
    actions = separate_actions(source.actions((symbol,), first, last)).accepted
    panel = pd.read_parquet(DATA / "daily/raw_with_actions.parquet")
    vendor = panel[panel["symbol"] == symbol].sort_values("session")

    made = view(bars, actions, calendar.as_of(last))

    # The vendor's scale is that of a later day, and it divides by close + dividend after the ex-date: a
    # dividend times that day's move, up to 2.4e-4 (INTC, 2024-08-07).
    made_close, vendor_close = made["close"].to_numpy(), vendor["adj_close"].to_numpy()
    np.testing.assert_allclose(made_close / made_close[-1], vendor_close / vendor_close[-1], rtol=5e-4)


@pytest.mark.parametrize("timeframe", ["5min", "1D"])
def test_a_simulated_split_scales_what_lies_before_it_from_its_open_on(timeframe: str) -> None:
    first, last = calendar.shift(SPLIT, -2), calendar.shift(SPLIT, 1)
    bars, actions = MARKET.bars(("SPY",), first, last, timeframe), MARKET.actions(("SPY",), first, last)
    daily = MARKET.bars(("SPY",), first, last)
    split = actions[actions["kind"] == "split"].iloc[0]
    assert (split["session"], split["ratio"]) == (SPLIT, 4.0)

    evening = known(bars, calendar.as_of(BEFORE))
    then = adjusted_as_of(evening, actions, daily, calendar.as_of(BEFORE))
    later = adjusted_as_of(bars, actions, daily, calendar.as_of(last))

    pd.testing.assert_frame_equal(then[[*PRICES, "volume"]], evening[[*PRICES, "volume"]])
    earlier = (later["session"] < SPLIT).to_numpy()
    np.testing.assert_allclose(later.loc[earlier, PRICES] * 4, bars.loc[earlier, PRICES], rtol=1e-11)
    np.testing.assert_allclose(later.loc[earlier, "volume"] / 4, bars.loc[earlier, "volume"], rtol=1e-11)
    assert (later.loc[earlier, "known_at"] == calendar.session_open(SPLIT)).all()
    pd.testing.assert_frame_equal(later.loc[~earlier, PRICES], bars.loc[~earlier, PRICES])
    assert set(later["basis"]) == {"fully_adjusted"}


def test_a_split_that_is_announced_and_still_to_come_changes_nothing() -> None:
    bars = bars_frame({"NVDA": [100.0, 102.0, 104.0]}, "2024-06-07")
    actions = actions_frame(("2024-06-10", "NVDA", "split", 10.0))
    announced = actions.assign(known_at=calendar.as_of(pd.Timestamp("2024-05-22")))

    made = adjusted_as_of(bars, announced, bars, calendar.as_of(pd.Timestamp("2024-06-07")))

    assert made["close"].tolist() == [100.0, 102.0, 104.0]


def test_a_split_that_becomes_known_late_is_in_no_earlier_view() -> None:
    bars = bars_frame({"NVDA": [100.0, 102.0, 10.4]}, "2024-06-10")
    moment = calendar.as_of(pd.Timestamp("2024-06-10"))
    late = actions_frame(("2024-06-10", "NVDA", "split", 10.0)).assign(
        known_at=moment + pd.Timedelta(hours=1)
    )

    then = adjusted_as_of(bars, late, bars, moment)
    later = adjusted_as_of(bars, late, bars, moment + pd.Timedelta(hours=2))

    assert then["close"].tolist() == [100.0, 102.0, 10.4]
    assert later["close"].tolist() == pytest.approx([10.0, 10.2, 10.4])
    assert (later["known_at"].iloc[:2] == moment + pd.Timedelta(hours=1)).all()


def test_a_split_that_becomes_known_in_the_course_of_its_session_is_not_in_a_view_of_that_morning() -> None:
    bars = bars_frame({"NVDA": [100.0, 102.0]}, "2024-06-07")
    at_three = pd.Timestamp("2024-06-10 19:00", tz="UTC")
    actions = actions_frame(("2024-06-10", "NVDA", "split", 10.0)).assign(known_at=at_three)

    morning = adjusted_as_of(bars, actions, bars, at_three - pd.Timedelta(hours=4))
    afternoon = adjusted_as_of(bars, actions, bars, at_three)

    assert morning["close"].tolist() == [100.0, 102.0]
    assert afternoon["close"].tolist() == [10.0, 10.2]
    assert (afternoon["known_at"] == at_three).all()


def test_a_dividend_takes_its_share_of_the_close_before_it() -> None:
    bars = bars_frame({"NVDA": [100.0, 200.0, 198.0]}, "2024-06-10")
    actions = actions_frame(("2024-06-10", "NVDA", "dividend", 2.0))

    made = adjusted_as_of(bars, actions, bars, calendar.as_of(pd.Timestamp("2024-06-10")))

    assert made["close"].tolist() == pytest.approx([99.0, 198.0, 198.0])
    assert made["volume"].tolist() == [1e6, 1e6, 1e6]


def test_the_view_of_the_last_session_is_the_window_that_features_see() -> None:
    first, last = pd.Timestamp("2023-06-01"), pd.Timestamp("2023-12-29")
    symbols = ("AMD", "NVDA", "SPY")
    bars, actions = MARKET.bars(symbols, first, last), MARKET.actions(symbols, first, last)
    rows = [
        History.from_frame(name, frames.validated(name, frame)).window(first, last, calendar.as_of(last))
        for name, frame in (("bars", bars), ("corporate_actions", actions))
    ]

    made = view(bars, actions, calendar.as_of(last)).pivot_table("close", "session", "symbol")

    np.testing.assert_allclose(made.to_numpy(), adjusted_bars(*rows, symbols=symbols).close, rtol=1e-11)


def test_adjusted_bars_stay_as_they_are() -> None:
    bars = bars_frame({"NVDA": [100.0, 102.0]}, "2024-06-10", basis="fully_adjusted")
    actions = actions_frame(("2024-06-10", "NVDA", "split", 10.0))

    made = adjusted_as_of(bars, actions, bars, calendar.as_of(pd.Timestamp("2024-06-10")))

    pd.testing.assert_frame_equal(made, bars)


def test_one_symbol_on_two_bases_is_refused_with_its_name() -> None:
    bars = bars_frame({"NVDA": [100.0, 102.0]}, "2024-06-10")
    bars.loc[1, "basis"] = "fully_adjusted"

    with pytest.raises(DataError, match="1D bars of NVDA change to fully_adjusted at 2024-06-10"):
        adjusted_as_of(bars, NO_ACTIONS, bars, calendar.as_of(pd.Timestamp("2024-06-10")))


def test_raw_bars_beside_adjusted_daily_ones_have_no_actions_to_be_adjusted_by() -> None:
    five = MARKET.bars(("SPY",), BEFORE, SPLIT, "5min")
    daily = MARKET.bars(("SPY",), BEFORE, SPLIT).assign(basis="fully_adjusted")

    with pytest.raises(DataError, match="raw bars of SPY cannot be adjusted"):
        adjusted_as_of(five, NO_ACTIONS, daily, calendar.as_of(SPLIT))


def test_daily_bars_are_made_where_none_is_given_and_say_so() -> None:
    five, daily = MARKET.bars(("SPY",), BEFORE, SPLIT, "5min"), MARKET.bars(("SPY",), BEFORE, BEFORE)

    made = of_timeframe(pd.concat([daily, five]), NO_ACTIONS, "1D")

    assert made["made_of"].tolist() == ["", "5min"]
    assert made[["parts", "expected"]].to_numpy().tolist() == [[1, 1], [78, 78]]
    assert last_close(made, SPLIT) == last_close(MARKET.bars(("SPY",), SPLIT, SPLIT), SPLIT)


def test_a_made_bar_on_another_basis_does_not_stand_beside_given_ones() -> None:
    five = MARKET.bars(("SPY",), BEFORE, SPLIT, "5min")
    daily = MARKET.bars(("SPY",), BEFORE, BEFORE).assign(basis="fully_adjusted")

    assert of_timeframe(pd.concat([daily, five]), NO_ACTIONS, "1D")["session"].tolist() == [BEFORE]


def test_a_raw_week_with_a_split_inside_is_on_the_scale_of_its_last_session() -> None:
    first, last = pd.Timestamp("2023-09-25"), pd.Timestamp("2023-09-29")
    bars, actions = MARKET.bars(("SPY",), first, last), MARKET.actions(("SPY",), first, last)

    week = of_timeframe(bars, actions, "1W").iloc[0]

    assert week["open"] == bars["open"].iloc[0] / 4
    assert week["close"] == bars["close"].iloc[-1]
    assert week["high"] < bars["high"].iloc[0]
    assert week["volume"] == (bars["volume"] * [4, 4, 4, 1, 1]).sum()
    assert (week["made_of"], week["parts"], week["expected"]) == ("1D", 5, 5)


def test_a_week_under_way_says_how_much_of_it_there_is() -> None:
    bars = MARKET.bars(("SPY",), pd.Timestamp("2023-09-25"), BEFORE)

    week = of_timeframe(bars, NO_ACTIONS, "1W").iloc[0]

    assert (week["session"], week["parts"], week["expected"]) == (pd.Timestamp("2023-09-29"), 3, 5)
    assert week["known_at"] == calendar.session_close(pd.Timestamp("2023-09-29")), "not before its own end"


def test_a_week_of_five_minute_bars_counts_those() -> None:
    bars = MARKET.bars(("SPY",), pd.Timestamp("2023-10-02"), pd.Timestamp("2023-10-03"), "5min").iloc[:-2]

    week = of_timeframe(bars, NO_ACTIONS, "1W").iloc[0]

    assert (week["made_of"], week["parts"], week["expected"]) == ("5min", 154, 5 * 78)
    assert week["volume"] == bars["volume"].sum()


def test_a_week_of_days_and_of_five_minute_bars_counts_both() -> None:
    first, second = pd.Timestamp("2023-10-02"), pd.Timestamp("2023-10-03")
    five = MARKET.bars(("SPY",), second, second, "5min").iloc[:70]

    week = of_timeframe(pd.concat([MARKET.bars(("SPY",), first, first), five]), NO_ACTIONS, "1W").iloc[0]

    assert (week["made_of"], week["parts"], week["expected"]) == ("1D+5min", 71, 1 + 78 + 3)


def test_a_given_week_is_shown_as_it_is() -> None:
    bars = MARKET.bars(("SPY",), pd.Timestamp("2023-09-25"), pd.Timestamp("2023-09-29"))
    given = bars.iloc[[-1]].assign(timeframe="1W", close=1.0)

    week = of_timeframe(pd.concat([bars, given]), NO_ACTIONS, "1W")

    assert week["close"].tolist() == [1.0]
    assert week["made_of"].tolist() == [""]


def test_no_bars_have_a_view_without_rows() -> None:
    none = frames.empty("bars")

    assert adjusted_as_of(none, NO_ACTIONS, none, calendar.as_of(SPLIT)).empty
    assert of_timeframe(none, NO_ACTIONS, "1W").empty

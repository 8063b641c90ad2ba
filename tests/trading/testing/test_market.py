"""The simulated market: consistent bars, reproducible, the same whatever range is asked for."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames
from trading.errors import MissingBarsError, UsageError
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.testing.market import ALL_SYMBOLS, PAY_LAG_SESSIONS, MarketOptions, SimulatedMarket
from trading.testing.market_model import TRADED
from trading.testing.market_paths import simulate

MARKET = SimulatedMarket()
FIRST, LAST = pd.Timestamp("2021-01-04"), pd.Timestamp("2024-12-31")
HALF_DAY = pd.Timestamp("2024-11-29")


@pytest.fixture(scope="module")
def daily() -> pd.DataFrame:
    return MARKET.bars(ALL_SYMBOLS, FIRST, LAST)


def test_every_bar_and_action_passes_the_rules(daily: pd.DataFrame) -> None:
    actions = MARKET.actions(ALL_SYMBOLS, FIRST, LAST)

    bars, events = separate_bars(daily), separate_actions(actions)

    pd.testing.assert_frame_equal(bars.accepted, frames.validated("bars", daily))
    assert len(actions) == len(events.accepted) > 100
    assert bars.quarantined.empty
    assert events.quarantined.empty


def test_prices_are_cents_and_volumes_whole_shares(daily: pd.DataFrame) -> None:
    prices = daily[["open", "high", "low", "close"]].to_numpy()

    # A cent is no binary fraction: 100 p is an integer up to a few units in the last place.
    assert np.abs(prices * 100 - np.rint(prices * 100)).max() < 1e-6
    assert (daily["volume"] % 1 == 0).all()
    assert (daily.loc[daily["symbol"] == "VIX", "volume"] == 0).all()


@pytest.mark.parametrize("session", [HALF_DAY, pd.Timestamp("2024-12-02")])
def test_five_minute_bars_add_up_to_the_day_exactly(session: pd.Timestamp, daily: pd.DataFrame) -> None:
    bars = MARKET.bars(ALL_SYMBOLS, session, session, "5min")

    grouped = bars.sort_values("ts").groupby("symbol")
    ends = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    summed = grouped.agg(ends)

    expected = daily[daily["session"] == session].set_index("symbol")[list(ends)].sort_index()
    pd.testing.assert_frame_equal(summed, expected, check_exact=True)
    assert (grouped.size() == (42 if session == HALF_DAY else 78)).all()


def test_five_minute_bars_pass_the_rules() -> None:
    bars = MARKET.bars(ALL_SYMBOLS, pd.Timestamp("2024-11-27"), HALF_DAY, "5min")

    assert separate_bars(bars).quarantined.empty
    assert len(bars) == 14 * (78 + 42)


def test_no_bar_joins_smoothly_only() -> None:
    """A bar opens where the one before closed: the path is one path."""
    bars = MARKET.bars(("NVDA",), HALF_DAY, HALF_DAY, "5min").sort_values("ts")

    np.testing.assert_array_equal(bars["open"].to_numpy()[1:], bars["close"].to_numpy()[:-1])


@settings(max_examples=15, deadline=None)
@given(start=st.integers(0, 900), length=st.integers(0, 60), extra=st.integers(0, 60))
def test_a_longer_range_changes_no_bar_of_a_shorter_one(start: int, length: int, extra: int) -> None:
    sessions = MARKET.sessions
    first, last, later = (sessions[1500 + start + n] for n in (0, length, length + extra))

    short = MARKET.bars(ALL_SYMBOLS, first, last)
    long = MARKET.bars(ALL_SYMBOLS, first, later)

    pd.testing.assert_frame_equal(long[long["session"] <= last], short, check_exact=True)


def test_nothing_in_a_market_follows_from_its_later_sessions() -> None:
    """A market simulated for 900 sessions is the beginning of one simulated for 1,100, to the last bit."""
    options = MarketOptions(edge="planted", edge_strength=0.2, regime_drift=1.0)

    short, long = simulate(options, 900), simulate(options, 1100)

    for name in ("regimes", "open", "high", "low", "close", "volume", "vix", "surprise"):
        assert getattr(short, name).tobytes() == getattr(long, name)[:900].tobytes(), name
    for name in ("ratio", "dividend", "split_notice", "dividend_notice"):
        assert getattr(short, name).tobytes() == getattr(long, name)[:900].tobytes(), name


def test_five_minute_bars_do_not_depend_on_the_range_or_the_symbols() -> None:
    alone = MARKET.bars(("AMD",), HALF_DAY, HALF_DAY, "5min")

    among = MARKET.bars(("SPY", "AMD", "NVDA"), pd.Timestamp("2024-11-26"), HALF_DAY, "5min")

    mine = among[(among["session"] == HALF_DAY) & (among["symbol"] == "AMD")]
    pd.testing.assert_frame_equal(mine.reset_index(drop=True), alone, check_exact=True)


def test_the_same_seed_gives_the_same_market_and_another_seed_another() -> None:
    one, same, other = (simulate(MarketOptions(seed=seed), 60) for seed in (3, 3, 4))

    assert one.close.tobytes() == same.close.tobytes()
    assert not np.isclose(one.close, other.close).all(axis=0).any()
    assert one.vix.tobytes() != other.vix.tobytes()


def test_the_order_of_symbols_does_not_matter() -> None:
    there, back = (MARKET.bars(order, LAST, LAST) for order in (ALL_SYMBOLS, ALL_SYMBOLS[::-1]))

    pd.testing.assert_frame_equal(there, back)


def test_arm_has_no_bar_earnings_or_action_before_its_listing() -> None:
    listed = pd.Timestamp("2023-09-14")

    bars = MARKET.bars(("ARM",), FIRST, LAST)

    assert bars["session"].min() == listed
    assert MARKET.earnings(("ARM",), FIRST, LAST)["session"].min() > listed
    # It lists at a price of its own, not at what an invisible past made of it.
    assert bars["open"].iloc[0] == pytest.approx(56.0, rel=0.4)


def test_a_bar_is_known_ten_minutes_after_its_end(daily: pd.DataFrame) -> None:
    closes = calendar.as_of_each(pd.DatetimeIndex(daily["session"]), pd.Timedelta(0))

    assert (daily["known_at"] - closes == pd.Timedelta(minutes=10)).all()
    five = MARKET.bars(("NVDA",), LAST, LAST, "5min")
    assert (five["known_at"] - five["ts"] == pd.Timedelta(minutes=15)).all()


def test_actions_are_known_sessions_before_they_take_effect() -> None:
    actions = MARKET.actions(ALL_SYMBOLS, FIRST, LAST)

    notice = {"split": 10, "dividend": 20}
    for row in actions.itertuples():
        announced = calendar.shift(row.session, -notice[row.kind])
        assert row.known_at == calendar.session_close(announced) + MARKET.delay
        paid = PAY_LAG_SESSIONS if row.kind == "dividend" else 0
        assert calendar.distance(row.session, row.pay_session) == paid


def test_a_split_divides_the_price_and_multiplies_the_volume() -> None:
    paths = MARKET.paths
    rows, places = np.nonzero((paths.ratio != 1.0) & paths.listed)

    kept = paths.close[rows, places] * paths.ratio[rows, places] / paths.close[rows - 1, places]
    traded = paths.volume[rows, places] / paths.volume[rows - 1, places] / paths.ratio[rows, places]

    assert len(rows) > 5
    assert set(paths.ratio[rows, places]) <= {0.1, 4.0, 10.0}
    # A session's return stays far below the jump of the smallest split, a factor of four.
    assert np.abs(np.log(kept)).max() < 0.5
    assert np.abs(np.log(traded)).max() < np.log(4)


def test_earnings_come_once_a_quarter_and_move_the_next_gap() -> None:
    paths = MARKET.paths
    rows, places = np.nonzero(~np.isnan(paths.surprise[:2500]))
    gap = np.log(paths.open[1:] * paths.ratio[1:] / paths.close[:-1])

    answer = gap[rows, places]

    nvda = MARKET.earnings(("NVDA",), pd.Timestamp("2016-01-04"), pd.Timestamp("2023-12-29"))
    assert len(nvda) == 32
    # The surprise is the jump's size plus noise of two thirds its spread, beside an ordinary gap.
    assert np.corrcoef(paths.surprise[rows, places], answer)[0, 1] > 0.5
    # A jump's deviation is 5.5 %, that of an ordinary gap of these names about 1.2 %.
    assert answer.std() > 3 * np.delete(gap[:2500, 0], rows).std()


def test_earnings_are_known_only_after_the_decision_of_their_session() -> None:
    earnings = MARKET.earnings(ALL_SYMBOLS, FIRST, LAST)

    assert (earnings["known_at"] > calendar.as_of_each(pd.DatetimeIndex(earnings["session"]))).all()


def test_regimes_are_labelled_for_every_session() -> None:
    labels = MARKET.regimes(FIRST, LAST)

    assert list(labels["session"]) == list(calendar.sessions_between(FIRST, LAST))
    assert set(labels["regime"]) == set(frames.REGIMES)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"edge": "sure"}, "none or planted"),
        ({"edge": "planted", "edge_strength": 0.9}, "outside"),
        ({"regime_drift": 1.0}, "planted"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        MarketOptions(**options)


def test_what_the_market_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="AAPL"):
        MARKET.bars(("AAPL",), FIRST, LAST)
    with pytest.raises(UsageError, match="1W"):
        MARKET.bars(("NVDA",), FIRST, LAST, "1W")
    with pytest.raises(MissingBarsError, match="2015-01-02"):
        MARKET.bars(("NVDA",), pd.Timestamp("2014-12-31"), LAST)


def test_a_range_without_sessions_or_actions_is_an_empty_table() -> None:
    sunday = pd.Timestamp("2024-06-02")

    assert MARKET.bars(("NVDA",), sunday, sunday).empty
    assert MARKET.bars(("NVDA",), sunday, sunday, "5min").empty
    assert frames.validated("corporate_actions", MARKET.actions(("AMD",), sunday, sunday)).empty


def test_a_market_may_begin_at_another_date() -> None:
    market = SimulatedMarket(MarketOptions(start=dt.date(2019, 1, 1)))

    assert market.sessions[0] == pd.Timestamp("2019-01-02")
    assert len(TRADED) + 1 == len(ALL_SYMBOLS)


def test_the_default_market_shows_a_split_dividends_and_a_late_listing() -> None:
    """What a first run of 120 sessions from 2024-01-02 has to cope with."""
    first = calendar.session_of("2024-01-02")
    actions = MARKET.actions(ALL_SYMBOLS, first, calendar.shift(first, 119))

    stocks = actions[~actions["symbol"].isin(["SPY", "QQQ", "SMH"])]
    assert (stocks["kind"] == "split").any()
    assert (stocks["kind"] == "dividend").sum() > 5
    assert calendar.distance(pd.Timestamp("2023-09-14"), first) < 100

"""The stage `features`: rows of what traded, known at the decision, the same for a session alone or in a range."""

import time

import numpy as np
import pandas as pd
import pytest

from trading import calendar, frames, history
from trading.features.daily import WINDOW_SESSIONS
from trading.history import History
from trading.stages.features import features_stage
from trading.stages.stage import Outputs
from trading.testing.market import ALL_SYMBOLS, MarketOptions, SimulatedMarket
from trading.testing.market_frames import actions_frame, bars_frame, make_at, moment

STAGE = features_stage()
MARKET = SimulatedMarket(MarketOptions(seed=7))
LISTED = calendar.session_of("2023-09-14")


@pytest.fixture(scope="module")
def market() -> dict[str, pd.DataFrame]:
    first, last = pd.Timestamp("2021-01-04"), pd.Timestamp("2023-12-29")
    return {
        "bars": MARKET.bars(ALL_SYMBOLS, first, last),
        "corporate_actions": MARKET.actions(ALL_SYMBOLS, first, last),
    }


def features(made: Outputs) -> pd.DataFrame:
    return pd.DataFrame(dict(made["features"])).set_index("symbol")


def test_it_reads_a_window_of_fixed_length() -> None:
    assert {read.table: read.depth for read in STAGE.reads} == {
        "bars": WINDOW_SESSIONS - 1,
        "corporate_actions": WINDOW_SESSIONS - 1,
    }
    assert (STAGE.starts, STAGE.makes, STAGE.keeps) == ("window", ("features",), ())


def test_it_makes_valid_rows_of_all_symbols(market: dict[str, pd.DataFrame]) -> None:
    now = moment("2023-12-29")
    made = dict(make_at(STAGE, now.session, market)["features"])
    stamp = now.as_of.tz_localize(None).to_datetime64()
    count = len(made["symbol"])
    made |= {"session": np.full(count, now.session.to_datetime64()), "known_at": np.full(count, stamp)}

    frame = history.to_frame("features", [made])

    assert list(made["symbol"]) == list(ALL_SYMBOLS)
    assert frame.columns.tolist() == frames.columns("features")
    empty = frame.set_index("symbol").isna().sum(axis=1)
    assert empty["VIX"] == 2  # no volume
    assert empty["NVDA"] == empty["SPY"] == 0


def test_a_symbol_that_lists_late_has_no_row_before(market: dict[str, pd.DataFrame]) -> None:
    before = features(make_at(STAGE, calendar.shift(LISTED, -1), market))
    first = features(make_at(STAGE, LISTED, market))
    second = features(make_at(STAGE, calendar.shift(LISTED, 1), market))

    assert "ARM" not in before.index
    assert first.loc["ARM"].drop(["timeframe", "ts", "filled"]).isna().all()
    assert second.loc["ARM"].notna().sum() == 6  # the same, return, holder's return, overnight return


def test_what_a_holder_made_over_a_gap_includes_the_split_and_the_dividend_within_it() -> None:
    # 100 before; 2 USD a share and ten for one while no bar came: 9.80 of new shares became 10.78
    last = calendar.session_of("2023-12-29")
    bars = bars_frame({"TSM": np.r_[np.full(WINDOW_SESSIONS - 1, 100.0), 10.78]}, last)
    gap = calendar.sessions_between(calendar.shift(last, -3), calendar.shift(last, -1))
    bars = bars[~bars["session"].isin(gap)].reset_index(drop=True)
    actions = actions_frame((gap[1], "TSM", "dividend", 2.0), (gap[2], "TSM", "split", 10.0))

    made = features(make_at(STAGE, last, {"bars": bars, "corporate_actions": actions})).loc["TSM"]

    assert made["held_return"] == pytest.approx(np.log(1.1), rel=1e-12)
    assert np.isnan(made["log_return"])


def test_a_split_makes_no_jump_in_any_feature() -> None:
    actions = MARKET.actions(ALL_SYMBOLS, pd.Timestamp("2017-01-03"), pd.Timestamp("2024-12-31"))
    split = actions[actions["ratio"] >= 4].iloc[0]
    bars = MARKET.bars((split.symbol,), calendar.shift(split.session, -300), split.session)
    made, blind = (
        features(make_at(STAGE, split.session, {"bars": bars, "corporate_actions": known})).loc[split.symbol]
        for known in (actions, actions[actions["session"] != split.session])
    )

    assert abs(made["log_return"]) < 0.2
    assert blind["log_return"] == pytest.approx(made["log_return"] - np.log(split.ratio), abs=1e-12)
    assert made["volatility_21"] < 1.5
    assert blind["volatility_21"] > 4
    # The session's own volume is one of the 21 that it is compared with.
    assert blind["volume_ratio_21"] > 2 * made["volume_ratio_21"]


def test_the_return_includes_the_dividend() -> None:
    bars = bars_frame({"QCOM": (100.0, 98.0)}, "2024-06-11")
    actions = actions_frame(("2024-06-11", "QCOM", "dividend", 2.0))

    made = features(make_at(STAGE, "2024-06-11", {"bars": bars, "corporate_actions": actions}))

    assert made.loc["QCOM", "log_return"] == pytest.approx(0.0, abs=1e-15)


def test_a_session_alone_has_the_bytes_it_has_in_a_range(market: dict[str, pd.DataFrame]) -> None:
    session = calendar.session_of("2023-06-30")
    first = calendar.shift(session, 1 - WINDOW_SESSIONS)
    alone = {
        name: table[table["session"].between(first, session)].reset_index(drop=True)
        for name, table in market.items()
    }

    one, among = make_at(STAGE, session, alone)["features"], make_at(STAGE, session, market)["features"]

    for name in one:
        if name not in ("symbol", "timeframe"):
            assert one[name].tobytes() == among[name].tobytes(), name


def test_five_minute_bars_in_the_same_table_change_nothing(market: dict[str, pd.DataFrame]) -> None:
    session = calendar.session_of("2023-06-30")
    five = MARKET.bars(ALL_SYMBOLS, calendar.shift(session, -1), session, "5min")
    both = frames.validated("bars", pd.concat([market["bars"], five]))

    daily, mixed = (
        features(make_at(STAGE, session, market | {"bars": rows})) for rows in (market["bars"], both)
    )

    pd.testing.assert_frame_equal(daily, mixed, check_exact=True)


def test_a_revision_known_later_changes_nothing(market: dict[str, pd.DataFrame]) -> None:
    session = calendar.session_of("2023-06-30")
    wrong = market["bars"]["session"].eq(session) & market["bars"]["symbol"].eq("NVDA")
    revised = market["bars"][wrong].assign(close=1.0, low=1.0)
    revised["known_at"] += pd.Timedelta(days=3)
    tables = market | {"bars": frames.validated("bars", pd.concat([market["bars"], revised]))}

    now, later = (features(make_at(STAGE, day, tables)) for day in (session, calendar.shift(session, 3)))

    pd.testing.assert_frame_equal(now, features(make_at(STAGE, session, market)), check_exact=True)
    assert later.loc["NVDA", "volatility_21"] > 5


def test_a_session_takes_a_few_milliseconds(market: dict[str, pd.DataFrame]) -> None:
    now = moment("2023-12-29")
    first = calendar.shift(now.session, 1 - WINDOW_SESSIONS)
    inputs = {
        name: History.from_frame(name, table).window(first, now.session, now.as_of)
        for name, table in market.items()
    }

    def once() -> float:
        start = time.process_time()
        STAGE.make(now, inputs)
        return time.process_time() - start

    # About 2 ms alone; the best of several on a shared machine, with room for a slower one.
    assert min(once() for _ in range(10)) < 0.02

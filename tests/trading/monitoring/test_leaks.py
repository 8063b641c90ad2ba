import numpy as np
import pandas as pd

from trading import calendar, frames
from trading.monitoring.leaks import Market, another_future, find_leaks, moved_before

SESSIONS = calendar.sessions_between(pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-31"))
CUT = SESSIONS[10]


def market() -> Market:
    close = 100 + np.arange(len(SESSIONS), dtype=float)
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    rows = pd.DataFrame({"session": SESSIONS, **prices, "volume": 1e6, "symbol": "NVDA", "timeframe": "1D"})
    rows = rows.assign(
        ts=[calendar.session_open(s) for s in SESSIONS],
        known_at=[calendar.session_close(s) for s in SESSIONS],
        basis="raw",
        source="test",
    )
    bars = rows.astype(frames.table_of("bars").dtypes)[frames.columns("bars")]
    return {"bars": bars, "corporate_actions": frames.empty("corporate_actions")}


def skill_rows(sessions: pd.Series, values: pd.Series) -> pd.DataFrame:
    dtypes = frames.table_of("ensemble_skill").dtypes
    filler = {
        name: np.zeros(len(sessions)) for name, dtype in dtypes.items() if dtype in ("float64", "int64")
    }
    frame = pd.DataFrame({**filler, "session": sessions, "timeframe": "1D"})
    frame = frame.assign(known_at=calendar.as_of_each(pd.DatetimeIndex(sessions)), average_product=values)
    return frame.astype(dtypes)[list(dtypes)].reset_index(drop=True)


def honest(world: Market) -> Market:
    bars = world["bars"]
    return {"ensemble_skill": skill_rows(bars["session"], bars["close"].rolling(3).mean().fillna(0.0))}


def peeking(world: Market) -> Market:
    bars = world["bars"]
    return {"ensemble_skill": skill_rows(bars["session"], bars["close"].shift(-2).fillna(0.0))}


def test_another_future_agrees_up_to_the_cut_and_nowhere_after() -> None:
    before, after = market()["bars"], another_future(market(), CUT)["bars"]
    known = (before["known_at"] <= calendar.as_of(CUT)).to_numpy()
    pd.testing.assert_frame_equal(before[known], after[known], check_exact=True)
    assert (before.loc[~known, "close"] != after.loc[~known, "close"]).all()


def test_an_honest_table_does_not_move() -> None:
    assert find_leaks(honest, market(), CUT) == []


def test_a_shift_of_two_is_found_where_it_first_shows() -> None:
    (leak,) = find_leaks(peeking, market(), CUT)
    assert (leak.table, leak.columns) == ("ensemble_skill", ("average_product",))
    assert leak.session == SESSIONS[9]
    assert leak.sessions_ahead == 2


def test_a_row_that_appears_only_in_one_future_is_a_leak() -> None:
    one = honest(market())["ensemble_skill"]
    other = one.drop(index=4).reset_index(drop=True)
    leak = moved_before("ensemble_skill", one, other, CUT)
    assert leak is not None
    assert leak.session == SESSIONS[4]
    assert leak.columns == ()


def test_missing_values_are_equal_to_themselves_and_zero_is_not_minus_zero() -> None:
    one = honest(market())["ensemble_skill"].assign(average_product=np.nan)
    assert moved_before("ensemble_skill", one, one.copy(), CUT) is None
    zero, minus = one.assign(average_product=0.0), one.assign(average_product=-0.0)
    assert moved_before("ensemble_skill", zero, minus, CUT) is not None

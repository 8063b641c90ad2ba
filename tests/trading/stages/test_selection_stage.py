"""The stage `selection`: from regime, features, graph and dividends to weights that follow slowly."""

import time

import numpy as np
import pandas as pd
import pytest

from trading import calendar, frames
from trading.history import History
from trading.signals.selection import SelectionRules
from trading.stages.selection import WINDOW_SESSIONS, selection_stage
from trading.testing.stage_rows import frame_of, history_of, made_by
from trading.universe import SYMBOLS

T = calendar.session_of("2024-06-28")
WINDOW = calendar.sessions_between(calendar.shift(T, 1 - WINDOW_SESSIONS), T)
STAGE = selection_stage()
PRICES = {**dict.fromkeys(("open", "high", "low", "close"), 100.0), "basis": "raw", "source": "x"}
_LABELS = {"regime": "Bull", "defensive_sleeve": "lowest_beta"}


def features(market: str = "SPY", seed: int = 3, last: pd.Timestamp = T) -> History:
    """A market and ten names of betas 0.5 to 2; momentum rises along the universe."""
    rng = np.random.default_rng(seed)
    symbols = (*SYMBOLS, market)
    moves = rng.normal(0, 0.01, (WINDOW_SESSIONS, 1))
    returns = np.hstack(
        [moves * np.linspace(0.5, 2, 10) + rng.normal(0, 0.001, (WINDOW_SESSIONS, 10)), moves]
    )
    rank = np.tile(np.arange(len(symbols), dtype=float), WINDOW_SESSIONS)
    window = calendar.sessions_between(calendar.shift(last, 1 - WINDOW_SESSIONS), last)
    return history_of(
        "features", window.repeat(len(symbols)), symbol=list(symbols) * WINDOW_SESSIONS, log_return=returns.ravel(),
        momentum_252=rank, momentum_63=rank, momentum_21=rank, volatility_63=0.3, rsi_14=70 - 4 * rank,
        bollinger_20=0.0,
    )  # fmt: skip


def inputs(**changed: History) -> dict[str, History]:
    named = {"timeframe": "1D", "symbol": list(SYMBOLS)}
    plain = {
        "features": features(),
        "graph_nodes": history_of("graph_nodes", [T] * 10, eigenvector=np.linspace(0, 0.9, 10), **named),
        "regimes": regime(Bull=1.0),
        "bars": history_of("bars", [T] * 10, **PRICES, **named),
    }
    return plain | changed


def regime(**probabilities: float) -> History:
    beliefs = {f"p_{name.lower()}": probabilities.get(name, 0.0) for name in frames.REGIMES}
    likely = max(probabilities, key=lambda name: probabilities[name])
    return history_of("regimes", [T], regime=likely, status="filtered", dwell=1, **beliefs)


def dividends(amount: float) -> dict[str, History]:
    days = WINDOW[[20, 80, 140, 200]]
    paid = history_of(
        "corporate_actions", days, symbol="NVDA", kind="dividend", ratio=1.0, amount=amount, source="x"
    )
    closes = history_of("bars", days, symbol="NVDA", **PRICES)
    return {"corporate_actions": paid, "bars": closes}


def selection(**changed: History) -> pd.DataFrame:
    made = made_by(STAGE, T, inputs(**changed), is_first="selection" not in changed)
    return frame_of(made, "selection", T).set_index("symbol").loc[list(SYMBOLS)]


def test_it_reads_a_year_keeps_a_session_and_begins_with_trading() -> None:
    assert {read.table: read.depth for read in STAGE.reads} == {
        "features": 251, "graph_nodes": 0, "regimes": 0, "corporate_actions": 251, "bars": 251,
    }  # fmt: skip
    assert [(read.table, read.offset) for read in STAGE.keeps] == [("selection", 1)]
    assert STAGE.starts == "inception"


@pytest.mark.parametrize(
    ("name", "first"),
    [("Bull", 5), ("Bear", 0), ("Volatile", 0), ("Range", 5)],
)
def test_each_regime_alone_holds_its_five_names_from_the_first_session(name: str, first: int) -> None:
    rows = selection(regimes=regime(**{name: 1.0}))
    held = np.flatnonzero(rows["held_weight"]).tolist()
    assert held == list(range(first, first + 5))
    assert rows["held_weight"].tolist() == rows[f"w_{name.lower()}"].tolist()


def test_beta_is_against_spy_and_where_there_is_none_against_qqq_and_it_says_so() -> None:
    rows = selection()
    # noise of a tenth of the market's over 252 sessions: a standard error of 0.006
    assert rows["beta"].to_numpy() == pytest.approx(np.linspace(0.5, 2, 10), abs=0.03)
    assert set(rows["beta_market"]) == {"SPY"}
    assert set(selection(features=features("QQQ"))["beta_market"]) == {"QQQ"}
    nothing = selection(features=features("SMH"))
    assert nothing["beta"].isna().all()
    assert set(nothing["defensive_sleeve"]) == {"equal_weight"}


def test_without_any_dividend_yields_are_unknown_and_the_sleeve_is_of_lowest_beta() -> None:
    rows = selection()
    assert rows["dividend_yield"].isna().all()
    assert set(rows["defensive_sleeve"]) == {"lowest_beta"}


@pytest.mark.parametrize(("amount", "how"), [(0.6, "filled_up"), (0.4, "lowest_beta")])
def test_a_name_that_yields_enough_is_screened_in_and_the_rest_fills_up(amount: float, how: str) -> None:
    rows = selection(**dividends(amount))
    assert rows.loc["NVDA", "dividend_yield"] == pytest.approx(4 * amount / 100)
    assert rows.loc["AMD", "dividend_yield"] == 0.0  # paid nothing while others did
    assert set(rows["defensive_sleeve"]) == {how}


def test_a_dividend_that_was_not_yet_known_counts_for_nothing() -> None:
    late = dividends(0.6)["corporate_actions"]
    held = History(
        "corporate_actions", {**late.values, "known_at": late.values["known_at"] + np.timedelta64(900, "D")}
    )
    assert selection(corporate_actions=held)["dividend_yield"].isna().all()


def test_after_the_first_session_it_moves_a_little_of_the_way_and_says_how_much() -> None:
    before = calendar.shift(T, -1)
    equal = history_of("selection", [before] * 10, symbol=list(SYMBOLS), held_weight=0.1, **_LABELS)
    rows = selection(selection=equal)
    values = features().values
    today = values["session"] == T.to_datetime64()
    grown = dict(zip(values["symbol"][today], np.exp(values["log_return"][today]), strict=True))
    drifted = np.array([grown[symbol] for symbol in SYMBOLS]) / sum(grown[symbol] for symbol in SYMBOLS)
    moved = np.abs(rows["held_weight"].to_numpy() - drifted).sum() / 2
    assert rows["one_way_turnover"].to_numpy() == pytest.approx(moved)
    assert 0 < moved <= SelectionRules().session_turnover + 1e-12  # the sum of ten roundings
    assert rows["held_weight"].sum() == pytest.approx(1.0)


def test_a_name_without_a_bar_is_in_no_sleeve() -> None:
    values = features().values
    there = ~((values["symbol"] == "ARM") & (values["session"] == T.to_datetime64()))
    rows = selection(features=History("features", {name: column[there] for name, column in values.items()}))
    assert not rows.loc["ARM", ["w_bull", "w_bear", "w_volatile", "w_range"]].any()


def test_a_session_takes_milliseconds() -> None:
    histories = inputs(selection=history_of("selection", [])) | dividends(0.5)
    taken = []
    for _ in range(15):
        began = time.process_time()
        made_by(STAGE, T, histories, is_first=True)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.010  # about 1.3 ms alone; the best of several on a shared machine

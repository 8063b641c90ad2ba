"""Like is compared with like: a difference of price basis is never a disagreement, and a wrong value always is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resources.sources import open_source
from trading import frames
from trading.monitoring.bar_rules import separate_actions
from trading.monitoring.vendors import Known, Sides, between_vendors
from trading.testing.market import SimulatedMarket
from trading.universe import SYMBOLS

FIRST, LAST = pd.Timestamp("2024-06-03"), pd.Timestamp("2024-06-28")
SPLIT = pd.Timestamp("2024-06-10")
NOW = pd.Timestamp("2024-07-01", tz="UTC")
SIDES = Sides("yahoo", "alpaca")
DATA = Path(__file__).parents[4] / "shared" / "data"
PRICES = ["open", "high", "low", "close"]
MARKET = SimulatedMarket()


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    """SIMULATED bars of two names, one of which splits 10:1 and pays a dividend."""
    bars = MARKET.bars(("NVDA", "AMD"), FIRST, LAST).reset_index(drop=True)
    before = (bars["symbol"].eq("NVDA") & bars["session"].ge(SPLIT)).to_numpy()
    bars.loc[before, PRICES] /= 10
    bars.loc[before, "volume"] *= 10
    return bars


@pytest.fixture(scope="module")
def known(raw: pd.DataFrame) -> Known:
    """The split of NVDA and a dividend of AMD of 2 USD."""
    stamp = pd.Timestamp("2024-06-05 20:15", tz="UTC").as_unit("us")
    rows = {
        "session": [SPLIT, SPLIT],
        "symbol": ["NVDA", "AMD"],
        "kind": ["split", "dividend"],
        "ratio": [10.0, 1.0],
        "amount": [0.0, 2.0],
        "pay_session": [SPLIT, LAST],
        "source": "made up",
        "known_at": stamp,
    }
    actions = pd.DataFrame(rows)[frames.columns("corporate_actions")]
    return Known(NOW, actions.astype(frames.table_of("corporate_actions").dtypes), raw)


def adjusted(raw: pd.DataFrame, *, dividends: bool = True, scale: float = 1.0) -> pd.DataFrame:
    """The bars as a vendor adjusts them, worked out by hand; `scale` is what happened after the last of them."""
    early = raw["session"].lt(SPLIT)
    nvda = (early & raw["symbol"].eq("NVDA")).to_numpy()
    amd = (early & raw["symbol"].eq("AMD")).to_numpy()
    before = raw.loc[amd, "close"].iloc[-1]
    factor = np.where(nvda, 0.1, np.where(amd & dividends, 1 - 2.0 / before, 1.0)) * scale
    shares = np.where(nvda, 10.0, 1.0)
    basis = "fully_adjusted" if dividends else "split_adjusted"
    prices = {name: raw[name] * factor for name in PRICES}
    return raw.assign(**prices, volume=raw["volume"] * shares, basis=basis)


def wrong(rows: pd.DataFrame) -> set[tuple[str, str, str]]:
    """Symbol, day and field of what disagrees."""
    bad = rows[~rows["agrees"].to_numpy()]
    days = bad["session"].dt.strftime("%m-%d")
    return set(zip(bad["symbol"], days, bad["field"], strict=True))


def one_wrong_close(bars: pd.DataFrame, by: float = 1.001) -> pd.DataFrame:
    hit = (bars["symbol"].eq("AMD") & bars["session"].eq(pd.Timestamp("2024-06-18"))).to_numpy()
    return bars.assign(close=np.where(hit, bars["close"] * by, bars["close"]))


def test_raw_bars_stand_beside_raw_ones_price_by_price_the_home_always_on_the_left(
    raw: pd.DataFrame, known: Known
) -> None:
    rows = between_vendors(raw, one_wrong_close(raw), SIDES, known)
    turned = between_vendors(raw, one_wrong_close(raw), Sides("yahoo", "a name before"), known)

    assert len(rows) == len(raw) * 5
    assert wrong(rows) == wrong(turned) == {("AMD", "06-18", "close")}
    assert set(zip(turned["left"], turned["right"], strict=True)) == {("yahoo", "a name before")}
    assert (rows["known_at"] == NOW).all(), "nobody knew it before he asked"


@pytest.mark.parametrize("raw_is", ["left", "right"])
@pytest.mark.parametrize("basis", ["fully_adjusted", "split_adjusted"])
def test_a_split_and_a_dividend_are_no_disagreement_between_raw_and_adjusted_bars(
    raw: pd.DataFrame, known: Known, basis: str, raw_is: str
) -> None:
    other = adjusted(raw, dividends=basis == "fully_adjusted")
    pair = (raw, other) if raw_is == "left" else (other, raw)

    rows = between_vendors(*pair, SIDES, known)

    assert rows["agrees"].all()
    assert set(rows["field"]) == {"open", "high", "low", "close_return", "volume_change"}
    ex_date = rows[rows["session"].eq(SPLIT) & rows["field"].eq("close_return")]
    assert len(ex_date) == 2, "the session of both actions was compared, too"


def test_a_wrong_close_beside_adjusted_bars_shows_in_two_returns_and_in_its_shape(
    raw: pd.DataFrame, known: Known
) -> None:
    rows = between_vendors(raw, one_wrong_close(adjusted(raw), 1.01), SIDES, known)

    returns = {("AMD", "06-18", "close_return"), ("AMD", "06-20", "close_return")}
    shape = {("AMD", "06-18", name) for name in ("open", "high", "low")}
    assert wrong(rows) == returns | shape


def test_an_action_that_the_other_vendor_lacks_is_a_disagreement_at_its_session_alone(
    raw: pd.DataFrame, known: Known
) -> None:
    rows = between_vendors(raw, adjusted(raw, dividends=False).assign(basis="fully_adjusted"), SIDES, known)

    assert wrong(rows) == {("AMD", "06-10", "close_return")}


def test_bars_adjusted_as_of_different_days_agree_and_without_a_raw_side_dividends_are_not_judged(
    raw: pd.DataFrame, known: Known
) -> None:
    same = between_vendors(adjusted(raw), adjusted(raw, scale=0.2), SIDES, known)
    apart = between_vendors(adjusted(raw), adjusted(raw, dividends=False), SIDES, known)

    assert same["agrees"].all()
    assert apart["agrees"].all()
    assert set(apart["field"]) == {"open", "high", "low"}


def test_one_feed_of_some_venues_is_held_to_what_such_feeds_can_say(raw: pd.DataFrame, known: Known) -> None:
    iex = raw.assign(volume=raw["volume"] * 0.025, close=raw["close"] * 1.001)
    by_tape = between_vendors(raw, iex, SIDES, known)
    by_feed = between_vendors(raw, iex, Sides("yahoo", "alpaca", partial=True), known)
    beside_adjusted = between_vendors(adjusted(raw), iex, Sides("yahoo", "alpaca", partial=True), known)

    assert {field for _, _, field in wrong(by_tape)} == {"close", "volume"}
    assert by_feed["agrees"].all()
    assert "volume_change" not in set(beside_adjusted["field"])


def test_weeks_need_daily_closes_for_their_dividends_and_are_else_not_compared(
    raw: pd.DataFrame, known: Known
) -> None:
    friday = raw[raw["session"].isin(pd.to_datetime(["2024-06-07", "2024-06-14", "2024-06-21"]))]
    weeks = friday.assign(timeframe="1W", ts=friday["ts"] - pd.Timedelta(days=4))
    theirs = adjusted(raw).loc[friday.index].assign(timeframe="1W", ts=weeks["ts"])

    rows = between_vendors(weeks, theirs, SIDES, known)
    without = between_vendors(weeks, theirs, SIDES, Known(NOW, known.actions, frames.empty("bars")))

    assert rows["agrees"].all()
    assert rows["field"].value_counts().to_dict() == {"close_return": 4, "volume_change": 4}
    assert without.empty


def test_five_minute_bars_are_compared_bar_by_bar_and_told_by_session(known: Known) -> None:
    five = MARKET.bars(("AMD",), FIRST, FIRST, "5min")
    high = five.assign(high=np.where(five.index == 7, five["high"] * 1.01, five["high"]))

    rows = between_vendors(five, high, SIDES, known)
    other_basis = between_vendors(five, high.assign(basis="split_adjusted"), SIDES, known)

    assert len(rows) == 5
    assert wrong(rows) == wrong(other_basis) == {("AMD", "06-03", "high")}
    assert set(other_basis["field"]) == {"open", "high", "low"}


def test_bars_that_one_side_lacks_are_not_compared(raw: pd.DataFrame, known: Known) -> None:
    assert between_vendors(raw, raw[raw["symbol"].eq("AMD")], SIDES, known)["symbol"].unique().tolist() == [
        "AMD"
    ]
    assert between_vendors(raw, frames.empty("bars"), SIDES, known).empty


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_the_two_real_vendors_agree_but_for_six_closes_and_dividends_of_asml_and_tsm() -> None:
    first, last = pd.Timestamp("2024-04-01"), pd.Timestamp("2025-06-30")
    vendor, adjusting = open_source("files", data=DATA, basis="raw"), open_source("files", data=DATA)
    bars = vendor.bars(SYMBOLS, first, last)
    actions = separate_actions(vendor.actions(SYMBOLS, first, last)).accepted

    now = pd.Timestamp("2025-07-01", tz="UTC")

    rows = between_vendors(bars, adjusting.bars(SYMBOLS, first, last), SIDES, Known(now, actions, bars))

    closes = rows[rows["field"].eq("close_return")]
    assert len(closes) > 3_000
    assert closes.loc[closes["agrees"], "relative_difference"].abs().median() < 1e-7
    assert (~closes["agrees"]).sum() == 19
    assert {symbol for symbol, _, _ in wrong(rows)} == {"AMD", "ASML", "AVGO", "MU", "NVDA", "SMCI", "TSM"}
    assert set(rows.loc[~rows["agrees"], "field"]) == {"close_return"}

"""One session of the walk, worked by hand: gap, dividend, split, announcement, planted signal."""

import numpy as np
import pytest

from trading.testing.market_model import TRADED, MarketOptions, instruments
from trading.testing.market_paths import simulate
from trading.testing.market_walk import DIVIDEND_NOTICE, SPLIT_NOTICE, Walk
from trading.universe import SYMBOLS

WIDTH = len(TRADED)
QCOM, SMCI, SPY = (TRADED.index(symbol) for symbol in ("QCOM", "SMCI", "SPY"))
STILL = np.zeros(WIDTH)
SIGMA = np.full(WIDTH, 0.02)


def walk(strength: float = 0.0, due: dict[int, list[tuple[int, int]]] | None = None) -> Walk:
    """A market of 60 sessions in which everything is listed from the start."""
    return Walk(strength, instruments(), due or {}, np.zeros(WIDTH, dtype=np.int64), 60)


def test_a_holder_loses_nothing_to_a_dividend_and_a_split() -> None:
    """100 USD rise by 1 % overnight; 2 USD are paid, then four shares make one of 24.75; 2 % by day."""
    market = walk()
    market.close[0], market.dividend[1, QCOM], market.ratio[1, QCOM] = 100.0, 2.0, 4.0

    market.step(1, STILL + 0.01, STILL + 0.02, SIGMA)

    assert market.open[1, QCOM] == pytest.approx(24.75, rel=1e-15)
    assert market.close[1, QCOM] == pytest.approx(25.245, rel=1e-15)
    assert market.shock[1, QCOM] == pytest.approx((25.245 * 4 + 2 - 100) / 100 / 0.02, rel=1e-12)
    assert market.open[1, SPY] == pytest.approx(101.0, rel=1e-15)


def test_a_dividend_is_a_quarter_of_the_yield_at_its_announcement() -> None:
    market = walk(due={0: [(QCOM, DIVIDEND_NOTICE)]})

    market.step(0, STILL, STILL, SIGMA)

    price, yearly = market.close[0, QCOM], market.facts.dividend_yield[QCOM]
    assert market.dividend[DIVIDEND_NOTICE, QCOM] == round(price * yearly / 4, 4) > 0
    assert market.dividend_notice[DIVIDEND_NOTICE, QCOM] == 0


def test_a_dividend_that_is_paid_after_a_pending_split_is_one_of_new_shares() -> None:
    market = walk(due={0: [(QCOM, DIVIDEND_NOTICE)]})
    market.ratio[DIVIDEND_NOTICE - 1, QCOM] = 4.0

    market.step(0, STILL, STILL, SIGMA)

    whole = market.close[0, QCOM] * market.facts.dividend_yield[QCOM] / 4
    assert market.dividend[DIVIDEND_NOTICE, QCOM] == round(whole / 4, 4)


@pytest.mark.parametrize(("price", "ratio"), [(1000.0, 4.0), (2.0, 0.1), (50.0, 1.0)])
def test_a_price_outside_its_band_is_split_ten_sessions_later(price: float, ratio: float) -> None:
    market = walk()
    market.close[0] = 50.0
    market.close[0, SMCI] = price

    market.step(1, STILL, STILL, SIGMA)

    assert market.ratio[1 + SPLIT_NOTICE, SMCI] == ratio
    assert (market.split_notice[1 + SPLIT_NOTICE, SMCI] == 1) == (ratio != 1.0)


def test_no_second_split_is_announced_before_the_first_has_happened() -> None:
    market = walk()
    market.close[0] = 1000.0
    for t in range(1, SPLIT_NOTICE + 1):
        market.step(t, STILL, STILL, SIGMA)

    assert (market.ratio[:, SMCI] != 1.0).sum() == 1


def test_the_planted_signal_is_the_standardised_sum_of_five_returns_of_a_stock() -> None:
    market = walk(strength=0.1)
    market.close[9] = 50.0
    market.shock[5:10] = 1.0

    market.step(10, STILL, STILL, SIGMA)

    # sqrt(5) standard deviations, below the limit of three, times strength and volatility
    assert market.close[10, QCOM] == pytest.approx(50.0 * (1 + 0.1 * np.sqrt(5) * 0.02), rel=1e-14)
    assert market.close[10, SPY] == 50.0
    assert market.open[10, QCOM] == 50.0


def test_the_signal_is_clipped() -> None:
    market = walk(strength=0.1)
    market.close[9], market.shock[5:10] = 50.0, -8.0

    market.step(10, STILL, STILL, SIGMA)

    assert market.close[10, QCOM] == pytest.approx(50.0 * (1 - 0.1 * 3 * 0.02), rel=1e-14)


def test_the_premium_is_in_the_gap_of_every_session_and_scales_with_beta() -> None:
    paid, free = (simulate(MarketOptions(seed=2, risk_premium=premium), 250) for premium in (0.1, 0.0))

    gaps = [
        (paths.open[1:] * paths.ratio[1:] + paths.dividend[1:]) / paths.close[:-1] for paths in (paid, free)
    ]

    each = np.median(gaps[0] - gaps[1], axis=0) * 252
    traded = [place for place in range(WIDTH) if TRADED[place] != "ARM"]
    # Prices are rounded to a cent of some tens of USD: the median keeps a hundredth of that.
    np.testing.assert_allclose(each[traded], 0.1 * instruments().beta[traded], atol=0.02)
    assert len(SYMBOLS) < WIDTH

"""The simulated market behaves like one: fat tails, clustering, groups, regimes, and no free lunch.

Twenty-five years of one seed, so every figure is fixed; a tolerance is four standard errors of its
estimate where that is known, which a right market of another seed would pass 9,999 times of 10,000.
"""

import numpy as np
import pytest

from trading import frames
from trading.testing.market_model import ANNUAL_SESSIONS, MEAN_DURATIONS, TRADED, MarketOptions, instruments
from trading.testing.market_paths import Paths, simulate
from trading.testing.market_walk import SIGNAL_SESSIONS
from trading.universe import SYMBOLS

STOCKS = [place for place, symbol in enumerate(SYMBOLS) if symbol != "ARM"]  # listed throughout
FUNDS = list(range(len(SYMBOLS), len(TRADED)))


@pytest.fixture(scope="module")
def fair() -> Paths:
    return simulate(MarketOptions(seed=11))


@pytest.fixture(scope="module")
def planted() -> Paths:
    return simulate(MarketOptions(seed=11, edge="planted", edge_strength=0.1))


def total_returns(paths: Paths) -> np.ndarray:
    """(t - 1, s) simple returns of holding a share through a session."""
    return (paths.close[1:] * paths.ratio[1:] + paths.dividend[1:]) / paths.close[:-1] - 1


def signals(returns: np.ndarray) -> np.ndarray:
    """What past bars show: the sum of the last five returns, standardised by their trailing deviation."""
    recent = np.lib.stride_tricks.sliding_window_view(returns, SIGNAL_SESSIONS, axis=0).sum(axis=-1)
    spread = np.lib.stride_tricks.sliding_window_view(returns, 21, axis=0).std(axis=-1)
    return recent[21 - SIGNAL_SESSIONS :] / spread


def test_holding_a_share_earns_its_premium_and_nothing_else(fair: Paths) -> None:
    returns = total_returns(fair)[:, STOCKS + FUNDS]
    premium = 0.08 / ANNUAL_SESSIONS * instruments().beta[STOCKS + FUNDS]

    error = returns.std(axis=0) / np.sqrt(len(returns))

    assert np.all(np.abs(returns.mean(axis=0) - premium) < 4 * error)


def test_from_open_to_close_nothing_is_earned(fair: Paths) -> None:
    moves = (fair.close / fair.open - 1)[:, STOCKS + FUNDS]

    assert np.all(np.abs(moves.mean(axis=0)) < 4 * moves.std(axis=0) / np.sqrt(len(moves)))


def test_the_past_says_nothing_in_a_fair_market(fair: Paths) -> None:
    returns = total_returns(fair)
    signal = signals(returns)[:-1]

    for place in STOCKS:
        correlation = np.corrcoef(signal[:, place], returns[21:, place])[0, 1]
        # Clustered variance widens the error of a correlation; its square is up to twice 1 / n here.
        assert abs(correlation) < 4 * np.sqrt(2 / len(signal)), TRADED[place]


def test_a_planted_edge_is_as_strong_as_it_says(planted: Paths, fair: Paths) -> None:
    def pooled(paths: Paths) -> float:
        returns = total_returns(paths)
        signal = signals(returns)[:-1, STOCKS]
        scaled = returns[21:, STOCKS] / returns[:, STOCKS].std(axis=0)
        return float(np.corrcoef(signal.ravel(), scaled.ravel())[0, 1])

    # The trailing deviation is a poorer scale than the true one, and clipping takes a little.
    assert 0.06 < pooled(planted) < 0.12
    assert abs(pooled(fair)) < 0.03


def test_a_planted_edge_lies_between_open_and_close_where_it_can_be_traded(planted: Paths) -> None:
    signal = signals(total_returns(planted))[:-1]
    gap = planted.open[22:] * planted.ratio[22:] / planted.close[21:-1] - 1
    day = planted.close[22:] / planted.open[22:] - 1

    overnight, intraday = (
        np.mean([np.corrcoef(signal[:, s], moves[:, s])[0, 1] for s in STOCKS]) for moves in (gap, day)
    )

    assert abs(overnight) < 0.03
    assert intraday > 0.06


def test_tails_are_fat(fair: Paths) -> None:
    returns = np.log1p(total_returns(fair))[:, STOCKS]
    standardised = (returns - returns.mean(axis=0)) / returns.std(axis=0)

    # A normal sample's excess kurtosis has an error of sqrt(24 / n) = 0.06.
    assert np.all((standardised**4).mean(axis=0) - 3 > 1.0)


def test_volatility_clusters_and_returns_do_not(fair: Paths) -> None:
    returns = np.log1p(total_returns(fair))[:, STOCKS]
    noise = 1 / np.sqrt(len(returns))

    def autocorrelation(values: np.ndarray, lag: int) -> np.ndarray:
        return np.array([np.corrcoef(v[lag:], v[:-lag])[0, 1] for v in values.T])

    assert np.all(autocorrelation(np.abs(returns), 1) > 4 * noise)
    assert np.all(autocorrelation(np.abs(returns), 20) > noise)
    assert np.all(np.abs(autocorrelation(returns, 1)) < 4 * np.sqrt(2) * noise)


def test_names_of_one_group_move_together_more_than_others(fair: Paths) -> None:
    correlation = np.corrcoef(np.log1p(total_returns(fair)).T)
    stocks = correlation[np.ix_(STOCKS, STOCKS)]
    nvda, amd = TRADED.index("NVDA"), TRADED.index("AMD")

    others = stocks[np.triu_indices(len(STOCKS), 1)]
    others = others[others != correlation[nvda, amd]]

    # The error of a correlation of 0.5 over 6,500 sessions is 0.01.
    assert correlation[nvda, amd] > others.max() + 0.04
    assert 0.25 < others.min() < others.max() < 0.65


def test_the_sector_fund_follows_the_stocks_and_the_market_fund_less(fair: Paths) -> None:
    correlation = np.corrcoef(np.log1p(total_returns(fair)).T)
    spy, smh = TRADED.index("SPY"), TRADED.index("SMH")

    assert np.all(correlation[smh, STOCKS] > correlation[spy, STOCKS])
    assert correlation[spy, TRADED.index("QQQ")] > 0.85


def test_regimes_last_for_months(fair: Paths) -> None:
    changes = np.flatnonzero(np.diff(fair.regimes)) + 1
    runs = np.diff(changes)
    labels = fair.regimes[changes[:-1]]

    for state, expected in enumerate(MEAN_DURATIONS):
        mine = runs[labels == state]
        # A geometric duration's deviation is about its mean.
        assert abs(mine.mean() - expected) < 4 * expected / np.sqrt(len(mine)), frames.REGIMES[state]


def test_each_regime_has_its_volatility_and_stress_its_correlation(fair: Paths) -> None:
    returns = np.log1p(total_returns(fair))
    states = [returns[fair.regimes[1:] == state] for state in range(4)]
    bull, bear, volatile, quiet = (part[:, TRADED.index("SPY")].std() for part in states)

    together = [np.corrcoef(part[:, STOCKS].T)[np.triu_indices(len(STOCKS), 1)].mean() for part in states]

    assert volatile > bear > bull > quiet
    assert min(together[1], together[2]) > max(together[0], together[3]) + 0.1


def test_a_regime_drift_is_there_only_when_it_is_planted(fair: Paths) -> None:
    drifting = simulate(MarketOptions(seed=11, edge="planted", edge_strength=0.0, regime_drift=1.0))
    spy = TRADED.index("SPY")

    # The shocks are the same, so what differs is the drift itself, in simple returns of the day.
    day, plain = (paths.close[:, spy] / paths.open[:, spy] - 1 for paths in (drifting, fair))

    for state, yearly in enumerate((0.25, -0.35, -0.10, 0.0)):
        mine = fair.regimes == state
        # Prices of tens of USD in cents: one rounding is at most 1e-3, its mean far below.
        assert (day - plain)[mine].mean() * ANNUAL_SESSIONS == pytest.approx(yearly, abs=0.02)


def test_the_vix_foretells_the_volatility_that_follows(fair: Paths) -> None:
    market = np.log1p(total_returns(fair))[:, TRADED.index("SPY")]
    ahead = np.lib.stride_tricks.sliding_window_view(market, 21).std(axis=1) * np.sqrt(ANNUAL_SESSIONS)

    points = fair.vix[: len(ahead), 3]

    assert np.corrcoef(points, ahead)[0, 1] > 0.6
    assert 10 < np.median(points) < 25
    assert points.min() >= 9.0


def test_ranges_fit_the_volatility_of_the_day(fair: Paths) -> None:
    """Rogers and Satchell (1991): h (h - x) + l (l - x) has the variance of x as its mean."""
    top, bottom, move = (np.log(v / fair.open) for v in (fair.high, fair.low, fair.close))

    estimate = (top * (top - move) + bottom * (bottom - move)).mean(axis=0)[STOCKS]

    # Fat tails make the error of a variance over 6,500 sessions about 4 %.
    np.testing.assert_allclose(estimate / (move**2).mean(axis=0)[STOCKS], 1.0, atol=0.16)


def test_volume_rises_with_the_move(fair: Paths) -> None:
    moves = np.abs(np.log1p(total_returns(fair)))
    volume = np.log(fair.volume[1:] / np.cumprod(fair.ratio, axis=0)[1:])

    for place in STOCKS:
        assert np.corrcoef(moves[:, place], volume[:, place])[0, 1] > 0.2

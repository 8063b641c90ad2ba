"""Stress by history, scenario and simulation, worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from trading import calendar
from trading.portfolio.problem import RiskModel
from trading.risk.decomposition import concentration, factor_share, group_shares, risk_shares
from trading.risk.stress import PERIODS, Book, by_history, by_monte_carlo, by_scenario, replayed

BOOK = Book(np.array([0.5, 0.3]), np.array([[4e-4, 1e-4], [1e-4, 1e-4]]))


def history(first: str, last: str) -> tuple[np.ndarray, pd.DatetimeIndex]:
    sessions = calendar.sessions_between(calendar.session_of(first), calendar.session_of(last))
    return np.random.default_rng(5).normal(0, 0.01, (len(sessions), 2)), sessions


def test_a_period_is_replayed_only_if_the_history_holds_it_whole() -> None:
    returns, sessions = history("2020-01-02", "2022-12-30")

    found = {s.case: s for s in by_history(BOOK, returns, sessions) if s.kind == "history"}

    assert set(found) == {"2020-03", "2022"}
    inside = np.asarray((sessions >= PERIODS["2020-03"][0]) & (sessions <= PERIODS["2020-03"][1]))
    assert found["2020-03"].loss == pytest.approx(BOOK.weights @ np.expm1(returns[inside].sum(axis=0)))


def test_the_worst_week_is_the_names_own_and_a_shorts_is_its_best() -> None:
    returns, sessions = history("2021-01-04", "2021-03-31")
    returns[10:15, 0], returns[30:35, 1] = -0.05, 0.05
    short = Book(np.array([0.5, -0.3]), BOOK.covariance)

    weeks = [s for s in by_history(short, returns, sessions) if s.kind == "worst_week"]

    assert [s.case for s in weeks] == [f"0:{sessions[14]:%Y-%m-%d}", f"1:{sessions[34]:%Y-%m-%d}"]
    assert weeks[1].shares[1] == pytest.approx(-0.3 * np.expm1(0.25))


def test_a_name_that_did_not_trade_yet_falls_as_the_others_do() -> None:
    returns = np.array([[-0.1, np.nan], [-0.1, np.nan]])

    found = replayed(BOOK, "history", "x", returns)

    assert found.loss == pytest.approx(0.8 * np.expm1(-0.2))
    assert found.known == pytest.approx(0.5 / 0.8)


def test_scenarios_are_worked_by_hand() -> None:
    short = Book(np.array([0.5, -0.3]), BOOK.covariance, np.array([0.002, 0.002]))
    z = 1.6448536269514722

    found = {s.case: s.loss for s in by_scenario(short)}

    sigma = np.sqrt(0.25 * 4e-4 + 0.09 * 1e-4 - 2 * 0.15 * 1e-4)
    assert found["vix_x2"] == pytest.approx(-2 * z * sigma)
    assert found["sector_-20%"] == pytest.approx(-0.04)
    assert found["correlations_to_1"] == pytest.approx(-z * abs(0.5 * 0.02 - 0.3 * 0.01))
    assert found["borrow_x10"] == pytest.approx(-0.3 * 0.02 * (21 * 365 / 252) / 360)


def test_a_simulated_month_is_as_wide_as_its_covariance_says() -> None:
    calm = Book(np.array([1.0, 0.0]), np.diag([1e-4, 1e-4]))

    losses = {s.case: s.loss for s in by_monte_carlo(calm)}

    # close to a normal after 21 draws; 2,000 paths leave a standard error of 4 % in a quantile of 5 %
    assert losses["month_value_at_risk_95"] == pytest.approx(np.expm1(-1.645 * 0.01 * np.sqrt(21)), rel=0.12)
    assert losses["month_shortfall_95"] < losses["month_value_at_risk_95"]


def test_what_names_bring_adds_up_to_every_loss() -> None:
    returns, sessions = history("2020-01-02", "2022-12-30")

    cases = [*by_history(BOOK, returns, sessions), *by_scenario(BOOK), *by_monte_carlo(BOOK)]

    assert len(cases) == 2 + 2 + 4 + 2
    assert all(case.shares.sum() == pytest.approx(case.loss) for case in cases)


def test_risk_is_shared_out_by_name_group_and_factor() -> None:
    weights = np.array([0.5, 0.5])

    shares = risk_shares(weights, np.diag([3e-4, 1e-4]))

    assert shares == pytest.approx([0.75, 0.25])
    assert group_shares(shares, ("x", "x")) == {"x": pytest.approx(1.0)}
    assert factor_share(weights, RiskModel(np.array([[0.02, 0.02]]), np.array([0.0, 0.02]))) == pytest.approx(
        0.8
    )
    assert concentration(weights, np.diag([3e-4, 1e-4])).names == pytest.approx(2.0)
    assert concentration(weights, np.diag([3e-4, 1e-4])).bets == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert risk_shares(np.zeros(2), np.eye(2)).tolist() == [0.0, 0.0]

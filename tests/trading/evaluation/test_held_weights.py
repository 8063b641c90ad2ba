"""What weights earn, worked by hand and against a book that counts money."""

import numpy as np
import pytest

from trading.evaluation.held_weights import held_weights


def test_two_sessions_worked_by_hand() -> None:
    decided = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    overnight = np.log([[1.0, 1.0], [1.1, 1.0], [1.0, 1.2]])
    total = np.log([[1.0, 1.0], [1.1, 1.0], [1.0, 1.5]])
    made = held_weights(decided, overnight, total, cost_bps=10.0)
    # the first name gains 10 % overnight, then nothing is traded; then all of it is, at 10 bps a side
    assert made.returns == pytest.approx([0.0, 0.1, 1.0 * (1 - 2 * 0.001) * (1.5 / 1.2) - 1])
    assert made.turnover == pytest.approx([0.0, 0.0, 1.0])


def test_a_book_that_is_left_alone_earns_what_its_shares_do() -> None:
    rng = np.random.default_rng(2)
    total = rng.normal(0, 0.02, (60, 4))
    start = np.array([0.1, 0.2, 0.3, 0.2])  # and a fifth in cash
    made = held_weights(np.tile(start, (60, 1)), total / 3, total, 10.0, np.zeros(60, dtype=bool))
    wealth = 0.2 + (start * np.exp(total[1:].cumsum(axis=0))).sum(axis=1)
    assert np.cumprod(1 + made.returns[1:]) == pytest.approx(wealth)
    assert not made.turnover.any()


def test_costs_take_their_part_of_what_is_traded() -> None:
    rng = np.random.default_rng(5)
    total, weights = rng.normal(0, 0.02, (50, 3)), rng.dirichlet(np.ones(3), 50)
    free, dear = (held_weights(weights, total / 2, total, bps) for bps in (0.0, 50.0))
    paid = (1 + dear.returns[1:]) / (1 + free.returns[1:])
    assert paid == pytest.approx(1 - 2 * free.turnover[1:] * 0.005)


def test_a_price_that_is_missing_is_one_that_did_not_move() -> None:
    total = np.array([[0.0, 0.0], [np.nan, 0.01]])
    made = held_weights(np.full((2, 2), 0.5), np.zeros((2, 2)), total, 0.0)
    assert made.returns[1] == pytest.approx(0.5 * np.expm1(0.01))

"""Brier score and reliability: worked by hand, and the parts add up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from trading import calendar
from trading.evaluation.reliability import bins_of, brier, reliability_table


def cases(probability: np.ndarray, happened: np.ndarray, names: int = 10) -> pd.DataFrame:
    count = len(probability) // names
    sessions = calendar.sessions_between(
        calendar.shift(calendar.session_of("2024-06-28"), 1 - count), calendar.session_of("2024-06-28")
    )
    return pd.DataFrame({"session": sessions.repeat(names), "probability": probability, "happened": happened})


def drawn(seed: int = 4, bias: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    given = rng.uniform(0.1, 0.9, 4000)
    return cases(given, (rng.random(4000) < given + bias).astype(float))


def test_the_score_is_that_of_scikit_learn() -> None:
    rows = drawn()
    assert brier(rows, 1).score.value == pytest.approx(
        brier_score_loss(rows["happened"], rows["probability"])
    )


@given(st.lists(st.sampled_from([0.2, 0.5, 0.8]), min_size=40, max_size=40), st.integers(0, 2**40 - 1))
def test_the_parts_of_murphy_add_up_where_bins_hold_one_probability(given: list[float], bits: int) -> None:
    came = np.array([bits >> place & 1 for place in range(40)], dtype=float)
    made = brier(cases(np.array(given), came), 1, count=100)  # finer than one case of forty
    assert made.reliability - made.resolution + made.base == pytest.approx(made.score.value)


def test_equal_probabilities_share_a_bin() -> None:
    assert len(set(bins_of(np.full(50, 0.5)))) == 1
    assert np.bincount(bins_of(np.arange(100.0))).tolist() == [10] * 10


def test_honest_probabilities_lie_within_their_intervals_and_biased_ones_do_not() -> None:
    def missed(rows: pd.DataFrame) -> int:
        table = reliability_table(rows, 1)
        return int(((table["probability"] < table["low"]) | (table["probability"] > table["high"])).sum())

    assert missed(drawn()) <= 2  # of ten intervals of 95 %, more than two is one case in a hundred
    assert missed(drawn(bias=0.1)) >= 7
    assert brier(drawn(bias=0.1), 1).reliability > 5 * brier(drawn(), 1).reliability


def test_a_coin_is_worth_nothing_against_a_half() -> None:
    rows = drawn().assign(probability=0.5)
    assert brier(rows, 1).better.value == 0.0
    assert brier(drawn(), 1).better.low > 0

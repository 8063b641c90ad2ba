"""Falls from a highest equity, and stays of names in a book."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trading.evaluation.spells import Fall, holding_spells, worst_falls


def test_falls_by_hand_are_sorted_by_depth_and_the_last_goes_on() -> None:
    falls = worst_falls(np.array([10.0, 9.0, 10.0, 12.0, 6.0, 9.0]), 5)

    assert falls == [Fall(3, 4, None, 0.5), Fall(0, 1, 2, 1 - 9 / 10)]


def test_who_only_rises_never_fell() -> None:
    assert worst_falls(np.arange(1.0, 9.0), 5) == []
    assert worst_falls(np.empty(0), 5) == []


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_the_deepest_fall_is_the_maximum_drawdown(values: list[int]) -> None:
    wealth = np.array(values, dtype=float)
    drawdown = (1 - wealth / np.maximum.accumulate(wealth)).max()
    falls = worst_falls(wealth, 1)

    assert (falls[0].depth if falls else 0.0) == drawdown


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_falls_do_not_overlap_and_hold_every_session_below_the_peak(values: list[int]) -> None:
    wealth = np.array(values, dtype=float)
    falls = worst_falls(wealth, 99)
    below = {k for fall in falls for k in range(fall.peak + 1, fall.recovered or len(wealth))}

    assert below == set(np.flatnonzero(wealth < np.maximum.accumulate(wealth)).tolist())


def test_stays_by_hand_end_where_a_side_does() -> None:
    book = np.array([[0, 5], [3, 5], [4, -1], [0, -1], [2, 0]])
    over, running = holding_spells(book)

    assert sorted(over.tolist()) == [2, 2, 2]
    assert running.tolist() == [1]

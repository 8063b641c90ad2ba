"""One opinion from several timeframes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import UsageError
from trading.signals.coordination import CoordinationRules, Opinion, View, coordinated
from trading.testing.stage_rows import fan

RULES = CoordinationRules()


def view(
    timeframe: str, probability: float, mean: float = 0.01, sessions: float = 5.0, skill: float = 0.0
) -> View:
    return View(timeframe, np.array([probability]), np.array([mean]), sessions, skill)


def opinion(*views: View, rules: CoordinationRules = RULES) -> Opinion:
    return coordinated(views, 5, rules)


def test_one_timeframe_alone_is_believed_to_the_last_digit() -> None:
    made = opinion(view("1D", 0.61, 0.013, 5.0, 0.3))
    assert (made.probability[0], made.expected_return[0], made.alpha[0]) == (0.61, 0.013, 0.3 * 0.013)
    assert made.spoken().tolist() == ["1D"]


def test_views_that_agree_are_weighed_by_the_roadmap() -> None:
    made = opinion(view("5min", 0.60), view("1D", 0.56), view("1W", 0.70))
    assert made.probability[0] == pytest.approx(0.3 * 0.60 + 0.5 * 0.56 + 0.2 * 0.70)
    assert made.spoken().tolist() == ["1W 1D 5min"]


def test_a_higher_timeframe_that_is_decided_silences_those_that_contradict_it() -> None:
    made = opinion(view("1W", 0.40), view("1D", 0.70), view("5min", 0.40))
    assert made.spoken().tolist() == ["1W 5min"]
    assert made.probability[0] == pytest.approx(0.40)


def test_an_undecided_week_leaves_the_lead_to_the_day() -> None:
    made = opinion(view("1W", 0.49), view("1D", 0.70), view("5min", 0.40))
    assert made.spoken().tolist() == ["1W 1D"]


def test_without_priority_conflicts_are_only_weighed() -> None:
    rules = CoordinationRules(resolution="weights")
    made = opinion(view("1W", 0.40), view("1D", 0.70), rules=rules)
    assert made.probability[0] == pytest.approx((0.2 * 0.40 + 0.5 * 0.70) / 0.7)


def test_expected_returns_are_brought_to_one_span() -> None:
    made = opinion(view("1D", 0.6, 0.01, 5.0), view("5min", 0.6, 0.001, 0.25))
    assert made.expected_return[0] == pytest.approx((0.5 * 0.01 + 0.3 * 0.02) / 0.8)


def test_a_timeframe_without_measured_skill_never_makes_a_bet_larger() -> None:
    alone = opinion(view("1D", 0.6, 0.01, 5.0, 0.2))
    beside = opinion(view("1D", 0.6, 0.01, 5.0, 0.2), view("1W", 0.9, 0.5))
    assert beside.alpha[0] == pytest.approx(alone.alpha[0])
    assert opinion(view("1W", 0.9, 0.5)).alpha[0] == 0.0


def test_a_timeframe_that_does_not_speak_has_no_say() -> None:
    made = opinion(view("1D", 0.6), view("1W", np.nan, np.nan))
    assert (made.probability[0], made.spoken()[0]) == (pytest.approx(0.6), "1D")


def test_where_nobody_speaks_there_is_no_opinion() -> None:
    made = opinion(view("1D", np.nan, np.nan))
    assert np.isnan(made.probability).all()
    assert np.isnan(made.expected_return).all()


def test_unknown_quantiles_are_an_unknown_view() -> None:
    known = np.array(list(fan(0.01, 0.02).values()))
    made = View.of("1D", np.stack([known, np.full(7, np.nan)]), 5.0)
    assert made.probability == pytest.approx([0.75, np.nan], nan_ok=True)


@given(st.lists(st.floats(0.01, 0.99), min_size=3, max_size=3))
def test_the_opinion_lies_between_those_that_had_a_say(said: list[float]) -> None:
    made = opinion(*(view(t, p) for t, p in zip(("1W", "1D", "5min"), said, strict=True)))
    spoke = np.array(said)[made.counted[:, 0]]
    assert spoke.min() - 1e-12 <= made.probability[0] <= spoke.max() + 1e-12


def test_a_timeframe_that_is_left_out_is_as_if_it_had_not_been_there() -> None:
    day, week = view("1D", 0.61, 0.013, 5.0, 0.3), view("1W", 0.20, -0.1)
    made = opinion(day, week, rules=CoordinationRules(left_out=("1W",)))
    assert (made.probability, made.expected_return, made.alpha) == (
        opinion(day).probability,
        opinion(day).expected_return,
        opinion(day).alpha,
    )


def test_without_the_day_the_week_turns_the_direction_and_no_alpha_is_left() -> None:
    made = opinion(
        view("1D", 0.61, 0.013, 5.0, 0.3), view("1W", 0.2), rules=CoordinationRules(left_out=("1D",))
    )
    assert (made.probability[0], made.alpha[0]) == (0.2, 0.0)


def test_with_every_timeframe_left_out_nothing_is_believed() -> None:
    made = opinion(view("1D", 0.61, 0.013, 5.0, 0.3), rules=CoordinationRules(left_out=("1D",)))
    assert (made.probability[0], made.expected_return[0], made.alpha[0]) == (0.5, 0.0, 0.0)


def test_a_timeframe_that_there_is_not_cannot_be_left_out() -> None:
    with pytest.raises(UsageError, match="no timeframe '1H' can be left out; there are 1W, 1D, 5min"):
        CoordinationRules(left_out=("1H",))

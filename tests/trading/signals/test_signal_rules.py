import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.signals.rules import SignalRules

RULES = SignalRules(horizon=1)


def test_direction_is_the_likelier_side() -> None:
    assert RULES.direction(np.array([0.6, 0.5, 0.1])).tolist() == [1, 0, -1]


def test_confidence_is_the_probability_while_the_interval_is_usual() -> None:
    assert RULES.confidence(np.array([0.6, 0.4]), np.array([0.01, 0.03])).tolist() == [0.6, 0.6]


def test_twice_the_usual_width_halves_the_confidence() -> None:
    assert RULES.confidence(np.array([0.6]), np.array([0.06]))[0] == pytest.approx(0.3)


def test_the_usual_width_grows_with_the_root_of_the_horizon() -> None:
    assert SignalRules(horizon=20).confidence(np.array([0.5]), np.array([0.03 * np.sqrt(20)]))[0] == 0.5


def test_a_symbol_whose_interval_warms_up_inspires_no_confidence() -> None:
    assert RULES.confidence(np.array([0.9]), np.array([np.nan]))[0] == 0.0
    assert not RULES.passes(np.array([0.9]), np.array([np.nan]))[0]


@pytest.mark.parametrize(
    ("probability", "width", "through"),
    [(0.75, 0.029, True), (0.25, 0.029, True), (0.74, 0.029, False), (0.8, 0.03, False)],
)
def test_the_roadmap_asks_for_probability_and_width(probability: float, width: float, through: bool) -> None:  # noqa: FBT001
    assert bool(RULES.passes(np.array([probability]), np.array([width]))[0]) is through


@given(st.floats(0, 1), st.floats(0.001, 1), st.floats(0, 1))
def test_a_wider_interval_never_inspires_more_confidence(
    probability: float, width: float, more: float
) -> None:
    narrow, wide = RULES.confidence(np.array([probability] * 2), np.array([width, width + more]))
    assert 0 <= wide <= narrow <= 1

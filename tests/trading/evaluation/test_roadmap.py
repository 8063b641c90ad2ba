"""The roadmap's targets as data, and when one is decided."""

import math

import pytest

from trading.evaluation.roadmap import TARGETS, RoadmapTarget, kept_below, target
from trading.evaluation.uncertainty import Estimate

NAN = math.nan


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.06, 0.09, "met"), (0.01, 0.04, "not met"), (0.0, 0.1, "undecided"), (NAN, NAN, "undecided")],
)
def test_a_target_is_decided_by_the_whole_interval(low: float, high: float, verdict: str) -> None:
    wanted = RoadmapTarget("return", "5 %", "monthly_return", "above", low=0.05)

    assert wanted.verdict(Estimate(0.05, low, high, 100)) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.74, 0.76, "met"), (0.6, 0.7, "not met"), (0.8, 0.9, "not met"), (0.7, 0.76, "undecided")],
)
def test_a_band_is_met_only_from_within(low: float, high: float, verdict: str) -> None:
    band = RoadmapTarget("coverage", "75 %", "coverage", "within", 0.73, 0.77)

    assert band.verdict(Estimate((low + high) / 2, low, high, 100)) == verdict


@pytest.mark.parametrize(
    ("drawdown", "sessions", "verdict"), [(0.1, 63, "met"), (0.1, 62, "undecided"), (0.15, 5, "not met")]
)
def test_a_limit_is_kept_after_a_validations_length(drawdown: float, sessions: int, verdict: str) -> None:
    assert kept_below(0.15, drawdown, sessions) == verdict


def test_what_nobody_measured_is_not_decided() -> None:
    assert target("sharpe_overall").verdict(None) == "not measured"
    assert target("sharpe_overall").verdict(Estimate(NAN, NAN, NAN, 0)) == "not measured"


def test_every_target_has_a_name_of_its_own_and_a_bound() -> None:
    assert len({each.name for each in TARGETS}) == len(TARGETS)
    assert all(math.isfinite(each.low) or math.isfinite(each.high) for each in TARGETS)

"""A planted edge is found as far as a model can see it, and a fair market has none to find.

Which share of the best achievable correlation a model finds is stated here, for the forecasters of the catalogue:
measured once, and held within what chance allows (docs/results/planted.md). SIMULATED.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.forecasters.catalogue import CATALOGUE
from tests.models.planted import CERTAIN, Skill, skill_of, walked
from trading.evaluation.walk_forward import Walk
from trading.frames import HORIZONS, LEVELS
from trading.testing.planted_market import PlantedMarket

MOMENTUM = PlantedMarket("momentum", strength=0.2, sessions_count=1330)
FAIR = PlantedMarket("none", sessions_count=1330)
SESSIONS = 250
# The last return is one of the five that the signal sums: an AR(1) can see 1 / sqrt(5) of it, 45 %.
# TimesFM has learned nothing of this market, and its small checkpoint sees hardly anything in it.
STATED = {
    "random_walk": 0.0,
    "ar1": 0.4,
    "ridge": 0.8,
    "gradient_boosting": 0.8,
    "timesfm": 0.0,
    "timesfm_tuned": 0.2,
    "tsmamba": 0.7,
    "samba": 0.7,
}
QUICK = ("random_walk", "ar1", "ridge")
SEEN_EVERYTHING = {"fracast"}  # nobody says what its weights have seen, so no share of it means anything


def marked(model: str) -> object:
    slow = pytest.mark.nightly  # training or inference takes more than a few seconds
    return model if model in QUICK else pytest.param(model, marks=slow)


MODELS = [marked(spec.name) for spec in CATALOGUE if spec.name not in SEEN_EVERYTHING]


@pytest.mark.parametrize("model", MODELS)
def test_each_model_finds_the_share_of_a_planted_edge_that_is_stated(model: str) -> None:
    assert model in STATED, f"measure what share {model} finds and state it in {__file__}"
    skill = walked(model, MOMENTUM, SESSIONS, "quarterly" if model in QUICK else "yearly")[1]

    assert skill.achievable == pytest.approx(
        0.2, abs=0.06
    )  # what is planted, three standard errors of 2,490 cases
    assert skill.share >= STATED[model] - CERTAIN * skill.share_error


@pytest.mark.parametrize("model", MODELS)
def test_no_model_finds_anything_in_a_fair_market(model: str) -> None:
    skill = walked(model, FAIR, SESSIONS, "quarterly" if model in QUICK else "yearly")[1]

    assert abs(skill.deviate) <= CERTAIN


def test_a_model_that_sees_one_return_of_five_finds_no_more_than_its_part() -> None:
    skill = walked("ar1", MOMENTUM, SESSIONS, "quarterly")[1]

    assert skill.share <= 1 / np.sqrt(5) + CERTAIN * skill.share_error


def oracle(market: PlantedMarket, said: np.ndarray) -> Skill:
    """The skill of who says `said` (n, s) of each next session."""
    quantiles = np.repeat(said[:, :, None, None], len(HORIZONS), axis=2).repeat(len(LEVELS), axis=3)
    realized = np.repeat(
        np.vstack([market.returns[1:], np.nan * said[:1]])[:, :, None], len(HORIZONS), axis=2
    )
    return skill_of(
        Walk("oracle", market.sessions, quantiles, realized, np.zeros(len(said), dtype=bool)), market
    )


def ahead(market: PlantedMarket) -> np.ndarray:
    return np.vstack([market.expected[1:], np.nan * market.expected[:1]])


@pytest.mark.parametrize("pattern", ["momentum", "lead_lag"])
def test_who_knows_the_expectation_finds_all_of_it_and_noise_finds_nothing(pattern: str) -> None:
    market = PlantedMarket(pattern, sessions_count=400)  # type: ignore[arg-type]
    noise = np.random.default_rng(1).normal(size=market.returns.shape)

    assert oracle(market, ahead(market)).share == pytest.approx(1.0)
    assert oracle(market, ahead(market)).deviate > 4
    assert abs(oracle(market, noise).deviate) <= CERTAIN


def test_a_market_without_a_pattern_expects_nothing() -> None:
    assert not FAIR.expected.any()


def test_in_lead_and_lag_a_name_s_own_past_says_nothing_and_its_leader_s_does() -> None:
    market = PlantedMarket("lead_lag", strength=0.3, sessions_count=2000)
    before, after = market.returns[:-1], market.returns[1:]
    own = np.corrcoef(before[:, 5:].ravel(), after[:, 5:].ravel())[0, 1]
    leader = np.corrcoef(before[:, :5].ravel(), after[:, 5:].ravel())[0, 1]

    # three standard errors of 10,000 cases are 0.03; the leader holds 0.8 of the signal, its own past none
    assert leader == pytest.approx(0.8 * 0.3, abs=0.03)
    assert own == pytest.approx(0.0, abs=0.03)

"""Lead and lag between linked names: the graph model finds it, and who looks at one name alone cannot. SIMULATED.

The market is `PlantedMarket("lead_lag")`: what a follower does next depends on the part of its leader's last return
that it had not moved with, which by construction is uncorrelated with everything in its own past. So no forecast
from a name's own past has any correlation with what comes, and the best one has that of the planted strength.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.forecasters.samba import GraphLearning, Samba
from tests.models.planted import CERTAIN, walked
from trading.stages.maturity import MEDIAN
from trading.testing.feature_history import window_of
from trading.testing.planted_market import PAIRS, PlantedMarket

STRONG = PlantedMarket("lead_lag", strength=0.6, sessions_count=900)
USUAL = PlantedMarket("lead_lag", strength=0.4, sessions_count=1900)
LEARNED, ASKED = 350, 150
STATED = 0.6  # measured 0.75 (docs/results/graph.md)


def test_the_graph_model_finds_most_of_a_strong_lead() -> None:
    returns, expected = STRONG.returns, STRONG.expected
    model = Samba(learning=GraphLearning(epochs=5)).fit(window_of(returns[:LEARNED]))
    origins = range(LEARNED, LEARNED + ASKED)
    context = model.context_sessions

    said = np.array(
        [model.predict(window_of(returns[t + 1 - context : t + 1])).quantiles[:, 0, MEDIAN] for t in origins]
    )

    after = np.array(origins) + 1
    followed = [
        np.corrcoef(of[:, PAIRS:].ravel(), returns[after, PAIRS:].ravel())[0, 1]
        for of in (said, expected[after])
    ]
    # 750 cases: a standard error of 0.037, a share's of 0.07; three of them below what is stated would be 0.29
    assert followed[1] == pytest.approx(0.6 / np.sqrt(1 + 0.36), abs=0.1)
    assert followed[0] > STATED * followed[1] - CERTAIN * 0.07 * followed[1]
    assert followed[0] > CERTAIN * 0.037
    led = np.corrcoef(said[:, :PAIRS].ravel(), returns[after, :PAIRS].ravel())[0, 1]
    assert abs(led) < CERTAIN * 0.037  # nothing leads the leaders


@pytest.mark.nightly  # four trainings on a thousand sessions
def test_walked_forward_the_graph_model_finds_what_is_stated() -> None:
    skill = walked("samba", USUAL, 500, "yearly")[1]

    assert skill.deviate > CERTAIN
    assert skill.share >= STATED - CERTAIN * skill.share_error


@pytest.mark.nightly  # features of the same long market
@pytest.mark.parametrize("model", ["random_walk", "ar1", "ridge", "gradient_boosting"])
def test_who_looks_at_one_name_alone_finds_nothing(model: str) -> None:
    assert abs(walked(model, USUAL, 500, "yearly")[1].deviate) <= CERTAIN

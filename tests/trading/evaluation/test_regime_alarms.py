"""How often a regime is said to change where none does, and how late where one does: SIMULATED fair markets."""

from dataclasses import replace

import numpy as np
import pytest

from models.regimes.choice import RegimeChoice
from trading import calendar
from trading.evaluation.regime_report import delay_until
from trading.evaluation.regime_walk import walk_fitted
from trading.frames import REGIMES
from trading.stages.regimes import RegimeRules
from trading.testing.regime_markets import fair_market

RULES = RegimeRules()
WARNING = [REGIMES.index("Bear"), REGIMES.index("Volatile")]
BEFORE, AFTER, NEVER = 60, 12, 10_000  # sessions between the fit, the onset and the end
FIRST = calendar.session_of("2015-01-02")
SESSIONS = calendar.sessions_between(FIRST, calendar.shift(FIRST, RULES.window_sessions + BEFORE + AFTER - 1))


def delays(model: str, seed: int) -> tuple[int, int] | None:
    """Sessions to the first warning without and with a doubled volatility; None if there is a warning before."""
    estimator = replace(RegimeChoice(model=model).chosen, starts=3)  # type: ignore[arg-type]
    onset = RULES.window_sessions + BEFORE
    markets = fair_market(seed, len(SESSIONS)), fair_market(seed, len(SESSIONS), onset=onset)
    fitted = estimator.fit(markets[0][: RULES.window_sessions])
    walks = [walk_fitted(fitted, RULES, state, SESSIONS) for state in markets]
    warned = [np.isin(walk.labels, WARNING) for walk in walks]
    if warned[0][BEFORE]:
        return None
    late = [delay_until(flags, BEFORE + 1, len(flags)) for flags in warned]
    return tuple(NEVER if delay is None else delay for delay in late)  # type: ignore[return-value]


def shares(model: str, markets: int, within: int) -> tuple[float, float]:
    """Of the markets that are calm before the onset: named wild within so many sessions, falsely and rightly."""
    found = np.array([told for seed in range(markets) if (told := delays(model, seed)) is not None])
    false, right = (found < within).mean(axis=0)
    return float(false), float(right)


MODELS = pytest.mark.parametrize("model", ["hmm", "jump"])


@MODELS
def test_a_doubled_volatility_is_named_within_ten_sessions_far_more_often_than_nothing(model: str) -> None:
    false, right = shares(model, markets=30, within=10)
    assert right > 0.7
    assert right > false + 0.3  # about 16 of them are calm: two standard errors


@pytest.mark.nightly
@MODELS
def test_over_a_thousand_fair_markets_alarms_are_as_often_as_was_written_down(model: str) -> None:
    """Nightly: a thousand fits take some minutes; thirty markets run daily. Figures: docs/results/regimes.md."""
    false, right = shares(model, markets=1000, within=10)
    written = {"hmm": (0.325, 0.892), "jump": (0.205, 0.866)}[model]
    # about 550 markets count: a standard error of 2 points of the false ones, 1.5 of the right ones
    assert false == pytest.approx(written[0], abs=0.06)
    assert right == pytest.approx(written[1], abs=0.045)

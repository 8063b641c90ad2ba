import numpy as np
import pytest

from models.regimes.gaussian_hmm import GaussianRegimes
from models.regimes.jump import JumpRegimes
from trading import calendar
from trading.evaluation.regime_walk import named_walk, walk_regimes
from trading.frames import REGIMES
from trading.stages.regimes import RegimeRules
from trading.testing.regime_markets import chain_market, fair_market

FIRST = calendar.session_of("2015-01-02")
SESSIONS = calendar.sessions_between(FIRST, calendar.shift(FIRST, 399))


def test_a_walk_says_who_changed_and_since_when() -> None:
    beliefs = np.eye(4)[[0, 0, 1, 1, 2]]
    walk = named_walk(RegimeRules(min_dwell_sessions=2), beliefs, SESSIONS[:5])
    assert walk.names.tolist() == ["Bull", "Bull", "Bear", "Bear", "Volatile"]
    assert walk.dwell.tolist() == [1, 2, 1, 2, 1]
    assert walk.changed.tolist() == [False, False, True, False, True]


def test_a_walk_fits_anew_when_the_rules_say_so() -> None:
    state = chain_market(1, 400)[0]
    model = GaussianRegimes(starts=2)
    often, seldom = (walk_regimes(model, RegimeRules(refit=r), state, SESSIONS) for r in ("month", "quarter"))
    first = int(np.argmax(np.any(often.beliefs != seldom.beliefs, axis=1)))
    assert SESSIONS[251 + first].month != SESSIONS[250 + first].month
    assert len(often.labels) == 400 - 251


@pytest.mark.parametrize("seed", [0, 2])
def test_names_do_not_depend_on_the_session_of_the_first_fit(seed: int) -> None:
    state, rules = chain_market(seed, 800)[0], RegimeRules()
    sessions = calendar.sessions_between(FIRST, calendar.shift(FIRST, 799))
    model = JumpRegimes(starts=2)

    early, late = (walk_regimes(model, rules, state[first:], sessions[first:]) for first in (0, 40))

    # without the climb from the rule's places they had 0.5 to 0.8 of these names in common
    assert np.mean(early.labels[-300:] == late.labels[-300:]) > 0.95


def test_multipliers_follow_the_filtered_probabilities_and_not_the_name() -> None:
    beliefs = np.tile([0.45, 0.55, 0.0, 0.0], (60, 1))
    beliefs[0] = np.eye(4)[0]
    walk = named_walk(RegimeRules(), beliefs, SESSIONS[:60])
    assert set(walk.names) == {"Bull"}  # 0.55 is below the confidence
    assert walk.multipliers[-1] == pytest.approx(0.45 * 1.0 + 0.55 * 0.5, abs=1e-3)
    assert (np.diff(walk.multipliers) <= 1e-12).all()


def test_a_break_comes_on_its_session_and_the_market_before_is_the_same() -> None:
    plain, broken = fair_market(1, 200), fair_market(1, 200, onset=120)
    np.testing.assert_array_equal(plain[:120], broken[:120])
    assert broken[140:, 1].mean() > plain[140:, 1].mean() + 0.4  # log 2 is 0.69
    assert np.isfinite(plain).all()
    assert set(chain_market(1, 50)[1]) <= set(range(len(REGIMES)))

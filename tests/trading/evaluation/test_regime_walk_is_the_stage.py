"""The walk without a home says what the stage says, so that what is measured on one holds for the other."""

import numpy as np

from models.regimes.gaussian_hmm import GaussianRegimes
from trading import calendar
from trading.evaluation.regime_walk import walk_regimes
from trading.features.market_state import market_state
from trading.history import History
from trading.line import Request, run_line
from trading.plan import Plan
from trading.stages.regimes import RegimeRules, regimes_stage
from trading.testing.memory_store import MemoryStore
from trading.testing.research_line import book, features_stage, vix_bars

INCEPTION, LAST = calendar.session_of("2020-06-15"), calendar.session_of("2020-07-10")
MODEL, RULES = (
    GaussianRegimes(starts=1, iterations=5),
    RegimeRules(window_sessions=80, filter_sessions=40, refit="month"),
)
BOOK = book("2020-08-03")


def test_the_walk_over_a_market_s_state_equals_the_stage_s_table() -> None:
    laid_out, store = (
        Plan.of([features_stage(), regimes_stage(MODEL, RULES)], burn_in_sessions=20),
        MemoryStore(),
    )
    begins = laid_out.first_session("bars", INCEPTION)
    store.write({"bars": vix_bars(begins, LAST)}, begins, LAST, commit={})
    run_line(laid_out, store, Request(INCEPTION, INCEPTION, LAST, BOOK), lambda _: BOOK)
    table = store.read("regimes")
    first = calendar.shift(table["session"].min(), 1 - RULES.window_sessions)
    features, bars = (
        History.from_frame(name, store.read(name)).window(first, LAST, calendar.as_of(LAST))
        for name in ("features", "bars")
    )
    sessions = calendar.sessions_between(first, LAST)

    walk = walk_regimes(MODEL, RULES, market_state(features, bars, len(sessions)), sessions)

    assert list(walk.names) == list(table["regime"])
    assert walk.dwell.tolist() == table["dwell"].tolist()
    # the stage keeps a belief clipped to [0, 1]; else both do the same sums
    said = table[["p_bull", "p_bear", "p_volatile", "p_range"]].to_numpy()
    np.testing.assert_allclose(walk.beliefs, said, rtol=0, atol=1e-12)
    np.testing.assert_allclose(walk.multipliers, table["multiplier"], rtol=0, atol=1e-12)
    assert (table["session"].dt.month.nunique()) > 1  # it was refitted, too

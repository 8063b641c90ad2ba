"""What `measure_triggers` looks at: inputs and accuracy of SIMULATED and of real names, and losses of versions."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from models.forecasters.catalogue import TABULAR_CHANNELS, model_spec
from pipelines.in_memory import market_of
from pipelines.settings import Settings
from trading import calendar
from trading.evaluation.walk_forward import outcomes
from trading.history import History
from trading.line import Request, make_and_write
from trading.plan import Plan
from trading.stages.features import features_stage
from trading.stages.layout import DAILY
from trading.stages.maturity import pinball
from trading.stages.models_book import MemoryModelBook
from trading.stages.training import training_window, window_at
from trading.testing.memory_store import MemoryStore
from trading.universe import SYMBOLS

SHARED = Path(__file__).parents[2] / "shared" / "data"
FIRST, LAST = calendar.session_of("2015-01-02"), calendar.session_of("2025-05-15")
RIDGE_CHANNELS = TABULAR_CHANNELS
SESSIONS = 1800


@dataclass(frozen=True)
class Panel:
    """Inputs (n, s, c), and accuracy (n,) of a forecast that a return is followed by its opposite."""

    values: np.ndarray
    accuracy: np.ndarray


def simulated_panel(seed: int) -> Panel:
    """A market that never changes: a common factor and own shocks, each with GARCH volatility."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5, (SESSIONS + 200, 1 + len(SYMBOLS))) / np.sqrt(5 / 3)
    variance, moves = np.ones(shocks.shape[1]), np.empty_like(shocks)
    for place, shock in enumerate(shocks):
        moves[place] = np.sqrt(variance) * shock
        variance = 0.03 + 0.08 * moves[place] ** 2 + 0.89 * variance
    returns = 0.012 * moves[:, :1] + 0.016 * moves[:, 1:]
    volatility = pd.DataFrame(returns).rolling(21).std().to_numpy() * np.sqrt(252)
    return _panel(np.stack([returns, volatility], axis=-1)[200:], returns[199:])


def _panel(values: np.ndarray, returns: np.ndarray) -> Panel:
    hits = np.where(np.isfinite(returns[1:] * returns[:-1]), returns[1:] * returns[:-1] < 0, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a session without any name
        return Panel(values[-len(hits) :], np.nanmean(hits, axis=1))


def real_panel(channels: Sequence[str]) -> Panel:
    """The same of the ten names, 2015 to mid-May 2025."""
    rows = features().window(FIRST, LAST, calendar.as_of(LAST))
    values = rows.block(tuple(channels), session=rows.sessions, timeframe=(DAILY,), symbol=SYMBOLS)[:, 0]
    returns = rows.cube("log_return", session=rows.sessions, timeframe=(DAILY,), symbol=SYMBOLS)[:, 0]
    return _panel(values, returns)


@functools.cache
def features() -> History:
    """Daily features of real bars, from far enough back that the first version can learn."""
    settings = Settings().with_value("source.name", "files").with_value("source.data", str(SHARED))
    begin = calendar.shift(FIRST, -1100)
    market, store = market_of(settings, begin, calendar.shift(LAST, 21)), MemoryStore()
    last = calendar.shift(LAST, 21)
    store.write(market, market["bars"]["session"].min(), last, commit={})
    plan = Plan.of([features_stage()], 0)
    make_and_write(plan.stages[0], plan, store, Request(begin, begin, last, MemoryModelBook.of({}, ())))
    return History.from_frame("features", store.read("features", timeframe=DAILY))


@functools.cache
def losses_of_versions(model: str, step: int, delay: int = 0) -> np.ndarray:
    """(n,) mean loss of the names, one session ahead, of the newest version that is at least `delay` sessions old.

    A version is trained every `step` sessions.
    """
    spec, history = model_spec(model), features()
    sessions = calendar.sessions_between(FIRST, LAST)
    length = spec.prototype().context_sessions
    ahead = outcomes(history, sessions)[:, :, 0]
    speaking, through, losses = None, None, np.full(len(sessions), np.nan)
    for place, session in enumerate(sessions):
        wanted = calendar.shift(session, -1 - delay - place % step)
        if wanted != through:
            speaking, through = spec.prototype().fit(training_window(history, spec, wanted)), wanted
        assert speaking is not None
        rows = history.window(calendar.shift(session, 1 - length), session, calendar.as_of(session))
        said = speaking.predict(window_at(rows, session, length, spec.view)).quantiles[:, 0]
        known = np.isfinite(said).all(axis=1) & np.isfinite(ahead[place])
        losses[place] = pinball(said[known], ahead[place][known]).mean() if known.any() else np.nan
    return losses

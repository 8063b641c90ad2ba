"""What the models were worth."""

from __future__ import annotations

import numpy as np
import pandera.pandas as pandera
from pandera.typing import Series

from trading.schemas.table import REGIMES, Frame, Session, table


@table("comparison", key=("session", "horizon", "slice", "metric", "model"), sparse=True)
class Comparison(Frame):
    """Every metric of every model and horizon with its interval, over all sessions, each year and each regime.

    Replaced whole: `session` is the last at which a forecast matured.
    """

    model: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    metric: Series[str]
    slice: Series[str]
    value: Series[float] = pandera.Field(nullable=True)
    low: Series[float] = pandera.Field(nullable=True)
    high: Series[float] = pandera.Field(nullable=True)
    n: Series[np.int64] = pandera.Field(ge=0)
    naive: Series[float] = pandera.Field(nullable=True)


@table("coverage", key=("session", "model", "symbol", "horizon", "slice_kind", "slice"), sparse=True)
class CoverageOfIntervals(Frame):
    """How often each model's issued intervals held, how wide they were, and the tests of it.

    `model` is one of the home's or `ensemble`, `symbol` one of the names or `all`. Replaced whole: `session` is
    the last at which an interval matured.
    """

    model: Series[str]
    symbol: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    nominal: Series[float] = pandera.Field(ge=0, le=1)
    slice_kind: Series[str] = pandera.Field(isin=("all", "year", "regime"))
    slice: Series[str]
    n: Series[np.int64] = pandera.Field(ge=0)
    coverage: Series[float] = pandera.Field(ge=0, le=1)
    mean_width: Series[float] = pandera.Field(ge=0)
    interval_score: Series[float] = pandera.Field(ge=0)
    kupiec_p: Series[float] = pandera.Field(nullable=True)
    christoffersen_p: Series[float] = pandera.Field(nullable=True)


@table("model_attribution", key=("session", "model", "metric"), sparse=True)
class ModelAttribution(Frame):
    """What each model's own decisions were worth after costs, and the ensemble's regret in hindsight.

    `regret` is the ensemble's loss over that of the best fixed combination, less 1. Replaced whole: `session` is
    the last at which a forecast matured.
    """

    model: Series[str]
    metric: Series[str] = pandera.Field(isin=("sharpe", "accuracy", "profit_factor", "regret"))
    value: Series[float] = pandera.Field(nullable=True)
    low: Series[float] = pandera.Field(nullable=True)
    high: Series[float] = pandera.Field(nullable=True)
    n: Series[np.int64] = pandera.Field(ge=0)


@table("scoreboard", key=("session", "target"), sparse=True)
class Scoreboard(Frame):
    """Every numeric target of the roadmap beside what the home's sessions measured. Replaced whole.

    `session` is the last traded one; `naive` is what knowing nothing gives: equal weight, the random walk, or
    who always says up.
    """

    target: Series[str]
    roadmap: Series[str]
    value: Series[float] = pandera.Field(nullable=True)
    low: Series[float] = pandera.Field(nullable=True)
    high: Series[float] = pandera.Field(nullable=True)
    n: Series[np.int64] = pandera.Field(ge=0)
    naive: Series[float] = pandera.Field(nullable=True)
    verdict: Series[str] = pandera.Field(isin=("met", "not met", "undecided", "not measured"))


@table("regime_transitions", key=("session", "from_regime", "to_regime"), sparse=True)
class RegimeTransitions(Frame):
    """How often each regime followed each as they were named, with posterior mean and credible interval.

    Replaced whole: `session` is the last that has a regime.
    """

    from_regime: Series[str] = pandera.Field(isin=REGIMES)
    to_regime: Series[str] = pandera.Field(isin=REGIMES)
    n: Series[np.int64] = pandera.Field(ge=0)
    probability: Series[float] = pandera.Field(ge=0, le=1)
    low: Series[float] = pandera.Field(ge=0, le=1)
    high: Series[float] = pandera.Field(ge=0, le=1)


@table("frontier", key=("session", "point", "symbol"), sparse=True)
class Frontier(Frame):
    """The efficient frontier at the last session, from least variance to most return, and two mixes beside it.

    `kind` is `frontier` within the mandate's limits, `sized_frontier` within the caps of that session as well (a
    single point where caps leave no choice), the `mix` in force, or `equal_weight`. Means and volatilities are of a
    year, before the overlay. Replaced whole: `session` is the last traded one.
    """

    kind: Series[str] = pandera.Field(isin=("frontier", "sized_frontier", "mix", "equal_weight"))
    point: Series[np.int64] = pandera.Field(ge=0)
    symbol: Series[str]
    weight: Series[float] = pandera.Field(ge=-1, le=1)
    expected_return: Series[float]
    volatility: Series[float] = pandera.Field(ge=0)
    binding: Series[str]


@table("stress", key=("session", "kind", "case", "symbol"), sparse=True)
class Stress(Frame):
    """What the book of the last session would lose, case by case, and what each name brings of it.

    `loss` is the book's return and is the same on every row of a case. Replaced whole: `session` is the last
    traded one.
    """

    kind: Series[str] = pandera.Field(isin=("history", "worst_week", "scenario", "monte_carlo"))
    case: Series[str]
    loss: Series[float]
    known: Series[float] = pandera.Field(ge=0, le=1 + 1e-9)
    symbol: Series[str]
    weight: Series[float]
    share: Series[float]
    risk_share: Series[float]
    group: Series[str]
    factor_share: Series[float] = pandera.Field(nullable=True, ge=0, le=1)


@table("training_triggers", key=("session", "model", "timeframe", "kind"), storage="recorded", sparse=True)
class TrainingTriggers(Frame):
    """What each rule of training saw of each model at the session that was newest then. Rows are never made again.

    `fires` is whether `value` exceeds `threshold`, `acted` whether a challenger was asked for because of it; `plain` is
    the roadmap's threshold alone.
    """

    model: Series[str]
    timeframe: Series[str]
    kind: Series[str] = pandera.Field(isin=("accuracy", "drift", "age"))
    value: Series[float] = pandera.Field(nullable=True)
    threshold: Series[float] = pandera.Field(nullable=True)
    plain: Series[float] = pandera.Field(nullable=True)
    fires: Series[bool]
    acted: Series[bool]
    about: Series[str]


@table("trials", key=("session", "trial"), storage="recorded", sparse=True)
class Trials(Frame):
    """Every look at what a variant of the line was worth; it only grows, and is dated by the clock.

    `session` is the last that was looked at. Looks at the same `variant` (settings, code and cut) are one trial
    for the deflated Sharpe ratio. `sharpe` is of a session, over `n` of them.
    """

    trial: Series[str]
    variant: Series[str]
    command: Series[str]
    label: Series[str]
    settings: Series[str]
    code: Series[str]
    cut: Series[str]
    first_session: Series[Session]
    n: Series[np.int64] = pandera.Field(ge=0)
    sharpe: Series[float] = pandera.Field(nullable=True)

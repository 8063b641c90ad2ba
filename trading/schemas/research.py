"""From forecasts to signals."""

from __future__ import annotations

import numpy as np
import pandera.pandas as pandera
from pandera.typing import Series

from trading.schemas.table import REGIMES, TIMEFRAMES, Frame, Session, Stamp, table


@table("forecast_<model>", key=("session", "timeframe", "ts", "model", "version", "horizon", "symbol"))
class VersionForecasts(Frame):
    """One row set per live model version: quantiles of the cumulative log return over `horizon` bars.

    `ts` is the start of the bar at whose end the forecast was made, `fallback` how it was made if not as it was
    asked for: with a smaller batch, on the CPU, or by a version that learned from other bars.
    """

    ts: Series[Stamp]
    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    version: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    q050: Series[float]
    q125: Series[float]
    q250: Series[float]
    q500: Series[float]
    q750: Series[float]
    q875: Series[float]
    q950: Series[float]
    contaminated: Series[bool]
    fallback: Series[str]


@table(
    "version_losses",
    key=("session", "timeframe", "ts", "model", "version", "horizon", "symbol"),
    sparse=True,
)
class VersionLosses(Frame):
    """Forecasts that matured at `session`, at the end of the bar that begins at `ts`, with what happened.

    `pinball` is the mean pinball loss over the fixed levels, `score` by how many widths of
    [q125, q875] the outcome lay outside of it (NaN where it has no width).
    """

    ts: Series[Stamp]
    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    version: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    issued_session: Series[Session]
    realized: Series[float]
    median: Series[float]
    pinball: Series[float] = pandera.Field(ge=0)
    absolute_error: Series[float] = pandera.Field(ge=0)
    score: Series[float] = pandera.Field(nullable=True)
    contaminated: Series[bool]


@table("version_intervals", key=("session", "timeframe", "model", "version", "horizon", "symbol"))
class VersionIntervals(Frame):
    """Calibrated intervals of each version; NaN and `warming_up` while there are too few scores.

    `miscoverage` is the adaptive level in force, `covered` whether the interval that matured at
    `session` held (NaN if none matured).
    """

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    version: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)
    miscoverage: Series[float] = pandera.Field(ge=0, le=1)
    carried_lower: Series[float] = pandera.Field(nullable=True)
    carried_upper: Series[float] = pandera.Field(nullable=True)
    covered: Series[float] = pandera.Field(nullable=True)
    status: Series[str] = pandera.Field(isin=("calibrated", "warming_up"))


@table("champions", key=("session", "model", "version"), storage="recorded")
class Champions(Frame):
    """Who was champion and who challenged at each session: the truth that MLflow's aliases mirror.

    `reason` says how the version came into its role. The other columns are the duel of a challenger with the
    champion, in relative differences of their losses one session ahead, positive where the challenger lost less:
    the logarithm of what a bet on the challenger and one on the champion made, and what the next bets rest on.
    """

    model: Series[str]
    version: Series[str]
    role: Series[str] = pandera.Field(isin=("champion", "challenger"))
    since: Series[Session]
    trained_through: Series[Session] = pandera.Field(nullable=True)
    reason: Series[str]
    log_evidence: Series[float]
    log_counter_evidence: Series[float]
    compared: Series[np.int64] = pandera.Field(ge=0)
    mean_difference: Series[float] = pandera.Field(ge=-1, le=1)
    mean_square: Series[float] = pandera.Field(ge=0, le=1)
    mean_size: Series[float] = pandera.Field(ge=0, le=1)


@table("forecasts", key=("session", "timeframe", "ts", "model", "horizon", "symbol"))
class Forecasts(VersionForecasts):
    """The champions' forecasts with their intervals: a selection, one version a model."""

    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)


@table("ensemble_weights", key=("session", "timeframe", "model"))
class EnsembleWeights(Frame):
    """Weight of each model on the simplex, from its exponentially averaged loss, and whether it degraded.

    `average_loss` is relative to the session's mean over the models: 1 is the average model; `score` is what
    the weighting itself carries on. `loss_score` compares the session's loss one session ahead with the random
    walk's, `evidence` is the logarithm of the wealth of a bet that it is worse, `alike_sessions` the length of
    ADWIN's window; on `probation` a model weighs less.
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    average_loss: Series[float] = pandera.Field(nullable=True, ge=0)
    score: Series[float] = pandera.Field(nullable=True)
    weight: Series[float] = pandera.Field(ge=0, le=1)
    observations: Series[np.int64] = pandera.Field(ge=0)
    loss_score: Series[float] = pandera.Field(nullable=True, ge=-1, le=1)
    evidence: Series[float]
    alike_sessions: Series[np.int64] = pandera.Field(ge=0)
    alarm: Series[str] = pandera.Field(isin=("", "worse_than_baseline", "drift"))
    probation: Series[np.int64] = pandera.Field(ge=0)


@table("ensemble_forecast", key=("session", "timeframe", "horizon", "symbol"))
class EnsembleForecast(Frame):
    """The champions' forecasts as one: averaged quantile by quantile, or pooled as a mixture.

    `within_variance` is the models' own variance on average, `between_variance` that of their means: together
    the variance of the mixture. `between_models` is the spread of the medians.
    """

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    q050: Series[float]
    q125: Series[float]
    q250: Series[float]
    q500: Series[float]
    q750: Series[float]
    q875: Series[float]
    q950: Series[float]
    between_models: Series[float] = pandera.Field(ge=0)
    within_variance: Series[float] = pandera.Field(ge=0)
    between_variance: Series[float] = pandera.Field(ge=0)
    models: Series[np.int64] = pandera.Field(gt=0)
    contaminated: Series[bool]


@table("ensemble_intervals", key=("session", "timeframe", "horizon", "symbol"))
class EnsembleIntervals(Frame):
    """The ensemble's own calibrated interval, and the forecast that matured at `session`."""

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    median: Series[float]
    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)
    miscoverage: Series[float] = pandera.Field(ge=0, le=1)
    carried_lower: Series[float] = pandera.Field(nullable=True)
    carried_upper: Series[float] = pandera.Field(nullable=True)
    matured_median: Series[float] = pandera.Field(nullable=True)
    realized: Series[float] = pandera.Field(nullable=True)
    score: Series[float] = pandera.Field(nullable=True)
    covered: Series[float] = pandera.Field(nullable=True)
    status: Series[str] = pandera.Field(isin=("calibrated", "warming_up"))


@table("ensemble_skill", key=("session", "timeframe", "horizon"))
class EnsembleSkill(Frame):
    """Point-in-time skill of the ensemble's mean: the shrunk slope of realized on it, in [0, 1]."""

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    average_product: Series[float]
    average_square: Series[float] = pandera.Field(ge=0)
    average_realized_square: Series[float] = pandera.Field(ge=0)
    observations: Series[np.int64] = pandera.Field(ge=0)
    skill: Series[float] = pandera.Field(ge=0, le=1)


@table("regimes", key=("session", "timeframe"))
class Regimes(Frame):
    """Filtered probability of each market regime, never smoothed, and the regime that is named by them.

    `regime` leaves the one before only for one that is likely enough, and not too soon; `dwell` counts
    the sessions since it did, this one included, and `changed` says that it did now. `status` says what the session told: `filtered` all market features were known, `partial` some
    (the others were marginalised out), `carried` none (the last belief, moved on by the transitions).
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    regime: Series[str] = pandera.Field(isin=REGIMES)
    p_bull: Series[float] = pandera.Field(ge=0, le=1)
    p_bear: Series[float] = pandera.Field(ge=0, le=1)
    p_volatile: Series[float] = pandera.Field(ge=0, le=1)
    p_range: Series[float] = pandera.Field(ge=0, le=1)
    dwell: Series[np.int64] = pandera.Field(ge=0)
    changed: Series[bool]
    multiplier: Series[float] = pandera.Field(ge=0, le=1)
    status: Series[str] = pandera.Field(isin=("filtered", "partial", "carried"))


@table("regime_models", key=("session", "timeframe", "regime"))
class RegimeModels(Frame):
    """Parameters of the hidden Markov model in force, one row a regime (arrays as JSON, exact).

    `center` and `scale` standardise the market features; they repeat on every row of the session.
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    regime: Series[str] = pandera.Field(isin=REGIMES)
    fitted_session: Series[Session]
    start: Series[float] = pandera.Field(ge=0, le=1)
    transition: Series[str]
    mean: Series[str]
    covariance: Series[str]
    center: Series[str]
    scale: Series[str]


@table("graph_edges", key=("session", "timeframe", "symbol", "neighbour"), sparse=True)
class GraphEdges(Frame):
    """Pairs of names whose correlation over the graph's window is large in size; each pair from both ends."""

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    symbol: Series[str]
    neighbour: Series[str]
    correlation: Series[float] = pandera.Field(ge=-1, le=1)


@table("graph_nodes", key=("session", "timeframe", "symbol"))
class GraphNodes(Frame):
    """How each name stands in the session's graph; a name without enough returns is no part of it."""

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    symbol: Series[str]
    degree: Series[np.int64] = pandera.Field(ge=0)
    strength: Series[float] = pandera.Field(ge=0)
    eigenvector: Series[float] = pandera.Field(ge=0, le=1)
    betweenness: Series[float] = pandera.Field(ge=0, le=1)
    clustering: Series[float] = pandera.Field(ge=0, le=1)
    pagerank: Series[float] = pandera.Field(ge=0, le=1)
    community: Series[str]


@table("graph_ahead", key=("session", "timeframe", "symbol", "neighbour"), sparse=True)
class GraphAhead(Frame):
    """The graph of the next window as it is expected: every pair of its names, from both ends."""

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    symbol: Series[str]
    neighbour: Series[str]
    expected_correlation: Series[float] = pandera.Field(ge=-1, le=1)
    link_probability: Series[float] = pandera.Field(ge=0, le=1)


@table("selection", key=("session", "timeframe", "symbol"))
class Selection(Frame):
    """Which names the regime asks for: criteria, the four sleeves, and the mix that follows slowly.

    `w_bull` to `w_range` are the sleeves, `wanted_weight` their mix by the regimes' probabilities, `held_weight`
    what follows it slowly, `criteria_score` the weighted rank by which a sleeve is shared. `defensive_sleeve` says whether the
    defensive sleeve was screened, filled up by names of lowest beta, made of them alone, or equal weight.
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    symbol: Series[str]
    regime: Series[str] = pandera.Field(isin=REGIMES)
    momentum_rank: Series[float] = pandera.Field(ge=0, le=1, nullable=True)
    beta: Series[float] = pandera.Field(nullable=True)
    dividend_yield: Series[float] = pandera.Field(ge=0, nullable=True)
    volatility: Series[float] = pandera.Field(ge=0, nullable=True)
    centrality: Series[float] = pandera.Field(ge=0, le=1, nullable=True)
    reversion: Series[float] = pandera.Field(nullable=True)
    criteria_score: Series[float] = pandera.Field(ge=0, le=1)
    w_bull: Series[float] = pandera.Field(ge=0, le=1)
    w_bear: Series[float] = pandera.Field(ge=0, le=1)
    w_volatile: Series[float] = pandera.Field(ge=0, le=1)
    w_range: Series[float] = pandera.Field(ge=0, le=1)
    wanted_weight: Series[float] = pandera.Field(ge=0, le=1)
    held_weight: Series[float] = pandera.Field(ge=0, le=1)
    one_way_turnover: Series[float] = pandera.Field(ge=0, le=1)
    defensive_sleeve: Series[str] = pandera.Field(
        isin=("screened", "filled_up", "lowest_beta", "equal_weight")
    )
    beta_market: Series[str]


@table("signals", key=("session", "strategy", "symbol"))
class Signals(Frame):
    """What the strategy believes of each symbol at `session`.

    `alpha` is the forecast's mean log return over `horizon` shrunk by the measured skill, `raw_probability` the
    probability before recalibration, `timeframes` those whose forecasts had a say, `tilt` what is held without
    a forecast in units of equal weight;
    `passes_filter` counts the roadmap's gates and binds only with `filter = "roadmap"`.
    """

    symbol: Series[str]
    strategy: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    direction: Series[np.int64] = pandera.Field(isin=(-1, 0, 1))
    probability: Series[float] = pandera.Field(ge=0, le=1)
    raw_probability: Series[float] = pandera.Field(ge=0, le=1)
    expected_return: Series[float]
    alpha: Series[float]
    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)
    confidence: Series[float] = pandera.Field(ge=0, le=1)
    regime: Series[str] = pandera.Field(isin=REGIMES)
    timeframes: Series[str]
    tilt: Series[float] = pandera.Field(ge=0)
    passes_filter: Series[bool]

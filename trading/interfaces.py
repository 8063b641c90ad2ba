"""The ports of the core: what a model, a market, a book or a store must be able to do.

Values are numpy arrays in frozen dataclasses. Letters of the shapes: w bars of a window,
s symbols, k symbols beside them, c channels, h horizons, q quantile levels, n past forecasts, k models or regimes.
Hyper-parameters are keywords of a frozen dataclass; learned state ends in `_`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.forecasting import (
    SILENT,
    BarStream,
    Bools,
    Curves,
    Floats,
    Forecast,
    Forecaster,
    SilentJournal,
    StreamingForecaster,
    TrainingJournal,
    Window,
)

if TYPE_CHECKING:
    from trading.portfolio.covariance import CovarianceEstimate
    from trading.portfolio.mandates import Wanted

__all__ = [
    "SILENT",
    "BarStream",
    "Bools",
    "Broker",
    "ChampionDecision",
    "Clock",
    "Curves",
    "EnsembleWeighting",
    "Floats",
    "Forecast",
    "Forecaster",
    "Interval",
    "IntervalCalibrator",
    "LiveBar",
    "LiveBars",
    "MarketDataSource",
    "Mix",
    "ModelRegistry",
    "ModelVersion",
    "Optimizer",
    "RegimeFit",
    "RegimeModel",
    "SilentJournal",
    "Sizer",
    "Store",
    "StreamingForecaster",
    "TrainingJournal",
    "Window",
]


@dataclass(frozen=True)
class Interval:
    """Calibrated bounds, NaN where there are too few scores yet; never infinite.

    Attributes
    ----------
    lower, upper : (s, h) cumulative log returns
    miscoverage : (s, h) the adaptive level that was used
    carried : (s, h, 2) what the calibrator carries on for the lower and the upper end, NaN for nothing
    """

    lower: Floats
    upper: Floats
    miscoverage: Floats
    carried: Floats | None = None


class IntervalCalibrator(Protocol):
    """Turns quantile forecasts into intervals that hold what they promise.

    Its state are rows: the level `miscoverage` (s, h) and what is `carried` (s, h, 2) of the session before.
    """

    @property
    def by_regime(self) -> bool:
        """Whether it wants to know which scores were issued in today's regime."""
        ...

    def conformalize(
        self,
        scores: Floats,
        miscoverage: Floats | None,
        *,
        ends: Floats | None = None,
        carried: Floats | None = None,
        alike: Floats | None = None,
    ) -> Self:
        """A copy with past conformity scores and the state in force (None or NaN: start anew).

        Parameters
        ----------
        scores : (n, s, h) NaN where nothing matured
        ends : (n, s, h) the end that the outcome was nearer to, 1 the upper, -1 the lower
        alike : (n, h) 1 where a score was issued in today's regime, 0 where in another, NaN unknown
        """
        ...

    def update(self, issued: Interval, realized: Floats) -> Self:
        """A copy after the intervals issued h sessions ago met `realized` (s, h), NaN where none did."""
        ...

    def predict_interval(self, forecast: Forecast) -> Interval:
        """Bounds for `forecast` from the scores and level in force."""
        ...


@dataclass(frozen=True)
class Matured:
    """Forecasts of k models that met their outcome, n cells that every speaking model forecast.

    Attributes
    ----------
    quantiles : (n, k, q) per square root of the horizon, NaN for a model that did not speak
    realized : (n,) log return per square root of the horizon
    """

    quantiles: Floats
    realized: Floats


@dataclass(frozen=True)
class Evidence:
    """What a session tells of k models.

    Attributes
    ----------
    session : at which the forecasts matured
    losses : (k,) mean pinball loss per square root of the horizon, of the same cells for all; NaN where none matured
    matured : the cells of the last so many sessions, this one included; asking costs a read
    opens_month : whether the session is the first of its month, when slow fits are made anew
    """

    session: pd.Timestamp
    losses: Floats
    matured: Callable[[int], Matured]
    opens_month: bool = False


class EnsembleWeighting(Protocol):
    """Weights of models from their losses. State: `average_loss_`, `score_` and `observations_`, each (k,)."""

    @property
    def window_sessions(self) -> int:
        """How many sessions of matured quantiles are asked for at most; 0 where losses are enough."""
        ...

    @property
    def average_loss_(self) -> Floats:
        """(k,) averaged relative loss, NaN for a model not seen yet."""
        ...

    @property
    def score_(self) -> Floats:
        """(k,) what the method itself carries on, such as a logarithm of the weight; NaN not yet."""
        ...

    @property
    def observations_(self) -> NDArray[np.int64]:
        """(k,) sessions in the average."""
        ...

    def resume(self, average_loss: Floats, score: Floats, observations: NDArray[np.int64]) -> Self:
        """A copy with the state of the previous session; NaN for a model not seen before."""
        ...

    def update(self, evidence: Evidence) -> Self:
        """A copy after one session."""
        ...

    @property
    def weights_(self) -> Floats:
        """(k,) non-negative, sum 1."""
        ...


@dataclass(frozen=True)
class RegimeFit:
    """A fitted hidden Markov model whose states are in the fixed order of `trading.frames.REGIMES`.

    Attributes
    ----------
    start : (k,) probabilities; transition : (k, k) rows sum to 1
    mean : (k, c); covariance : (k, c, c), in units of the standardised features
    center, scale : (c,) raw features are standardised as (x - center) / scale; NaN scale: never known
    """

    start: Floats
    transition: Floats
    mean: Floats
    covariance: Floats
    center: Floats
    scale: Floats


class RegimeModel(Protocol):
    """Market regimes, filtered only: there is no smoother. State: `fit_`."""

    @property
    def fit_(self) -> RegimeFit | None:
        """The parameters in force, None before a fit."""
        ...

    def fit(self, features: Floats, previous: RegimeFit | None = None) -> Self:
        """A copy fitted on raw (w, c) features, NaN where unknown, its states aligned to `previous`."""
        ...

    def resume(self, fit: RegimeFit) -> Self:
        """A copy with parameters that were fitted earlier."""
        ...

    def filter(self, features: Floats) -> Floats:
        """(w, k) probabilities p(state_t | features up to t); unknown features are marginalised out."""
        ...

    def update(self, belief: Floats, features: Floats) -> Floats:
        """(k,) probabilities after one more session of features (c,), given those of the session before."""
        ...


@dataclass(frozen=True)
class Mix:
    """A solved portfolio with its proof: no limit is violated by more than 1e-6, but those that the fallback waives.

    Attributes
    ----------
    weights : (s,) fractions of equity, negative for a short
    status : the solver's word; gap : relative duality gap or NaN; objective : what was optimised
    binding : names of the binding constraints; fallback : empty, or the fallback that was used
    conflicts : kinds of limits that could not all be met; masked : names whose numbers were not finite
    """

    weights: Floats
    status: str
    gap: float
    objective: str
    binding: tuple[str, ...]
    fallback: str
    conflicts: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()


class Sizer(Protocol):
    """Cap of each symbol's weight; none is above `position_limit`."""

    @property
    def position_limit(self) -> float:
        """Largest weight of one name."""
        ...

    def caps(
        self,
        probability: Floats,
        expected: Floats,
        spread: Floats,
        correlation: Floats,
        *,
        usual_spread: Floats | None = None,
        quantiles: Floats | None = None,
    ) -> Floats:
        """(s,) caps from the probability of winning (s,), mean (s,), standard deviation (s,), correlation (s, s).

        `usual_spread` (s,) is the deviation that a name's past explains, `quantiles` (s, q) the predictive
        distribution's shape.
        """
        ...


class CovarianceModel(Protocol):
    """How names move together, from a window of returns that ends at the session."""

    def estimate(self, log_returns: Floats) -> CovarianceEstimate:
        """Covariance of one session's returns from log returns (w, s), NaN where there is none.

        Raises
        ------
        MissingBarsError
            If no symbol has enough returns.
        """
        ...


class TradingCosts(Protocol):
    """What trading costs, as an optimiser counts it: the cost model of the simulator and no other."""

    def linear_rate(self, prices: Floats, session: pd.Timestamp | None = None) -> Floats:
        """(s,) cost of trading one dollar of each name at its price (s,), one way, but for impact.

        With the fees in force at `session`, without one no fees.
        """
        ...

    def impact_rate(self, volatility: Floats, dollar_volume: Floats, equity: float) -> Floats:
        """(s,) k such that changing a weight by d costs k |d|**1.5 of equity."""
        ...


class Optimizer(Protocol):
    """The mix within the caps; it always answers."""

    def solve(self, wanted: Wanted) -> Mix:
        """Weights, with the certificate of how they were found."""
        ...


class MarketDataSource(Protocol):
    """Where bars come from. `delay` is the time from a bar's end until the source publishes it."""

    name: str
    basis: str
    delay: pd.Timedelta
    simulated: bool

    def first_session(self) -> pd.Timestamp:
        """The first session for which the source has bars of any symbol."""
        ...

    def last_session(self) -> pd.Timestamp:
        """The last session for which the source has bars."""
        ...

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        """Bars of `trading.schemas.market.Bars`' columns as the vendor gives them: not yet validated."""
        ...

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Corporate actions of `trading.schemas.market.CorporateActions`' columns."""
        ...

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Announcements: session, symbol, known_at, surprise (NaN where unknown).

        A source that knows more gives further columns of `trading.schemas.reference.Earnings`.
        """
        ...


@dataclass(frozen=True)
class LiveBar:
    """A bar as a stream handed it over, not yet validated.

    Attributes
    ----------
    symbol : as the vendor spells it; ts : start of the bar (UTC); minutes : how many it spans, 1 or 5
    open, high, low, close : USD; volume : shares
    received : moment (UTC) at which it came in
    """

    symbol: str
    ts: pd.Timestamp
    minutes: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    received: pd.Timestamp


class LiveBars(Protocol):
    """A market that goes on while one listens. `delay` is from a bar's end until it usually is there."""

    name: str
    basis: str
    delay: pd.Timedelta
    simulated: bool

    def now(self) -> pd.Timestamp:
        """The present of the market that is streamed (UTC): the wall clock, unless it is a replay."""
        ...

    def stream(
        self, symbols: Sequence[str], since: pd.Timestamp | None = None
    ) -> AsyncGenerator[LiveBar, None]:
        """Bars as they come, those that began at or after `since` and ended already first.

        A bar comes again when the vendor changes it, or when a lost connection was made anew: nothing
        is left out, and a bar may come twice. Ends only when the market does; close it to stop.

        Raises
        ------
        SourceUnavailableError
            If the vendor refuses for good.
        """
        ...


class Store(Protocol):
    """The one port through which data enters and leaves."""

    def read(
        self,
        table: str,
        first: pd.Timestamp | None = None,
        last: pd.Timestamp | None = None,
        *,
        as_of: pd.Timestamp | None = None,
        revisions: bool = False,
        timeframe: str | None = None,
        symbol: str | None = None,
    ) -> pd.DataFrame:
        """Rows of `table` in a range of sessions, known at `as_of`, sorted by key.

        Of several revisions of a key the last one known; all of them with `revisions`. `timeframe` and
        `symbol` narrow the tables that have such a column and mean nothing to the others.
        """
        ...

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        commit: Mapping[str, str],
    ) -> None:
        """Replace exactly the sessions `first` to `last` of each table, all in one transaction.

        Bars and corporate actions are append-only: known rows stay, changed ones become revisions.
        """
        ...

    def tables(self) -> pd.DataFrame:
        """One row a table: table, rows, first_session, last_session, version."""
        ...


# Under this name a version's facts hold the timeframe of the bars that it learned from, unless they were daily.
TIMEFRAME = "timeframe"


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model: what it was made of, and from which session it may speak.

    `version` is a digest of code version, configuration, seed, training data and `trained_through`
    (None for zero-shot). `data_through` is the last session that pretrained weights may have seen:
    forecasts up to it are contaminated. `retired` is the first session that no longer uses it.
    """

    model: str
    version: str
    trained_through: pd.Timestamp | None
    live_from: pd.Timestamp | None
    champion_from: pd.Timestamp | None
    retired: pd.Timestamp | None
    data_through: pd.Timestamp | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def timeframe(self) -> str:
        """Of the bars that it learned from; a zero-shot version learned from none and counts as daily."""
        return self.facts.get(TIMEFRAME, "1D")

    def is_live(self, session: pd.Timestamp) -> bool:
        """Whether the version forecasts at `session`."""
        started = self.live_from is None or self.live_from <= session
        return started and (self.retired is None or session < self.retired)

    def is_champion(self, session: pd.Timestamp) -> bool:
        """Whether the calendar makes the version champion at `session`."""
        started = self.champion_from is None or self.champion_from <= session
        return self.is_live(session) and started

    def is_contaminated(self, session: pd.Timestamp) -> bool:
        """Whether the weights may have seen `session`."""
        return self.data_through is not None and session <= self.data_through


@dataclass(frozen=True)
class ChampionDecision:
    """What a person wants: `version` is to be champion of `model` from session `effective` on.

    It is one move: from the next session on, evidence and calendar go on from there.
    """

    model: str
    version: str
    action: Literal["promote", "rollback"]
    effective: pd.Timestamp
    decided_at: pd.Timestamp
    note: str = ""


class ModelRegistry(Protocol):
    """Where versions live. The champions table is the truth; aliases mirror it."""

    def log(
        self,
        version: ModelVersion,
        forecaster: Forecaster,
        metrics: Mapping[str, float],
        curves: Curves = (),
    ) -> None:
        """Record a version; the last one of its quarter again changes nothing, an older one becomes the last."""
        ...

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """All versions of `model`, ordered by `live_from`; those of one quarter as they were logged."""
        ...

    def load(self, version: ModelVersion, prototype: Forecaster) -> Forecaster:
        """The forecaster of `version`, from its safetensors bytes."""
        ...

    def flaw(self, version: ModelVersion) -> str:
        """Why the weights of `version` are not those that were logged; empty if they are."""
        ...

    def promote(self, model: str, version: str) -> None:
        """Point the alias `champion` of `model` at `version`."""
        ...

    def champion(self, model: str) -> str | None:
        """The version that the alias points at now."""
        ...

    def decide(self, decision: ChampionDecision) -> None:
        """Append a person's decision to the log; VersionMissingError if there is no such version."""
        ...

    def decisions(self, model: str) -> tuple[ChampionDecision, ...]:
        """All decisions about `model`, as they were made."""
        ...


class Broker(Protocol):
    """Where orders go."""

    def submit(self, orders: pd.DataFrame) -> pd.DataFrame:
        """Acknowledgements of `orders`: order_id, accepted, reason. The same order twice is one order."""
        ...

    def cancel(self, order_ids: Iterable[str]) -> pd.DataFrame:
        """Answers: order_id, cancelled, reason. What is over or unknown is not cancelled, and says so."""
        ...

    def fills(self, since: pd.Timestamp) -> pd.DataFrame:
        """Fills at or after `since`."""
        ...

    def positions(self) -> dict[str, int]:
        """Shares by symbol."""
        ...

    def cash(self) -> int:
        """Cash in cents."""
        ...


Clock = Callable[[], pd.Timestamp]

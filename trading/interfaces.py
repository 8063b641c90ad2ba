"""The ports of the core: what a model, a market, a book or a store must be able to do.

Values are numpy arrays in frozen dataclasses. Letters of the shapes: w bars of a window,
s symbols, k symbols beside them, c channels, h horizons, q quantile levels, n past forecasts, k models or regimes.
Hyper-parameters are keywords of a frozen dataclass; learned state ends in `_`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pandas as pd

from trading.allocation import CovarianceModel, Mix, Optimizer, Sizer, TradingCosts
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
from trading.learning import (
    EnsembleWeighting,
    Evidence,
    Interval,
    IntervalCalibrator,
    Matured,
    RegimeFit,
    RegimeModel,
)

__all__ = [
    "SILENT",
    "BarStream",
    "Bools",
    "Broker",
    "ChampionDecision",
    "Clock",
    "CovarianceModel",
    "Curves",
    "EnsembleWeighting",
    "Evidence",
    "Floats",
    "Forecast",
    "Forecaster",
    "Interval",
    "IntervalCalibrator",
    "LiveBar",
    "LiveBars",
    "MarketDataSource",
    "Matured",
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
    "TradingCosts",
    "TrainingJournal",
    "TrainingTrigger",
    "Window",
]


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


@dataclass(frozen=True)
class TrainingTrigger:
    """Why a challenger was trained that the calendar did not ask for: it was seen live, at `session`.

    The challenger learns through `session` and speaks from `effective` on. `value` exceeded `threshold`.
    A later line of the kind `void` about the same session withdraws it: what it asked for could not be trained.
    """

    model: str
    kind: Literal["accuracy", "drift", "age", "void"]
    session: pd.Timestamp
    effective: pd.Timestamp
    value: float
    threshold: float
    known_at: pd.Timestamp
    timeframe: str = "1D"
    reason: str = ""


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

    def trigger(self, trigger: TrainingTrigger) -> None:
        """Append a trigger to the log."""
        ...

    def triggers(self, model: str) -> tuple[TrainingTrigger, ...]:
        """All triggers of `model`, as they were seen."""
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


class Brokerage(Broker, Protocol):
    """A broker that also tells what is needed to compare its account with our records."""

    def order_states(self) -> pd.DataFrame:
        """Every order of the account: order_id, symbol, quantity, filled (signed shares), status."""
        ...

    def movements(self, since: pd.Timestamp) -> pd.DataFrame:
        """What moved the account since the day of `since` and is no fill.

        Columns: ts (UTC midnight of its day), movement_id, kind, symbol, shares, cash_cents.
        """
        ...


Clock = Callable[[], pd.Timestamp]

"""When models are trained, on what, and under which name: the calendar of versions.

A quarterly model gets a version at each quarter's end. It challenges through the next quarter, is
champion through the one after unless it was shown to be worse, shadows its successor through a third, and
retires: every session has exactly three live versions. A yearly model does the same by calendar years, a weekly one as a
quarterly one, with challengers of its own beside (`trading.stages.challengers`). A zero-shot model has one version, for
ever.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from trading import calendar
from trading.digest import digest
from trading.errors import MissingBarsError, ModelError, VersionMissingError
from trading.history import History, Rows
from trading.interfaces import SILENT, TIMEFRAME, Forecaster, ModelVersion, TrainingJournal, Window
from trading.stages.layout import DAILY
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

Cadence = Literal["zero_shot", "weekly", "quarterly", "yearly"]
Update = Literal["full", "incremental"]

CHANNELS: tuple[str, ...] = ("log_return", "volatility_21")
# Between a session and the training of its oldest version lie at most three quarters of 64 sessions each, or
# three years of 254.
CHAMPION_AGE_SESSIONS: Mapping[Cadence, int] = {
    "zero_shot": 0,
    "weekly": 192,
    "quarterly": 192,
    "yearly": 762,
}
_PERIODS: Mapping[Cadence, str] = {"weekly": "Q", "quarterly": "Q", "yearly": "Y"}
_RETURN = "log_return"
# Features carry no price scale, so a window of them is the same on every adjusted basis.
SCALE_FREE = "scale_free"
MINIMUM_TRAINING_RETURNS = 63
TRAINED_FROM = "trained_from"
# Under this name a version's facts hold what `made_of` said when it was trained.
MADE_OF = "made_of"
# A digest of what a version was trained on, and the version at whose weights its training began.
DATA_VERSION, STARTED_FROM = "data_version", "started_from"
# The channels of a version's windows, and the symbols beside the names in them, with commas between.
SEES, BESIDE = "channels", "beside"


class Trainable(Protocol):
    """What the calendar must know of a model; `models.forecasters.catalogue.ModelSpec` is one."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def cadence(self) -> Cadence:
        """How often a version is trained."""
        ...

    @property
    def code_version(self) -> str:
        """Changes whenever the model's code gives other numbers."""
        ...

    @property
    def seed(self) -> int:
        """Of everything random in the training."""
        ...

    @property
    def training_sessions(self) -> int:
        """Fixed length of the training window; 0 for zero-shot."""
        ...

    @property
    def training_bars(self) -> Mapping[str, int]:
        """Fixed length of the training window in bars, by timeframe that is not daily; others are not learned from."""
        ...

    @property
    def data_through(self) -> pd.Timestamp | None:
        """The last session that pretrained weights may have seen."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Feature columns that its windows hold; `log_return` is among them."""
        ...

    @property
    def context(self) -> bool:
        """Whether its windows hold what stands beside the names."""
        ...

    @property
    def update(self) -> Update:
        """Whether a version begins at the weights of the one before."""
        ...

    def prototype(self) -> Forecaster:
        """The unfitted forecaster."""
        ...


@dataclass(frozen=True)
class Due:
    """A version that the calendar asks for, learned from bars of one timeframe; no dates for zero-shot."""

    trained_through: pd.Timestamp | None = None
    live_from: pd.Timestamp | None = None
    champion_from: pd.Timestamp | None = None
    retired: pd.Timestamp | None = None
    timeframe: str = DAILY

    @property
    def is_regular(self) -> bool:
        """Whether its turn to be champion comes by the calendar."""
        return self.champion_from is None or self.champion_from != self.retired


@dataclass(frozen=True)
class Trained:
    """A version, the forecaster that speaks for it, and what was measured in training."""

    version: ModelVersion
    forecaster: Forecaster
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Start:
    """The version at whose weights an incremental update begins: its digest and its safetensors bytes."""

    version: str
    weights: bytes


Journals = Callable[[ModelVersion], TrainingJournal]


def silently(_version: ModelVersion) -> TrainingJournal:
    """A journal that keeps nothing."""
    return SILENT


def due_versions(cadence: Cadence, first: pd.Timestamp, last: pd.Timestamp) -> tuple[Due, ...]:
    """Versions that the sessions `first` to `last` need, ordered by `live_from`."""
    if cadence == "zero_shot":
        return (Due(),)
    unit = _PERIODS[cadence]
    start, stop = first.to_period(unit) - 2, last.to_period(unit)
    return tuple(_due(start + ahead) for ahead in range(stop.ordinal - start.ordinal + 1))


@functools.cache
def _due(period: pd.Period) -> Due:
    """The version that begins to challenge in `period`, a quarter or a year."""
    live, champion, retired = (first_session(period + ahead) for ahead in (0, 1, 3))
    return Due(calendar.shift(live, -1), live, champion, retired)


def first_session(period: pd.Period) -> pd.Timestamp:
    """The first session of a calendar week, quarter or year."""
    return calendar.sessions_between(period.start_time, period.end_time)[0]


def look_back(spec: Trainable, context_sessions: int) -> int:
    """Sessions before t that a forecast at t rests on: its window, and what its champion learned from."""
    trained = CHAMPION_AGE_SESSIONS[spec.cadence] + spec.training_sessions
    return max(context_sessions, trained) - 1


@dataclass(frozen=True)
class View:
    """What of the features a model looks at.

    Attributes
    ----------
    channels : feature columns; `log_return` is among them
    context : whether it also looks at what stands beside the names
    min_history : finite returns that a symbol needs in the window
    """

    channels: tuple[str, ...] = CHANNELS
    context: bool = False
    min_history: int = 1


def window_at(rows: Rows, session: pd.Timestamp, sessions: int, view: View) -> Window:
    """The last `sessions` daily features of the traded names up to `session`, NaN where there are none.

    A symbol is unmasked if it has a row at `session` and enough finite returns.
    """
    window = _history_at(rows, session, sessions, view)
    return replace(window, mask=window.mask & _present(rows, session))


def _history_at(rows: Rows, session: pd.Timestamp, sessions: int, view: View) -> Window:
    """The same, where a symbol needs no row at `session` itself."""
    labels = calendar.sessions_between(calendar.shift(session, 1 - sessions), session)
    axes = {"session": labels, "timeframe": (DAILY,)}
    panel = rows.block(view.channels, **axes, symbol=SYMBOLS)[:, 0]
    returns = panel[:, :, view.channels.index(_RETURN)]
    mask = np.isfinite(returns).sum(axis=0) >= max(1, view.min_history)
    stamps = labels.to_numpy().astype("datetime64[us]")
    window = Window(calendar.as_of(session), stamps, SYMBOLS, view.channels, panel, mask, SCALE_FREE, DAILY)
    if not view.context:
        return window
    beside = rows.block(view.channels, **axes, symbol=CONTEXT_SYMBOLS)[:, 0]
    return replace(window, context_symbols=CONTEXT_SYMBOLS, context=beside)


def _present(rows: Rows, session: pd.Timestamp) -> np.ndarray:
    """(s,) which traded names have a daily row at `session`."""
    here = np.asarray(rows["session"]) == session.to_datetime64()
    here &= rows["timeframe"] == DAILY
    there = set(rows["symbol"][here])
    return np.array([symbol in there for symbol in SYMBOLS])


def training_window(features: History, spec: Trainable, through: pd.Timestamp) -> Window:
    """The fixed window on which the version trained through `through` learns.

    A symbol takes part by its history: a gap on the last session does not take it out.

    Raises
    ------
    MissingBarsError
        If no symbol has enough returns in it.
    """
    first = calendar.shift(through, 1 - spec.training_sessions)
    rows = features.window(first, through, calendar.as_of(through))
    view = View(spec.channels, spec.context, MINIMUM_TRAINING_RETURNS)
    window = _history_at(rows, through, spec.training_sessions, view)
    if not window.mask.any():
        raise MissingBarsError(
            f"{spec.name} cannot be trained through {through:%Y-%m-%d}: no symbol has {MINIMUM_TRAINING_RETURNS} "
            f"returns between {first:%Y-%m-%d} and then; make features from {first:%Y-%m-%d} on first"
        )
    return window


def train_version(
    spec: Trainable,
    due: Due,
    window: Window | None,
    *,
    start: Start | None = None,
    journals: Journals = silently,
) -> Trained:
    """The version that `due` asks for, fitted on `window` (None for zero-shot).

    Its name is a digest of `made_of`, the training data, `trained_through` and the version that it
    started from.

    Parameters
    ----------
    start : of an incremental update, the version before; None learns from nothing
    journals : gives the journal in which the training of a version is kept
    """
    version = _named(spec, due, window, start)
    prototype = spec.prototype()
    if window is None:
        return Trained(version, prototype, {})
    unfitted = prototype if start is None else prototype.from_bytes(start.weights)
    fitted = unfitted.fit(window, journal=journals(version))
    return Trained(version, fitted, _training_metrics(window))


def _named(spec: Trainable, due: Due, window: Window | None, start: Start | None) -> ModelVersion:
    made, data = made_of(spec, due.timeframe), _seen(window)
    through = None if due.trained_through is None else f"{due.trained_through:%Y-%m-%d}"
    seed = getattr(spec.prototype(), "seed", spec.seed)
    facts = {"code_version": spec.code_version, "seed": str(seed), MADE_OF: made, **_begins(window)}
    facts |= {SEES: ",".join(spec.channels)} | ({BESIDE: ",".join(CONTEXT_SYMBOLS)} if spec.context else {})
    if window is not None:
        facts[DATA_VERSION] = digest(*data)
    if start is not None:
        facts[STARTED_FROM] = start.version
    if due.timeframe != DAILY:
        facts[TIMEFRAME] = due.timeframe
    return ModelVersion(
        model=spec.name,
        version=digest(made, through, *data, *([] if start is None else [start.version])),
        trained_through=due.trained_through,
        live_from=due.live_from,
        champion_from=due.champion_from,
        retired=due.retired,
        data_through=spec.data_through,
        facts=facts,
    )


def _seen(window: Window | None) -> tuple[object, ...]:
    """Everything of a window that training sees, for a digest."""
    if window is None:
        return ()
    beside = () if window.context is None else (list(window.context_symbols), window.context)
    return (list(window.symbols), window.sessions, window.mask, window.panel, *beside)


def _begins(window: Window | None) -> dict[str, str]:
    """The first session that training saw; zero-shot has none."""
    return {} if window is None else {TRAINED_FROM: f"{pd.Timestamp(window.sessions[0]):%Y-%m-%d}"}


def made_of(spec: Trainable, timeframe: str = DAILY) -> str:
    """Digest of all that makes a version but its data: code, hyper-parameters, seed, weights before training.

    What is learned from bars that are not daily also has their timeframe and number in it.
    What those weights have seen belongs to it, because it decides which forecasts are contaminated.
    What is as it usually is takes no part, so that versions of earlier releases keep their names.
    """
    prototype = spec.prototype()
    seen = None if spec.data_through is None else f"{spec.data_through:%Y-%m-%d}"
    chosen = (spec.name, spec.code_version, spec.seed, spec.training_sessions, seen)
    usual = {"channels": CHANNELS, "context": False, "update": "full"}
    other = {name: getattr(spec, name) for name, value in usual.items() if getattr(spec, name) != value}
    if timeframe != DAILY:
        other["bars"] = [timeframe, spec.training_bars[timeframe]]
    if spec.cadence == "yearly":
        other["cadence"] = spec.cadence
    return digest(chosen, hyper_parameters(prototype), prototype.to_bytes(), *([other] if other else []))


def hyper_parameters(forecaster: Forecaster) -> dict[str, object]:
    """The declared fields of a forecaster, without what it learned or where its weights were found."""
    declared = [item for item in fields(forecaster) if item.metadata.get("digest", True)]  # type: ignore[arg-type]
    names = [item.name for item in declared if not item.name.endswith("_")]
    return {"type": type(forecaster).__name__, **{name: getattr(forecaster, name) for name in names}}


def _training_metrics(window: Window) -> dict[str, float]:
    returns = window.channel("log_return")[:, window.mask]
    return {
        "training_symbols": float(window.mask.sum()),
        "training_returns": float(np.isfinite(returns).sum()),
        "training_volatility": float(np.nanstd(returns)),
    }


def live_versions(
    model: str,
    cadence: Cadence,
    versions: Iterable[ModelVersion],
    session: pd.Timestamp,
    timeframe: str = DAILY,
    *,
    beside: Sequence[Due] = (),
) -> tuple[ModelVersion, ...]:
    """Of all `versions` of `model` in the order in which they were logged, those that speak at `session`.

    Where one quarter was trained more than once, the version logged last counts. Of bars that are not
    daily those speak that learned from such bars; where a quarter has none, the daily one is carried over.

    Parameters
    ----------
    beside : challengers that speak then beside the versions of the calendar

    Raises
    ------
    VersionMissingError
        If the calendar asks for one that is not there.
    """
    by_bars: dict[str, dict[pd.Timestamp | None, ModelVersion]] = {DAILY: {}, timeframe: {}}
    for version in versions:
        by_bars.setdefault(version.timeframe, {})[version.trained_through] = version
    newest = by_bars[DAILY] | by_bars[timeframe]
    wanted = (*due_versions(cadence, session, session), *beside)
    missing = [due for due in wanted if due.trained_through not in by_bars[DAILY]]
    if missing:
        raise VersionMissingError(_missing(model, cadence, missing[0], session))
    live = (newest[due.trained_through] for due in wanted)
    return tuple(sorted(live, key=lambda version: version.version))


def require_same_making(version: ModelVersion, wanted: str) -> None:
    """Refuse a version that was made of something else than `wanted`, which is `made_of` its spec now.

    Raises
    ------
    ModelError
        If code, hyper-parameters, seed or weights are others than they were.
    """
    logged = version.facts.get(MADE_OF, "unknown")
    if logged != wanted:
        raise ModelError(
            f"version {version.version} of model {version.model!r} was made of {logged}, but code, "
            f"settings, seed and weights now make {wanted}; forecasts of both in one home could not be told "
            "apart: train and make everything again with `fabline backfill --from INCEPTION --rebuild`, or "
            "use another home"
        )


def _missing(model: str, cadence: Cadence, due: Due, session: pd.Timestamp) -> str:
    which = "the zero-shot version"
    if not due.is_regular:
        which = f"the challenger trained through {due.trained_through:%Y-%m-%d}"
    elif due.live_from is not None:
        period = (
            f"{'year' if cadence == 'yearly' else 'quarter'} {due.live_from.to_period(_PERIODS[cadence])}"
        )
        which = f"the version for {period}, trained through {due.trained_through:%Y-%m-%d},"
    return (
        f"{which} of model {model!r} is due at {session:%Y-%m-%d} but not trained: "
        "run the `train` job, or `fabline run`"
    )

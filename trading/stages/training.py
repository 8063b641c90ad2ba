"""When models are trained, on what, and under which name: the calendar of versions.

A quarterly model gets a version at each quarter's end. It challenges through the next quarter, is
champion through the one after, and retires: every session has exactly two live versions, whose
training ended before the quarter began. A zero-shot model has one version, for ever.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from trading import calendar
from trading.digest import digest
from trading.errors import MissingBarsError, ModelError, VersionMissingError
from trading.history import History, Rows
from trading.interfaces import Forecaster, ModelVersion, Window
from trading.stages.layout import DAILY
from trading.universe import SYMBOLS

Cadence = Literal["zero_shot", "quarterly"]

CHANNELS: tuple[str, ...] = ("log_return", "volatility_21")
# Between a session and the training of its champion lie at most two quarters of 64 sessions each.
CHAMPION_AGE_SESSIONS = 128
# Features carry no price scale, so a window of them is the same on every adjusted basis.
SCALE_FREE = "scale_free"
MINIMUM_TRAINING_RETURNS = 63
TRAINED_FROM = "trained_from"
# Under this name a version's facts hold what `made_of` said when it was trained.
MADE_OF = "made_of"


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
    def data_through(self) -> pd.Timestamp | None:
        """The last session that pretrained weights may have seen."""
        ...

    def prototype(self) -> Forecaster:
        """The unfitted forecaster."""
        ...


@dataclass(frozen=True)
class Due:
    """A version that the calendar asks for; all None for zero-shot."""

    trained_through: pd.Timestamp | None = None
    live_from: pd.Timestamp | None = None
    champion_from: pd.Timestamp | None = None
    retired: pd.Timestamp | None = None


@dataclass(frozen=True)
class Trained:
    """A version, the forecaster that speaks for it, and what was measured in training."""

    version: ModelVersion
    forecaster: Forecaster
    metrics: Mapping[str, float]


def due_versions(cadence: Cadence, first: pd.Timestamp, last: pd.Timestamp) -> tuple[Due, ...]:
    """Versions that the sessions `first` to `last` need, ordered by `live_from`."""
    if cadence == "zero_shot":
        return (Due(),)
    start, stop = first.to_period("Q") - 1, last.to_period("Q")
    return tuple(_due(start + ahead) for ahead in range(stop.ordinal - start.ordinal + 1))


@functools.cache
def _due(quarter: pd.Period) -> Due:
    """The version that begins to challenge in `quarter`."""
    live, champion, retired = (first_session(quarter + ahead) for ahead in range(3))
    return Due(calendar.shift(live, -1), live, champion, retired)


def first_session(quarter: pd.Period) -> pd.Timestamp:
    """The first session of a calendar quarter."""
    return calendar.sessions_between(quarter.start_time, quarter.end_time)[0]


def look_back(spec: Trainable, context_sessions: int) -> int:
    """Sessions before t that a forecast at t rests on: its window, and what its champion learned from."""
    trained = CHAMPION_AGE_SESSIONS + spec.training_sessions if spec.cadence == "quarterly" else 0
    return max(context_sessions, trained) - 1


def window_at(rows: Rows, session: pd.Timestamp, sessions: int, min_history: int) -> Window:
    """The last `sessions` daily features of the traded names up to `session`, NaN where there are none.

    A symbol is unmasked if it has a row at `session` and at least `min_history` finite returns.
    """
    window = _history_at(rows, session, sessions, min_history)
    return replace(window, mask=window.mask & _present(rows, session))


def _history_at(rows: Rows, session: pd.Timestamp, sessions: int, min_history: int) -> Window:
    """The same, where a symbol needs no row at `session` itself."""
    labels = calendar.sessions_between(calendar.shift(session, 1 - sessions), session)
    axes = {"session": labels, "timeframe": (DAILY,), "symbol": SYMBOLS}
    panel = rows.block(CHANNELS, **axes)[:, 0]
    mask = np.isfinite(panel[:, :, 0]).sum(axis=0) >= max(1, min_history)
    stamps = labels.to_numpy().astype("datetime64[us]")
    return Window(calendar.as_of(session), stamps, SYMBOLS, CHANNELS, panel, mask, SCALE_FREE)


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
    window = _history_at(rows, through, spec.training_sessions, MINIMUM_TRAINING_RETURNS)
    if not window.mask.any():
        raise MissingBarsError(
            f"{spec.name} cannot be trained through {through:%Y-%m-%d}: no symbol has {MINIMUM_TRAINING_RETURNS} "
            f"returns between {first:%Y-%m-%d} and then; make features from {first:%Y-%m-%d} on first"
        )
    return window


def train_version(spec: Trainable, due: Due, window: Window | None) -> Trained:
    """The version that `due` asks for, fitted on `window` (None for zero-shot).

    Its name is a digest of `made_of`, the training data and `trained_through`.
    """
    made = made_of(spec)
    data = () if window is None else (list(window.symbols), window.sessions, window.mask, window.panel)
    through = None if due.trained_through is None else f"{due.trained_through:%Y-%m-%d}"
    version = ModelVersion(
        model=spec.name,
        version=digest(made, through, *data),
        trained_through=due.trained_through,
        live_from=due.live_from,
        champion_from=due.champion_from,
        retired=due.retired,
        data_through=spec.data_through,
        facts={"code_version": spec.code_version, "seed": str(spec.seed), MADE_OF: made, **_begins(window)},
    )
    prototype = spec.prototype()
    if window is None:
        return Trained(version, prototype, {})
    return Trained(version, prototype.fit(window), _training_metrics(window))


def _begins(window: Window | None) -> dict[str, str]:
    """The first session that training saw; zero-shot has none."""
    return {} if window is None else {TRAINED_FROM: f"{pd.Timestamp(window.sessions[0]):%Y-%m-%d}"}


def made_of(spec: Trainable) -> str:
    """Digest of all that makes a version but its data: code, hyper-parameters, seed, weights before training.

    What those weights have seen belongs to it, because it decides which forecasts are contaminated.
    """
    prototype = spec.prototype()
    seen = None if spec.data_through is None else f"{spec.data_through:%Y-%m-%d}"
    chosen = (spec.name, spec.code_version, spec.seed, spec.training_sessions, seen)
    return digest(chosen, hyper_parameters(prototype), prototype.to_bytes())


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
    model: str, cadence: Cadence, versions: Iterable[ModelVersion], session: pd.Timestamp
) -> tuple[ModelVersion, ...]:
    """Of all `versions` of `model` in the order in which they were logged, those that speak at `session`.

    Where one quarter was trained more than once, the version logged last counts.

    Raises
    ------
    VersionMissingError
        If the calendar asks for one that is not there.
    """
    newest = {version.trained_through: version for version in versions}
    wanted = due_versions(cadence, session, session)
    missing = [due for due in wanted if due.trained_through not in newest]
    if missing:
        raise VersionMissingError(_missing(model, missing[0], session))
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


def _missing(model: str, due: Due, session: pd.Timestamp) -> str:
    which = "the zero-shot version"
    if due.live_from is not None:
        which = f"the version for quarter {due.live_from.to_period('Q')}, trained through {due.trained_through:%Y-%m-%d},"
    return (
        f"{which} of model {model!r} is due at {session:%Y-%m-%d} but not trained: "
        "run the `train` job, or `fabline run`"
    )

"""Which regime the market is in: a hidden Markov model, refitted on the calendar, filtered forward."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar
from trading.bounds import ABOVE_ZERO, COUNT, FRACTION, NOT_NEGATIVE, check_bound, check_bounds
from trading.errors import MissingBarsError, ModelError
from trading.features.market_state import market_state
from trading.frames import REGIMES, columns
from trading.history import Rows
from trading.interfaces import Floats, RegimeFit, RegimeModel
from trading.stages.layout import DAILY, labelled, same
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage

_PROBABILITIES = tuple(f"p_{regime.lower()}" for regime in REGIMES)
_PARAMETERS = tuple(c for c in columns("regime_models") if c not in ("session", "known_at"))


@dataclass(frozen=True)
class RegimeRules:
    """When the model is refitted, when a regime is said to change, and what it means for the size of the book.

    Parameters
    ----------
    window_sessions : that a fit looks back
    filter_sessions : that the filter looks back after a fit; a chain forgets where it began well before
    refit : a refit falls on the first session of each month or quarter, wherever a range begins
    confidence : probability from which another regime is named; below it the name stays
    min_dwell_sessions : that a regime is named at least
    multipliers : exposure in each regime (1: all of it)
    half_life_sessions : of the exponential smoothing of the multiplier
    """

    window_sessions: int = 252
    filter_sessions: int = 126
    refit: Literal["month", "quarter"] = "quarter"
    confidence: float = 0.7
    min_dwell_sessions: int = 5
    multipliers: Mapping[str, float] = field(
        default_factory=lambda: {"Bull": 1.0, "Bear": 0.5, "Volatile": 0.3, "Range": 0.8}
    )
    half_life_sessions: float = 5.0

    def __post_init__(self) -> None:
        check_bounds(self, window_sessions=COUNT, filter_sessions=COUNT, half_life_sessions=ABOVE_ZERO)
        check_bounds(self, confidence=FRACTION, min_dwell_sessions=COUNT)
        for regime, multiplier in self.multipliers.items():
            check_bound(f"multiplier of {regime}", multiplier, NOT_NEGATIVE)

    def is_refit(self, session: pd.Timestamp) -> bool:
        """Whether `session` is the first of its month or quarter."""
        before = calendar.shift(session, -1)
        return bool(getattr(before, self.refit) != getattr(session, self.refit))

    def named(self, probabilities: Floats, previous: tuple[str, int] | None) -> tuple[str, int]:
        """The regime and for how many sessions it has been named.

        Parameters
        ----------
        probabilities : (k,); previous : the regime and its sessions one session before, None at the first
        """
        place = int(probabilities.argmax())
        if previous is None:
            return REGIMES[place], 1
        regime, dwell = previous
        likely = REGIMES[place] != regime and probabilities[place] >= self.confidence
        return (REGIMES[place], 1) if likely and dwell >= self.min_dwell_sessions else (regime, dwell + 1)

    def smoothed(self, probabilities: Floats, previous: float | None) -> float:
        """The probability-weighted multiplier (k,), moved from `previous` with the half-life."""
        raw = float(sum(p * self.multipliers[r] for p, r in zip(probabilities, REGIMES, strict=True)))
        if previous is None:
            return raw
        keep = 0.5 ** (1 / self.half_life_sessions)
        return keep * previous + (1 - keep) * raw


def regimes_stage(model: RegimeModel, rules: RegimeRules | None = None) -> Stage:
    """The stage that tells the regime of each session.

    The first session of a home fits on the window that ends there; so the names of the states go
    back to the inception, which is fixed for a home. Later fits start from the one before.
    """
    chosen = rules or RegimeRules()

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        kept = inputs["regime_models"]
        if len(kept) and not chosen.is_refit(moment.session):
            fit, parameters = fit_of(kept), {name: kept[name] for name in _PARAMETERS}
            today = market_state(inputs["features"], inputs["bars"], 1)[-1]
            probabilities = model.resume(fit).update(_belief(inputs["regimes"]), today)
        else:
            state = market_state(inputs["features"], inputs["bars"], chosen.window_sessions)
            fit, parameters = _refitted(model, moment, kept, state)
            today = state[-1]
            probabilities = model.resume(fit).filter(state[-chosen.filter_sessions :])[-1]
        regime = _regime(probabilities, chosen, inputs["regimes"], _status(today, fit))
        return {"regimes": regime, "regime_models": parameters}

    look_back = chosen.window_sessions - 1
    return Stage(
        name="regimes",
        reads=(
            Read("features", lookback=look_back, timeframe=DAILY),
            Read("bars", lookback=look_back, timeframe=DAILY),
        ),
        makes=("regimes", "regime_models"),
        make=make,
        keeps=(Read("regimes", offset=1), Read("regime_models", offset=1)),
    )


def _refitted(
    model: RegimeModel, moment: Moment, kept: Rows, state: Floats
) -> tuple[RegimeFit, dict[str, NDArray[Any]]]:
    """Parameters fitted at the session, aligned to those kept if there are any, and their rows."""
    try:
        fit = model.fit(state, fit_of(kept) if len(kept) else None).fit_
    except ModelError as error:
        raise MissingBarsError(f"no regime fit at {moment.session:%Y-%m-%d}: {error}") from error
    if fit is None:
        raise ModelError(f"the regime model returned no parameters at {moment.session:%Y-%m-%d}")
    return fit, fit_columns(fit, moment.session)


def _belief(before: Rows) -> Floats:
    """(k,) probabilities of the session before."""
    return np.array([before[name][-1] for name in _PROBABILITIES])


def _status(today: Floats, fit: RegimeFit) -> str:
    known = ~np.isnan((today - fit.center) / fit.scale)
    if not known.any():
        return "carried"
    return "filtered" if known.all() else "partial"


def _regime(probabilities: Floats, rules: RegimeRules, before: Rows, status: str) -> dict[str, NDArray[Any]]:
    """The row of `regimes`, given that of the session before."""
    bounded = np.clip(probabilities, 0.0, 1.0)
    previous = (str(before["regime"][-1]), int(before["dwell"][-1])) if len(before) else None
    regime, dwell = rules.named(bounded, previous)
    smoothed = rules.smoothed(probabilities, float(before["multiplier"][-1]) if len(before) else None)
    row = {name: bounded[place : place + 1] for place, name in enumerate(_PROBABILITIES)}
    row |= {
        "multiplier": np.clip(np.array([smoothed]), 0.0, 1.0),
        "dwell": np.array([dwell], dtype=np.int64),
        "changed": np.array([previous is not None and regime != previous[0]]),
    }
    return row | same(1, timeframe=DAILY, regime=regime, status=status)


def fit_columns(fit: RegimeFit, fitted: pd.Timestamp) -> dict[str, NDArray[Any]]:
    """One row a regime; arrays as JSON, whose shortest decimal of a float reads back as the same float."""
    arrays = {
        "transition": [_text(row) for row in fit.transition],
        "mean": [_text(row) for row in fit.mean],
        "covariance": [_text(matrix) for matrix in fit.covariance],
        "center": [_text(fit.center)] * len(REGIMES),
        "scale": [_text(fit.scale)] * len(REGIMES),
    }
    texts = {name: labelled(values) for name, values in arrays.items()}
    return (
        texts
        | {"regime": labelled(REGIMES), "start": fit.start}
        | same(len(REGIMES), timeframe=DAILY, fitted_session=fitted)
    )


def fit_of(rows: Rows) -> RegimeFit:
    """The parameters in the rows of one session of `regime_models`, exactly as they were written."""
    place = [list(rows["regime"]).index(regime) for regime in REGIMES]
    arrays = {
        name: np.array([json.loads(rows[name][row]) for row in place], dtype=float)
        for name in ("transition", "mean", "covariance", "center", "scale")
    }
    return RegimeFit(
        start=np.asarray(rows["start"][place], dtype=float),
        transition=arrays["transition"],
        mean=arrays["mean"],
        covariance=arrays["covariance"],
        center=arrays["center"][0],
        scale=arrays["scale"][0],
    )


def _text(values: Floats) -> str:
    """JSON; an unused feature's NaN scale becomes null."""
    return json.dumps(np.where(np.isnan(values), np.array(None), values).tolist())

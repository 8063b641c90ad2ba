"""The ensemble's own interval, from its own misses, and how much its mean has been worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.errors import UsageError
from trading.evaluation.coverage import covered
from trading.frames import HORIZONS, QUANTILES
from trading.history import Rows
from trading.interfaces import Floats, Forecast, IntervalCalibrator
from trading.signals.distribution import mean_of
from trading.signals.skill import SkillRules, SkillState
from trading.stages import maturity
from trading.stages.layout import DAILY, grid, labelled, last_known, same, selected
from trading.stages.regime_likeness import alike, regime_reads
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.stages.version_intervals import (
    ISSUED,
    WINDOW_SESSIONS,
    calibrated_columns,
    issued_then,
    nearer_end,
)
from trading.universe import SYMBOLS

_KEPT = (*ISSUED, "score", "realized", "matured_median")
_MISCOVERAGE, _CARRIED, _SCORE, _REALIZED, _MATURED = 2, slice(3, 5), 5, 6, 7
_SKILL = ("average_product", "average_square", "average_realized_square", "observations")


def ensemble_intervals_stage(
    calibrator: IntervalCalibrator,
    *,
    skill: SkillRules | None = None,
    window_sessions: int = WINDOW_SESSIONS,
) -> Stage:
    """The stage that calibrates the ensemble and measures its skill.

    A score is kept in the row of the session at which it matured; a symbol without a forecast at
    that session leaves none. Contaminated forecasts calibrate, but do not count as skill.
    """
    rules = skill or SkillRules()

    def make(_moment: Moment, inputs: Inputs) -> Outputs:
        cells = _cells(inputs["ensemble_forecast"])
        realized = maturity.realized_returns(inputs["features"]).T  # (s, h)
        matured = np.stack([cells[-1 - h, :, place] for place, h in enumerate(HORIZONS)], axis=1)
        return {
            "ensemble_intervals": _intervals(cells[-1], matured, realized, inputs, calibrator),
            "ensemble_skill": _skill(inputs["ensemble_skill"], matured, realized, rules),
        }

    if window_sessions <= maturity.LONGEST + 1:
        raise UsageError(
            f"a window of {window_sessions} sessions cannot hold scores of {maturity.LONGEST} ahead"
        )
    return Stage(
        name="ensemble_intervals",
        reads=(
            Read("ensemble_forecast", lookback=maturity.LONGEST),
            Read("features", lookback=maturity.LONGEST - 1, timeframe=DAILY),
            *regime_reads(calibrator, window_sessions),
        ),
        makes=("ensemble_intervals", "ensemble_skill"),
        make=make,
        keeps=(
            Read("ensemble_intervals", lookback=window_sessions - 2, offset=1),
            Read("ensemble_skill", offset=1),
        ),
    )


def _cells(rows: Rows) -> Floats:
    """(21, s, h, q + 1) quantiles and contamination of the forecasts of t - 20 to t."""
    columns = (*QUANTILES, "contaminated")
    return rows.block(columns, timeframe=(DAILY,), session=rows.sessions, symbol=SYMBOLS, horizon=HORIZONS)[0]


def _intervals(
    now: Floats, matured: Floats, realized: Floats, inputs: Inputs, calibrator: IntervalCalibrator
) -> dict[str, NDArray[Any]]:
    """Rows of the symbols with a forecast now (s, h, q + 1), given what matured and what happened (s, h)."""
    own = inputs["ensemble_intervals"]
    axes = {"session": own.sessions, "symbol": SYMBOLS, "horizon": HORIZONS}
    past = own.block(_KEPT, timeframe=(DAILY,), **axes)[0]  # (n, s, h, 8)
    lower, median, upper = (
        matured[..., place] for place in (maturity.LOWER, maturity.MEDIAN, maturity.UPPER)
    )
    score = maturity.conformity_score(lower, upper, realized)
    issued = issued_then(past)
    end = nearer_end(past[..., _REALIZED], past[..., _MATURED])
    recent = past[-maturity.LONGEST :]
    ready = calibrator.conformalize(
        np.concatenate([past[..., _SCORE], score[np.newaxis]]),
        last_known(recent[..., _MISCOVERAGE]),
        ends=np.concatenate([end, nearer_end(realized, median)[np.newaxis]]),
        carried=last_known(recent[..., _CARRIED]),
        alike=_alike(inputs, calibrator, own.sessions),
    ).update(issued, realized)
    interval = ready.predict_interval(Forecast(SYMBOLS, HORIZONS, now[..., :-1]))
    happened = np.where(np.isnan(score), np.nan, realized)
    columns = grid(symbol=SYMBOLS, horizon=HORIZONS) | {
        "median": now[..., maturity.MEDIAN].ravel(),
        "matured_median": np.where(np.isnan(score), np.nan, median).ravel(),
        "realized": happened.ravel(),
        "score": score.ravel(),
    }
    columns |= calibrated_columns(interval, covered(issued.lower, issued.upper, realized))
    columns |= same(score.size, timeframe=DAILY)
    return selected(columns, ~np.isnan(columns["median"]))


def _alike(inputs: Inputs, calibrator: IntervalCalibrator, before: pd.DatetimeIndex) -> Floats | None:
    """(n, h) for the sessions before and now."""
    if not calibrator.by_regime:
        return None
    now = inputs["ensemble_forecast"].sessions[-1:]
    return alike(inputs["regimes"], before.append(now))


def _skill(rows: Rows, matured: Floats, realized: Floats, rules: SkillRules) -> dict[str, NDArray[Any]]:
    # The mean, because alpha is skill times the mean: a slope on anything else would scale another number.
    clean = np.where(matured[..., -1] == 0, mean_of(matured[..., :-1]), np.nan)  # (s, h)
    before = np.nan_to_num(rows.block(_SKILL, timeframe=(DAILY,), horizon=HORIZONS)[0])  # (h, 4)
    states = [
        SkillState(product, square, realized_square, int(count)).after(
            clean[:, place], realized[:, place], rules
        )
        for place, (product, square, realized_square, count) in enumerate(before.tolist())
    ]
    columns = {
        "horizon": labelled(HORIZONS),
        "average_product": np.array([state.product for state in states]),
        "average_square": np.array([state.square for state in states]),
        "average_realized_square": np.array([state.realized_square for state in states]),
        "observations": np.array([state.observations for state in states], dtype=np.int64),
        "skill": np.array([state.skill(h, rules) for state, h in zip(states, HORIZONS, strict=True)]),
    }
    return columns | same(len(HORIZONS), timeframe=DAILY)

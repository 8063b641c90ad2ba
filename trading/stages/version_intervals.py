"""An interval for each model version's forecast, from how far its own past forecasts missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.errors import UsageError
from trading.evaluation.coverage import covered
from trading.frames import FORECAST_PREFIX, HORIZONS, QUANTILES
from trading.history import Rows
from trading.interfaces import Floats, Forecast, Interval, IntervalCalibrator
from trading.stages.layout import DAILY, grid, last_known, same, selected, stacked
from trading.stages.maturity import LONGEST
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS

WINDOW_SESSIONS = 250
_LOWER, _UPPER, _MISCOVERAGE = range(3)


def version_intervals_stage(
    models: Sequence[str], calibrator: IntervalCalibrator, *, window_sessions: int = WINDOW_SESSIONS
) -> Stage:
    """The stage that calibrates every live version of `models` for itself.

    Scores come from the last `window_sessions` sessions. The level of a symbol goes on from its
    newest row of the last 20 sessions (a symbol may be masked for a while); a new version begins
    at the target and warms up.
    """
    tables = {model: f"{FORECAST_PREFIX}{model}" for model in models}

    def make(_moment: Moment, inputs: Inputs) -> Outputs:
        issuers = {model: list(dict.fromkeys(inputs[table]["version"])) for model, table in tables.items()}
        past = _past(inputs, issuers)
        parts = [
            _intervals(past, model, version, inputs[tables[model]], calibrator)
            for model, versions in issuers.items()
            for version in versions
        ]
        return {"version_intervals": stacked(parts)}

    if window_sessions <= LONGEST:
        raise UsageError(
            f"a window of {window_sessions} sessions cannot hold scores of {LONGEST} sessions ahead"
        )
    return Stage(
        name="version_intervals",
        reads=(
            *(Read(table, timeframe=DAILY) for table in tables.values()),
            Read("version_losses", lookback=window_sessions - 1, timeframe=DAILY),
        ),
        makes=("version_intervals",),
        make=make,
        keeps=(Read("version_intervals", lookback=LONGEST - 1, offset=1),),
    )


@dataclass(frozen=True)
class _Past:
    """What is known of every (model, version) up to the session, laid out along both.

    Attributes
    ----------
    models, versions : labels of the first two axes, m and v
    scores : (m, v, n, s, h); realized : (m, v, s, h) of the forecasts that matured now
    issued : (m, v, 20, s, h, 3) lower, upper and miscoverage of the sessions before
    """

    models: tuple[str, ...]
    versions: tuple[str, ...]
    scores: Floats
    realized: Floats
    issued: Floats

    def place(self, model: str, version: str) -> tuple[int, int]:
        """Where a version lies on the first two axes."""
        return self.models.index(model), self.versions.index(version)


def _past(inputs: Inputs, issuers: dict[str, list[str]]) -> _Past:
    models = tuple(issuers)
    versions = tuple(dict.fromkeys(version for names in issuers.values() for version in names))
    losses = _block(inputs["version_losses"], ("score", "realized"), models, versions)
    issued = _block(inputs["version_intervals"], ("lower", "upper", "miscoverage"), models, versions)
    return _Past(models, versions, losses[..., 0], losses[:, :, -1, ..., 1], issued)


def _block(rows: Rows, columns: Sequence[str], models: Sequence[str], versions: Sequence[str]) -> Floats:
    return rows.block(
        columns,
        timeframe=(DAILY,),
        model=models,
        version=versions,
        session=rows.sessions,
        symbol=SYMBOLS,
        horizon=HORIZONS,
    )[0]


def _intervals(
    past: _Past, model: str, version: str, forecasts: Rows, calibrator: IntervalCalibrator
) -> dict[str, NDArray[Any]]:
    """Rows of one version: its forecast of the session with bounds."""
    place = past.place(model, version)
    quantiles = forecasts.block(
        QUANTILES, timeframe=(DAILY,), version=(version,), symbol=SYMBOLS, horizon=HORIZONS
    )[0, 0]
    matured = issued_then(past.issued[place])
    level = last_known(past.issued[place][..., _MISCOVERAGE])
    ready = calibrator.conformalize(past.scores[place], level).update(matured, past.realized[place])
    interval = ready.predict_interval(Forecast(SYMBOLS, HORIZONS, quantiles))
    held = covered(matured.lower, matured.upper, past.realized[place])
    columns = grid(symbol=SYMBOLS, horizon=HORIZONS) | calibrated_columns(interval, held)
    columns |= same(held.size, timeframe=DAILY, model=model, version=version)
    return selected(columns, ~np.isnan(quantiles[..., 0]).ravel())


def issued_then(issued: Floats) -> Interval:
    """The bounds (s, h) issued h sessions ago, of those of the sessions before: (20 or more, s, h, 3)."""
    then = np.stack([issued[-horizon, :, place] for place, horizon in enumerate(HORIZONS)], axis=1)
    return Interval(then[..., _LOWER], then[..., _UPPER], then[..., _MISCOVERAGE])


def calibrated_columns(interval: Interval, held: Floats) -> dict[str, NDArray[Any]]:
    """Columns of (s, h) bounds, with the status that follows from them."""
    status = np.where(np.isnan(interval.lower), "warming_up", "calibrated").astype(object)
    return {
        "lower": interval.lower.ravel(),
        "upper": interval.upper.ravel(),
        "miscoverage": interval.miscoverage.ravel(),
        "covered": held.ravel(),
        "status": status.ravel(),
    }

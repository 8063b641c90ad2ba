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
from trading.stages.regime_likeness import alike, regime_reads
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS

WINDOW_SESSIONS = 250
ISSUED = ("lower", "upper", "miscoverage", "carried_lower", "carried_upper")
_LOWER, _UPPER, _MISCOVERAGE = range(3)
_CARRIED = slice(3, 5)


def version_intervals_stage(
    models: Sequence[str], calibrator: IntervalCalibrator, *, window_sessions: int = WINDOW_SESSIONS
) -> Stage:
    """The stage that calibrates every live version of `models` for itself.

    Scores come from the last `window_sessions` sessions. The level of a symbol goes on from its
    newest row of the last 20 sessions (a symbol may be masked for a while), and so does what else the
    calibrator carries on; a new version begins at the target and warms up. A calibrator by regime reads the
    regimes of the sessions of issue.
    """
    tables = {model: f"{FORECAST_PREFIX}{model}" for model in models}

    def make(_moment: Moment, inputs: Inputs) -> Outputs:
        issuers = {model: list(dict.fromkeys(inputs[table]["version"])) for model, table in tables.items()}
        past = _past(inputs, issuers, by_regime=calibrator.by_regime)
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
            *regime_reads(calibrator, window_sessions),
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
    scores, ends : (m, v, n, s, h); realized : (m, v, s, h) of the forecasts that matured now
    issued : (m, v, 20, s, h, 5) of the sessions before, the columns `ISSUED`
    alike : (n, h) which scores were issued in the regime of now, None if nobody asks
    """

    models: tuple[str, ...]
    versions: tuple[str, ...]
    scores: Floats
    ends: Floats
    realized: Floats
    issued: Floats
    alike: Floats | None

    def place(self, model: str, version: str) -> tuple[int, int]:
        """Where a version lies on the first two axes."""
        return self.models.index(model), self.versions.index(version)


def _past(inputs: Inputs, issuers: dict[str, list[str]], *, by_regime: bool) -> _Past:
    models = tuple(issuers)
    versions = tuple(dict.fromkeys(version for names in issuers.values() for version in names))
    losses = _block(inputs["version_losses"], ("score", "realized", "median"), models, versions)
    return _Past(
        models,
        versions,
        scores=losses[..., 0],
        ends=nearer_end(losses[..., 1], losses[..., 2]),
        realized=losses[:, :, -1, ..., 1],
        issued=_block(inputs["version_intervals"], ISSUED, models, versions),
        alike=alike(inputs["regimes"], inputs["version_losses"].sessions) if by_regime else None,
    )


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
    ready = calibrator.conformalize(
        past.scores[place],
        last_known(past.issued[place][..., _MISCOVERAGE]),
        ends=past.ends[place],
        carried=last_known(past.issued[place][..., _CARRIED]),
        alike=past.alike,
    ).update(matured, past.realized[place])
    interval = ready.predict_interval(Forecast(SYMBOLS, HORIZONS, quantiles))
    held = covered(matured.lower, matured.upper, past.realized[place])
    columns = grid(symbol=SYMBOLS, horizon=HORIZONS) | calibrated_columns(interval, held)
    columns |= same(held.size, timeframe=DAILY, model=model, version=version)
    return selected(columns, ~np.isnan(quantiles[..., 0]).ravel())


def issued_then(issued: Floats) -> Interval:
    """The bounds (s, h) issued h sessions ago, of those of the sessions before: (20 or more, s, h, 3 or more)."""
    then = np.stack([issued[-horizon, :, place] for place, horizon in enumerate(HORIZONS)], axis=1)
    return Interval(then[..., _LOWER], then[..., _UPPER], then[..., _MISCOVERAGE])


def nearer_end(realized: Floats, median: Floats) -> Floats:
    """1.0 where an outcome lay above its median, else -1.0, NaN where it is unknown: the end it can have missed."""
    above = realized > median
    return np.where(np.isnan(realized) | np.isnan(median), np.nan, np.where(above, 1.0, -1.0))


def calibrated_columns(interval: Interval, held: Floats) -> dict[str, NDArray[Any]]:
    """Columns of (s, h) bounds, with the status that follows from them."""
    status = np.where(np.isnan(interval.lower), "warming_up", "calibrated").astype(object)
    nothing = np.full((*interval.lower.shape, 2), np.nan)
    carried = nothing if interval.carried is None else interval.carried
    return {
        "lower": interval.lower.ravel(),
        "upper": interval.upper.ravel(),
        "miscoverage": interval.miscoverage.ravel(),
        "carried_lower": carried[..., 0].ravel(),
        "carried_upper": carried[..., 1].ravel(),
        "covered": held.ravel(),
        "status": status.ravel(),
    }

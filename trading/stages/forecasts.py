"""The champions' forecasts with their intervals: a selection, one version a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.errors import VersionMissingError
from trading.frames import FORECAST_PREFIX, HORIZONS, QUANTILES
from trading.history import Rows
from trading.stages.champions import champions_in, newest_champion
from trading.stages.layout import DAILY, daily_keys, grid, same, selected, stacked
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS


def forecasts_stage(models: Sequence[str], timeframes: Sequence[str] = (DAILY,)) -> Stage:
    """The stage that lets the champion of each of `models` speak.

    Champion is who was champion at t - 1. Where there is no such row (the first session of a
    home), or that version was retired with t, the calendar of t decides, which was known before.

    Parameters
    ----------
    timeframes : of the forecasts; those that are not daily have no interval yet, and the version speaks that
        learned from such bars through the same session as the daily champion
    """
    others = tuple(timeframe for timeframe in timeframes if timeframe != DAILY)

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        versions = _speakers(models, moment, inputs)
        if not versions:
            raise VersionMissingError(
                f"none of the models {', '.join(models)} has a champion with a forecast at {moment.session:%Y-%m-%d}; "
                "train one that is live before that session"
            )
        bounds = _bounds(inputs["version_intervals"], versions)
        parts = [
            _selection(inputs[f"{FORECAST_PREFIX}{model}"], moment, model, version, bounds[place, place])
            for place, (model, version) in enumerate(versions.items())
        ]
        parts += [
            _without_bounds(
                inputs[f"{FORECAST_PREFIX}{model} {timeframe}"], _sibling(moment, model, version, timeframe)
            )
            for timeframe in others
            for model, version in versions.items()
        ]
        return {"forecasts": stacked(parts)}

    return Stage(
        name="forecasts",
        reads=(
            *(Read(f"{FORECAST_PREFIX}{model}", timeframe=DAILY) for model in models),
            *(Read(f"{FORECAST_PREFIX}{model}", timeframe=other) for other in others for model in models),
            Read("version_intervals"),
            Read("champions", offset=1),
        ),
        makes=("forecasts",),
        make=make,
        uses_models=tuple(models),
    )


def _speakers(models: Sequence[str], moment: Moment, inputs: Inputs) -> dict[str, str]:
    """The version that speaks for each model that has a forecast."""
    crowned = champions_in(inputs["champions"])
    speakers = {}
    for model in models:
        issuers = set(inputs[f"{FORECAST_PREFIX}{model}"]["version"])
        version = crowned.get(model)
        if version not in issuers:
            version = newest_champion(moment, model, issuers)
        if version is not None:
            speakers[model] = version
    return speakers


def _sibling(moment: Moment, model: str, version: str, timeframe: str) -> str:
    """The version that speaks of bars of `timeframe` where `version` is the daily champion."""
    daily = {record.version: record for record in moment.models.records(model, moment.session)}
    through = daily[version].trained_through
    others = moment.models.records(model, moment.session, timeframe)
    return next(record.version for record in others if record.trained_through == through)


def _bounds(rows: Rows, versions: dict[str, str]) -> NDArray[np.float64]:
    """(m, v, s, h, 2) calibrated bounds; those of the k-th speaker lie at [k, k]."""
    labels = list(dict.fromkeys(versions.values()))
    block = rows.block(
        ("lower", "upper"),
        timeframe=(DAILY,),
        model=tuple(versions),
        version=labels,
        symbol=SYMBOLS,
        horizon=HORIZONS,
    )[0]
    return block[:, [labels.index(version) for version in versions.values()]]


def _selection(
    rows: Rows, moment: Moment, model: str, version: str, bounds: NDArray[np.float64]
) -> dict[str, NDArray[Any]]:
    """Rows of one speaker, from its forecasts and its bounds (s, h, 2)."""
    cells = rows.block(
        (*QUANTILES, "contaminated"), timeframe=(DAILY,), version=(version,), symbol=SYMBOLS, horizon=HORIZONS
    )[0, 0].reshape(-1, len(QUANTILES) + 1)
    lower, upper = bounds.reshape(-1, 2).T
    columns = (
        grid(symbol=SYMBOLS, horizon=HORIZONS)
        | same(len(cells), model=model, version=version, fallback=_fallback_of(rows, version))
        | daily_keys(len(cells), moment.session)
        | dict(zip(QUANTILES, cells.T, strict=False))
        | {"contaminated": cells[:, -1] == 1, "lower": lower, "upper": upper}
    )
    return selected(columns, ~np.isnan(cells[:, 0]))


def _fallback_of(rows: Rows, version: str) -> str:
    """How a session's daily forecast of one version was made: in one batch, so all symbols' alike."""
    return str(rows["fallback"][rows["version"] == version][0])


def _without_bounds(rows: Rows, version: str) -> dict[str, NDArray[Any]]:
    """Rows of one speaker as they are: its intervals are calibrated on daily forecasts alone."""
    mine = rows["version"] == version
    texts = ("timeframe", "ts", "model", "version", "fallback")
    names = ("symbol", "horizon", *texts, *QUANTILES, "contaminated")
    columns = {name: rows[name][mine] for name in names}
    return columns | dict.fromkeys(("lower", "upper"), np.full(int(mine.sum()), np.nan))

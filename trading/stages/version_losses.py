"""What each model version's forecast was worth, on the session at which it matured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar
from trading.frames import FORECAST_PREFIX, HORIZONS, QUANTILES
from trading.history import Rows
from trading.interfaces import Bools, Floats
from trading.stages import maturity
from trading.stages.bar_outcomes import LOOKBACKS, Outcomes, intraday_outcomes, weekly_outcomes
from trading.stages.layout import DAILY, FIVE_MINUTES, WEEKLY, daily_keys, selected, stacked
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS

_KEPT = ("symbol", "timeframe", "model", "version", "horizon", "contaminated")


def version_losses_stage(models: Sequence[str], timeframes: Sequence[str] = (DAILY,)) -> Stage:
    """The stage that meets the forecasts of `models` with what happened.

    At t mature the forecasts of t - 1, t - 5 and t - 20 over 1, 5 and 20 sessions. A symbol of
    which one of these log returns is unknown matures nothing. Weekly and five-minute forecasts are
    met as `bar_outcomes` says.

    Parameters
    ----------
    timeframes : of the forecasts; daily ones are always met
    """
    tables = tuple(f"{FORECAST_PREFIX}{model}" for model in models)

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        realized = maturity.realized_returns(inputs["features"])
        parts = [_matured(inputs[table], moment.session, realized) for table in tables]
        met = _outcomes(timeframes, moment, inputs)
        parts += [
            _met(inputs[f"{table} {timeframe}"], outcomes)
            for timeframe, outcomes in met.items()
            for table in tables
        ]
        return {"version_losses": stacked(parts)}

    return Stage(
        name="version_losses",
        reads=(
            *(Read(table, lookback=maturity.LONGEST - 1, offset=1, timeframe=DAILY) for table in tables),
            Read("features", lookback=maturity.LONGEST - 1, timeframe=DAILY),
            *(
                Read(table, lookback=LOOKBACKS[timeframe], timeframe=timeframe)
                for timeframe in timeframes
                if timeframe in LOOKBACKS
                for table in (*tables, "features")
            ),
        ),
        makes=("version_losses",),
        make=make,
    )


def _outcomes(timeframes: Sequence[str], moment: Moment, inputs: Inputs) -> dict[str, Outcomes]:
    """What is known, at the session, of the bars of each timeframe that is not daily and has any."""
    made = {WEEKLY: weekly_outcomes, FIVE_MINUTES: intraday_outcomes}
    wanted = [timeframe for timeframe in timeframes if timeframe in made]
    found = {name: made[name](inputs[f"features {name}"], moment.session) for name in wanted}
    return {name: outcomes for name, outcomes in found.items() if outcomes is not None}


def _met(rows: Rows, outcomes: Outcomes) -> dict[str, NDArray[Any]]:
    """Losses of the forecasts that mature with a bar that ends in the session."""
    due, ts, realized = outcomes.of(rows)
    columns = {name: rows[name][due] for name in (*_KEPT, *QUANTILES)}
    issued = np.asarray(rows["session"], dtype="datetime64[us]")[due]
    return _scored(columns | {"ts": ts, "issued_session": issued, "realized": realized})


def _matured(rows: Rows, session: pd.Timestamp, realized: Floats) -> dict[str, NDArray[Any]]:
    due = _due(rows, session)
    happened = _outcome(rows["horizon"][due], rows["symbol"][due], realized)
    known = ~np.isnan(happened)
    columns = {name: rows[name][due] for name in (*_KEPT, *QUANTILES)} | daily_keys(len(happened), session)
    columns |= {
        "issued_session": np.asarray(rows["session"], dtype="datetime64[us]")[due],
        "realized": happened,
    }
    return _scored(selected(columns, known))


def _due(rows: Rows, session: pd.Timestamp) -> Bools:
    """Which rows were issued exactly their horizon before `session`."""
    issued = np.asarray(rows["session"], dtype="datetime64[us]")
    due = np.zeros(len(rows), dtype=bool)
    for horizon in HORIZONS:
        origin = calendar.shift(session, -horizon).to_datetime64().astype("datetime64[us]")
        due |= (rows["horizon"] == horizon) & (issued == origin)
    return due & (rows["timeframe"] == DAILY)


def _outcome(horizons: NDArray[np.int64], symbols: NDArray[np.object_], realized: Floats) -> Floats:
    place_of = {symbol: place for place, symbol in enumerate(SYMBOLS)}
    along = [HORIZONS.index(horizon) for horizon in horizons.tolist()]
    return realized[along, [place_of[symbol] for symbol in symbols]] if along else np.empty(0)


def _scored(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    quantiles = np.stack([columns.pop(name) for name in QUANTILES], axis=-1)
    realized, median = columns["realized"], quantiles[:, maturity.MEDIAN]
    lower, upper = quantiles[:, maturity.LOWER], quantiles[:, maturity.UPPER]
    return columns | {
        "median": median,
        "pinball": maturity.pinball(quantiles, realized),
        "absolute_error": np.abs(realized - median),
        "score": maturity.conformity_score(lower, upper, realized),
    }

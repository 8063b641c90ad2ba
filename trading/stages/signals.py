"""What the strategy believes of each symbol at a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trading.errors import UsageError
from trading.frames import HORIZONS, QUANTILES
from trading.history import Rows
from trading.interfaces import Floats
from trading.signals.coordination import SPANS, Opinion, View, coordinated
from trading.signals.rules import SignalRules
from trading.stages.layout import DAILY, WEEKLY, Column, labelled, same, selected
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS

NEWEST_WEEK_SESSIONS = 5  # a week ends at most so many sessions before


def signals_stage(rules: SignalRules | None = None, timeframes: Sequence[str] = (DAILY,)) -> Stage:
    """The stage that turns the ensemble's forecast at the strategy's horizon into signals.

    Parameters
    ----------
    timeframes : of the home; forecasts of those beside the daily one are combined with it
    """
    chosen = rules or SignalRules()
    others = tuple(timeframe for timeframe in timeframes if timeframe != DAILY)

    def make(_moment: Moment, inputs: Inputs) -> Outputs:
        daily = _daily_view(inputs, chosen)
        views = [_recalibrated(daily, inputs, chosen)]
        views += [_other_view(inputs[f"forecasts {timeframe}"], timeframe) for timeframe in others]
        opinion = coordinated(views, chosen.horizon, chosen.coordination)
        columns = _columns(opinion, _bounds(inputs["ensemble_intervals"], chosen.horizon), chosen)
        columns |= {"raw_probability": daily.probability, "tilt": _tilt(inputs, chosen)}
        columns |= same(
            len(SYMBOLS), strategy=chosen.strategy, timeframe=DAILY, regime=inputs["regimes"]["regime"][0]
        )
        return {"signals": selected(columns, np.isfinite(daily.probability))}

    if chosen.horizon not in HORIZONS:
        raise UsageError(f"no forecast looks {chosen.horizon} sessions ahead; the horizons are {HORIZONS}")
    return Stage(
        name="signals", reads=_reads(chosen, others), makes=("signals",), make=make, starts="inception"
    )


def _reads(rules: SignalRules, others: Sequence[str]) -> tuple[Read, ...]:
    learnt = rules.calibration.method != "none"
    window = rules.calibration.window_sessions if learnt else 1
    return (
        Read("ensemble_forecast", lookback=window - 1 + (rules.horizon if learnt else 0)),
        Read("ensemble_intervals", lookback=window - 1),
        Read("ensemble_skill"),
        Read("regimes"),
        *((Read("selection"),) if rules.selection == "tilt" else ()),
        *(
            Read("forecasts", lookback=NEWEST_WEEK_SESSIONS if other == WEEKLY else 0, timeframe=other)
            for other in others
        ),
    )


def _quantiles(inputs: Inputs, horizon: int) -> Floats:
    """(w, s, q) of the window's sessions."""
    rows = inputs["ensemble_forecast"]
    return rows.block(
        QUANTILES, session=rows.sessions, timeframe=(DAILY,), horizon=(horizon,), symbol=SYMBOLS
    )[:, 0, 0]


def _daily_view(inputs: Inputs, rules: SignalRules) -> View:
    rows = inputs["ensemble_forecast"].at(inputs["ensemble_forecast"].last)
    quantiles = rows.block(QUANTILES, timeframe=(DAILY,), horizon=(rules.horizon,), symbol=SYMBOLS)[0, 0]
    skill = inputs["ensemble_skill"].cube("skill", timeframe=(DAILY,), horizon=(rules.horizon,))[0, 0]
    return View.of(DAILY, quantiles, float(rules.horizon), float(skill))


def _recalibrated(view: View, inputs: Inputs, rules: SignalRules) -> View:
    """The view with its probability put right by those that matured in the window."""
    if rules.calibration.method == "none":
        return view
    rows = inputs["ensemble_intervals"]
    came = rows.cube(
        "realized", session=rows.sessions, timeframe=(DAILY,), horizon=(rules.horizon,), symbol=SYMBOLS
    )[:, 0, 0]
    past = View.of(DAILY, _quantiles(inputs, rules.horizon)[: -rules.horizon], rules.horizon).probability
    happened = np.where(np.isfinite(came), (came > 0).astype(float), np.nan)
    right = rules.calibration.recalibrated(past, happened, view.probability, rules.horizon)
    return replace(view, probability=right)


def _other_view(forecasts: Rows, timeframe: str) -> View:
    """The newest forecast of another timeframe, its models weighing the same."""
    bars, sessions = SPANS[timeframe]
    if not len(forecasts):
        unknown = np.full(len(SYMBOLS), np.nan)
        return View(timeframe, unknown, unknown, sessions)
    newest = forecasts["ts"].max()
    models = sorted(set(forecasts["model"][forecasts["ts"] == newest]))
    quantiles = forecasts.block(QUANTILES, ts=(newest,), model=models, horizon=(bars,), symbol=SYMBOLS)
    return View.of(timeframe, quantiles[0, :, 0].mean(axis=0), sessions)


def _bounds(intervals: Rows, horizon: int) -> Floats:
    """(s, 2) the session's interval."""
    rows = intervals.at(intervals.last)
    return rows.block(("lower", "upper"), timeframe=(DAILY,), horizon=(horizon,), symbol=SYMBOLS)[0, 0]


def _tilt(inputs: Inputs, rules: SignalRules) -> Floats:
    """(s,) what is held without a forecast, in equal weights: 1 of each name, or what the selection holds."""
    if rules.selection == "off":
        return np.ones(len(SYMBOLS))
    weights = inputs["selection"].cube("held_weight", timeframe=(DAILY,), symbol=SYMBOLS)[0]
    return np.nan_to_num(weights) * len(SYMBOLS)


def _columns(opinion: Opinion, bounds: Floats, rules: SignalRules) -> dict[str, Column]:
    """Columns of every symbol from the opinion and the daily bounds (s, 2)."""
    lower, upper = bounds.T
    return {
        "symbol": labelled(SYMBOLS),
        "horizon": np.full(len(SYMBOLS), rules.horizon, dtype=np.int64),
        "direction": rules.direction(np.nan_to_num(opinion.probability, nan=0.5)),
        "probability": opinion.probability,
        "expected_return": opinion.expected_return,
        "alpha": opinion.alpha,
        "lower": lower,
        "upper": upper,
        "confidence": rules.confidence(opinion.probability, upper - lower),
        "passes_filter": rules.passes(opinion.probability, upper - lower),
        "timeframes": opinion.spoken(),
    }

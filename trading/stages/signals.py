"""What the strategy believes of each symbol at a session."""

from __future__ import annotations

import numpy as np

from trading.errors import UsageError
from trading.frames import HORIZONS, QUANTILES
from trading.signals.distribution import mean_of, probability_positive
from trading.signals.rules import SignalRules
from trading.stages.layout import DAILY, labelled, same, selected
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS


def signals_stage(rules: SignalRules | None = None) -> Stage:
    """The stage that turns the ensemble's forecast at the strategy's horizon into signals."""
    chosen = rules or SignalRules()
    horizon = (chosen.horizon,)

    def make(_moment: Moment, inputs: Inputs) -> Outputs:
        quantiles = inputs["ensemble_forecast"].block(
            QUANTILES, timeframe=(DAILY,), horizon=horizon, symbol=SYMBOLS
        )[0, 0]
        bounds = inputs["ensemble_intervals"].block(
            ("lower", "upper"), timeframe=(DAILY,), horizon=horizon, symbol=SYMBOLS
        )[0, 0]
        skill = float(inputs["ensemble_skill"].cube("skill", timeframe=(DAILY,), horizon=horizon)[0, 0])
        columns = _columns(quantiles, bounds, skill, chosen)
        columns |= same(
            len(SYMBOLS), strategy=chosen.strategy, timeframe=DAILY, regime=inputs["regimes"]["regime"][0]
        )
        return {"signals": selected(columns, ~np.isnan(quantiles[:, 0]))}

    if chosen.horizon not in HORIZONS:
        raise UsageError(f"no forecast looks {chosen.horizon} sessions ahead; the horizons are {HORIZONS}")
    return Stage(
        name="signals",
        reads=(
            Read("ensemble_forecast"),
            Read("ensemble_intervals"),
            Read("ensemble_skill"),
            Read("regimes"),
        ),
        makes=("signals",),
        make=make,
        starts="inception",
    )


def _columns(
    quantiles: np.ndarray, bounds: np.ndarray, skill: float, rules: SignalRules
) -> dict[str, np.ndarray]:
    """Columns of every symbol from quantiles (s, q) and bounds (s, 2)."""
    probability, expected = probability_positive(quantiles), mean_of(quantiles)
    lower, upper = bounds.T
    return {
        "symbol": labelled(SYMBOLS),
        "horizon": np.full(len(SYMBOLS), rules.horizon, dtype=np.int64),
        "direction": rules.direction(np.nan_to_num(probability, nan=0.5)),
        "probability": probability,
        "expected_return": expected,
        "alpha": skill * expected + 0.0,  # no negative zero
        "lower": lower,
        "upper": upper,
        "confidence": rules.confidence(probability, upper - lower),
        "passes_filter": rules.passes(probability, upper - lower),
    }

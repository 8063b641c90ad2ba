"""How much each model counts, from what its champion's matured forecasts were worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trading import calendar
from trading.history import Rows
from trading.interfaces import EnsembleWeighting, Evidence, Floats
from trading.monitoring.degradation import DegradationRules, Watch
from trading.stages.champions import champions_in
from trading.stages.ensemble_evidence import baseline_loss, matured_cells, session_losses
from trading.stages.layout import DAILY, labelled, same
from trading.stages.maturity import LONGEST
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage

_STATE = ("average_loss", "score", "observations", "evidence", "alike_sessions", "probation")


def ensemble_weights_stage(
    models: Sequence[str], weighting: EnsembleWeighting, rules: DegradationRules | None = None
) -> Stage:
    """The stage that weighs `models` by the losses of those who were champions at t - 1.

    A model that has degraded weighs less while it is on probation; what the weighting carries on is untouched.
    A weighting that looks at quantiles reads as many sessions of forecasts as it asks for.
    """
    watching, window = rules or DegradationRules(), weighting.window_sessions

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        losses = session_losses(
            inputs["version_losses"].at(moment.session), champions_in(inputs["champions"]), models
        )
        state = _state(inputs["ensemble_weights"], models)
        evidence = Evidence(
            session=moment.session,
            losses=losses[:, 0],
            matured=lambda n: matured_cells(inputs["forecasts"], inputs["version_losses"], models, n),
            opens_month=calendar.shift(moment.session, -1).month != moment.session.month,
        )
        now = weighting.resume(state[:, 0], state[:, 1], state[:, 2].astype(np.int64)).update(evidence)
        score = watching.score(losses[:, 1], baseline_loss(losses[:, 1], models))
        seen = _watch(watching, inputs["ensemble_weights"], state, models).update(score)
        columns = {
            "model": labelled(models),
            "average_loss": now.average_loss_,
            "score": now.score_,
            "weight": watching.weighed(now.weights_, seen.probation),
            "observations": now.observations_,
            "loss_score": score,
            "evidence": seen.evidence,
            "alike_sessions": seen.alike,
            "alarm": np.array(seen.alarm, dtype=object),
            "probation": seen.probation,
        }
        return {"ensemble_weights": columns | same(len(models), timeframe=DAILY)}

    quantiles = (
        [Read("forecasts", lookback=window + LONGEST - 2, offset=1, timeframe=DAILY)] if window else []
    )
    return Stage(
        name="ensemble_weights",
        reads=(
            Read("version_losses", lookback=max(window - 1, 0), timeframe=DAILY),
            Read("champions", offset=1),
            *quantiles,
        ),
        makes=("ensemble_weights",),
        make=make,
        keeps=(Read("ensemble_weights", lookback=watching.window_sessions - 1, offset=1),),
    )


def _state(rows: Rows, models: Sequence[str]) -> Floats:
    """(k, 6) of the session before, the columns `_STATE`; counts and evidence 0 for a model not seen yet."""
    state = rows.at(rows.last).block(_STATE, timeframe=(DAILY,), model=models)[0]
    state[:, 2:] = np.nan_to_num(state[:, 2:])
    return np.asarray(state)


def _watch(rules: DegradationRules, rows: Rows, state: Floats, models: Sequence[str]) -> Watch:
    """What was known of degradation at the session before."""
    scores = rows.cube("loss_score", timeframe=(DAILY,), session=rows.sessions, model=models)[0]
    return Watch(rules, scores, state[:, 3], state[:, 4].astype(np.int64), state[:, 5].astype(np.int64))

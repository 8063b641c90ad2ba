"""Who speaks for each model, and how each challenger stands in its duel with the champion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from trading.evaluation.betting import Duel, Evidence, relative_difference
from trading.frames import FORECAST_PREFIX, HORIZONS
from trading.history import Rows
from trading.interfaces import ModelVersion
from trading.stages.layout import DAILY, labelled
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.stages.succession import (
    Contender,
    PromotionRules,
    calendar_reason,
    crown,
    kept_back,
    kept_back_reason,
)

CHAMPION, CHALLENGER = "champion", "challenger"
SUCCEEDED = "succeeded by"
_STATE = ("log_evidence", "log_counter_evidence", "compared", "mean_difference", "mean_square", "mean_size")


@dataclass(frozen=True)
class _Role:
    """One row of the table."""

    record: ModelVersion
    role: str
    since: pd.Timestamp
    reason: str
    duel: Duel


@dataclass(frozen=True)
class _Before:
    """A version's row of the session before."""

    role: str
    since: pd.Timestamp
    reason: str
    duel: Duel


@dataclass(frozen=True)
class _House:
    """One model: its roles of the session before, what its versions lost today by symbol, and who has a forecast."""

    model: str
    before: Mapping[str, _Before]
    losses: Mapping[str, Mapping[str, float]]
    speakers: frozenset[str]

    @property
    def reigning(self) -> str | None:
        """The champion of the session before."""
        return next((version for version, row in self.before.items() if row.role == CHAMPION), None)

    def contender(self, record: ModelVersion) -> Contender:
        """A live version with its duel, after what matured today."""
        return Contender(record, self._duel(record.version), record.version in self.speakers)

    def _duel(self, version: str) -> Duel:
        reigning = self.reigning
        if reigning is None or version == reigning:
            return Duel()
        duel = self.before[version].duel if version in self.before else Duel()
        mine, theirs = self.losses.get(version, {}), self.losses.get(reigning, {})
        shared = sorted(mine.keys() & theirs.keys())
        if not shared:
            return duel
        means = (float(np.mean([loss[symbol] for symbol in shared])) for loss in (theirs, mine))
        return duel.after(relative_difference(*means))


def champions_stage(models: Sequence[str], rules: PromotionRules | None = None) -> Stage:
    """The stage that crowns the champion of each of `models` and lets the other live versions challenge it.

    Each challenger duels with the champion of the session before over the forecasts, one session ahead, that
    matured today. A new champion begins new duels.
    """
    chosen = rules or PromotionRules()

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        before = _before(inputs["champions"])
        losses = _losses(inputs["version_losses"])
        roles: list[_Role] = []
        for model in models:
            speakers = frozenset(inputs[f"{FORECAST_PREFIX}{model}"]["version"])
            roles += _roles(_House(model, before.get(model, {}), losses, speakers), moment, chosen)
        return {"champions": _columns(roles)}

    return Stage(
        name="champions",
        reads=(
            Read("version_losses", timeframe=DAILY),
            *(Read(f"{FORECAST_PREFIX}{model}", timeframe=DAILY) for model in models),
        ),
        makes=("champions",),
        make=make,
        keeps=(Read("champions", offset=1),),
        uses_models=tuple(models),
    )


def newest_champion(moment: Moment, model: str, speakers: Iterable[str] | None = None) -> str | None:
    """The version of `model` whose championship, by the calendar, began last; None if there is none.

    Parameters
    ----------
    speakers : versions that have a forecast; if none of them may be champion, the most senior of them speaks
    """
    live = [Contender(record) for record in moment.models.records(model, moment.session)]
    able = live if speakers is None else [one for one in live if one.record.version in set(speakers)]
    due = [one for one in able if one.record.is_champion(moment.session)]
    chosen = due or (able if speakers is not None else [])
    return max(chosen, key=lambda one: one.seniority).record.version if chosen else None


def champions_in(rows: Rows) -> dict[str, str]:
    """Champion of each model in the rows of one session of the table `champions`."""
    crowned = rows["role"] == CHAMPION
    return dict(zip(rows["model"][crowned], rows["version"][crowned], strict=True))


def _roles(house: _House, moment: Moment, rules: PromotionRules) -> list[_Role]:
    records = moment.models.records(house.model, moment.session)
    contenders = [house.contender(record) for record in records]
    decision = moment.models.decided(house.model, moment.session)
    crowned = crown(contenders, house.reigning, moment.session, decision, rules)
    champion, reason = ("", "") if crowned is None else (crowned.version, crowned.reason)
    if champion != house.reigning:
        contenders = [replace(one, duel=Duel()) for one in contenders]  # another opponent, another duel
    return [
        _crowned(one, moment.session, house.before.get(one.record.version), reason)
        if one.record.version == champion
        else _role(one, moment.session, house.before.get(one.record.version), champion, rules)
        for one in contenders
    ]


def _crowned(one: Contender, session: pd.Timestamp, before: _Before | None, reason: str) -> _Role:
    goes_on = before is not None and before.role == CHAMPION
    since, kept = (before.since, before.reason) if before is not None and goes_on else (session, "")
    return _Role(one.record, CHAMPION, since, reason or kept or calendar_reason(one.record), Duel())


def _role(
    one: Contender, session: pd.Timestamp, before: _Before | None, champion: str, rules: PromotionRules
) -> _Role:
    if before is not None and before.role == CHAMPION:
        return _Role(one.record, CHALLENGER, session, f"{SUCCEEDED} {champion}", one.duel)
    since = session if before is None else before.since
    reason = calendar_reason(one.record)
    if before is not None and before.reason.startswith(SUCCEEDED):
        reason = before.reason
    if kept_back(one, rules):
        reason = kept_back_reason(one)
    return _Role(one.record, CHALLENGER, since, reason, one.duel)


def _losses(rows: Rows) -> dict[str, dict[str, float]]:
    """Pinball loss of each version and symbol one session ahead; contaminated ones are no evidence."""
    due = (rows["horizon"] == HORIZONS[0]) & (rows["contaminated"] == 0)
    found: dict[str, dict[str, float]] = {}
    for version, symbol, loss in zip(
        *(rows[name][due] for name in ("version", "symbol", "pinball")), strict=True
    ):
        found.setdefault(version, {})[symbol] = float(loss)
    return found


def _before(rows: Rows) -> dict[str, dict[str, _Before]]:
    """Rows of the session before, by model and version."""
    found: dict[str, dict[str, _Before]] = {}
    names = ("model", "version", "role", "since", "reason", *_STATE)
    for model, version, role, since, reason, *state in zip(*(rows[name] for name in names), strict=True):
        row = _Before(role, pd.Timestamp(since), reason, _resumed(state))
        found.setdefault(model, {})[version] = row
    return found


def _resumed(state: Sequence[float]) -> Duel:
    evidence, counter, compared, mean, square, size = map(float, state)
    sessions = int(compared)
    return Duel(
        Evidence(evidence, sessions, mean, square, size), Evidence(counter, sessions, -mean, square, size)
    )


def _columns(roles: Sequence[_Role]) -> dict[str, np.ndarray]:
    seen = [one.duel.challenger for one in roles]
    counter = [one.duel.champion.log_wealth for one in roles]
    return {
        "model": labelled([one.record.model for one in roles]).astype(object),
        "version": labelled([one.record.version for one in roles]).astype(object),
        "role": labelled([one.role for one in roles]).astype(object),
        "since": _sessions(one.since for one in roles),
        "trained_through": _sessions(one.record.trained_through for one in roles),
        "reason": np.array([one.reason for one in roles], dtype=object),
        "log_evidence": np.array([one.log_wealth for one in seen], dtype=np.float64),
        "log_counter_evidence": np.array(counter, dtype=np.float64),
        "compared": np.array([one.sessions for one in seen], dtype=np.int64),
        "mean_difference": np.array([one.mean for one in seen], dtype=np.float64),
        "mean_square": np.array([one.square for one in seen], dtype=np.float64),
        "mean_size": np.array([one.size for one in seen], dtype=np.float64),
    }


def _sessions(labels: Iterable[pd.Timestamp | None]) -> np.ndarray:
    return np.array(
        [np.datetime64("NaT") if x is None else x.to_datetime64() for x in labels], "datetime64[us]"
    )

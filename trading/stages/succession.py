"""Who succeeds whom: the rules by which a version becomes the champion of its model.

In the order of their force: a version that cannot speak is champion no longer; what a person decided; evidence that
a challenger is better; the calendar, unless there is evidence that the newcomer is worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from trading.bounds import check_bounds
from trading.evaluation.betting import Duel
from trading.interfaces import ChampionDecision, ModelVersion

Policy = Literal["evidence", "calendar"]
EVIDENCE = "evidence:"  # how the reason of a champion begins that losses have crowned
_LONG_AGO = pd.Timestamp("1900-01-01")


@dataclass(frozen=True)
class PromotionRules:
    """How champions are made.

    Attributes
    ----------
    policy : `evidence` weighs losses; `calendar` goes by the dates of training alone
    error : probability with which a challenger that is no better is ever promoted by evidence, and with which a
        newcomer that is no worse is ever kept back
    """

    policy: Policy = "evidence"
    error: float = 0.05

    def __post_init__(self) -> None:
        check_bounds(self, error=(1e-6, 0.5))


@dataclass(frozen=True)
class Contender:
    """A live version with its duel against the champion; `speaks` is whether it has a forecast at the session."""

    record: ModelVersion
    duel: Duel = field(default_factory=Duel)
    speaks: bool = True

    @property
    def seniority(self) -> tuple[pd.Timestamp, pd.Timestamp, str]:
        """The version that learned last comes last."""
        record = self.record
        return record.trained_through or _LONG_AGO, record.champion_from or _LONG_AGO, record.version


@dataclass(frozen=True)
class Coronation:
    """The champion of a session and, where it is not the one of the session before, why."""

    version: str
    reason: str = ""


def crown(
    contenders: Sequence[Contender],
    reigning: str | None,
    session: pd.Timestamp,
    decision: ChampionDecision | None,
    rules: PromotionRules,
) -> Coronation | None:
    """The champion at `session`; None if no version is champion by any rule.

    Parameters
    ----------
    contenders : the model's live versions; reigning : the champion of the session before
    decision : of a person, with effect from `session`
    """
    able = [one for one in contenders if one.speaks] or list(contenders)
    wanted = _named(able, decision.version) if decision is not None else None
    if wanted is not None and decision is not None and wanted.record.version != reigning:
        return Coronation(wanted.record.version, f"{decision.action} by hand: {decision.note or 'no note'}")
    champion = _named(able, reigning)
    if champion is None:
        return _by_calendar(able, contenders, reigning, session)
    return (
        _by_evidence(able, champion, rules)
        or _by_succession(able, champion, session, rules)
        or Coronation(champion.record.version)
    )


def _named(contenders: Sequence[Contender], version: str | None) -> Contender | None:
    return next((one for one in contenders if one.record.version == version), None)


def _by_calendar(
    able: Sequence[Contender], contenders: Sequence[Contender], reigning: str | None, session: pd.Timestamp
) -> Coronation | None:
    """The most senior version that may be champion; where none may, the most senior one that speaks."""
    due = [one for one in able if one.record.is_champion(session)]
    if not due and _named(contenders, reigning) is None:
        return None
    chosen = max(due or able, key=lambda one: one.seniority)
    silent = _named(contenders, reigning) is not None
    reason = f"{reigning} has no forecast" if silent else calendar_reason(chosen.record)
    return Coronation(chosen.record.version, reason)


def _by_evidence(able: Sequence[Contender], champion: Contender, rules: PromotionRules) -> Coronation | None:
    rivals = [one for one in able if one is not champion and one.duel.challenger.passes(rules.error)]
    if rules.policy != "evidence" or not rivals:
        return None
    best = max(rivals, key=lambda one: (one.duel.challenger.log_wealth, one.seniority))
    evidence = best.duel.challenger
    return Coronation(
        best.record.version,
        f"{EVIDENCE} e-value {evidence.e_value:.1f} over {champion.record.version} after {evidence.sessions} sessions",
    )


def _by_succession(
    able: Sequence[Contender], champion: Contender, session: pd.Timestamp, rules: PromotionRules
) -> Coronation | None:
    """The newcomer whose turn begins at `session`, unless it was shown to be worse."""
    heirs = [
        one for one in able if one.record.champion_from == session and one.seniority > champion.seniority
    ]
    heirs = [one for one in heirs if rules.policy == "calendar" or not kept_back(one, rules)]
    if not heirs:
        return None
    heir = max(heirs, key=lambda one: one.seniority)
    return Coronation(heir.record.version, calendar_reason(heir.record))


def kept_back(contender: Contender, rules: PromotionRules) -> bool:
    """Whether there is evidence that a challenger is worse than the champion."""
    return rules.policy == "evidence" and contender.duel.champion.passes(rules.error)


def calendar_reason(record: ModelVersion) -> str:
    """Why the calendar has a version where it is."""
    if record.trained_through is None:
        return "calendar: zero-shot"
    return f"calendar: trained through {record.trained_through:%Y-%m-%d}"


def kept_back_reason(contender: Contender) -> str:
    """Why a challenger's turn did not come."""
    return (
        f"kept back: e-value {math.exp(min(contender.duel.champion.log_wealth, 700.0)):.1f} that it is worse"
    )

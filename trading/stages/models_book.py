"""The model versions of a home, held in memory: what the in-memory line and the registry both hand out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from trading.errors import VersionMissingError
from trading.interfaces import ChampionDecision, Forecaster, ModelVersion, TrainingTrigger
from trading.stages.challengers import challengers
from trading.stages.layout import DAILY
from trading.stages.training import Cadence, Trained, live_versions


@dataclass(frozen=True)
class MemoryModelBook:
    """Versions with their forecasters, in the order in which they were trained.

    Attributes
    ----------
    cadences : how often each model is trained
    trained : all versions of all models
    decisions : what people decided, in order
    triggers : what asked for challengers, in order
    """

    cadences: Mapping[str, Cadence]
    trained: tuple[Trained, ...]
    decisions: tuple[ChampionDecision, ...] = ()
    triggers: tuple[TrainingTrigger, ...] = ()

    @classmethod
    def of(cls, cadences: Mapping[str, Cadence], trained: Iterable[Trained]) -> MemoryModelBook:
        """The book of some trained versions."""
        return cls(dict(cadences), tuple(trained))

    def live(
        self, model: str, session: pd.Timestamp, timeframe: str = DAILY
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        """Live versions of `model` with their forecasters, ordered by version.

        Raises
        ------
        VersionMissingError
            If the calendar wants one that is not there.
        """
        speaks = {entry.version.version: entry.forecaster for entry in self.trained}
        records = self.records(model, session, timeframe)
        return tuple((version, speaks[version.version]) for version in records)

    def records(self, model: str, session: pd.Timestamp, timeframe: str = DAILY) -> tuple[ModelVersion, ...]:
        """The same without forecasters."""
        if model not in self.cadences:
            known = ", ".join(self.cadences) or "none"
            raise VersionMissingError(
                f"no version of model {model!r} was ever trained; this book holds {known}"
            )
        versions = (entry.version for entry in self.trained if entry.version.model == model)
        asked = [one for one in self.triggers if one.model == model]
        beside = challengers(self.cadences[model], asked, session, session)
        return live_versions(model, self.cadences[model], versions, session, timeframe, beside=beside)

    def decided(self, model: str, session: pd.Timestamp) -> ChampionDecision | None:
        """What a person decided last about `model` with effect from `session`."""
        return last_decision(self.decisions, model, session)


def last_decision(
    decisions: Iterable[ChampionDecision], model: str, session: pd.Timestamp
) -> ChampionDecision | None:
    """The last of `decisions` about `model` with effect from `session`, None if there is none."""
    due = [one for one in decisions if one.model == model and one.effective == session]
    return due[-1] if due else None

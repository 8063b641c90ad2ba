"""A model registry in memory, with the same rules as the one on disk."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from trading.errors import VersionMissingError
from trading.interfaces import ChampionDecision, Curves, Forecaster, ModelVersion, TrainingTrigger


class MemoryRegistry:
    """Implements `trading.interfaces.ModelRegistry`; keeps weights as bytes, as a real one does."""

    def __init__(self) -> None:
        self._logged: dict[tuple[str, str], tuple[ModelVersion, bytes]] = {}
        self._champions: dict[str, str] = {}
        self._decisions: list[ChampionDecision] = []
        self._triggers: list[TrainingTrigger] = []

    def log(
        self,
        version: ModelVersion,
        forecaster: Forecaster,
        metrics: Mapping[str, float],
        curves: Curves = (),
    ) -> None:
        """Record a version; the last one of its quarter again changes nothing, an older one becomes the last."""
        del metrics, curves
        key = (version.model, version.version)
        quarter = [
            known.version
            for known in self.versions(version.model)
            if (known.live_from, known.timeframe) == (version.live_from, version.timeframe)
        ]
        if quarter[-1:] != [version.version]:
            self._logged[key] = self._logged.pop(key, (version, forecaster.to_bytes()))

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """All versions of `model`, ordered by `live_from`; those of one quarter as they were logged."""
        mine = (version for version, _ in self._logged.values() if version.model == model)
        return tuple(sorted(mine, key=lambda v: v.live_from or pd.Timestamp.min))  # stable

    def load(self, version: ModelVersion, prototype: Forecaster) -> Forecaster:
        """The forecaster of `version`; VersionMissingError if it was never logged."""
        try:
            _, payload = self._logged[version.model, version.version]
        except KeyError:
            raise VersionMissingError(
                f"model {version.model} has no version {version.version}; train it first"
            ) from None
        return prototype.from_bytes(payload)

    def flaw(self, version: ModelVersion) -> str:
        """What is in memory is what was logged."""
        return "" if (version.model, version.version) in self._logged else "it was never logged"

    def promote(self, model: str, version: str) -> None:
        """Point the alias `champion` of `model` at `version`; VersionMissingError if there is no such."""
        if (model, version) not in self._logged:
            known = ", ".join(v.version for v in self.versions(model)) or "none"
            raise VersionMissingError(f"model {model} has no version {version!r}; it has {known}")
        self._champions[model] = version

    def champion(self, model: str) -> str | None:
        """The version that the alias points at, None if it points nowhere yet."""
        return self._champions.get(model)

    def decide(self, decision: ChampionDecision) -> None:
        """Append a person's decision; VersionMissingError if there is no such version."""
        if (decision.model, decision.version) not in self._logged:
            raise VersionMissingError(f"model {decision.model} has no version {decision.version!r}")
        self._decisions.append(decision)

    def decisions(self, model: str) -> tuple[ChampionDecision, ...]:
        """All decisions about `model`, as they were made."""
        return tuple(one for one in self._decisions if one.model == model)

    def trigger(self, trigger: TrainingTrigger) -> None:
        """Append a trigger."""
        self._triggers.append(trigger)

    def triggers(self, model: str) -> tuple[TrainingTrigger, ...]:
        """All triggers of `model`, as they were seen."""
        return tuple(one for one in self._triggers if one.model == model)

"""The versions of a registry, as the stages ask for them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import pandas as pd

from trading.errors import CheckpointError, VersionMissingError
from trading.interfaces import ChampionDecision, Forecaster, ModelRegistry, ModelVersion
from trading.stages.challengers import challengers
from trading.stages.layout import DAILY
from trading.stages.models_book import last_decision
from trading.stages.training import Trainable, live_versions, made_of, require_same_making

Spoken = Callable[[ModelVersion, Callable[[], Forecaster]], Forecaster]
Flawed = Callable[[ModelVersion, str], None]


def plainly(_version: ModelVersion, load: Callable[[], Forecaster]) -> Forecaster:
    """The version itself."""
    return load()


def silently(_version: ModelVersion, _flaw: str) -> None:
    """Tell nobody."""


class RegistryBook:
    """Live versions of a registry. Weights are loaded once, versions are listed once a model.

    A version that was made of other code, settings or weights than the home's own is refused. One whose weights are
    missing or damaged does not speak, and the others of its model go on.

    Parameters
    ----------
    registry : where the versions are
    specs : the models of the home
    spoken : how a version speaks, given what loads it
    tell : is told once of each version that cannot speak, and why
    """

    def __init__(
        self,
        registry: ModelRegistry,
        specs: Iterable[Trainable],
        spoken: Spoken = plainly,
        tell: Flawed = silently,
    ) -> None:
        self._registry = registry
        self._specs = {spec.name: spec for spec in specs}
        self._versions = functools.cache(registry.versions)
        self._decisions = functools.cache(registry.decisions)
        self._triggers = functools.cache(registry.triggers)
        self._made_of = functools.cache(lambda model, timeframe: made_of(self._specs[model], timeframe))
        self._spoken = spoken
        self._tell = tell
        self._forecasters: dict[str, Forecaster] = {}
        self._flaws: dict[str, str] = {}

    def live(
        self, model: str, session: pd.Timestamp, timeframe: str = DAILY
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        """Live versions of `model` with their forecasters, ordered by version.

        Raises
        ------
        VersionMissingError
            If the calendar wants one that is not in the registry.
        ModelError
            If one was made of something else than the model is now.
        CheckpointError
            If the weights of none of them are what was logged.
        """
        records = self.records(model, session, timeframe)
        sound = [version for version in records if not self._flaw(version)]
        if records and not sound:
            raise CheckpointError(
                f"no version of model {model!r} can speak at {session:%Y-%m-%d}: {self._flaw(records[-1])}; restore "
                f"the folder from a copy of the home, or delete it and train again (fabline train {model})"
            )
        return tuple((version, self._forecaster(version)) for version in sound)

    def records(self, model: str, session: pd.Timestamp, timeframe: str = DAILY) -> tuple[ModelVersion, ...]:
        """The same without loading weights."""
        if model not in self._specs:
            raise VersionMissingError(f"this home has no model {model!r}; it has {', '.join(self._specs)}")
        cadence = self._specs[model].cadence
        beside = challengers(cadence, self._triggers(model), session, session)
        live = live_versions(model, cadence, self._versions(model), session, timeframe, beside=beside)
        for version in live:
            require_same_making(version, self._made_of(model, version.timeframe))
        return live

    def decided(self, model: str, session: pd.Timestamp) -> ChampionDecision | None:
        """What a person decided last about `model` with effect from `session`."""
        return last_decision(self._decisions(model), model, session)

    def _flaw(self, version: ModelVersion) -> str:
        if version.version not in self._flaws:
            self._flaws[version.version] = self._registry.flaw(version)
            if self._flaws[version.version]:
                self._tell(version, self._flaws[version.version])
        return self._flaws[version.version]

    def _forecaster(self, version: ModelVersion) -> Forecaster:
        if version.version not in self._forecasters:
            spec = self._specs[version.model]
            load = functools.partial(self._registry.load, version, spec.prototype())
            self._forecasters[version.version] = self._spoken(version, load)
        return self._forecasters[version.version]

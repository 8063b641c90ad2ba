"""The versions of a registry, as the stages ask for them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import pandas as pd

from trading.errors import VersionMissingError
from trading.interfaces import Forecaster, ModelRegistry, ModelVersion
from trading.stages.layout import DAILY
from trading.stages.training import Trainable, live_versions, made_of, require_same_making

Spoken = Callable[[ModelVersion, Callable[[], Forecaster]], Forecaster]


def plainly(_version: ModelVersion, load: Callable[[], Forecaster]) -> Forecaster:
    """The version itself."""
    return load()


class RegistryBook:
    """Live versions of a registry. Weights are loaded once, versions are listed once a model.

    A version that was made of other code, settings or weights than the home's own is refused.

    Parameters
    ----------
    registry : where the versions are
    specs : the models of the home
    spoken : how a version speaks, given what loads it
    """

    def __init__(self, registry: ModelRegistry, specs: Iterable[Trainable], spoken: Spoken = plainly) -> None:
        self._registry = registry
        self._specs = {spec.name: spec for spec in specs}
        self._versions = functools.cache(registry.versions)
        self._made_of = functools.cache(lambda model, timeframe: made_of(self._specs[model], timeframe))
        self._spoken = spoken
        self._forecasters: dict[str, Forecaster] = {}

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
        """
        records = self.records(model, session, timeframe)
        return tuple((version, self._forecaster(version)) for version in records)

    def records(self, model: str, session: pd.Timestamp, timeframe: str = DAILY) -> tuple[ModelVersion, ...]:
        """The same without loading weights."""
        if model not in self._specs:
            raise VersionMissingError(f"this home has no model {model!r}; it has {', '.join(self._specs)}")
        cadence = self._specs[model].cadence
        live = live_versions(model, cadence, self._versions(model), session, timeframe)
        for version in live:
            require_same_making(version, self._made_of(model, version.timeframe))
        return live

    def _forecaster(self, version: ModelVersion) -> Forecaster:
        if version.version not in self._forecasters:
            spec = self._specs[version.model]
            load = functools.partial(self._registry.load, version, spec.prototype())
            self._forecasters[version.version] = self._spoken(version, load)
        return self._forecasters[version.version]

"""The versions of a registry, as the stages ask for them."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import pandas as pd

from trading.errors import VersionMissingError
from trading.interfaces import Forecaster, ModelRegistry, ModelVersion
from trading.stages.training import Trainable, live_versions


class RegistryBook:
    """Live versions of a registry. Weights are loaded once, versions are listed once a model.

    Parameters
    ----------
    registry : where the versions are
    specs : the models of the home
    """

    def __init__(self, registry: ModelRegistry, specs: Iterable[Trainable]) -> None:
        self._registry = registry
        self._specs = {spec.name: spec for spec in specs}
        self._versions = functools.cache(registry.versions)
        self._forecasters: dict[str, Forecaster] = {}

    def live(self, model: str, session: pd.Timestamp) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        """Live versions of `model` with their forecasters, ordered by version.

        Raises
        ------
        VersionMissingError
            If the calendar wants one that is not in the registry.
        """
        return tuple((version, self._forecaster(version)) for version in self.records(model, session))

    def records(self, model: str, session: pd.Timestamp) -> tuple[ModelVersion, ...]:
        """The same without loading weights."""
        if model not in self._specs:
            raise VersionMissingError(f"this home has no model {model!r}; it has {', '.join(self._specs)}")
        return live_versions(model, self._specs[model].cadence, self._versions(model), session)

    def _forecaster(self, version: ModelVersion) -> Forecaster:
        if version.version not in self._forecasters:
            prototype = self._specs[version.model].prototype()
            self._forecasters[version.version] = self._registry.load(version, prototype)
        return self._forecasters[version.version]

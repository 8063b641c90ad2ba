"""Model versions as folders: what they were made of, how they did, and their weights.

    models/<model>/<version>/version.json         facts and metrics
                             weights.safetensors  learned state
                             lineage.json         the run that trained it, versions of the tables that it read
                             mlflow.json          the run and the number that mirror it in MLflow, once they do
    models/<model>/champion.json                  the version that the alias points at

This is the truth of which versions exist. It is read without MLflow, which takes seconds to import;
`resources.registry` mirrors it there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from resources.champions_log import DECISIONS, TRIGGERS, append, lines_of
from resources.files import write_atomically
from trading.errors import CheckpointError, UsageError, VersionMissingError
from trading.interfaces import ChampionDecision, Curves, Forecaster, ModelVersion, TrainingTrigger

WEIGHTS, FACTS, CHAMPION = "weights.safetensors", "version.json", "champion.json"
MIRRORED, LINEAGE = "mlflow.json", "lineage.json"
_DAYS = ("trained_through", "live_from", "champion_from", "retired", "data_through")


@dataclass(frozen=True)
class Logged:
    """A version as it was logged: the version, its metrics, how to build its forecaster, its weights.

    `sequence` grows with each version of a model that is logged; `curves` are the metrics of each epoch;
    `checksum` is that of the weights, empty where an earlier release logged them.
    """

    version: ModelVersion
    metrics: Mapping[str, float]
    forecaster: Mapping[str, Any]
    weights: Path
    sequence: int
    curves: Curves = ()
    checksum: str = ""

    @property
    def lineage(self) -> Mapping[str, str]:
        """The run that trained it and the versions of the tables that it read; empty of an earlier release."""
        path = self.weights.with_name(LINEAGE)
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    @property
    def mirrored(self) -> Mapping[str, str]:
        """Where it is in MLflow: `run_id` and `number`; empty before it was mirrored."""
        path = self.weights.with_name(MIRRORED)
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


class VersionFolder:
    """Versions under one folder, written whole or not at all.

    Parameters
    ----------
    root : the home's `models`
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def log(
        self,
        version: ModelVersion,
        forecaster: Forecaster,
        metrics: Mapping[str, float],
        curves: Curves = (),
    ) -> None:
        """Record a version; the last one of its quarter again changes nothing, an older one becomes the last."""
        known = self.logged(version.model)
        quarter = [
            one.version.version
            for one in known
            if (one.version.live_from, one.version.timeframe) == (version.live_from, version.timeframe)
        ]
        if quarter[-1:] == [version.version]:
            return
        sequence = 1 + max((one.sequence for one in known), default=0)
        target = self.root / version.model / version.version
        weights = forecaster.to_bytes()
        written = _written(
            Logged(version, metrics, description_of(forecaster), target, sequence, curves, _checksum(weights))
        )
        if target.exists():
            write_atomically(target / FACTS, written)
            return
        draft = target.with_name(f".{version.version}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        write_atomically(draft / WEIGHTS, weights)
        write_atomically(draft / FACTS, written)
        try:
            draft.rename(target)
        except OSError:  # another process was first, with the same digest and so the same content
            shutil.rmtree(draft)

    def trace(self, version: ModelVersion, lineage: Mapping[str, str]) -> None:
        """Note where a version came from: the run that trained it, and the versions of the tables that it read."""
        folder = self.root / version.model / version.version
        write_atomically(folder / LINEAGE, json.dumps(dict(lineage), sort_keys=True) + "\n")

    def models(self) -> tuple[str, ...]:
        """Names of the models that have a version, in alphabetical order."""
        return tuple(sorted({path.parent.parent.name for path in self.root.glob(f"*/[!.]*/{FACTS}")}))

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """All versions of `model`, ordered by `live_from`; those of one quarter as they were logged."""
        return tuple(logged.version for logged in self.logged(model))

    def logged(self, model: str) -> tuple[Logged, ...]:
        """All versions of `model` with what was logged of them, in the same order."""
        found = [_read(path) for path in (self.root / model).glob(f"[!.]*/{FACTS}")]
        return tuple(sorted(found, key=_order))

    def load(self, version: ModelVersion, prototype: Forecaster) -> Forecaster:
        """The forecaster of `version`.

        Raises
        ------
        VersionMissingError
            If it was never logged here.
        CheckpointError
            If its weights are missing or do not fit.
        """
        folder = self.root / version.model / version.version
        if not folder.exists():
            raise VersionMissingError(
                f"model {version.model} has no version {version.version} in {self.root}; train it first"
            )
        try:
            payload = (folder / WEIGHTS).read_bytes()
        except FileNotFoundError:
            raise CheckpointError(
                f"model {version.model} version {version.version}: {folder / WEIGHTS} is missing; delete the "
                f"folder and train again, or restore it from a copy of the home"
            ) from None
        return prototype.from_bytes(payload)

    def flaw(self, version: ModelVersion) -> str:
        """Why the weights of `version` cannot be trusted to be those that were logged; empty if they can."""
        folder = self.root / version.model / version.version
        if not (folder / WEIGHTS).exists():
            return f"{folder / WEIGHTS} is missing"
        logged = _read(folder / FACTS)
        if logged.checksum and logged.checksum != _checksum((folder / WEIGHTS).read_bytes()):
            return f"{folder / WEIGHTS} is not what was logged"
        return ""

    def promote(self, model: str, version: str) -> None:
        """Point the alias `champion` of `model` at `version`; pointing it there again writes nothing.

        Raises
        ------
        VersionMissingError
            If the model has no such version.
        """
        if self.champion(model) == version:
            return
        self._require(model, version)
        write_atomically(self.root / model / CHAMPION, json.dumps({"version": version}) + "\n")

    def champion(self, model: str) -> str | None:
        """The version that the alias points at, None if it points nowhere yet."""
        path = self.root / model / CHAMPION
        return str(json.loads(path.read_text(encoding="utf-8"))["version"]) if path.exists() else None

    def decide(self, decision: ChampionDecision) -> None:
        """Append a person's decision to the log of its model, whole or not at all.

        Raises
        ------
        VersionMissingError
            If the model has no such version.
        """
        self._require(decision.model, decision.version)
        append(self.root / decision.model / DECISIONS, decision)

    def decisions(self, model: str) -> tuple[ChampionDecision, ...]:
        """All decisions about `model`, as they were made.

        Raises
        ------
        UsageError
            If the log cannot be read.
        """
        return lines_of(self.root / model / DECISIONS, model, ChampionDecision)

    def trigger(self, trigger: TrainingTrigger) -> None:
        """Append a trigger to the log of its model, whole or not at all."""
        append(self.root / trigger.model / TRIGGERS, trigger)

    def triggers(self, model: str) -> tuple[TrainingTrigger, ...]:
        """All triggers of `model`, as they were seen.

        Raises
        ------
        UsageError
            If the log cannot be read.
        """
        return lines_of(self.root / model / TRIGGERS, model, TrainingTrigger)

    def _require(self, model: str, version: str) -> None:
        if not version or not (self.root / model / version / FACTS).exists():
            raise VersionMissingError(
                f"model {model} has no version {version!r}; it has "
                f"{', '.join(v.version for v in self.versions(model)) or 'none'}"
            )


def _checksum(weights: bytes) -> str:
    return hashlib.sha256(weights).hexdigest()


def description_of(forecaster: Forecaster) -> dict[str, Any]:
    """How to build the unfitted forecaster again: its class and its plain settings."""
    kind = type(forecaster)
    declared = fields(forecaster) if hasattr(kind, "__dataclass_fields__") else ()  # type: ignore[arg-type]
    plain = (str, int, float, bool, type(None))
    settings = {f.name: getattr(forecaster, f.name) for f in declared if f.init and not f.name.endswith("_")}
    kept = {name: value for name, value in settings.items() if isinstance(value, plain)}
    return {"class": f"{kind.__module__}:{kind.__qualname__}", "settings": kept}


def _written(logged: Logged) -> str:
    version = logged.version
    days = {name: _day(getattr(version, name)) for name in _DAYS}
    facts = {"model": version.model, "version": version.version, **days, "facts": dict(version.facts)}
    made = {
        "metrics": dict(logged.metrics),
        "forecaster": logged.forecaster,
        "sequence": logged.sequence,
        "checksum": logged.checksum,
    }
    content = {**facts, **made, "curves": [dict(epoch) for epoch in logged.curves]}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _read(path: Path) -> Logged:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        days = {name: None if raw[name] is None else pd.Timestamp(raw[name]).as_unit("us") for name in _DAYS}
        version = ModelVersion(raw["model"], raw["version"], **days, facts=raw["facts"])
        weights, curves = path.with_name(WEIGHTS), tuple(raw.get("curves", ()))
        return Logged(
            version,
            raw["metrics"],
            raw["forecaster"],
            weights,
            raw["sequence"],
            curves,
            raw.get("checksum", ""),
        )
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"{path} is not a model version ({error}); delete its folder and train again"
        ) from None


def _order(logged: Logged) -> tuple[pd.Timestamp, int]:
    return (logged.version.live_from or pd.Timestamp.min, logged.sequence)


def _day(session: pd.Timestamp | None) -> str | None:
    return None if session is None else f"{session:%Y-%m-%d}"

"""`fabline models`: the models of a home, and the versions of one, without loading MLflow."""

from __future__ import annotations

import functools
import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from models.forecasters.catalogue import CATALOGUE, ModelSpec, model_spec
from pipelines import environment, settings
from pipelines.cli import rendering
from pipelines.wiring import specs_of
from resources.home import Home
from resources.version_folder import Logged, VersionFolder
from trading.interfaces import ModelVersion
from trading.stages.layout import DAILY
from trading.stages.training import DATA_VERSION, STARTED_FROM, TRAINED_FROM, hyper_parameters

LISTED = [
    "model",
    "in_home",
    "cadence",
    "update",
    "versions",
    "live",
    "champion",
    "trained_through",
    "data_through",
    "contaminated",
]
# What a table for people leaves out.
WIDE = [
    "cadence",
    "update",
    "code_version",
    "seed",
    "champion_from",
    "started_from",
    "figures",
    "parameters",
    "mlflow_run",
    "mlflow_version",
]
CONTAMINATED = "CONTAMINATED"
SPEAKS = ("champion", "challenger", "shadow")


@dataclass(frozen=True)
class Shelf:
    """The versions of a home as they are at its newest session.

    Attributes
    ----------
    folder : the versions
    specs : every known model by name, as the home has it where it has it
    here : names of the home's models
    head : its newest session with champions; None before there is one
    champions : the version that is champion there, by model
    """

    folder: VersionFolder
    specs: dict[str, ModelSpec]
    here: tuple[str, ...]
    head: pd.Timestamp | None
    champions: dict[str, str]

    @classmethod
    def of(cls, path: Path) -> Shelf:
        """Of the home at `path`."""
        home = Home.open(path)
        mine = specs_of(settings.load(path).settings)
        champions = _champions(path)
        head = champions["session"].max() if len(champions) else None
        speaking = champions[(champions["role"] == "champion").to_numpy()]
        by_model = {str(row.model): str(row.version) for row in speaking.itertuples()}
        specs = {spec.name: spec for spec in (*CATALOGUE, *mine)}
        return cls(VersionFolder(home.models), specs, tuple(s.name for s in mine), head, by_model)

    def role(self, version: ModelVersion) -> str:
        """What a version is at the head: champion, challenger, shadow, retired, or waiting for its first session.

        A shadow is older than the champion and still speaks, so that it can come back. What learned from bars that are not daily speaks for them where its daily sibling is champion.
        """
        if self._is_champion(version):
            return "champion"
        if self.head is None or (version.live_from is not None and self.head < version.live_from):
            return "waiting"
        if not version.is_live(self.head):
            return "retired"
        return "shadow" if self._is_older(version) else "challenger"

    def _is_older(self, version: ModelVersion) -> bool:
        """Whether the champion of its model learned through a later session."""
        crowned, mine = self._learned.get(self.champions.get(version.model, "")), version.trained_through
        return crowned is not None and mine is not None and mine < crowned

    @functools.cached_property
    def _learned(self) -> dict[str, pd.Timestamp | None]:
        """Through which session each version of a model with a champion learned."""
        known = (self.folder.versions(model) for model in self.champions)
        return {one.version: one.trained_through for versions in known for one in versions}

    def _is_champion(self, version: ModelVersion) -> bool:
        """Whether it, or the daily version that learned through the same session, is champion."""
        crowned = self.champions.get(version.model)
        if version.timeframe == DAILY or crowned is None:
            return crowned == version.version
        return self._learned.get(crowned) == version.trained_through

    def contaminated(self, data_through: pd.Timestamp | None) -> str:
        """CONTAMINATED if weights that have seen that much may know the newest session, else up to when."""
        if data_through is None:
            return ""
        seen = self.head is None or self.head <= data_through
        return CONTAMINATED if seen else f"up to {data_through:%Y-%m-%d}"


def list_models(path: Path, format_: str, output: Path | None) -> None:
    """Write one row a model that Fabline knows."""
    shelf = Shelf.of(path)
    rows = [_listed(shelf, spec) for spec in shelf.specs.values()]
    frame = _dated(pd.DataFrame(rows, columns=LISTED))
    rendering.write(frame, format_, output, heading=environment.market_line(path))


def show_model(path: Path, name: str, format_: str, output: Path | None) -> None:
    """Write one row a version of the model `name`; a table for people shows the narrow columns.

    Raises
    ------
    UsageError
        If there is no such model.
    """
    model_spec(name)
    shelf = Shelf.of(path)
    frame = versions_of(shelf, name)
    if format_ == "json":
        nested = {column: frame[column].map(json.loads) for column in ("figures", "parameters")}
        rendering.write(frame.assign(**nested), format_, output)
        return
    if format_ != "table":
        rendering.write(frame, format_, output)
        return
    lines = [environment.market_line(path), _heading(shelf, name)]
    narrow = frame.drop(columns=WIDE)
    rendering.write(narrow, format_, output, heading="\n".join(line for line in lines if line))


def versions_of(shelf: Shelf, name: str) -> pd.DataFrame:
    """One row a version of a model, in the order in which they speak."""
    spec = shelf.specs[name]
    rows = [_version_row(shelf, spec, logged) for logged in shelf.folder.logged(name)]
    frame = _dated(pd.DataFrame(rows, columns=list(_version_columns())))
    return frame.astype({"validation_loss": "float64", "seconds": "float64"})


def _listed(shelf: Shelf, spec: ModelSpec) -> tuple[object, ...]:
    versions = shelf.folder.versions(spec.name)
    live = [version for version in versions if shelf.role(version) in SPEAKS]
    champion = next((v for v in versions if v.version == shelf.champions.get(spec.name)), None)
    return (
        spec.name,
        spec.name in shelf.here,
        spec.cadence,
        spec.update,
        len(versions),
        len(live),
        None if champion is None else champion.version,
        None if champion is None else champion.trained_through,
        spec.data_through,
        shelf.contaminated(spec.data_through),
    )


def _version_columns() -> dict[str, None]:
    dates = ["trained_from", "trained_through", "live_from", "champion_from", "retired", "data_through"]
    rest = ["contaminated", "seconds", "epochs", "validation_loss", "data_version"]
    return dict.fromkeys(["model", "version", "timeframe", "role", *dates, *rest, *WIDE])


def _version_row(shelf: Shelf, spec: ModelSpec, logged: Logged) -> dict[str, Any]:
    version, facts = logged.version, logged.version.facts
    losses = [epoch["validation_loss"] for epoch in logged.curves if "validation_loss" in epoch]
    days = ("trained_through", "live_from", "champion_from", "retired", "data_through")
    begun = facts.get(TRAINED_FROM)
    return {
        "model": version.model,
        "version": version.version,
        "timeframe": "" if version.trained_through is None else version.timeframe,
        "role": shelf.role(version),
        "trained_from": None if begun is None else pd.Timestamp(begun),
        **{name: getattr(version, name) for name in days},
        "contaminated": shelf.contaminated(version.data_through),
        "seconds": logged.metrics.get("training_seconds"),
        "epochs": len(logged.curves),
        "validation_loss": min(losses, default=None),
        "data_version": facts.get(DATA_VERSION),
        "cadence": spec.cadence,
        "update": spec.update,
        "code_version": facts.get("code_version"),
        "seed": facts.get("seed"),
        "started_from": facts.get(STARTED_FROM),
        "figures": _text(logged.metrics),
        "parameters": _text(logged.forecaster["settings"]),
        "mlflow_run": logged.mirrored.get("run_id"),
        "mlflow_version": logged.mirrored.get("number"),
    }


def _heading(shelf: Shelf, name: str) -> str:
    """Cadence and parameters, which are the same for all versions that the home makes now."""
    spec = shelf.specs[name]
    chosen = " ".join(f"{key}={value}" for key, value in hyper_parameters(spec.prototype()).items())
    often = spec.cadence if spec.cadence == "zero_shot" else f"{spec.cadence}, {spec.update} update"
    where = "" if name in shelf.here else " (not in this home: `fabline config set models …` adds it)"
    at = "" if shelf.head is None else f"; roles at {shelf.head:%Y-%m-%d}"
    return f"{name}{where}: {often}, sees {', '.join(spec.channels)}; {chosen}{at}"


def _champions(path: Path) -> pd.DataFrame:
    """Who is what at the newest session; no rows before the first run."""
    if Home.open(path).inception is None:
        return pd.DataFrame({"session": [], "model": [], "version": [], "role": []})
    with closing(environment.open_store(path)) as store:
        tables = store.tables().set_index("table")
        head = tables["last_session"].get("champions")
        return store.read("champions", head, head) if head is not None else store.read("champions")


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """Sessions as sessions, also in a column that has none."""
    days = [name for name in frame.columns if name.endswith(("_through", "_from")) or name == "retired"]
    days = [name for name in days if name != STARTED_FROM]
    return frame.assign(**{name: pd.to_datetime(frame[name]).astype("datetime64[us]") for name in days})


def _text(values: Any) -> str:
    return json.dumps(dict(values), sort_keys=True)

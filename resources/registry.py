"""The model registry: versions in the home's folder, mirrored to MLflow for people to review.

The folder is the truth of which versions exist and the champions table of who is champion; MLflow
shows both. Sessions read only the folder. `mirror` brings MLflow up to date and reports aliases that
somebody moved there by hand.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from resources.files import write_atomically
from resources.review_page import ReviewPage, publish
from resources.version_folder import MIRRORED, Logged, VersionFolder
from trading import calendar
from trading.digest import generator
from trading.frames import QUANTILES
from trading.interfaces import TIMEFRAME, Curves, Forecaster
from trading.interfaces import ModelVersion as Version
from trading.stages.training import BESIDE, DATA_VERSION, SEES, STARTED_FROM, TRAINED_FROM
from trading.stages.training import CHANNELS as USUAL_CHANNELS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

ALIAS = "champion"
# In the folder of the versions while MLflow lacks something of it.
BEHIND = ".mirror_behind"
# MLflow takes so many at once.
MOST_FIGURES = 1000
EXPERIMENT = "training"
VERSION_TAG, ALIAS_TAG, MARKET_TAG = "fabline.version", "fabline.champion", "market"
ADOPTED_TAG = "fabline.adopted"
EXAMPLE_SESSIONS, EXAMPLE_SYMBOLS = 64, ("AMD", "NVDA")


class MovedAlias(NamedTuple):
    """An alias `champion` that somebody moved in MLflow: `version` is to be champion of `model`."""

    model: str
    version: str


class MlflowRegistry(VersionFolder):
    """Implements `trading.interfaces.ModelRegistry`; only `mirror` loads MLflow.

    Parameters
    ----------
    models : the home's `models`, where versions live
    mlflow : the home's `mlflow`, where MLflow's database and artifacts are
    simulated : whether the home's market is made up, which every run then says in a tag
    """

    def __init__(self, models: str | Path, mlflow: str | Path, *, simulated: bool = False) -> None:
        super().__init__(models)
        self._tags = {MARKET_TAG: "SIMULATED"} if simulated else {}
        self._mlflow = Path(mlflow).absolute()

    @property
    def uri(self) -> str:
        """MLflow's tracking address of this home."""
        return f"sqlite:///{self._mlflow / 'mlflow.db'}"

    @property
    def tags(self) -> dict[str, str]:
        """What every run says of the market."""
        return dict(self._tags)

    @property
    def is_behind(self) -> bool:
        """Whether MLflow does not show everything yet: a mirror was killed, or MLflow could not be written."""
        return self._behind.exists()

    @property
    def _behind(self) -> Path:
        return self.root / BEHIND

    def log(
        self,
        version: Version,
        forecaster: Forecaster,
        metrics: Mapping[str, float],
        curves: Curves = (),
    ) -> None:
        """Record a version, as `VersionFolder.log` does; MLflow is behind until it is mirrored."""
        self._fall_behind()
        super().log(version, forecaster, metrics, curves)

    def promote(self, model: str, version: str) -> None:
        """Point our alias, as `VersionFolder.promote` does; MLflow is behind until it is mirrored."""
        if self.champion(model) != version:
            self._fall_behind()
            super().promote(model, version)

    def _fall_behind(self) -> None:
        """Note it before anything is written that MLflow is to show, so that no kill can come between."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._behind.touch()

    def mirror(self) -> tuple[MovedAlias, ...]:
        """Bring MLflow up to date; a second call changes nothing, one after a kill completes the first.

        Returns
        -------
        Aliases that were moved by hand and were not reported before. They stay as they are until the
        champion that was promoted here is the same.
        """
        if not self.models():
            return ()
        self._fall_behind()
        with self._client() as client:
            for model in self.models():
                self._mirror_versions(client, model)
            moved = [self._mirror_alias(client, model) for model in self.models()]
        self._behind.unlink(missing_ok=True)
        return tuple(alias for alias in moved if alias is not None)

    def follow(self, champions: pd.DataFrame) -> None:
        """Promote the champions of the newest session of `champions`; MLflow is not touched."""
        newest = champions[(champions["session"] == champions["session"].max()).to_numpy()]
        for row in newest[(newest["role"] == ALIAS).to_numpy()].itertuples():
            self.promote(str(row.model), str(row.version))

    def connected(self) -> AbstractContextManager[MlflowClient]:
        """A client of this home's MLflow, for what is shown there beside versions."""
        return self._client()

    def review(self, pages: Sequence[ReviewPage]) -> None:
        """Write review pages beside their versions in MLflow; those of versions that are not there yet are left out."""
        with self._client() as client:
            for page in pages:
                (logged,) = [one for one in self.logged(page.model) if one.version.version == page.version]
                if logged.mirrored:
                    publish(client, logged.mirrored["run_id"], logged.mirrored["number"], page)

    def _mirror_versions(self, client: MlflowClient, model: str) -> None:
        names = {found.name for found in client.search_registered_models(f"name = '{model}'")}
        if model not in names:
            client.create_registered_model(model)
        known = _digests(client, model)
        for logged in self.logged(model):
            if logged.version.version not in known:
                _mirror_version(client, self._experiment(client), logged, self._tags)
        shown = client.search_model_versions(f"name = '{model}'")
        for logged in self.logged(model):
            _remember(shown, logged)

    def _mirror_alias(self, client: MlflowClient, model: str) -> MovedAlias | None:
        """Point MLflow's alias where ours points, unless somebody else moved it."""
        wanted = self.champion(model)
        numbers = _digests(client, model)
        registered = client.get_registered_model(model)
        number = registered.aliases.get(ALIAS)
        shown = next((digest for digest, known in numbers.items() if known == str(number)), None)
        mine, adopted = (registered.tags.get(tag) for tag in (ALIAS_TAG, ADOPTED_TAG))
        if shown not in (None, wanted, mine):
            client.set_registered_model_tag(model, ADOPTED_TAG, str(shown))
            return None if adopted == shown else MovedAlias(model, str(shown))
        if wanted is not None and shown != wanted:
            client.set_registered_model_alias(model, ALIAS, numbers[wanted])
        if wanted is not None and mine != wanted:
            client.set_registered_model_tag(model, ALIAS_TAG, wanted)
        if adopted:
            client.delete_registered_model_tag(model, ADOPTED_TAG)
        return None

    def _experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        return str(client.create_experiment(EXPERIMENT, artifact_location=self._artifacts()))

    def _artifacts(self) -> str:
        return (self._mlflow / "artifacts").as_uri()

    @contextmanager
    def _client(self) -> Iterator[MlflowClient]:
        """A client of this home's database; MLflow's global address points there meanwhile."""
        import mlflow
        from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR

        self._mlflow.mkdir(parents=True, exist_ok=True)
        self._leave_copied_mirror()
        before, level = mlflow.get_tracking_uri(), logging.getLogger("mlflow").level
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of mlflow about pandas and sqlalchemy: not ours to mend
                mlflow.set_tracking_uri(self.uri)
                yield mlflow.MlflowClient(self.uri)
        finally:
            mlflow.set_tracking_uri(before)
            MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.unset()
            logging.getLogger("mlflow").setLevel(level)

    def _leave_copied_mirror(self) -> None:
        """A home that was copied or moved brings a mirror full of paths into the other folder: begin anew."""
        database, marker = self._mlflow / "mlflow.db", self._mlflow / "folder.txt"
        here = str(self._mlflow)
        if database.exists() and (not marker.exists() or marker.read_text(encoding="utf-8") != here):
            database.replace(database.with_name("copied.db"))
        write_atomically(marker, here)


def _digests(client: MlflowClient, model: str) -> dict[str, str]:
    """MLflow's number of each mirrored version of `model`."""
    found = client.search_model_versions(f"name = '{model}'")
    return {v.tags[VERSION_TAG]: str(v.version) for v in found if VERSION_TAG in v.tags}


def _mirror_version(client: MlflowClient, experiment: str, logged: Logged, market: Mapping[str, str]) -> None:
    """One version: its run with parameters, metrics and model, then the registered version with its tags."""
    import mlflow

    version = logged.version
    run = _run_of(client, experiment, logged, market)
    for name, value in _parameters(logged).items():
        client.log_param(run, name, value)
    for name, metric in logged.metrics.items():
        client.log_metric(run, name, metric)
    _log_curves(client, run, logged)
    _log_data(client, run, logged, market)
    with mlflow.start_run(run_id=run):
        info = _log_model(logged)
    tags = {VERSION_TAG: version.version, **_ranges(logged), **market}
    about = _described(logged, market)
    client.create_model_version(version.model, info.model_uri, run_id=run, tags=tags, description=about)
    client.set_terminated(run)


def _remember(shown: Iterable[ModelVersion], logged: Logged) -> None:
    """Write beside a version where MLflow has it, so that it can be said without MLflow."""
    here = [one for one in shown if one.tags.get(VERSION_TAG) == logged.version.version]
    where = {"run_id": str(here[0].run_id), "number": str(here[0].version)} if here else {}
    if where and logged.mirrored != where:
        write_atomically(logged.weights.with_name(MIRRORED), json.dumps(where, sort_keys=True) + "\n")


def _log_curves(client: MlflowClient, run: str, logged: Logged) -> None:
    """The figures of each epoch, one step an epoch; the same again after a mirror that was killed."""
    from mlflow.entities import Metric

    begun = int(client.get_run(run).info.start_time)
    figures = [
        Metric(f"epoch/{name}", value, begun + step, step)
        for step, epoch in enumerate(logged.curves, start=1)
        for name, value in epoch.items()
    ]
    for start in range(0, len(figures), MOST_FIGURES):
        client.log_batch(run, metrics=figures[start : start + MOST_FIGURES])


def _log_data(client: MlflowClient, run: str, logged: Logged, market: Mapping[str, str]) -> None:
    """The data that a training saw, by its digest; zero-shot models saw none."""
    from mlflow.entities import Dataset, DatasetInput

    facts = logged.version.facts
    if DATA_VERSION not in facts:
        return
    seen = {name: facts[name] for name in (TRAINED_FROM, SEES, BESIDE) if name in facts}
    seen |= {"trained_through": f"{logged.version.trained_through:%Y-%m-%d}", **market}
    data = Dataset("features", facts[DATA_VERSION], "table of this home", json.dumps(seen, sort_keys=True))
    client.log_inputs(run, datasets=[DatasetInput(data)])


def _described(logged: Logged, market: Mapping[str, str]) -> str:
    """A version in a few words, for its page."""
    version, facts = logged.version, logged.version.facts
    words = [f"Fabline's version `{version.version}`"]
    if version.trained_through is not None:
        words.append(f"trained on {facts.get(TRAINED_FROM, '?')} to {version.trained_through:%Y-%m-%d}")
    words += [f"{name} `{facts[name]}`" for name in (TIMEFRAME, DATA_VERSION, STARTED_FROM) if name in facts]
    if version.data_through is not None:
        words.append(f"CONTAMINATED up to {version.data_through:%Y-%m-%d}")
    return "; ".join([*words, *market.values()])


def _run_of(client: MlflowClient, experiment: str, logged: Logged, market: Mapping[str, str]) -> str:
    """The run of a version, which a killed mirror may have begun."""
    digest = logged.version.version
    begun = client.search_runs([experiment], f"tags.`{VERSION_TAG}` = '{digest}'", max_results=1)
    if begun:
        return str(begun[0].info.run_id)
    through = logged.version.trained_through
    name = f"{logged.version.model} {'zero-shot' if through is None else f'{through:%Y-%m-%d}'}"
    facts = {**logged.version.facts, **logged.lineage}
    tags = {VERSION_TAG: digest, **{f"fabline.{name}": value for name, value in facts.items()}, **market}
    return str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)


def _parameters(logged: Logged) -> dict[str, str]:
    settings = {name: str(value) for name, value in logged.forecaster["settings"].items()}
    return {"forecaster": logged.forecaster["class"], **settings, **_ranges(logged)}


def _ranges(logged: Logged) -> dict[str, str]:
    """Which data a version has seen, and from when it speaks."""
    version = logged.version
    days = {
        "trained_through": version.trained_through,
        "live_from": version.live_from,
        "champion_from": version.champion_from,
        "retired": version.retired,
        "data_through": version.data_through,
    }
    kept = (TRAINED_FROM, TIMEFRAME, DATA_VERSION, STARTED_FROM)
    begins = {name: version.facts[name] for name in kept if name in version.facts}
    return begins | {name: f"{day:%Y-%m-%d}" for name, day in days.items() if day is not None}


def _log_model(logged: Logged) -> Any:
    import mlflow

    channels, beside = _seen(logged, SEES) or USUAL_CHANNELS, _seen(logged, BESIDE)
    with tempfile.TemporaryDirectory() as folder:
        description = Path(folder) / "description.json"
        built = {**logged.forecaster, "beside": list(beside)}
        description.write_text(json.dumps(built, sort_keys=True), encoding="utf-8")
        return mlflow.pyfunc.log_model(
            name=logged.version.model,
            python_model=str(Path(__file__).with_name("registered_model.py")),
            artifacts={"weights": str(logged.weights), "description": str(description)},
            signature=_signature(channels),
            input_example=_example(channels, beside),
            pip_requirements=["fabline"],  # said, not inferred: inference takes twelve seconds
        )


def _seen(logged: Logged, fact: str) -> tuple[str, ...]:
    return tuple(name for name in logged.version.facts.get(fact, "").split(",") if name)


def _signature(channels: Sequence[str]) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    keys = [ColSpec(DataType.datetime, "session"), ColSpec(DataType.string, "symbol")]
    features = [ColSpec(DataType.double, channel) for channel in channels]
    quantiles = [ColSpec(DataType.double, name) for name in QUANTILES]
    made = [ColSpec(DataType.string, "symbol"), ColSpec(DataType.long, "horizon"), *quantiles]
    return ModelSignature(inputs=Schema([*keys, *features]), outputs=Schema(made))


def _example(channels: Sequence[str] = USUAL_CHANNELS, beside: Sequence[str] = ()) -> pd.DataFrame:
    """SIMULATED features of two symbols, and of those beside them."""
    last = pd.Timestamp("2024-01-31").as_unit("us")
    days = calendar.sessions_between(calendar.shift(last, 1 - EXAMPLE_SESSIONS), last)
    symbols = (*EXAMPLE_SYMBOLS, *beside)
    rows = len(days) * len(symbols)
    rng = generator("registered model's input example")
    keys = {
        "session": days.repeat(len(symbols)),
        "symbol": np.tile(np.asarray(symbols, dtype=object), len(days)),
    }
    values = {name: rng.normal(0.0, 0.02, rows) for name in channels}
    return pd.DataFrame(keys | values | {"volatility_21": np.full(rows, 0.02)})[[*keys, *channels]]

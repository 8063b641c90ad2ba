"""`fabline train`: a Dagster run of the training asset, with a bar an epoch, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import typer

from assets.training import named
from pipelines import environment, settings
from pipelines.cli import rendering
from pipelines.cli.progress import progress_bars
from pipelines.runs import run_training
from pipelines.wiring import Workshop, source_of, specs_of
from resources.home import Home
from resources.registry import MlflowRegistry
from resources.version_folder import Logged
from trading import calendar
from trading.errors import UsageError

COLUMNS = ("model", "version", "timeframe", "trained_through", "seconds", "epochs", "mlflow_run")


def train(path: Path, models: Sequence[str], through: str | None, format_: str, *, wait: bool) -> None:
    """Train what is due and print the versions: model, version, timeframe, trained_through, seconds, epochs, mlflow_run.

    Raises
    ------
    HomeError
        If there is no home.
    UsageError
        If the home has no model of a name, or the date makes no sense.
    DataError
        If there are no features to train on.
    """
    home = Home.open(path)
    workshop = Workshop.of(home, settings.load(path).settings)
    named(specs_of(workshop.settings), models)
    last = None if through is None else last_session(through, workshop.clock())
    with home.writing("fabline train", wait=wait):
        simulated = source_of(workshop.settings).simulated
        with progress_bars(None, simulated=simulated) as progress:
            made = run_training(workshop, models, last, progress=progress)
    frame = _frame(MlflowRegistry(home.models, home.mlflow), made)
    if not made and format_ == "table":
        typer.echo("every version that is due is there; `fabline models list` shows them")
        return
    rendering.write(frame, format_, None, heading=environment.market_line(path))


def last_session(through: str, now: pd.Timestamp) -> pd.Timestamp:
    """The session of `--through`, or the one before where it is none.

    Raises
    ------
    UsageError
        If it is no date of the calendar, or has not closed yet.
    """
    day = calendar.day_of(through)
    session = day if calendar.is_session(day) else calendar.session_before(day)
    if session > (newest := calendar.last_closed(now)):
        raise UsageError(f"{through} has not closed yet; the newest closed session is {newest:%Y-%m-%d}")
    return session


def _frame(registry: MlflowRegistry, made: Sequence[tuple[str, str]]) -> pd.DataFrame:
    found = {
        (model, logged.version.version): logged
        for model in {model for model, _ in made}
        for logged in registry.logged(model)
    }
    return pd.DataFrame([_row(found[one]) for one in made], columns=list(COLUMNS))


def _row(logged: Logged) -> tuple[object, ...]:
    version = logged.version
    return (
        version.model,
        version.version,
        version.timeframe,
        version.trained_through,
        logged.metrics.get("training_seconds"),
        len(logged.curves),
        logged.mirrored.get("run_id"),
    )

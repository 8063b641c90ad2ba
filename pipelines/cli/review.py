"""`fabline models review`: what a reviewer finds in MLflow at each version, brought up to date."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pandas as pd

from pipelines import settings
from pipelines.cli import rendering
from pipelines.environment import market_line
from pipelines.reviews import publish_reviews
from pipelines.wiring import Workshop
from resources.home import Home
from trading.errors import UsageError

COLUMNS = (
    "model",
    "version",
    "forecasts",
    "loss_over_random_walk",
    "direction",
    "mlflow_run",
    "mlflow_version",
)


def review(path: Path, name: str, format_: str, *, wait: bool) -> None:
    """Write the review page of each version of a model to MLflow, and one row a version here.

    Raises
    ------
    UsageError
        If the home has no such model.
    HomeError
        If another process writes the home.
    """
    workshop = Workshop.of(Home.open(path), settings.load(path).settings)
    if name not in workshop.settings.models:
        known = ", ".join(workshop.settings.models)
        raise UsageError(f"this home has no model {name!r}; it has {known}")
    with workshop.home.writing("fabline models review", wait=wait):
        opened = workshop.open()
        with closing(opened.store):
            opened.mirror()
            pages = publish_reviews(opened, [name])
            where = {one.version.version: one.mirrored for one in opened.registry.logged(name)}
    rows = [
        (
            page.model,
            page.version,
            page.forecasts,
            page.figures.get("review/loss over random walk/all/1 ahead"),
            page.figures.get("review/direction right/all/1 ahead"),
            where[page.version].get("run_id"),
            where[page.version].get("number"),
        )
        for page in pages
    ]
    rendering.write(pd.DataFrame(rows, columns=list(COLUMNS)), format_, None, heading=market_line(path))

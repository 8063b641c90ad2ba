"""What a reviewer of a version finds in MLflow: figures, pictures and a page in words at its run and at its version."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "review"
NOTE = "mlflow.note.content"


@dataclass(frozen=True)
class ReviewPage:
    """The review of one version.

    Attributes
    ----------
    model, version : whose
    words : the page, in Markdown; forecasts : how many have matured
    figures : metrics by name; those that are NaN are left out
    files : content by file name: pictures and tables
    tags : of the registered version
    """

    model: str
    version: str
    words: str
    forecasts: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def publish(client: MlflowClient, run: str, number: str, page: ReviewPage) -> None:
    """Write a page to a version's run and to the version; an earlier one is replaced.

    Parameters
    ----------
    run, number : of the version in MLflow
    """
    from mlflow.entities import Metric
    from mlflow.utils.time import get_current_time_millis

    now = get_current_time_millis()
    known = [Metric(name, value, now, 0) for name, value in page.figures.items() if value == value]  # noqa: PLR0124 - NaN
    client.log_batch(run, metrics=known)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in page.files.items():
            Path(folder, name).write_bytes(content)
        Path(folder, "review.md").write_text(page.words, encoding="utf-8")
        client.log_artifacts(run, folder, FOLDER)
    client.set_tag(run, NOTE, page.words)
    client.update_model_version(page.model, number, description=page.words)
    for name, value in page.tags.items():
        client.set_model_version_tag(page.model, number, name, value)

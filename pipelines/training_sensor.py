"""A sensor that trains the challengers that the log of triggers asks for, before the next session needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import dagster as dg

from assets.training import ASSET
from pipelines.jobs import TRAIN
from pipelines.run_logs import RUN_CONFIG
from trading.interfaces import ModelRegistry, TrainingTrigger
from trading.stages.challengers import standing


def training_sensor(models: Iterable[str], registry: Callable[[], ModelRegistry]) -> dg.SensorDefinition:
    """A sensor that launches the training of a model whose trigger has no version yet; once for each trigger.

    Parameters
    ----------
    models : of the home
    registry : where versions and triggers are logged
    """
    named = tuple(models)

    @dg.sensor(
        name="training_triggers",
        job_name=TRAIN,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Train the challenger that a trigger asked for. On from the start: without triggers.act nothing asks, and "
        "the next run of the line would train it anyway.",
    )
    def training_triggers(_context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        due = [one for model in named for one in untrained(registry(), model)]
        if not due:
            yield dg.SkipReason("no trigger waits for its training")
        for one in due:
            yield dg.RunRequest(
                run_key=f"{one.model} {one.session:%Y-%m-%d}",
                run_config={**RUN_CONFIG, "ops": {ASSET: {"config": {"models": [one.model]}}}},
                tags={"fabline/trigger": one.kind, "fabline/reason": one.reason},
            )

    return training_triggers


def untrained(registry: ModelRegistry, model: str) -> list[TrainingTrigger]:
    """Triggers that were not withdrawn and whose session no version of the model learned through."""
    learned = {version.trained_through for version in registry.versions(model)}
    return [one for one in standing(registry.triggers(model)) if one.session not in learned]

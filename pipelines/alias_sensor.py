"""A sensor that takes up the alias `champion` when somebody moves it by hand in MLflow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dagster as dg

from resources.open_home import OpenHome
from trading.errors import HomeError


def alias_sensor(database: Path, opened: Callable[[], OpenHome]) -> dg.SensorDefinition:
    """A sensor that turns a moved alias into a decision of the champions' log, from the next session on.

    MLflow is loaded only after its database was written.

    Parameters
    ----------
    database : MLflow's, of the home
    opened : opens the home
    """

    @dg.sensor(
        name="moved_aliases",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="An alias `champion` that was moved in MLflow is a promotion by hand: champion from the next session "
        "on. On from the start: it does what the person asked for, and says so in the home's log.",
    )
    def moved_aliases(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not database.exists():
            return dg.SkipReason("nothing was mirrored to MLflow yet")
        if context.cursor == _written(database):
            return dg.SkipReason("nothing was written in MLflow")
        try:
            taken = adopt(opened())
        except HomeError as error:
            return dg.SkipReason(f"{error}; looking again later")
        context.update_cursor(_written(database))
        return dg.SkipReason(f"{taken} moved aliases taken up" if taken else "no alias was moved")

    return moved_aliases


def adopt(home: OpenHome) -> int:
    """Take up moved aliases while this process alone writes the home; how many there were."""
    with closing(home.store), home.home.writing("the sensor moved_aliases", wait=False):
        moved = home.registry.mirror()
        home.adopt_moved(moved)
    return len(moved)


def _written(database: Path) -> str:
    return str(database.stat().st_mtime_ns)

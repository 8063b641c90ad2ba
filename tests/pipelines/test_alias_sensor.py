"""An alias moved by hand in MLflow becomes a decision, once, and only of a version that will be live."""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from models.forecasters.ar1 import PooledAR1
from pipelines.alias_sensor import alias_sensor
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.home import Home
from resources.open_home import OpenHome
from resources.registry import ALIAS
from trading.interfaces import ModelVersion

NOW = pd.Timestamp("2024-01-05 22:00", tz="UTC")
NEXT = pd.Timestamp("2024-01-08")


def opened(path: Path) -> OpenHome:
    home = Home.open_or_create(path)
    return Workshop.of(home, Settings(), clock=lambda: NOW).open()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose MLflow shows two versions of ar1, the second one retired before the next session."""
    path = tmp_path_factory.mktemp("home")
    home = opened(path)
    for number, retired in enumerate(("2024-07-01", "2024-01-03", "2024-10-01")):
        days = [pd.Timestamp(day) for day in ("2023-09-29", f"2023-10-0{number + 2}", "2024-01-02", retired)]
        home.registry.log(ModelVersion("ar1", f"v{number}", *days), PooledAR1(coefficients_=np.zeros(2)), {})
    home.registry.promote("ar1", "v2")
    home.registry.mirror()
    return path


def move(path: Path, version: str) -> None:
    with opened(path).registry._client() as client:
        found = client.search_model_versions("name = 'ar1'")
        number = next(str(one.version) for one in found if one.tags["fabline.version"] == version)
        client.set_registered_model_alias("ar1", ALIAS, number)


def looked(path: Path, cursor: str | None = None) -> tuple[str, str | None]:
    """What one tick of the sensor says, and the cursor that it leaves."""
    sensor = alias_sensor(path / "mlflow" / "mlflow.db", lambda: opened(path))
    context = dg.build_sensor_context(cursor=cursor)
    said = sensor(context)
    assert isinstance(said, dg.SkipReason)
    return str(said.skip_message), context.cursor


def test_a_moved_alias_is_a_promotion_from_the_next_session_on_and_is_taken_up_once(path: Path) -> None:
    move(path, "v0")

    first, cursor = looked(path)
    again, _ = looked(path, cursor)
    anyway, _ = looked(path)

    assert (first, again, anyway) == (
        "1 moved aliases taken up",
        "nothing was written in MLflow",
        "no alias was moved",
    )
    (decision,) = opened(path).registry.decisions("ar1")
    assert (decision.version, decision.action, decision.effective) == ("v0", "promote", NEXT)


def test_a_version_that_will_not_be_live_is_told_and_ignored(path: Path) -> None:
    before = opened(path).registry.decisions("ar1")
    move(path, "v1")

    looked(path)

    assert opened(path).registry.decisions("ar1") == before
    assert "not live at 2024-01-08: ignored" in "".join(log.read_text() for log in (path / "logs").glob("*"))


def test_while_another_process_writes_the_home_it_looks_again_later(path: Path) -> None:
    move(path, "v0")
    other = Home.open_or_create(path)

    with other.writing("a run"):
        said, cursor = looked(path)

    assert "looking again later" in said
    assert cursor is None


def test_before_anything_was_mirrored_there_is_nothing_to_see(tmp_path: Path) -> None:
    assert looked(tmp_path)[0] == "nothing was mirrored to MLflow yet"

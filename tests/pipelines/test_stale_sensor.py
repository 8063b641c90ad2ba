"""What the UI is told of staleness: only what changed, and what to do about it."""

from pathlib import Path

import dagster as dg
import pandas as pd

from pipelines.stale_sensor import changes, signature, staleness_sensor
from resources.store import HomeStore, store_at
from trading import calendar
from trading.monitoring.staleness import Cause, StaleTable
from trading.plan import Plan
from trading.stages.stage import Read, Stage
from trading.testing.example_rows import example

DAYS = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-12"))
CAUSE = Cause("bars", DAYS[1], pd.Timestamp("2024-02-01 12:00", tz="UTC"), "NVDA", calendar.as_of(DAYS[2]))
STALE = {table: StaleTable(table, DAYS[3:6], CAUSE) for table in ("features", "regimes")}
TOLD = {table: signature(one) for table, one in STALE.items()}
PLAN = Plan.of(
    [
        Stage("features", (Read("bars", lookback=2, timeframe="1D"),), ("features",), lambda _m, _i: {}),
        Stage("regimes", (Read("features"),), ("regimes",), lambda _m, _i: {}),
    ],
    0,
)


def test_a_table_that_has_become_stale_warns_with_sessions_cause_and_remedy() -> None:
    verdicts = changes({}, STALE, DAYS[0])

    assert [(v.asset_key.to_user_string(), v.passed) for v in verdicts] == [
        ("features", False),
        ("regimes", False),
    ]
    said = verdicts[0]
    assert said.severity == dg.AssetCheckSeverity.WARN
    assert said.metadata["to_do"].value == "fabline backfill --from 2024-01-05 --to 2024-01-09"
    assert said.metadata["sessions"].value == ["2024-01-05", "2024-01-08", "2024-01-09"]
    assert "bars: NVDA of 2024-01-03" in str(said.description)


def test_what_was_told_already_is_not_told_again() -> None:
    assert changes(TOLD, STALE, DAYS[0]) == []


def test_a_table_that_was_made_again_passes() -> None:
    (verdict,) = changes(TOLD, {"regimes": STALE["regimes"]}, DAYS[0])
    assert (verdict.asset_key.to_user_string(), verdict.passed) == ("features", True)


def test_sessions_before_the_inception_are_made_with_it() -> None:
    (verdict,) = changes({}, {"features": STALE["features"]}, DAYS[4])
    assert verdict.metadata["to_do"].value == "fabline backfill --from 2024-01-08 --to 2024-01-09"


def evaluated(path: Path, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    sensor = staleness_sensor(lambda: opened(path), PLAN, lambda: DAYS[0])
    with dg.DagsterInstance.ephemeral() as instance:
        said = sensor(dg.build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(said, dg.SensorResult | dg.SkipReason)
    return said


def opened(path: Path) -> HomeStore | None:
    return store_at(path / "tables", path / "fabline.db") if path.exists() else None


def test_the_sensor_reports_what_came_in_late_once(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.mkdir()
    store = store_at(path / "tables", path / "fabline.db")
    daily = example("bars", DAYS[0], DAYS[5]).assign(timeframe="1D")
    made = {table: example(table, DAYS[0], DAYS[5]) for table in ("features", "regimes")}
    for tables in ({"bars": daily}, made):
        store.write(tables, DAYS[0], DAYS[5], commit={})
    late = daily[daily["session"] == DAYS[2]].iloc[:1].assign(symbol="LATE", known_at=calendar.as_of(DAYS[2]))
    store.write({"bars": late}, DAYS[2], DAYS[2], commit={})
    store.close()

    first = evaluated(path)
    assert isinstance(first, dg.SensorResult)
    assert [event.asset_key.to_user_string() for event in first.asset_events] == ["features", "regimes"]
    assert isinstance(evaluated(path, first.cursor), dg.SkipReason)  # nothing was written since


def test_a_home_without_tables_has_nothing_to_tell(tmp_path: Path) -> None:
    assert isinstance(evaluated(tmp_path / "absent"), dg.SkipReason)

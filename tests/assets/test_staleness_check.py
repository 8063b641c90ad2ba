"""The check `up_to_date`, launched by a person: every table's verdict in one evaluation each."""

import dataclasses
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from assets.staleness import UP_TO_DATE, staleness_check, told
from resources.home import Home
from resources.open_home import OpenHome
from resources.store import HomeStore, store_at
from trading import calendar
from trading.plan import Plan
from trading.stages.stage import Read, Stage
from trading.testing.example_rows import example

DAYS = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-09"))
PLAN = Plan.of(
    [
        Stage("features", (Read("bars", lookback=1, timeframe="1D"),), ("features",), lambda _m, _i: {}),
        Stage("regimes", (Read("corporate_actions"),), ("regimes",), lambda _m, _i: {}),
    ],
    0,
)


def opened(home: Home, store: HomeStore) -> OpenHome:
    unused: dict[str, Any] = {
        field.name: None for field in dataclasses.fields(OpenHome) if field.default is dataclasses.MISSING
    }
    return OpenHome(**{**unused, "home": home, "store": store})


def with_a_late_bar(home: Home) -> HomeStore:
    """Both tables made of daily bars, and then a bar of the third session that had been known in time."""
    store = store_at(home.tables, home.database)
    bars = example("bars", DAYS[0], DAYS[-1]).assign(timeframe="1D")
    made = {table: example(table, DAYS[0], DAYS[-1]) for table in ("features", "regimes")}
    for tables in ({"bars": bars}, made):
        store.write(tables, DAYS[0], DAYS[-1], commit={})
    late = bars[bars["session"] == DAYS[2]].iloc[:1].assign(symbol="LATE", known_at=calendar.as_of(DAYS[2]))
    store.write({"bars": late}, DAYS[2], DAYS[2], commit={})
    return store


def test_every_table_gets_its_verdict_and_only_the_stale_one_warns(tmp_path: Path) -> None:
    home = Home.open_or_create(tmp_path / "home")
    assets = [dg.AssetSpec("features"), dg.AssetSpec("regimes")]
    check = staleness_check(PLAN)
    job = dg.define_asset_job("look", selection=dg.AssetSelection.checks(check))
    with closing(with_a_late_bar(home)) as store, dg.DagsterInstance.ephemeral() as instance:
        definitions = dg.Definitions(
            assets=assets, asset_checks=[check], jobs=[job], resources={"home": opened(home, store)}
        )
        result = definitions.resolve_job_def("look").execute_in_process(instance=instance)

    verdicts = {one.asset_key.to_user_string(): one for one in result.get_asset_check_evaluations()}
    assert {name: (one.check_name, one.passed) for name, one in verdicts.items()} == {
        "features": (UP_TO_DATE, False),
        "regimes": (UP_TO_DATE, True),
    }
    assert verdicts["features"].severity == dg.AssetCheckSeverity.WARN
    assert verdicts["features"].metadata["sessions"].value == ["2024-01-04", "2024-01-05"]


def test_a_table_that_is_up_to_date_needs_no_metadata() -> None:
    assert told(None, "") == (True, "every session knows what it could know", {})

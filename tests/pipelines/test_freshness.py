"""Which assets the UI expects each evening, and that the hours fit every session of the calendar."""

from pathlib import Path

import dagster as dg
import pandas as pd

from pipelines.definitions import definitions_of
from pipelines.freshness import DEADLINE_CRON, LOWER_BOUND, expected_each_evening
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.home import Home
from trading import calendar

MODELS = Settings().with_value("models", ("random_walk",))


def test_every_asset_of_a_session_is_expected_each_evening_and_training_is_not(tmp_path: Path) -> None:
    definitions = definitions_of(Workshop.of(Home.open_or_create(tmp_path), MODELS))

    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}

    expected = {name for name, spec in specs.items() if spec.freshness_policy is not None}
    assert expected == {name for name, spec in specs.items() if spec.partitions_def is not None}
    assert {"bars", "features", "orders"} <= expected
    assert "model_versions" not in expected
    assert specs["bars"].freshness_policy == expected_each_evening()


def test_a_session_made_when_it_decides_is_fresh_on_half_days_and_through_both_changes_of_the_clock() -> None:
    hour = int(DEADLINE_CRON.split()[1])
    sessions = calendar.sessions_between(pd.Timestamp("2024-01-01"), pd.Timestamp("2026-12-31"))
    for session in sessions:
        deadline = (session + pd.Timedelta(hours=hour)).tz_localize(calendar.TIMEZONE)
        assert deadline - LOWER_BOUND < calendar.as_of(session) < deadline
    assert sum(map(calendar.is_half_day, sessions)) > 5


def test_the_policy_is_by_the_clock_of_the_exchange() -> None:
    policy = expected_each_evening()
    assert isinstance(policy, type(dg.FreshnessPolicy.cron(DEADLINE_CRON, LOWER_BOUND)))
    assert getattr(policy, "timezone") == "America/New_York"  # noqa: B009

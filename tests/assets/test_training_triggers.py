"""The newest session is looked at once, live only; what fires is noted, and its challenger is trained or withdrawn."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from assets.training_triggers import TABLE, looked
from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import ModelSpec
from pipelines.training_sensor import training_sensor, untrained
from trading import calendar
from trading.interfaces import ModelVersion
from trading.monitoring.training_triggers import TriggerRules
from trading.testing.example_rows import example
from trading.testing.memory_registry import MemoryRegistry
from trading.testing.memory_store import MemoryStore

AR1 = ModelSpec("ar1", PooledAR1, "quarterly", enabled=True, min_history=22, training_sessions=120)
HEAD = calendar.session_of("2024-06-13")
THROUGH = calendar.session_of("2024-03-28")
NOW = pd.Timestamp("2024-06-13 21:00", tz="UTC")
RULES = TriggerRules(act=True)


def features() -> pd.DataFrame:
    """SIMULATED, whose last thirty sessions are four times as wild."""
    rows = example("features", calendar.shift(HEAD, -259), HEAD)
    wild = np.where(rows["session"] > calendar.shift(HEAD, -30), 0.08, 0.02)
    returns = np.random.default_rng(3).normal(0, 1, len(rows)) * wild
    return rows.assign(timeframe="1D", log_return=returns, volatility_21=0.3)


@dataclass
class Opened:
    """As much of an open home as the triggers look at."""

    now: pd.Timestamp = NOW
    store: MemoryStore = field(default_factory=MemoryStore)
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    told: list[str] = field(default_factory=list)

    def clock(self) -> pd.Timestamp:
        return self.now

    @property
    def notifier(self) -> "Opened":
        return self

    def notify(self, event: str, /, **_facts: str) -> None:
        self.told.append(event)


@pytest.fixture
def opened() -> Opened:
    made = Opened()
    known = features()
    made.store.write({"features": known}, known["session"].min(), HEAD, commit={})
    for table in ("version_losses", "forecasts", "champions"):
        made.store.write({table: example(table, HEAD, HEAD)}, HEAD, HEAD, commit={})
    days = [THROUGH, calendar.shift(THROUGH, 1), calendar.shift(THROUGH, 64), calendar.shift(THROUGH, 190)]
    made.registry.log(ModelVersion("ar1", "v1", *days), PooledAR1(coefficients_=np.zeros(2)), {})
    return made


def look(opened: Opened, rules: TriggerRules = RULES) -> pd.DataFrame:
    return looked(cast("Any", opened), (AR1,), rules, {})


def test_wild_inputs_ask_for_a_challenger_from_the_next_session_on(opened: Opened) -> None:
    made = look(opened)

    (asked,) = opened.registry.triggers("ar1")
    assert (asked.kind, asked.session, asked.effective, asked.known_at) == (
        "drift",
        HEAD,
        calendar.shift(HEAD, 1),
        NOW,
    )
    assert made.set_index("kind")["acted"].to_dict() == {"accuracy": False, "drift": True, "age": False}
    assert opened.told == ["challenger_asked_for"]


def test_a_session_is_looked_at_once(opened: Opened) -> None:
    look(opened)

    assert look(opened).empty
    assert len(opened.registry.triggers("ar1")) == 1
    assert len(opened.store.read(TABLE)) == 3


@pytest.mark.parametrize("later", [1, 300])
def test_a_session_that_was_made_later_asks_for_nothing(opened: Opened, later: int) -> None:
    opened.now = calendar.as_of(calendar.shift(HEAD, later))

    assert look(opened).empty
    assert opened.registry.triggers("ar1") == ()


def test_unless_it_is_to_act_it_only_tells(opened: Opened) -> None:
    made = look(opened, replace(RULES, act=False))

    assert made["fires"].any()
    assert not made["acted"].any()
    assert opened.registry.triggers("ar1") == ()


def test_soon_after_a_training_nothing_is_asked_for(opened: Opened) -> None:
    recent = calendar.shift(HEAD, -5)
    days = [recent, calendar.shift(recent, 1), calendar.shift(recent, 1), calendar.shift(recent, 99)]
    opened.registry.log(ModelVersion("ar1", "v2", *days), PooledAR1(coefficients_=np.zeros(2)), {})

    look(opened)

    assert opened.registry.triggers("ar1") == ()


def test_the_sensor_launches_the_training_until_a_version_has_learned(opened: Opened) -> None:
    import dagster as dg

    look(opened)
    sensor = training_sensor(("ar1",), lambda: opened.registry)

    (asked,) = list(sensor(dg.build_sensor_context()))
    days = [HEAD, calendar.shift(HEAD, 1), calendar.shift(HEAD, 99), calendar.shift(HEAD, 99)]
    opened.registry.log(ModelVersion("ar1", "v2", *days), PooledAR1(coefficients_=np.zeros(2)), {})

    assert asked.run_config["ops"]["model_versions"]["config"] == {"models": ["ar1"]}
    assert asked.run_key == "ar1 2024-06-13"
    assert untrained(opened.registry, "ar1") == []

"""What the training job trains: what the calendar asks for, made of what the home has now."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.training import makes_everything, train_due
from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import ModelSpec
from models.forecasters.random_walk import RandomWalk
from pipelines.partitions import range_tags
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from resources.registry_book import RegistryBook
from trading import calendar, frames
from trading.errors import ModelError
from trading.interfaces import ModelVersion
from trading.stages.training import made_of
from trading.testing.feature_history import feature_history
from trading.testing.memory_registry import MemoryRegistry
from trading.universe import SYMBOLS

AR1 = ModelSpec("ar1", PooledAR1, "quarterly", enabled=True, min_history=22, training_sessions=120)
WALK = ModelSpec("random_walk", RandomWalk, "zero_shot", enabled=True, min_history=21)
PLAN = plan_of(Settings(models=("random_walk", "ar1"), burn_in_sessions=45))
INCEPTION = calendar.session_of("2024-05-01")
QUARTER_END, NEXT = calendar.session_of("2024-06-28"), calendar.session_of("2024-07-01")
RETURNS = np.random.default_rng(3).normal(0, 0.02, (500, len(SYMBOLS)))


def features(last: str = "2024-07-31") -> pd.DataFrame:
    history = feature_history(RETURNS, last)
    known = pd.DataFrame({name: history.values[name] for name in history.values})
    return known.reindex(columns=frames.columns("features"), fill_value=0.0)


FEATURES = features()


@dataclass
class Opened:
    """As much of an open home as training looks at, with the features up to `last`."""

    last: pd.Timestamp
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    home: Any = field(default_factory=lambda: SimpleNamespace(inception=INCEPTION))

    @property
    def store(self) -> "Opened":
        return self

    def tables(self) -> pd.DataFrame:
        return pd.DataFrame({"table": ["features"], "last_session": [self.last]})

    def read(self, _table: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        return FEATURES[FEATURES["session"].between(first, min(last, self.last))]


def trained(opened: Opened, *specs: ModelSpec, renew: bool = False) -> list[ModelVersion]:
    return train_due(PLAN, cast("Any", opened), specs or (AR1, WALK), renew=renew)


def test_at_a_quarter_s_end_the_version_of_the_next_session_is_trained() -> None:
    opened = Opened(calendar.shift(QUARTER_END, -1))
    trained(opened)

    opened.last = QUARTER_END
    (new,) = trained(opened)

    assert (new.model, new.trained_through, new.live_from) == ("ar1", QUARTER_END, NEXT)


def test_the_session_after_does_not_train_it_again_and_a_range_gives_the_same() -> None:
    evenings, at_once = Opened(QUARTER_END), Opened(calendar.shift(NEXT, 5))
    trained(evenings)

    for ahead in range(6):
        evenings.last = calendar.shift(NEXT, ahead)
        assert trained(evenings) == []

    trained(at_once)
    assert evenings.registry.versions("ar1") == at_once.registry.versions("ar1")
    assert evenings.registry.versions("ar1")[-1].trained_through == QUARTER_END


def test_what_comes_after_the_quarter_s_end_is_not_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = trained(Opened(QUARTER_END))
    spoiled = FEATURES.copy()
    spoiled.loc[spoiled["session"] > QUARTER_END, "log_return"] = 5.0
    monkeypatch.setitem(globals(), "FEATURES", spoiled)

    assert trained(Opened(calendar.shift(NEXT, 5))) == honest


@pytest.mark.parametrize(
    "other",
    [
        replace(AR1, code_version="2"),
        replace(AR1, seed=1),
        replace(AR1, training_sessions=121),
        replace(AR1, prototype=lambda: PooledAR1(decay=0.9)),
        replace(AR1, prototype=lambda: PooledAR1(coefficients_=np.array([0.0, 0.5]))),
        replace(AR1, data_through=INCEPTION),
    ],
    ids=["code", "seed", "window", "hyper-parameter", "weights", "what the weights have seen"],
)
def test_a_version_made_of_something_else_is_refused_until_everything_is_made_again(other: ModelSpec) -> None:
    opened = Opened(QUARTER_END)
    before = trained(opened, AR1)

    with pytest.raises(ModelError, match=r"version \w{12} of model 'ar1'.*--rebuild.*another home"):
        trained(opened, other)
    with pytest.raises(ModelError, match=made_of(other)):
        RegistryBook(opened.registry, [other]).live("ar1", INCEPTION)

    after = trained(opened, other, renew=True)
    assert [version.trained_through for version in after] == [version.trained_through for version in before]
    speaking = RegistryBook(opened.registry, [other]).records("ar1", INCEPTION)
    assert {version.facts["made_of"] for version in speaking} == {made_of(other)}


def test_a_version_that_does_not_say_what_it_was_made_of_is_refused() -> None:
    registry = MemoryRegistry()
    registry.log(ModelVersion("random_walk", "old", None, None, None, None), RandomWalk(), {})

    with pytest.raises(ModelError, match="was made of unknown"):
        RegistryBook(registry, [WALK]).live("random_walk", INCEPTION)


def test_going_back_to_what_a_home_was_made_of_lets_the_first_versions_speak_again() -> None:
    opened, other = Opened(QUARTER_END), replace(AR1, seed=1)
    first = trained(opened, AR1)
    trained(opened, other, renew=True)

    assert trained(opened, AR1, renew=True) == first
    assert trained(opened, AR1) == []


def test_making_everything_again_trains_nothing_where_nothing_has_changed() -> None:
    opened = Opened(QUARTER_END)
    trained(opened)
    assert trained(opened, renew=True) == []


@pytest.mark.parametrize(
    ("begin", "selected", "everything"),
    [
        ("2024-05-01", None, True),
        ("2024-05-01", [], True),
        ("2024-05-01", [*PLAN.tables, "model_versions"], True),
        ("2024-05-01", ["features", "model_versions"], False),
        ("2024-05-02", None, False),
        (None, None, False),
    ],
)
def test_only_a_run_of_the_whole_line_from_the_inception_makes_everything(
    begin: str | None, selected: list[str] | None, *, everything: bool
) -> None:
    tags = {} if begin is None else range_tags(calendar.session_of(begin), NEXT)
    chosen = None if selected is None else frozenset(map(dg.AssetKey, selected))
    run = dg.DagsterRun(job_name="line", tags=tags, asset_selection=chosen)

    assert makes_everything(run, PLAN, INCEPTION) == everything

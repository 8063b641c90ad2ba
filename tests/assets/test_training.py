"""What the training job trains: what the calendar asks for, made of what the home has now."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import structlog

from assets.training import makes_everything, named, train_due
from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import ModelSpec, train_book
from models.forecasters.random_walk import RandomWalk
from pipelines.partitions import range_tags
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from resources.registry_book import RegistryBook
from resources.training_journal import HomeJournal
from trading import calendar, frames
from trading.errors import MissingBarsError, ModelError, UsageError
from trading.history import History
from trading.interfaces import ModelVersion
from trading.stages.training import made_of
from trading.testing.feature_history import feature_history
from trading.testing.memory_registry import MemoryRegistry
from trading.testing.stepwise import Stepwise
from trading.universe import SYMBOLS

AR1 = ModelSpec("ar1", PooledAR1, "quarterly", enabled=True, min_history=22, training_sessions=120)
WALK = ModelSpec("random_walk", RandomWalk, "zero_shot", enabled=True, min_history=21)
STEPS = ModelSpec(
    "ar1", Stepwise, "quarterly", enabled=True, min_history=22, training_sessions=120, update="incremental"
)
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
    folder: Path = Path("/nowhere")
    told: list[tuple[str, int, int]] = field(default_factory=list)

    def progress(self, stage: str, done: int, total: int) -> None:
        self.told.append((stage, done, total))

    def journal(self, version: ModelVersion) -> HomeJournal:
        def tell(done: int, of: int) -> None:
            self.told.append((f"{version.trained_through:%Y-%m-%d}", done, of))

        return HomeJournal(self.folder, version, structlog.get_logger(), tell)

    @property
    def store(self) -> "Opened":
        return self

    def tables(self) -> pd.DataFrame:
        return pd.DataFrame({"table": ["features"], "last_session": [self.last]})

    def read(self, _table: str, first: pd.Timestamp, last: pd.Timestamp, *, timeframe: str) -> pd.DataFrame:
        assert timeframe == "1D"
        return FEATURES[FEATURES["session"].between(first, min(last, self.last))]


def trained(opened: Opened, *specs: ModelSpec, renew: bool = False, through: str = "") -> list[ModelVersion]:
    last = calendar.session_of(through) if through else None
    return train_due(PLAN, cast("Any", opened), specs or (AR1, WALK), renew=renew, through=last)


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


def weights(opened: Opened, spec: ModelSpec) -> list[bytes]:
    versions = opened.registry.versions(spec.name)
    return [opened.registry.load(version, spec.prototype()).to_bytes() for version in versions]


def test_an_incremental_version_begins_at_the_weights_of_the_one_before_and_says_so() -> None:
    opened, full = Opened(QUARTER_END), Opened(QUARTER_END)
    first, *later = trained(opened, STEPS)
    trained(full, replace(STEPS, update="full"))

    assert "started_from" not in first.facts
    assert [one.facts["started_from"] for one in later] == [first.version, *(o.version for o in later[:-1])]
    assert weights(opened, STEPS)[0] == weights(full, STEPS)[0]
    assert set(weights(opened, STEPS)[1:]).isdisjoint(weights(full, STEPS))


def test_incremental_versions_are_the_same_one_evening_after_another_or_at_once_and_in_memory() -> None:
    evenings, at_once = Opened(calendar.shift(QUARTER_END, -1)), Opened(QUARTER_END)
    trained(evenings, STEPS)
    evenings.last = QUARTER_END

    assert len(trained(evenings, STEPS)) == 1
    at_once_made = trained(at_once, STEPS)

    first = PLAN.first_session("forecast_ar1", INCEPTION)
    book = train_book([STEPS], History.from_frame("features", FEATURES), first, NEXT)
    assert list(evenings.registry.versions("ar1")) == at_once_made == [one.version for one in book.trained]
    assert weights(evenings, STEPS) == weights(at_once, STEPS)


def test_each_epoch_is_told_and_the_last_one_closes_the_bar() -> None:
    opened = Opened(QUARTER_END)

    made = trained(opened, STEPS)

    assert len(opened.told) == 8 * len(made)
    all_made = ("model_versions", len(made), len(made))
    assert opened.told[-3:] == [("2024-06-28", 6, 6), ("2024-06-28", 6, 6), all_made]


def test_training_through_a_session_learns_nothing_after_it() -> None:
    opened = Opened(calendar.session_of("2024-07-31"))

    early = trained(opened, AR1, through="2024-06-27")
    later = trained(opened, AR1)

    assert max(one.trained_through for one in early if one.trained_through) < QUARTER_END
    assert [one.trained_through for one in later] == [QUARTER_END]


def test_training_beyond_the_features_is_refused_with_the_command_that_makes_them() -> None:
    with pytest.raises(MissingBarsError, match=r"features end at 2024-06-28.*fabline run --to 2024-07-31"):
        trained(Opened(QUARTER_END), through="2024-07-31")


def test_a_model_that_the_home_does_not_have_is_refused_by_name() -> None:
    assert named((AR1, WALK), []) == (AR1, WALK)
    assert named((AR1, WALK), ["random_walk"]) == (WALK,)
    with pytest.raises(UsageError, match="no model 'samba'; it has ar1,random_walk"):
        named((AR1, WALK), ["samba"])


KILLED = """
import runpy, sys, time
from pathlib import Path
test = runpy.run_path("tests/assets/test_training.py")
opened = test["Opened"](test["QUARTER_END"], folder=Path(sys.argv[1]))
journal = opened.journal
def eager(version):
    kept = journal(version)
    kept._every_seconds = 0.0
    return kept
def loud(self, line):
    print(line, flush=True)
    time.sleep(0.05)
opened.journal = eager
opened.told = type("Loud", (), {"append": loud})()
test["trained"](opened, test["STEPS"])
"""


def test_a_training_killed_without_a_word_goes_on_to_the_bytes_of_an_undisturbed_one(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
    )
    assert killed.stdout is not None
    for _ in range(3):
        killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    resumed, undisturbed = Opened(QUARTER_END, folder=tmp_path), Opened(QUARTER_END)

    assert trained(resumed, STEPS) == trained(undisturbed, STEPS)

    assert weights(resumed, STEPS) == weights(undisturbed, STEPS)
    assert 1 < resumed.told[0][1] < len(undisturbed.told)
    assert list(tmp_path.rglob("*.state")) == []


def test_what_a_killed_training_of_other_code_left_is_thrown_away(tmp_path: Path) -> None:
    opened = Opened(QUARTER_END, folder=tmp_path)
    expected = trained(Opened(QUARTER_END), STEPS)[0]
    kept = HomeJournal(tmp_path, expected, structlog.get_logger(), lambda _done, _of: None, every_seconds=0.0)
    kept.epoch(1, 6, {}, lambda: b"of other code")

    assert trained(opened, STEPS)[0] == expected

    assert [line[1] for line in opened.told[:6]] == [1, 2, 3, 4, 5, 6]

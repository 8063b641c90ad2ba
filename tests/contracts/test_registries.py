"""What every model registry must do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.forecasters.ar1 import PooledAR1
from models.forecasters.random_walk import RandomWalk
from resources.registry import MlflowRegistry
from trading.errors import CheckpointError, VersionMissingError
from trading.interfaces import ChampionDecision, ModelRegistry, ModelVersion, TrainingTrigger
from trading.testing.memory_registry import MemoryRegistry

QUARTERS = [pd.Timestamp(day) for day in ("2023-03-31", "2023-06-30", "2023-09-29", "2023-12-29")]


def version(number: int, model: str = "ar1") -> ModelVersion:
    return ModelVersion(
        model=model,
        version=f"digest{number}",
        trained_through=QUARTERS[number],
        live_from=QUARTERS[number] + pd.Timedelta(days=3),
        champion_from=None,
        retired=None,
        data_through=QUARTERS[number],
        facts={"code_version": "1", "seed": "0"},
    )


def fitted(slope: float) -> PooledAR1:
    return PooledAR1(coefficients_=np.array([0.001, slope]))


@pytest.fixture(params=["memory", "mlflow"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    return MemoryRegistry() if request.param == "memory" else MlflowRegistry(tmp_path / "m", tmp_path / "f")


def test_a_new_registry_knows_nothing(registry: ModelRegistry) -> None:
    assert registry.versions("ar1") == ()
    assert registry.champion("ar1") is None


def test_a_logged_version_comes_back_with_all_its_facts(registry: ModelRegistry) -> None:
    registry.log(version(1), fitted(0.1), {"pinball": 0.01})
    assert registry.versions("ar1") == (version(1),)


def test_a_zero_shot_version_has_no_dates(registry: ModelRegistry) -> None:
    zero_shot = ModelVersion("random_walk", "digest", None, None, None, None)
    registry.log(zero_shot, RandomWalk(), {})
    assert registry.versions("random_walk") == (zero_shot,)


def test_versions_are_ordered_by_the_session_from_which_they_speak(registry: ModelRegistry) -> None:
    for number in (2, 0, 3, 1):
        registry.log(version(number), fitted(0.1), {})
    assert [v.version for v in registry.versions("ar1")] == ["digest0", "digest1", "digest2", "digest3"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a"), ("a", "b", "a"), ("b", "a", "b", "b")])
def test_of_versions_of_one_quarter_the_one_logged_last_comes_last(
    registry: ModelRegistry, order: tuple[str, ...]
) -> None:
    for name in order:
        registry.log(replace(version(1), version=name), fitted(0.1), {})
    expected = sorted("ab", key="".join(order).rindex)
    assert [v.version for v in registry.versions("ar1")] == expected


def test_a_zero_shot_model_s_versions_come_as_they_were_logged(registry: ModelRegistry) -> None:
    for name in ("c", "a", "b"):
        registry.log(ModelVersion("random_walk", name, None, None, None, None), RandomWalk(), {})
    assert [v.version for v in registry.versions("random_walk")] == ["c", "a", "b"]


def test_models_keep_apart(registry: ModelRegistry) -> None:
    registry.log(version(0), fitted(0.1), {})
    registry.log(version(1, "random_walk"), RandomWalk(), {})
    assert registry.versions("ar1") == (version(0),)


def test_weights_come_back_bit_by_bit(registry: ModelRegistry) -> None:
    registry.log(version(0), fitted(1 / 3), {})
    loaded = registry.load(version(0), PooledAR1())
    assert loaded.to_bytes() == fitted(1 / 3).to_bytes()


def test_the_same_digest_again_changes_nothing(registry: ModelRegistry) -> None:
    registry.log(version(0), fitted(0.1), {})
    registry.log(version(0), fitted(0.9), {})
    assert registry.versions("ar1") == (version(0),)
    assert registry.load(version(0), PooledAR1()).to_bytes() == fitted(0.1).to_bytes()


def test_weights_of_another_shape_are_refused(registry: ModelRegistry) -> None:
    registry.log(version(0, "random_walk"), RandomWalk(), {})
    with pytest.raises(CheckpointError, match="state of ar1"):
        registry.load(version(0, "random_walk"), PooledAR1())


def test_a_version_that_was_never_logged_is_missing(registry: ModelRegistry) -> None:
    with pytest.raises(VersionMissingError, match=r"model ar1 has no version digest0.*train it first"):
        registry.load(version(0), PooledAR1())


def test_the_alias_follows_each_promotion_and_each_rollback(registry: ModelRegistry) -> None:
    for number in (0, 1):
        registry.log(version(number), fitted(0.1), {})
    for champion in ("digest0", "digest1", "digest1", "digest0"):
        registry.promote("ar1", champion)
        assert registry.champion("ar1") == champion


@pytest.mark.parametrize("unknown", ["digest3", ""])
def test_only_a_version_can_be_promoted(registry: ModelRegistry, unknown: str) -> None:
    registry.log(version(0), fitted(0.1), {})
    registry.promote("ar1", "digest0")
    with pytest.raises(VersionMissingError, match="it has digest0"):
        registry.promote("ar1", unknown)
    assert registry.champion("ar1") == "digest0"


def test_decisions_come_back_as_they_were_made(registry: ModelRegistry) -> None:
    registry.log(version(1), fitted(0.1), {})
    decided = pd.Timestamp("2023-10-02 21:00", tz="UTC")
    made = [
        ChampionDecision("ar1", "digest1", action, pd.Timestamp("2023-10-03"), decided, 'a note, "quoted"')
        for action in ("promote", "rollback")
    ]

    for decision in made:
        registry.decide(decision)  # type: ignore[arg-type]

    assert registry.decisions("ar1") == tuple(made)
    assert registry.decisions("random_walk") == ()


def test_triggers_come_back_as_they_were_seen(registry: ModelRegistry) -> None:
    seen, day = pd.Timestamp("2023-10-02 21:00", tz="UTC"), pd.Timestamp("2023-10-02")
    made = [
        TrainingTrigger(
            "ar1", kind, day, pd.Timestamp("2023-10-03"), 0.25, 0.1, seen, "1D", "drift of rsi_14"
        )
        for kind in ("drift", "void")
    ]

    for trigger in made:
        registry.trigger(trigger)  # type: ignore[arg-type]

    assert registry.triggers("ar1") == tuple(made)
    assert registry.triggers("random_walk") == ()


def test_nobody_decides_about_a_version_that_is_not_there(registry: ModelRegistry) -> None:
    day, moment = pd.Timestamp("2023-10-03"), pd.Timestamp("2023-10-02 21:00", tz="UTC")

    with pytest.raises(VersionMissingError, match="nobody"):
        registry.decide(ChampionDecision("ar1", "nobody", "promote", day, moment))

    assert registry.decisions("ar1") == ()


def test_weights_that_are_what_was_logged_have_no_flaw(registry: ModelRegistry) -> None:
    registry.log(version(1), fitted(0.1), {})

    assert registry.flaw(version(1)) == ""
    assert registry.flaw(version(2)) != ""

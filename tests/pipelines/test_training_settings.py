"""How models learn is a setting of a home: it reaches those that can, names other versions, and is bound to the home."""

from pathlib import Path

import pytest

from models.forecasters.catalogue import CATALOGUE
from pipelines.settings import Settings, set_value
from pipelines.wiring import specs_of
from trading.errors import UsageError
from trading.stages.training import made_of

NAMES = "random_walk,ar1,ridge,tsmamba,samba,timesfm_tuned"
USUAL = Settings().with_value("models", NAMES)
INCREMENTAL = USUAL.with_value("training.update", "incremental")
YEARLY = USUAL.with_value("training.cadence", "yearly")


def test_networks_are_updated_and_what_is_solved_in_one_step_learns_in_full() -> None:
    updated = {spec.name for spec in specs_of(INCREMENTAL) if spec.update == "incremental"}

    assert updated == {"tsmamba", "samba", "timesfm_tuned"}


def test_every_model_that_learns_takes_the_homes_cadence_and_zero_shot_stays() -> None:
    assert {spec.cadence for spec in specs_of(YEARLY) if spec.name != "random_walk"} == {"yearly"}
    assert specs_of(YEARLY)[0].cadence == "zero_shot"


def test_what_is_left_to_the_catalogue_is_the_catalogue_s() -> None:
    known = {spec.name: (spec.cadence, spec.update) for spec in CATALOGUE}

    assert {spec.name: (spec.cadence, spec.update) for spec in specs_of(USUAL)}.items() <= known.items()


@pytest.mark.parametrize("changed", [INCREMENTAL, YEARLY])
def test_another_way_to_learn_is_another_home_and_names_other_versions(changed: Settings) -> None:
    before, after = ({spec.name: made_of(spec) for spec in specs_of(s)} for s in (USUAL, changed))

    assert changed.digest() != USUAL.digest()
    assert before["samba"] != after["samba"]
    assert before["random_walk"] == after["random_walk"]


def test_a_word_that_is_no_way_to_learn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"training\.update is full or incremental, not 'monthly'"):
        set_value(tmp_path, "training.update", "monthly")


@pytest.mark.parametrize("name", ["tsmamba", "samba", "timesfm_tuned"])
def test_a_model_counted_as_resumable_has_weights_to_go_on_from(name: str) -> None:
    """Its beginning reads what `from_bytes` loaded: the prototype's own field for weights."""
    (spec,) = (one for one in CATALOGUE if one.name == name)

    assert spec.resumable
    assert hasattr(spec.prototype(), "payload_")

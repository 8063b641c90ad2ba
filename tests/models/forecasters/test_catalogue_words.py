"""Words that stand for several models of the catalogue."""

import pytest

from models.forecasters.catalogue import CATALOGUE, ROADMAP_MODELS, default_models, expanded, model_specs
from trading.errors import UsageError


def test_the_word_roadmap_holds_its_three_models_and_the_default_ones() -> None:
    assert set(expanded(["roadmap"])) == {*default_models(), *ROADMAP_MODELS}


def test_the_word_all_leaves_out_only_weights_that_may_have_seen_a_market() -> None:
    left = {spec.name for spec in CATALOGUE} - set(expanded(["all"]))

    assert left == {spec.name for spec in CATALOGUE if spec.data_through is not None}


def test_words_and_names_mix_and_come_once_in_the_order_of_the_catalogue() -> None:
    assert expanded(["ridge", "default", "ar1"]) == ("random_walk", "ar1", "ridge", "timesfm")


def test_a_name_that_nobody_knows_is_kept_so_that_the_catalogue_refuses_it() -> None:
    with pytest.raises(UsageError, match="unknown model 'alll'"):
        model_specs(expanded(["alll"]))

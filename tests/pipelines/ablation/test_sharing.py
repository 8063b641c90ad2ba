"""A variant that takes what it can from the base has, in every table, the bytes of one that was made alone."""

import pytest

from pipelines.ablation.sharing import Line, changed_stages, made_line, made_variant
from pipelines.ablation.variants import Variant, variants_of
from pipelines.in_memory import Market
from resources.arrow_frames import to_arrow
from tests.e2e.homes import same_bytes
from tests.pipelines.ablation.lines import FIRST, LAST, SMALL

VARIANTS = {variant.name: variant for variant in variants_of(SMALL)}


def differing(one: Line, other: Line) -> list[str]:
    """Tables whose bytes differ in the sessions that the second line makes."""
    pairs = {}
    for table in other.plan.makers:
        begins = other.plan.first_session(table, FIRST)
        pairs[table] = [to_arrow(table, line.made.store.read(table, begins, LAST)) for line in (one, other)]
    return [table for table, sides in pairs.items() if not same_bytes(*sides)]


def check(base: Line, market: Market, variant: Variant) -> None:
    settings = variant.of(SMALL)
    shared, alone = made_variant(base, settings), made_line(settings, market, FIRST, LAST)
    assert differing(shared, alone) == []


def test_a_variant_that_shares_is_one_that_was_made_alone(base: Line, market: Market) -> None:
    check(base, market, VARIANTS["ar1 left out"])


@pytest.mark.nightly  # a whole line of each of three dozen variants: two minutes of processor
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=lambda variant: variant.name)
def test_every_variant_that_shares_is_one_that_was_made_alone(
    base: Line, market: Market, variant: Variant
) -> None:
    check(base, market, variant)


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"trading.regime_scaling": False}, "trading_session"),
        ({"signals.horizon": 1}, "signals"),
        ({"selection.top": 3}, "selection"),
        ({"ensemble.combination": "mixture"}, "ensemble_forecast"),
        ({"ensemble.method": "equal"}, "ensemble_weights"),
        ({"intervals.gamma": 0.01}, "version_intervals"),
        ({"models": ("random_walk",)}, "version_losses"),
        ({"training.cadence": "weekly"}, "forecast_random_walk"),
        ({"training.cadence": "yearly"}, "features"),  # a version a year old learned from earlier bars
        ({"timeframes": ("1D",)}, "features"),
    ],
)
def test_the_first_stage_that_is_made_again_is_the_one_that_was_told_something_else(
    settings: dict[str, object], first: str
) -> None:
    assert changed_stages(SMALL, Variant("one", "", "", settings).of(SMALL))[0] == first


def test_nothing_is_made_again_where_nothing_changes_and_all_of_it_where_the_burn_in_does() -> None:
    longer = SMALL.with_value("burn_in_sessions", 46)
    assert changed_stages(SMALL, SMALL) == ()
    assert set(changed_stages(SMALL, longer)) >= {"graph", "forecast_ar1", "regimes", "trading_session"}


def test_every_variant_changes_something_and_none_is_there_twice() -> None:
    ablations = [variant for variant in VARIANTS.values() if variant.is_ablation]
    assert [variant.name for variant in ablations if not changed_stages(SMALL, variant.of(SMALL))] == []
    assert len(VARIANTS) == len(variants_of(SMALL))

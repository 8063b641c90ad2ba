"""Tests of many variants beside a benchmark, and every figure of a choice among them."""

import math

import numpy as np
import pandas as pd
import pytest

from trading import calendar
from trading.digest import generator
from trading.errors import UsageError
from trading.evaluation.choosing import FEWEST_SESSIONS, Variants, choice_figures
from trading.evaluation.figures import table_of
from trading.evaluation.loss_tests import model_confidence_set
from trading.evaluation.overfitting import overfitting
from trading.evaluation.resampling import stationary_indices
from trading.evaluation.superiority import superiority
from trading.evaluation.trials import Trials

DAYS = calendar.sessions_between(calendar.session_of("2021-01-04"), calendar.session_of("2022-12-30"))
NAMES = ("good", "same", "bad")


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    drawn = generator("variants").normal(0, 0.01, (len(DAYS), 3))
    return drawn + np.array([0.004, 0.0, -0.004])


@pytest.fixture(scope="module")
def market() -> np.ndarray:
    return generator("benchmark").normal(0, 0.01, len(DAYS))


def test_the_good_one_is_found_by_every_test(returns: np.ndarray, market: np.ndarray) -> None:
    found = superiority(returns, NAMES, market)

    assert found.spa < 0.01
    assert found.superior == ("good",)
    assert found.confidence_set["good"] == 1
    assert found.confidence_set["bad"] < 0.05


def test_of_variants_without_skill_none_is_superior(market: np.ndarray) -> None:
    noise = generator("noise").normal(0, 0.01, (len(DAYS), 5))

    found = superiority(noise, list("abcde"), market)

    assert found.spa > 0.05
    assert found.superior == ()


def test_the_confidence_set_is_that_of_our_own_for_losses(returns: np.ndarray, market: np.ndarray) -> None:
    close = returns * [1, 1, 1] - np.array([0.0035, 0, -0.0035])

    theirs = superiority(close, NAMES, market).confidence_set
    places = stationary_indices(len(DAYS), 1000, 10, generator("own"))
    weights = np.stack([np.bincount(row, minlength=len(DAYS)) for row in places]).astype(float)
    ours = model_confidence_set(-close, NAMES, weights)

    # two bootstraps of 1,000 samples: a p-value is off by 0.016 at most in each, one standard deviation
    assert [theirs[name] for name in NAMES] == pytest.approx([ours[name] for name in NAMES], abs=0.08)


def test_the_same_seed_gives_the_same_p_value(returns: np.ndarray, market: np.ndarray) -> None:
    assert superiority(returns, NAMES, market) == superiority(returns, NAMES, market)


def test_one_variant_or_few_sessions_are_no_set(returns: np.ndarray, market: np.ndarray) -> None:
    with pytest.raises(UsageError, match="two and 21"):
        superiority(returns[:, :1], NAMES[:1], market)
    with pytest.raises(UsageError, match="two and 21"):
        superiority(returns[:20], NAMES, market[:20])


@pytest.fixture(scope="module")
def figures(returns: np.ndarray, market: np.ndarray) -> pd.DataFrame:
    wide = pd.DataFrame(returns, index=DAYS, columns=list(NAMES))
    return table_of(choice_figures(Variants.of("a file", wide, pd.Series(market, DAYS)), Trials(3, ())))


def value(figures: pd.DataFrame, subject: str, metric: str) -> float:
    chosen = (figures["subject"] == subject) & (figures["metric"] == metric)
    return float(figures.loc[chosen, "value"].iloc[0])


def test_a_choice_says_what_cross_validation_and_walking_forward_say(
    figures: pd.DataFrame, returns: np.ndarray
) -> None:
    own = overfitting(returns)

    assert value(figures, "cross_validation", "probability_of_overfitting") == own.probability == 0
    assert value(figures, "cross_validation", "path_sharpe") == pytest.approx(np.median(own.paths))
    assert value(figures, "walk_forward", "changes_of_choice") == 0
    assert value(figures, "walk_forward", "sharpe") == pytest.approx(
        returns[252:, 0].mean() / returns[252:, 0].std(ddof=1) * math.sqrt(252)
    )


def test_each_variant_is_told_with_its_tests(figures: pd.DataFrame) -> None:
    assert value(figures, "good", "superior_by_stepm") == 1
    assert value(figures, "bad", "superior_by_stepm") == 0
    assert value(figures, "all", "spa_p") < 0.01


def test_only_sessions_that_all_have_count() -> None:
    wide = pd.DataFrame(generator("gaps").normal(0, 0.01, (len(DAYS), 2)), index=DAYS, columns=["a", "b"])
    wide.iloc[3, 0] = np.nan

    made = Variants.of("a file", wide, pd.Series(0.0, DAYS[10:]))

    assert len(made.sessions) == len(DAYS) - 10


def test_too_few_sessions_or_variants_are_refused() -> None:
    wide = pd.DataFrame(0.0, index=DAYS, columns=["a", "b"])
    with pytest.raises(UsageError, match=f"on {FEWEST_SESSIONS} sessions"):
        Variants.of("a file", wide.iloc[:50], pd.Series(0.0, DAYS))
    with pytest.raises(UsageError, match="two variants"):
        Variants.of("a file", wide[["a"]], pd.Series(0.0, DAYS))

"""The book of trials: what counts as one, and what the count makes of a Sharpe ratio."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar
from trading.digest import generator
from trading.evaluation.sharpe_tests import SharpeMoments, deflated_sharpe
from trading.evaluation.trials import Look, Trials, trial_row

DAYS = calendar.sessions_between(calendar.session_of("2023-01-03"), calendar.session_of("2023-12-29"))
NOW = pd.Timestamp("2024-02-01 12:00", tz="UTC").as_unit("us")
LOOK = Look("run", "default", "settings", "code")


def returns(count: int = 100, seed: int = 0) -> pd.Series:
    return pd.Series(generator("trial", seed=seed).normal(0.001, 0.01, count), index=DAYS[:count])


def book(*looks: tuple[Look, int, int]) -> pd.DataFrame:
    return pd.concat([trial_row(look, returns(count, seed), NOW) for look, count, seed in looks])


def test_a_row_says_what_was_looked_at() -> None:
    row = trial_row(LOOK, returns(60), NOW).iloc[0]

    assert (row["session"], row["first_session"], row["n"]) == (DAYS[59], DAYS[0], 60)
    assert row["sharpe"] == SharpeMoments.of(returns(60).to_numpy()).sharpe
    assert row["known_at"] == NOW


def test_the_same_look_one_session_later_is_the_same_variant_and_another_row() -> None:
    rows = book((LOOK, 60, 0), (LOOK, 61, 0))

    assert rows["trial"].nunique() == 2
    assert Trials.of(rows).count == 1


@pytest.mark.parametrize("change", [{"settings": "other"}, {"code": "other"}, {"cut": "held out"}])
def test_other_settings_code_or_cut_is_another_trial(change: dict[str, str]) -> None:
    assert Trials.of(book((LOOK, 60, 0), (replace(LOOK, **change), 60, 0))).count == 2


def test_who_looked_and_how_it_was_called_makes_no_other_trial() -> None:
    assert (
        Trials.of(book((LOOK, 60, 0), (replace(LOOK, command="evaluate", label="again"), 60, 0))).count == 1
    )


def test_the_ratio_of_a_variant_is_that_of_its_longest_look() -> None:
    found = Trials.of(book((LOOK, 90, 1), (LOOK, 60, 1)))

    assert found.sharpes == (SharpeMoments.of(returns(90, 1).to_numpy()).sharpe,)


def test_no_return_is_no_row() -> None:
    assert trial_row(LOOK, returns(5) * np.nan, NOW).empty


def test_one_trial_deflates_nothing_and_an_empty_book_is_one_trial() -> None:
    moments = SharpeMoments.of(returns().to_numpy())
    nobody = Trials.of(trial_row(LOOK, returns(0), NOW))

    assert nobody.count == 1
    assert nobody.deflated(moments) == pytest.approx(deflated_sharpe(moments, [moments.sharpe]))


def test_wide_trials_deflate_as_the_paper_s_formula_does() -> None:
    moments, wide = SharpeMoments.of(returns().to_numpy()), (-0.3, 0.0, 0.3)

    assert Trials(3, wide).deflated(moments) == pytest.approx(deflated_sharpe(moments, wide))


def test_trials_that_resemble_each_other_count_as_chance_would_spread_them() -> None:
    assert Trials(5, (0.1, 0.1, 0.1)).deviation(400) == pytest.approx(1 / 20)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 500), more=st.integers(1, 500))
def test_more_trials_never_make_a_ratio_more_probable(count: int, more: int) -> None:
    moments = SharpeMoments.of(returns().to_numpy())

    few, many = Trials(count, ()).deflated(moments), Trials(count + more, ()).deflated(moments)

    assert many <= few + 1e-12
    assert math.isfinite(many)

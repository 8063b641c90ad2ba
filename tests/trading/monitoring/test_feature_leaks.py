"""Columns that know the future are named with how far they look; honest ones are left in peace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from tests.trading.monitoring import feature_files as files
from trading.monitoring import feature_leaks
from trading.monitoring.feature_leaks import CLEAN, LEAK, REVERSED, UNTESTED, leaks_in
from trading.monitoring.feature_views import VIEWS, Series, prepared_for

SHARED = Path(__file__).parents[4] / "shared" / "data" / "dirty" / "features_with_lookahead_nyse.parquet"
ROWS = 750


def judged(price: np.ndarray, columns: dict[str, np.ndarray]) -> pd.DataFrame:
    series = Series(np.arange(len(price)), price, np.column_stack(list(columns.values())))
    return leaks_in([series], list(columns)).set_index("column")


def alarms(seeds: range, rows: int) -> int:
    """How many honest files were accused of anything."""
    accused = 0
    for seed in seeds:
        price = files.prices(seed, rows)
        accused += bool(judged(price, files.honest(price, seed))["verdict"].isin([LEAK, REVERSED]).any())
    return accused


@pytest.mark.parametrize("name", list(files.leaking(files.prices(0, 300))))
def test_every_kind_of_leak_is_named_with_its_reach(name: str) -> None:
    price = files.prices(3, ROWS)
    values, ahead = files.leaking(price)[name]
    found = judged(price, {**files.honest(price, 3), name: values})

    assert found["verdict"][name] == LEAK
    assert found["looks_ahead"][name] == ahead
    assert (found["verdict"].drop(name) == CLEAN).all()


@pytest.mark.parametrize("span", [10, 50])
def test_an_average_that_runs_backwards_looks_as_far_as_its_weights_last(span: int) -> None:
    price = files.prices(4, 1500)
    found = judged(price, {"ema": files.smooth(price[::-1], span)[::-1]})
    lasts = np.log(0.05) / np.log(1 - 2 / (span + 1))  # where a weight is a twentieth of the first

    assert found["verdict"]["ema"] == LEAK
    assert found["looks_ahead"]["ema"] == pytest.approx(lasts, rel=0.35)


def test_a_half_hidden_leak_is_found_and_its_correlation_is_told() -> None:
    price = files.prices(5, ROWS)
    step = np.diff(np.log(price), append=np.log(price[-1]))
    found = judged(price, {"hint": step / step.std() + 2 * np.random.default_rng(1).normal(size=ROWS)})

    # one part in 1 + 4 of its variance is the next return
    assert found["verdict"]["hint"] == LEAK
    assert found["correlation"]["hint"] == pytest.approx(np.sqrt(0.2), abs=0.1)


def test_a_column_whose_time_runs_backwards_is_told_apart() -> None:
    price = files.prices(6, ROWS)
    step = np.diff(np.log(price), prepend=np.log(price[0]))

    found = judged(price, {"returns": step[::-1], "prices": price[::-1]})

    assert (found["verdict"] == REVERSED).all()


@pytest.mark.parametrize("rows", [100, 250, ROWS])
def test_honest_files_are_not_accused(rows: int) -> None:
    assert alarms(range(30), rows) == 0


def test_what_is_learned_on_one_half_of_time_is_judged_on_the_other() -> None:
    """Weights that were judged where they were learned would find a correlation of 0.2 in noise."""
    noise = np.random.default_rng(1).normal(size=(500, 200))
    prepared = prepared_for(Series(np.arange(500), files.prices(1, 500), noise))
    products = feature_leaks._lagged_products([prepared], VIEWS[0], 20, 200)
    found = feature_leaks._learned_test([prepared], VIEWS[0], 20, products).correlation

    # 200 independent columns of 500 rows: three standard errors of their mean are 0.013
    assert found.mean() == pytest.approx(0, abs=0.013)
    assert found.std() == pytest.approx(feature_leaks.HALVES_AGREE / np.sqrt(500), rel=0.2)


@pytest.mark.parametrize("window", [1, 20])
def test_without_the_allowance_p_values_of_noise_are_uniform(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_leaks, "HONEST_IC", 0.0)
    slow = lfilter([1], [1, -0.95], np.random.default_rng(2).normal(size=(600, 300)), axis=0)
    prepared = prepared_for(Series(np.arange(600), files.prices(2, 600), slow))
    found = feature_leaks._sum_test([prepared], VIEWS[0], window, 300).p_value

    # 300 columns that move slowly: three standard errors of a share of one in ten are 5 %
    assert (found < 0.1).mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.nightly
def test_of_a_thousand_honest_files_few_are_accused() -> None:
    # Two minutes. At most 5 % by construction; none was accused when it was measured (docs/results/leaks.md).
    assert alarms(range(1000), ROWS) <= 10


@settings(max_examples=25)
@given(st.floats(0.01, 100), st.floats(-5, 5), st.integers(0, 5))
def test_the_unit_and_the_zero_of_a_column_do_not_matter(factor: float, shift: float, seed: int) -> None:
    price = files.prices(seed, 200)
    values = files.honest(price, seed)["noise"]
    one, other = (judged(price, {"x": each}) for each in (values, factor * values + shift))

    # The view against the price exists for columns near the price alone, so only verdicts must agree.
    assert one["verdict"]["x"] == other["verdict"]["x"]


def test_what_other_columns_hold_does_not_change_a_correlation() -> None:
    price = files.prices(7, ROWS)
    columns = files.honest(price, 7)
    alone, together = judged(price, {"rsi": columns["rsi"]}), judged(price, columns)

    assert alone["correlation"]["rsi"] == pytest.approx(together["correlation"]["rsi"], abs=1e-12)


def test_columns_that_say_nothing_are_not_judged() -> None:
    price = files.prices(8, 200)
    empty, few = np.full(200, np.nan), np.full(200, np.nan)
    few[:59] = 1.0 * np.arange(59)
    found = judged(price, {"constant": np.ones(200), "empty": empty, "few": few})

    assert (found["verdict"] == UNTESTED).all()
    assert found["looks_ahead"].isna().all()


def test_names_of_one_market_count_as_one_where_they_move_together() -> None:
    """Ten copies of one honest name are no more evidence than one."""
    price = files.prices(9, 300)
    step = np.diff(np.log(price), prepend=np.log(price[0]))
    hint = files.later(step, 1) + 4 * step.std() * np.random.default_rng(2).normal(size=300)
    one = Series(np.arange(300), price, hint[:, np.newaxis])
    alone, copies = (leaks_in([one] * count, ["hint"])["p_value"][0] for count in (1, 10))

    assert copies == pytest.approx(alone, rel=1e-6)


def test_a_leak_in_a_file_of_several_names_is_found() -> None:
    each = []
    for seed in range(5):
        price = files.prices(seed, 150)
        step = np.diff(np.log(price), prepend=np.log(price[0]))
        hint = files.later(step, 1) + 2 * step.std() * np.random.default_rng(seed).normal(size=150)
        each.append(Series(np.arange(150), price, np.column_stack([hint, step])))
    found = leaks_in(each, ["hint", "return"]).set_index("column")

    assert found["verdict"].to_dict() == {"hint": LEAK, "return": CLEAN}


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_the_published_table_is_flagged_where_it_leaks() -> None:
    frame = pd.read_parquet(SHARED)
    names = [name for name in frame.columns if name not in ("Date", "Price", "Name")]
    series = Series(np.arange(len(frame)), frame["Price"].to_numpy(float), frame[names].to_numpy(float))
    found = leaks_in([series], names).set_index("column")

    leaks = found[found["verdict"] == LEAK]
    assert set(leaks.index) == {
        *("mom", "mom1", "mom2", "mom3"),
        *("ROC_5", "ROC_10", "ROC_15", "ROC_20"),
        *("EMA_10", "EMA_20", "EMA_50", "EMA_200"),
    }
    exact = {"mom": 1, "mom1": 2, "mom2": 3, "mom3": 4, "ROC_5": 5, "ROC_10": 10, "ROC_15": 15, "ROC_20": 20}
    assert leaks["looks_ahead"][list(exact)].to_dict() == exact
    assert found["verdict"][["weekday", "Vol.", "CNY", "DE1"]].eq(CLEAN).all()
    assert found["verdict"][["GSPC", "DGS10"]].eq(REVERSED).all()

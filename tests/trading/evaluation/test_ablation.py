"""Differences of variants: worked by hand, against closed forms, and what many comparisons do to a verdict."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar
from trading.digest import generator
from trading.evaluation import ablation
from trading.evaluation.ablation import MEASURES, SESSION_COLUMNS, differences, holm, with_verdicts

SESSIONS = calendar.sessions_between(calendar.session_of("2023-01-03"), calendar.session_of("2024-06-28"))
NOISE = generator("ablation test").normal(0.0005, 0.01, len(SESSIONS))


def line(
    returns: np.ndarray, sessions: pd.DatetimeIndex = SESSIONS, **columns: float | np.ndarray
) -> pd.DataFrame:
    values = {name: np.zeros(len(sessions)) for name in SESSION_COLUMNS} | {"net_return": returns} | columns
    return pd.DataFrame(values, index=sessions)


def row(table: pd.DataFrame, measure: str, name: str = "all") -> pd.Series:
    return table[(table["measure"] == measure) & (table["slice"] == name)].iloc[0]


def test_four_sessions_by_hand() -> None:
    few = SESSIONS[:4]
    own = line(
        np.array([0.10, -0.20, 0.05, 0.05]), few, turnover=0.5, calls=10.0, hits=6.0, cases=10.0, loss=0.9
    )
    base = line(
        np.array([0.00, -0.10, 0.10, 0.00]), few, turnover=0.2, calls=10.0, hits=5.0, cases=10.0, loss=1.0
    )

    table = differences(own, base, {})

    assert row(table, "annual_return")["difference"] == pytest.approx((0.0 - 0.0) * 252)
    assert row(table, "drawdown")[["value", "base"]].tolist() == pytest.approx([0.2, 0.1])
    assert row(table, "turnover")["difference"] == pytest.approx(0.3 * 252)
    assert row(table, "direction")["difference"] == pytest.approx(0.1)
    assert row(table, "loss")["difference"] == pytest.approx(-0.1)  # a share of the base's
    assert row(table, "volatility")["value"] == pytest.approx(
        np.std([0.1, -0.2, 0.05, 0.05], ddof=1) * 252**0.5
    )
    assert table[["low", "high", "p"]].isna().all().all()  # four sessions have no interval


def test_a_constant_gain_every_session_is_found_exactly() -> None:
    found = row(differences(line(NOISE + 0.001), line(NOISE), {}), "annual_return")

    assert [found[name] for name in ("difference", "low", "high")] == pytest.approx([0.252] * 3, abs=1e-9)
    assert (found["n"], found["p"]) == (len(SESSIONS), pytest.approx(1 / 2001))


def test_a_line_does_not_differ_from_itself_and_is_no_comparison() -> None:
    table = with_verdicts(differences(line(NOISE), line(NOISE), {}))

    assert (table["difference"] == 0).all()
    assert table["p"].isna().all()
    assert set(table["comparisons"]) == {0}


def test_what_leaves_forecasts_alone_is_not_judged_by_them() -> None:
    said = {"calls": 10.0, "hits": 5.0, "cases": 10.0, "loss": 1.0}
    table = differences(line(NOISE, **said), line(-NOISE, **said), {})
    assert set(table["measure"]) == {"annual_return", "volatility", "sharpe", "drawdown", "turnover"}


def test_years_and_regimes_have_rows_but_no_verdict_and_a_regime_no_drawdown() -> None:
    regimes = {session: "Bull" if place % 2 else "Bear" for place, session in enumerate(SESSIONS)}
    table = with_verdicts(differences(line(NOISE + 0.001), line(NOISE), regimes))

    by_kind = table.groupby("slice_kind")["slice"].unique().map(list).to_dict()
    assert by_kind == {"all": ["all"], "year": ["2023", "2024"], "regime": ["Bear", "Bull"]}
    assert set(table[table["slice_kind"] != "all"]["verdict"]) == {""}
    assert "drawdown" not in set(table[table["slice_kind"] == "regime"]["measure"])


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """100 pairs of equal means: at 95 % fewer than 88 would have a probability of 0.2 %."""
    few, held = SESSIONS[:252], 0
    for place in range(100):
        own, base = generator("pairs", seed=place).normal(0.0, 0.01, (2, len(few)))
        found = row(differences(line(own, few), line(base, few), {}, ["annual_return"]), "annual_return")
        held += found["low"] <= 0.0 <= found["high"]
    assert held >= 88


def by_definition(p_values: list[float], place: int) -> float:
    """The largest of what every p-value up to this one is times the tests that are no more significant."""
    mine = p_values[place]
    return min(1.0, max(p * sum(other >= p for other in p_values) for p in p_values if p <= mine))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_steps_down(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx([by_definition(p_values, place) for place in range(len(p_values))])


def test_no_test_does_not_count_among_many() -> None:
    assert holm([0.01, math.nan, 0.03]).tolist()[::2] == [0.02, 0.03]
    assert math.isnan(holm([0.01, math.nan])[1])


def test_a_verdict_needs_what_survives_all_comparisons_of_its_measure() -> None:
    facts = {"slice_kind": "all", "measure": "drawdown"}
    table = pd.DataFrame(
        [{**facts, "difference": d, "p": p} for d, p in ((-0.1, 0.01), (0.1, 0.02), (-0.1, 0.04))]
    )

    judged = with_verdicts(table)

    assert judged["holm"].tolist() == pytest.approx([0.03, 0.04, 0.04])
    assert judged["verdict"].tolist() == ["better", "worse", "better"]  # less drawdown is better
    assert with_verdicts(table.assign(p=0.02))["verdict"].tolist() == ["undecided"] * 3


def test_every_measure_says_which_way_is_better() -> None:
    assert {measure.sign for measure in MEASURES.values()} == {1, -1}
    assert ablation.HORIZON == 5  # the blocks of the bootstrap are made for the strategy's horizon

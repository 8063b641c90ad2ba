"""Two variants side by side: by hand, against closed forms, and what holds of any pair."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trading import calendar
from trading.digest import generator
from trading.evaluation.paired import (
    ALL,
    COLUMNS,
    REGIME,
    YEAR,
    bets,
    paired_table,
    sharpe_difference,
    slices,
)
from trading.evaluation.sharpe_tests import SharpeMoments, lo_interval

SESSIONS = calendar.sessions_between(calendar.session_of("2022-07-01"), calendar.session_of("2023-12-29"))


def returns(name: str, mean: float = 0.0, count: int = len(SESSIONS)) -> pd.Series:
    drawn = generator(name).normal(mean, 0.01, count)
    return pd.Series(drawn, index=SESSIONS[:count])


def test_what_both_share_cancels_so_a_small_edge_over_a_wild_market_is_seen() -> None:
    market = 10 * returns("market")
    own = market + 0.0005 + 0.1 * returns("own")

    row = paired_table(own, market).iloc[0]

    assert row["difference"] == pytest.approx(252 * (own - market).mean())
    assert row["low"] > 0
    assert row["p"] < 1e-6
    assert row["verdict"] == "a"


def test_exchanging_the_two_turns_every_sign_and_the_verdict() -> None:
    one, other = returns("one", 0.002), returns("other")

    there, back = paired_table(one, other).iloc[0], paired_table(other, one).iloc[0]

    assert back["difference"] == pytest.approx(-there["difference"])
    assert (back["low"], back["sharpe_high"]) == pytest.approx((-there["high"], -there["sharpe_low"]))
    assert (back["e_a"], back["e_b"]) == pytest.approx((there["e_b"], there["e_a"]))


def test_only_sessions_that_both_have_count() -> None:
    one, other = returns("one"), returns("other").iloc[30:].copy()
    other.iloc[:10] = np.nan

    table = paired_table(one, other)

    assert table["n"].iloc[0] == len(SESSIONS) - 40
    assert tuple(table.columns) == COLUMNS


def test_years_and_regimes_are_rows_of_their_own_and_years_add_up() -> None:
    named = {session: "Bull" if session.day < 10 else "Bear" for session in SESSIONS}

    table = paired_table(returns("one"), returns("other"), named)

    assert table["slice"].tolist() == ["all", "2022", "2023", "Bear", "Bull"]
    assert table.groupby("slice_kind")["n"].sum().to_dict() == dict.fromkeys(
        (ALL, YEAR, REGIME), len(SESSIONS)
    )


def test_sessions_without_a_regime_are_in_no_regime() -> None:
    assert [kind for kind, _, _ in slices(SESSIONS, {})] == [ALL, YEAR, YEAR]


def test_the_difference_of_sharpe_ratios_is_that_of_the_ratios() -> None:
    one, other = (returns(name).to_numpy() for name in ("one", "other"))

    apart, _ = sharpe_difference(one, other)

    ratios = [SharpeMoments.of(each).sharpe * math.sqrt(252) for each in (one, other)]
    assert apart.value == pytest.approx(ratios[0] - ratios[1])


def test_its_interval_is_the_closed_form_for_independent_normal_returns() -> None:
    rng = generator("normal")
    one, other = rng.normal(0.0005, 0.01, (2, 20_000))

    apart, _ = sharpe_difference(one, other)

    ratios = [SharpeMoments.of(each).sharpe for each in (one, other)]
    variance = sum(1 + ratio**2 / 2 for ratio in ratios) / len(one)  # Lo (2002), equation 8, of each
    # 294 cosines estimate the variance to within 2 / sqrt(2 * 294) = 8 % of the width, two times in 100
    assert apart.high - apart.low == pytest.approx(2 * 1.96 * math.sqrt(252 * variance), rel=0.09)


def test_ratios_of_series_that_move_together_are_told_apart_far_better_than_each_from_0() -> None:
    market = returns("market").to_numpy()
    own = market + 0.1 * returns("own").to_numpy()

    apart, alone = sharpe_difference(own, market)[0], lo_interval(own)

    # the part of its own is a tenth of the market's, and so is what can differ
    assert apart.high - apart.low < 0.2 * (alone.high - alone.low)


def test_a_p_value_below_one_in_twenty_comes_one_time_in_twenty_of_the_same_skill() -> None:
    rng = generator("size")
    found = [sharpe_difference(*rng.normal(0.001, 0.01, (2, 120)))[1] for _ in range(400)]

    rejected = sum(p < 0.05 for p in found)

    assert stats.binomtest(rejected, len(found), 0.05).pvalue > 0.001  # a false alarm in a thousand seeds


def test_bets_on_no_difference_leave_a_dollar_a_dollar() -> None:
    assert bets(np.zeros(100)).verdict == "undecided"
    assert (bets(np.zeros(100)).a, bets(np.zeros(100)).b) == (1.0, 1.0)


def test_who_came_first_to_twenty_dollars_stays_the_better_one() -> None:
    differences = np.concatenate([returns("good", 0.01).to_numpy(), returns("bad", -0.02).to_numpy()])

    made = bets(differences)

    assert made.verdict == "a"
    assert made.b > 20


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.1, 10), seed=st.integers(0, 1000))
def test_the_unit_of_returns_moves_no_test(scale: float, seed: int) -> None:
    one, other = generator("pair", seed=seed).normal(0, 0.01, (2, 60))
    days = SESSIONS[:60]

    there = paired_table(pd.Series(one, days), pd.Series(other, days)).iloc[0]
    here = paired_table(pd.Series(one * scale, days), pd.Series(other * scale, days)).iloc[0]

    for name in ("p", "sharpe_p", "e_a", "e_b", "sharpe_difference"):
        assert here[name] == pytest.approx(there[name], rel=1e-9)


def test_too_few_sessions_have_a_difference_and_no_test() -> None:
    row = paired_table(returns("one", count=10), returns("other", count=10)).iloc[0]

    assert math.isfinite(row["difference"])
    assert all(math.isnan(row[name]) for name in ("low", "p", "sharpe_difference", "sharpe_p"))

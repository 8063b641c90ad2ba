"""What a run claims, whom it promoted, and how often: by hand, against scipy, and what holds of any share."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from trading import calendar
from trading.digest import generator
from trading.evaluation.nulls import (
    ANY_PROMOTION,
    CLAIM_LEVEL,
    COLUMNS,
    DUEL,
    EDGE,
    PROMOTION,
    Outcome,
    Promotion,
    claims_of,
    clopper_pearson,
    duels_in,
    is_broken,
    no_worse,
    promotions_of,
    shares,
    verdict_of,
)
from trading.evaluation.paired import sharpe_difference
from trading.evaluation.scoreboard import EDGE_MEASURE, Measurement
from trading.evaluation.uncertainty import Estimate

SESSIONS = calendar.sessions_between(calendar.session_of("2024-01-02"), calendar.session_of("2024-01-31"))
NOTHING = Outcome("fair", 0.0, "", 0, -0.1, -1.0, 0.8, (), duels=4, promoted=0, unearned=0)


def champions(*rows: tuple[int, str, str, str, int]) -> pd.DataFrame:
    """Rows (place of the session, version, role, reason, compared) of one model."""
    frame = pd.DataFrame(rows, columns=["at", "version", "role", "reason", "compared"])
    return frame.assign(session=SESSIONS[frame["at"].to_numpy()], model="ridge")


@given(n=st.integers(1, 400), part=st.floats(0, 1))
def test_the_interval_is_scipy_s(n: int, part: float) -> None:
    count = round(part * n)

    expected = binomtest(count, n).proportion_ci(0.95, method="exact")

    assert clopper_pearson(count, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_without_a_case_a_share_may_be_anything() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert verdict_of(0, 0, 0.05) == "not measured"


def test_a_level_is_broken_only_if_it_lies_below_the_whole_interval() -> None:
    verdicts = [verdict_of(count, 200, 0.025) for count in (0, 5, 6, 10, 11, 200)]

    assert verdicts == ["kept", "kept", "undecided", "undecided", "broken", "broken"]
    assert clopper_pearson(10, 200)[0] <= 0.025 < clopper_pearson(11, 200)[0]


def test_a_promotion_is_a_change_of_the_champion_by_evidence_and_nothing_else() -> None:
    rows = champions(
        (0, "a", "champion", "calendar: trained", 0),
        (1, "b", "champion", "evidence: e-value 21 over a", 0),
        (2, "b", "champion", "evidence: e-value 21 over a", 0),
        (3, "c", "champion", "calendar: trained", 0),
        (4, "c", "challenger", "evidence: no champion", 0),
        (4, "d", "champion", "promote by hand: so", 0),
    )

    assert promotions_of(rows) == [Promotion(SESSIONS[1], "ridge", "b", "a")]


def test_a_first_champion_was_not_promoted() -> None:
    assert promotions_of(champions((0, "a", "champion", "evidence: e-value 30 over z", 0))) == []


def test_a_duel_begins_with_its_first_comparison_and_again_after_a_new_champion() -> None:
    rows = champions(
        (0, "a", "challenger", "", 0), (1, "a", "challenger", "", 1), (2, "a", "challenger", "", 2),
        (3, "a", "challenger", "", 0), (4, "a", "challenger", "", 1), (4, "b", "challenger", "", 1),
    )  # fmt: skip

    assert duels_in(rows) == 3


def measured(low: float) -> dict[str, Measurement]:
    return {EDGE_MEASURE: Measurement(Estimate(low + 1, low, low + 2, 125))}


def test_an_edge_is_claimed_if_the_whole_interval_is_above_equal_weight() -> None:
    assert claims_of(measured(0.01)) == (EDGE.name,)
    assert claims_of(measured(-0.01)) == ()
    assert claims_of({}) == ()


def test_a_claim_of_the_scoreboard_is_named_by_its_measure() -> None:
    sure = Measurement(Estimate(3.0, 2.5, 3.5, 125))
    unsure = Measurement(Estimate(3.0, 1.0, 5.0, 125))

    assert claims_of({"sharpe": sure}) == ("sharpe",)
    assert claims_of({"sharpe": unsure}) == ()


def test_shares_count_markets_and_duels_beside_their_levels() -> None:
    group = [NOTHING, replace(NOTHING, market=1, claims=("edge",), promoted=2, unearned=1)]

    table = shares(group).set_index("statistic")

    assert tuple(shares(group).columns) == COLUMNS
    assert table.loc["edge", ["n", "count", "share", "level"]].tolist() == [2, 1, 0.5, CLAIM_LEVEL]
    assert table.loc[PROMOTION, ["n", "count", "level"]].tolist() == [2, 1, 0.05]
    assert table.loc[DUEL, ["n", "count", "share"]].tolist() == [8, 1, 0.125]
    assert table.loc[ANY_PROMOTION, "count"] == 1
    assert math.isnan(table.loc[ANY_PROMOTION, "level"])


def test_a_planted_edge_breaks_no_level_by_being_found() -> None:
    found = [replace(NOTHING, market=k, edge=2.0, claims=("edge",)) for k in range(50)]

    assert not is_broken(shares(found))
    assert is_broken(shares([replace(one, edge=0.0) for one in found]))


def test_a_promotion_over_a_better_champion_breaks_its_level_whatever_was_planted() -> None:
    assert is_broken(
        shares([replace(NOTHING, market=k, edge=2.0, promoted=1, unearned=1) for k in range(50)])
    )


def losses(better: float) -> pd.DataFrame:
    """Of versions a and b, of which b loses `better` less."""
    rng = generator("losses")
    base = rng.uniform(1, 2, (len(SESSIONS), 2))
    frames = [
        pd.DataFrame({"session": SESSIONS.repeat(2), "symbol": ["X", "Y"] * len(SESSIONS), "version": version,
                      "pinball": (base - less).ravel()})
        for version, less in (("a", 0.0), ("b", better))
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_a_champion_is_worse_if_the_winner_loses_less_where_neither_has_been() -> None:
    assert not no_worse(losses(0.1), winner="b", loser="a")
    assert no_worse(losses(-0.1), winner="b", loser="a")
    assert no_worse(losses(0.0), winner="b", loser="a")


@pytest.mark.nightly  # a minute of a thousand bootstraps; the daily test is the paired test's own
def test_the_percentile_interval_is_too_narrow_and_the_paired_test_is_not() -> None:
    from benchmarks.measure_sharpe_intervals import sizes

    found = sizes(125, 600)

    assert found["percentile"] > 0.04
    assert found["paired"] < 0.045  # three standard errors of 600 cases above 0.025


def test_the_edge_s_test_claims_in_the_stated_share_of_fair_pairs() -> None:
    rng = generator("fair pairs")
    pairs = rng.normal(0.0, 0.01, (2000, 2, 125))

    claimed = np.mean([sharpe_difference(one, other)[0].low > 0 for one, other in pairs])

    assert claimed == pytest.approx(CLAIM_LEVEL, abs=0.014)  # four standard errors

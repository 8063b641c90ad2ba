"""Who succeeds whom: each rule by hand, and which is stronger."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from trading.errors import UsageError
from trading.evaluation.betting import Duel, Evidence
from trading.interfaces import ChampionDecision
from trading.stages.succession import Contender, Coronation, PromotionRules, crown
from trading.testing.stage_rows import version_of

T = pd.Timestamp("2024-04-01")
OLD = Contender(version_of("m", "old", trained_through="2023-12-29", champion_from="2024-01-02"))
NEW = Contender(version_of("m", "new", trained_through="2024-03-28", champion_from="2024-04-01"))
RULES = PromotionRules()
CLEAR = Evidence(log_wealth=math.log(20.1), sessions=80)
CALENDAR = "calendar: trained through 2024-03-28"


def wanted(version: str) -> ChampionDecision:
    return ChampionDecision(
        "m", version, "rollback", T, pd.Timestamp("2024-03-28 22:00", tz="UTC"), "it failed"
    )


def test_a_newcomer_succeeds_on_its_day() -> None:
    assert crown([OLD, NEW], "old", T, None, RULES) == Coronation("new", CALENDAR)
    assert crown([OLD, NEW], "old", T - pd.Timedelta(days=3), None, RULES) == Coronation("old")


def test_a_newcomer_that_was_shown_to_be_worse_is_kept_back() -> None:
    worse = replace(NEW, duel=Duel(champion=CLEAR))

    assert crown([OLD, worse], "old", T, None, RULES) == Coronation("old")
    assert crown([OLD, worse], "old", T, None, PromotionRules("calendar")) == Coronation("new", CALENDAR)


def test_evidence_promotes_before_the_calendar_does() -> None:
    better, before = replace(NEW, duel=Duel(challenger=CLEAR)), T - pd.Timedelta(days=30)

    found = crown([OLD, better], "old", before, None, RULES)

    assert found == Coronation("new", "evidence: e-value 20.1 over old after 80 sessions")
    assert crown([OLD, better], "old", before, None, PromotionRules("calendar")) == Coronation("old")


def test_evidence_just_below_the_stated_error_promotes_nobody() -> None:
    almost = replace(NEW, duel=Duel(challenger=replace(CLEAR, log_wealth=math.log(19.9))))

    assert crown([OLD, almost], "old", T - pd.Timedelta(days=30), None, RULES) == Coronation("old")


def test_a_predecessor_that_proves_better_is_champion_again() -> None:
    better = replace(OLD, duel=Duel(challenger=CLEAR))

    found = crown([better, NEW], "new", T + pd.Timedelta(days=30), None, RULES)

    assert found is not None
    assert found.version == "old"


def test_a_person_decides_against_evidence_and_calendar() -> None:
    better = replace(NEW, duel=Duel(challenger=CLEAR))

    assert crown([OLD, better], "new", T, wanted("old"), RULES) == Coronation(
        "old", "rollback by hand: it failed"
    )


def test_a_wish_for_a_version_that_cannot_speak_comes_to_nothing() -> None:
    silent = replace(OLD, speaks=False)

    assert crown([silent, NEW], "new", T, wanted("old"), RULES) == Coronation("new")


def test_a_champion_without_a_forecast_is_succeeded_at_once() -> None:
    silent, before = replace(OLD, speaks=False), T - pd.Timedelta(days=30)

    assert crown([silent, NEW], "old", before, None, RULES) == Coronation("new", "old has no forecast")


def test_where_no_version_has_a_forecast_nothing_changes() -> None:
    silent = [replace(one, speaks=False) for one in (OLD, NEW)]

    assert crown(silent, "old", T - pd.Timedelta(days=30), None, RULES) == Coronation("old")


def test_a_retired_champion_is_succeeded_by_the_calendar() -> None:
    assert crown([OLD, NEW], "gone", T, None, RULES) == Coronation("new", CALENDAR)


def test_before_anybody_s_turn_there_is_no_champion() -> None:
    assert crown([NEW], None, T - pd.Timedelta(days=30), None, RULES) is None


def test_an_error_of_nothing_or_of_more_than_half_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="error"):
        PromotionRules(error=0.0)
    with pytest.raises(UsageError, match="error"):
        PromotionRules(error=0.6)

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar
from trading.errors import UsageError
from trading.plan import Plan
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage, Starts

INCEPTION = calendar.session_of("2024-01-02")


def nothing(_moment: Moment, _inputs: Inputs) -> Outputs:
    return {}


def stage(name: str, *reads: Read, starts: Starts = "burn_in") -> Stage:
    return Stage(name, reads, (name,), nothing, starts=starts)


def small_plan(burn_in: int = 300) -> Plan:
    return Plan.of(
        [
            stage("signals", Read("regimes"), starts="inception"),
            stage("regimes", Read("features", lookback=251)),
            stage("features", Read("bars", lookback=272), starts="window"),
        ],
        burn_in,
    )


def test_stages_are_put_in_the_order_of_their_causes() -> None:
    assert [s.name for s in small_plan().stages] == ["features", "regimes", "signals"]


def test_history_reaches_back_as_far_as_all_windows_together() -> None:
    leads = small_plan().leads
    assert leads["signals"] == 0
    assert leads["regimes"] == 300
    assert leads["features"] == 300 + 251
    assert leads["bars"] == 300 + 251 + 272


def test_an_offset_counts_as_history_too() -> None:
    plan = Plan.of([stage("losses", Read("bars", lookback=4, offset=1), starts="inception")])
    assert plan.lead("bars") == 5


def test_a_circle_of_stages_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"read in a circle: .*a.*b"):
        Plan.of([stage("a", Read("b")), stage("b", Read("a"))])


def test_a_table_that_nothing_makes_is_refused() -> None:
    with pytest.raises(UsageError, match="'a' reads 'ghosts', which nothing makes"):
        Plan.of([stage("a", Read("ghosts"))])


def test_a_table_with_two_makers_is_refused() -> None:
    with pytest.raises(UsageError, match="two makers"):
        Plan.of([stage("a"), Stage("b", (), ("a",), nothing)])


def test_a_source_cannot_be_made_by_a_stage() -> None:
    with pytest.raises(UsageError, match="two makers"):
        Plan.of([stage("bars")])


def test_a_stage_cannot_read_what_begins_after_itself() -> None:
    with pytest.raises(UsageError, match="begins 300 sessions before inception, but reads signals"):
        Plan.of([stage("early", Read("signals")), stage("signals", starts="inception")])


def test_the_first_range_makes_what_leads_up_to_it_and_later_ones_do_not() -> None:
    plan = small_plan(burn_in=10)
    first = plan.sessions("regimes", INCEPTION, INCEPTION, calendar.shift(INCEPTION, 4))
    later = plan.sessions("regimes", INCEPTION, calendar.shift(INCEPTION, 5), calendar.shift(INCEPTION, 6))
    assert len(first) == 10 + 5
    assert list(later) == [calendar.shift(INCEPTION, 5), calendar.shift(INCEPTION, 6)]


def test_a_range_before_inception_needs_a_rebuild() -> None:
    with pytest.raises(UsageError, match=r"begins at 2024-01-02; .* --rebuild"):
        small_plan().sessions("signals", INCEPTION, calendar.shift(INCEPTION, -1), INCEPTION)


@given(depths=st.lists(st.integers(0, 40), min_size=1, max_size=6), burn_in=st.integers(0, 50))
def test_a_chain_of_windows_adds_up(depths: list[int], burn_in: int) -> None:
    chain = [stage("s0", Read("bars", lookback=depths[0]), starts="window")]
    chain += [
        stage(f"s{i}", Read(f"s{i - 1}", lookback=depth), starts="window")
        for i, depth in enumerate(depths[1:], 1)
    ]
    end = stage("end", Read(chain[-1].name, lookback=3))
    plan = Plan.of([end, *chain], burn_in)
    assert plan.lead("bars") == burn_in + 3 + sum(depths)


def test_a_plan_up_to_a_stage_holds_its_causes_alone() -> None:
    short = small_plan().up_to("regimes")
    assert [s.name for s in short.stages] == ["features", "regimes"]
    assert small_plan().up_to("features").lead("bars") == 272


def test_an_unknown_stage_is_named_beside_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no stage 'fears'; the stages are features, regimes, signals"):
        small_plan().stage("fears")


def test_inception_is_a_session_like_any_other() -> None:
    assert small_plan().first_session("bars", INCEPTION) == calendar.shift(INCEPTION, -823)
    assert isinstance(INCEPTION, pd.Timestamp)

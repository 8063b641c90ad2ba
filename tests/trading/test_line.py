from typing import Never

import numpy as np
import pandas as pd
import pytest

from trading import calendar, frames
from trading.errors import LookAheadError, MissingBarsError, MissingStateError
from trading.line import Request, make_and_write, make_range, refuse_future
from trading.plan import Plan
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.testing.memory_store import MemoryStore

INCEPTION = calendar.session_of("2024-03-01")
BURN_IN = 5


class NoModels:
    def live(self, model: str, session: pd.Timestamp) -> Never:
        raise AssertionError((model, session))

    records = live


def bars(first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    sessions = calendar.sessions_between(first, last)
    close = 100.0 + np.arange(len(sessions))
    rows = dict.fromkeys(("open", "high", "low", "close", "volume"), close)
    frame = pd.DataFrame({"session": sessions, **rows})
    frame = frame.assign(ts=[calendar.session_open(s) for s in sessions], symbol="NVDA", timeframe="1D")
    frame = frame.assign(known_at=[calendar.session_close(s) for s in sessions], basis="raw", source="test")
    return frame.astype(frames.table_of("bars").dtypes)


def mean_close(moment: Moment, inputs: Inputs) -> Outputs:
    """A skill row that holds the mean close of the window, and counts sessions from its own yesterday."""
    yesterday = inputs["ensemble_skill"]["observations"]
    count = int(yesterday[-1]) + 1 if len(yesterday) else 0
    columns = frames.table_of("ensemble_skill").dtypes
    row = {name: np.zeros(1) for name, dtype in columns.items() if dtype == "float64"}
    row |= {
        "timeframe": np.array(["1D"], dtype=object),
        "horizon": np.array([1]),
        "observations": np.array([count]),
    }
    row["average_square"] = np.array([inputs["bars"]["close"].mean()])
    assert moment.as_of == calendar.as_of(moment.session)
    return {"ensemble_skill": row}


STAGE = Stage(
    "ensemble_skill",
    (Read("bars", lookback=2),),
    ("ensemble_skill",),
    mean_close,
    keeps=(Read("ensemble_skill", offset=1),),
)
PLAN = Plan.of([STAGE], BURN_IN)


def request(first: pd.Timestamp, last: pd.Timestamp) -> Request:
    return Request(INCEPTION, first, last, NoModels())


def filled_store(last: pd.Timestamp) -> MemoryStore:
    store = MemoryStore()
    first = PLAN.first_session("bars", INCEPTION)
    store.write({"bars": bars(first, last)}, first, last, commit={})
    return store


def test_the_first_range_walks_the_burn_in_and_counts_through_it() -> None:
    last = calendar.shift(INCEPTION, 2)
    made = make_range(STAGE, PLAN, filled_store(last), request(INCEPTION, last))["ensemble_skill"]
    assert made["session"].iloc[0] == calendar.shift(INCEPTION, -BURN_IN)
    assert list(made["observations"]) == list(range(BURN_IN + 3))


def test_a_window_is_what_was_declared() -> None:
    last = calendar.shift(INCEPTION, 2)
    made = make_range(STAGE, PLAN, filled_store(last), request(INCEPTION, last))["ensemble_skill"]
    assert made["average_square"].iloc[0] == np.mean([100.0, 101.0, 102.0])


def test_session_by_session_gives_the_bytes_of_the_range() -> None:
    last = calendar.shift(INCEPTION, 6)
    whole, stepwise = filled_store(last), filled_store(last)
    make_and_write(STAGE, PLAN, whole, request(INCEPTION, last))
    for session in calendar.sessions_between(INCEPTION, last):
        make_and_write(STAGE, PLAN, stepwise, request(session, session))
    pd.testing.assert_frame_equal(
        whole.read("ensemble_skill"), stepwise.read("ensemble_skill"), check_exact=True
    )


def test_making_a_range_again_changes_nothing() -> None:
    last = calendar.shift(INCEPTION, 6)
    store = filled_store(last)
    make_and_write(STAGE, PLAN, store, request(INCEPTION, last))
    before = store.read("ensemble_skill")
    make_and_write(STAGE, PLAN, store, request(calendar.shift(INCEPTION, 2), calendar.shift(INCEPTION, 4)))
    pd.testing.assert_frame_equal(before, store.read("ensemble_skill"), check_exact=True)


def test_rows_are_stamped_with_their_session_and_its_decision() -> None:
    made = make_range(STAGE, PLAN, filled_store(INCEPTION), request(INCEPTION, INCEPTION))["ensemble_skill"]
    assert list(made["known_at"]) == [calendar.as_of(session) for session in made["session"]]


def test_a_gap_after_inception_is_an_error_and_no_silent_start() -> None:
    last = calendar.shift(INCEPTION, 6)
    store = filled_store(last)
    make_and_write(STAGE, PLAN, store, request(INCEPTION, INCEPTION))
    with pytest.raises(
        MissingStateError, match=r"cannot make .*: its own rows of .* are missing; make the sessions"
    ):
        make_range(STAGE, PLAN, store, request(last, last))


def test_a_session_without_input_is_an_error_that_names_the_table() -> None:
    late = calendar.shift(INCEPTION, 1)
    store = filled_store(INCEPTION)
    make_and_write(STAGE, PLAN, store, request(INCEPTION, INCEPTION))
    with pytest.raises(MissingBarsError, match=f"ensemble_skill looks back on bars, .* from {late:%Y-%m-%d}"):
        make_range(STAGE, PLAN, store, request(late, late))


def test_a_hole_in_a_window_is_an_error_that_names_the_sessions() -> None:
    store, last = filled_store(INCEPTION), calendar.shift(INCEPTION, 3)
    make_and_write(STAGE, PLAN, store, request(INCEPTION, INCEPTION))
    store.write({"bars": bars(last, last)}, last, last, commit={})
    with pytest.raises(
        MissingBarsError, match="bars, which has no rows in 2 sessions from 2024-03-04 to 2024-03-05"
    ):
        make_range(STAGE, PLAN, store, request(calendar.shift(INCEPTION, 1), last))


def test_a_session_cannot_be_made_before_it_decides() -> None:
    decided = calendar.as_of(INCEPTION)
    refuse_future(INCEPTION, decided)
    with pytest.raises(LookAheadError, match="2024-03-01 decides at 2024-03-01 21:15 UTC"):
        refuse_future(INCEPTION, decided - pd.Timedelta(microseconds=1))


def test_progress_is_told_session_by_session() -> None:
    told: list[tuple[str, int, int]] = []
    asked = Request(INCEPTION, INCEPTION, INCEPTION, NoModels(), lambda *step: told.append(step))
    make_range(STAGE, PLAN, filled_store(INCEPTION), asked)
    assert told[-1] == ("ensemble_skill", BURN_IN + 1, BURN_IN + 1)
    assert len(told) == BURN_IN + 1

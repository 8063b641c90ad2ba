"""Stages side by side see what each would see alone."""

import numpy as np
import pytest

from trading import calendar
from trading.errors import UsageError
from trading.stages.side_by_side import side_by_side
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.testing.stage_rows import history_of, made_by

LAST = calendar.session_of("2024-06-12")
SESSIONS = calendar.sessions_between(calendar.shift(LAST, -9), LAST)
FEATURES = history_of("features", SESSIONS, symbol="NVDA", log_return=np.arange(10.0))
HELD = history_of("positions", SESSIONS, strategy="a", symbol="NVDA", quantity=np.arange(10), close=1.0)


def summing(strategy: str, *reads: Read, keeps: tuple[Read, ...] = (), makes: str = "signals") -> Stage:
    """Adds up all that it is given, with the number of sessions of the window."""

    def make(_moment: Moment, inputs: Inputs) -> Outputs:
        assert set(inputs) == {read.name for read in (*reads, *keeps)}
        seen = [rows["log_return" if "log_return" in rows.frame else "quantity"] for rows in inputs.values()]
        sessions = [len(rows.sessions) for rows in inputs.values()]
        return {
            makes: {
                "strategy": np.array([strategy], dtype=object),
                "alpha": np.array([sum(part.sum() for part in seen)]),
                "horizon": np.array([sum(sessions)]),
            }
        }

    return Stage("signals", reads, (makes,), make, keeps=keeps, starts="inception")


def made(*stages: Stage) -> dict[str, list[object]]:
    columns = made_by(side_by_side(stages), LAST, {"features": FEATURES, "positions": HELD})["signals"]
    return {name: values.tolist() for name, values in columns.items()}


def test_each_is_given_its_own_look_back_and_no_more() -> None:
    told = made(summing("a", Read("features", lookback=1)), summing("b", Read("features", lookback=3)))
    assert told == {"strategy": ["a", "b"], "alpha": [9.0 + 8, 9.0 + 8 + 7 + 6], "horizon": [2, 4]}


def test_each_keeps_as_much_of_its_past_as_it_would_alone() -> None:
    short, long = (Read("positions", lookback=depth, offset=1) for depth in (0, 2))
    told = made(summing("a", keeps=(short,)), summing("b", keeps=(long,)))
    assert told["alpha"] == [8.0, 8.0 + 7 + 6]


def test_each_is_given_only_the_tables_that_it_reads() -> None:
    stage = side_by_side([summing("a", Read("features")), summing("b", Read("positions"))])
    assert [read.table for read in stage.reads] == ["features", "positions"]
    assert made(summing("a", Read("features")), summing("b", Read("positions")))["alpha"] == [9.0, 9.0]


def test_a_stage_that_is_alone_is_itself() -> None:
    stage = summing("a", Read("features"))
    assert side_by_side([stage]) is stage


def test_what_makes_other_tables_or_reads_another_time_does_not_stand_beside() -> None:
    with pytest.raises(UsageError, match="only stages that make the same tables"):
        side_by_side([summing("a"), summing("b", makes="risk")])
    with pytest.raises(UsageError, match="features is read with an offset of 0 and of 1"):
        side_by_side([summing("a", Read("features")), summing("b", Read("features", offset=1))])

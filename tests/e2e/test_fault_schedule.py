"""A SIMULATED schedule of faults on a virtual clock: every session is made, none is lost, and what must agree does."""

from collections.abc import Iterator
from contextlib import closing

import pandas as pd
import pyarrow as pa
import pytest

from pipelines.in_memory import run_in_memory
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from resources.store import store_at
from tests.e2e.faulty_line import FaultyLine
from tests.e2e.homes import arrow_tables, same_bytes
from trading import calendar
from trading.evaluation.uptime import MINUTE, SessionOutcome, service_levels
from trading.testing.fault_schedule import LASTING, TRANSIENT, Fault

SMALL = Settings(models=("random_walk", "ar1"), burn_in_sessions=30).with_value("regimes.hmm.starts", 1)
SESSIONS = calendar.sessions_between(
    pd.Timestamp("2024-10-30"), pd.Timestamp("2024-11-06")
)  # DST ends within
SAID = {
    "vendor down": "SourceUnavailableError: the vendor does not answer",
    "bars late": "MissingBarsError: source simulated",
    "database locked": "SourceUnavailableError: the database",
    "database gone": "there is no database",
    "disk full": "free disk space",
    "second run": "HomeError: the home",
    "killed": "SIGKILL",
    "clock behind": "LookAheadError: session",
    "clock ahead": "MissingBarsError",
}


def fault(kind: str, session: pd.Timestamp, minutes: int = 15) -> Fault:
    decided = calendar.as_of(session)
    return Fault(kind, decided, decided + minutes * MINUTE)


def every_kind(sessions: pd.DatetimeIndex) -> list[Fault]:
    """Two kinds a session, one after the other, none in the first."""
    return [
        Fault(kind, begins, begins + 5 * MINUTE)
        for place, kind in enumerate(TRANSIENT)
        for begins in [calendar.as_of(sessions[1 + place // 2]) + (place % 2) * 10 * MINUTE]
    ]


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> tuple[FaultyLine, list[SessionOutcome]]:
    line = FaultyLine(tmp_path_factory.mktemp("faults") / "home", SMALL)
    return line, line.run(SESSIONS, every_kind(SESSIONS))


def tables_of(line: FaultyLine) -> dict[str, pa.Table]:
    with closing(store_at(line.home.tables, line.home.database)) as store:
        return arrow_tables(store, plan_of(SMALL).tables)


def test_after_every_transient_fault_the_tables_are_those_of_a_line_without_faults(
    struck: tuple[FaultyLine, list[SessionOutcome]],
) -> None:
    expected = arrow_tables(run_in_memory(SMALL, SESSIONS[0], SESSIONS[-1]), plan_of(SMALL).tables)
    made = tables_of(struck[0])
    assert [name for name in made if not same_bytes(made[name], expected[name])] == []


@pytest.mark.parametrize("kind", TRANSIENT)
def test_each_transient_fault_says_what_it_is(
    kind: str, struck: tuple[FaultyLine, list[SessionOutcome]]
) -> None:
    assert any(SAID[kind] in said for said in struck[0].told[kind])


def test_the_sessions_that_were_struck_are_late_by_the_attempts_they_took(
    struck: tuple[FaultyLine, list[SessionOutcome]],
) -> None:
    _, outcomes = struck
    assert [one.attempts for one in outcomes] == [1, 3, 3, 3, 3, 2]
    assert [one.late_minutes for one in outcomes] == [1, 21, 21, 21, 21, 11]
    levels = service_levels(outcomes)
    assert (levels.sessions, levels.on_time, levels.recovered) == (6, 6, 5)
    begin, end = calendar.as_of(SESSIONS[0]), calendar.session_open(calendar.shift(SESSIONS[-1], 1))
    assert levels.uptime == pytest.approx(1 - (1 + 4 * 21 + 11) / ((end - begin) / MINUTE), rel=1e-12)


@pytest.fixture(scope="module")
def degraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, pd.DataFrame]]:
    line = FaultyLine(tmp_path_factory.mktemp("lasting") / "home", SMALL)
    sessions = SESSIONS[: len(LASTING) + 1]
    faults = [fault(kind, session) for kind, session in zip(LASTING, sessions[1:], strict=True)]
    outcomes = line.run(sessions, faults)
    assert [one.attempts for one in outcomes] == [1] * len(sessions)  # none is late
    with closing(store_at(line.home.tables, line.home.database)) as store:
        names = ("bars", "forecast_ar1", "forecasts", "target_portfolio", "ensemble_forecast", "fills")
        yield {name: store.read(name) for name in names}


def at(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    return rows[(rows["session"] == SESSIONS[1 + LASTING.index(kind)]).to_numpy()]


@pytest.mark.parametrize("kind", ["model raises", "model says no number"])
def test_a_model_that_fails_is_replaced_by_the_random_walk_and_the_tables_say_so(
    kind: str, degraded: dict[str, pd.DataFrame]
) -> None:
    rows = at(degraded["forecast_ar1"], kind)
    assert set(rows["fallback"]) == {"random_walk instead: ModelError"}
    spoken = at(degraded["forecasts"], kind)
    assert set(spoken["fallback"][spoken["model"] == "ar1"]) == {"random_walk instead: ModelError"}
    assert set(spoken["fallback"][spoken["model"] == "random_walk"]) == {""}


def test_a_solver_that_fails_leaves_a_target_that_names_its_fallback(
    degraded: dict[str, pd.DataFrame],
) -> None:
    flags = degraded["target_portfolio"].groupby("session")["fallback"].unique()
    failed = SESSIONS[1 + LASTING.index("solver fails")]  # a Monday: the mix is optimised in it
    assert set(flags[failed]) == {"equal_weight"}
    assert all(set(flag) == {""} for session, flag in flags.items() if session < failed)


def test_half_the_symbols_are_forecast_and_the_others_are_not_made_up(
    degraded: dict[str, pd.DataFrame],
) -> None:
    here = set(at(degraded["bars"], "half the symbols")["symbol"])
    told = set(at(degraded["ensemble_forecast"], "half the symbols")["symbol"])
    assert told
    assert told <= here

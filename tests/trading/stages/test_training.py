"""The calendar of versions: who is live when, what it learned from, and what its name depends on."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import ModelSpec, train, train_book
from trading import calendar
from trading.errors import MissingBarsError, VersionMissingError
from trading.stages.models_book import MemoryModelBook
from trading.stages.training import (
    CHAMPION_AGE_SESSIONS,
    Due,
    View,
    due_versions,
    hyper_parameters,
    look_back,
    train_version,
    training_window,
    window_at,
)
from trading.testing.feature_history import feature_history
from trading.universe import SYMBOLS

SPEC = ModelSpec("ar1", PooledAR1, "quarterly", enabled=True, min_history=22, training_sessions=120)
SESSIONS = list(calendar.sessions_between(pd.Timestamp("2005-01-03"), pd.Timestamp("2030-12-31")))
RETURNS = np.random.default_rng(5).normal(0, 0.02, (700, len(SYMBOLS)))
FEATURES = feature_history(RETURNS, "2024-06-28")
AFTER = 63  # sessions from 2024-04-01 to 2024-06-28
ALL_DUE = due_versions("quarterly", pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-01"))
DUE = ALL_DUE[1:]  # champion and challenger


def session(text: str) -> pd.Timestamp:
    return calendar.session_of(text)


def test_a_quarter_has_the_versions_of_the_last_three_quarter_ends() -> None:
    predecessor, champion, challenger = due_versions("quarterly", *[session("2024-05-01")] * 2)

    assert challenger == Due(*map(session, ("2024-03-28", "2024-04-01", "2024-07-01", "2025-01-02")))
    assert champion == Due(*map(session, ("2023-12-29", "2024-01-02", "2024-04-01", "2024-10-01")))
    assert predecessor == Due(*map(session, ("2023-09-29", "2023-10-02", "2024-01-02", "2024-07-01")))


def test_a_zero_shot_model_has_one_version_for_ever() -> None:
    assert due_versions("zero_shot", session("2010-01-04"), session("2024-01-02")) == (Due(),)


@settings(deadline=None)
@given(st.sampled_from(SESSIONS))
def test_every_session_has_a_predecessor_a_champion_and_a_challenger_trained_before_they_speak(
    day: pd.Timestamp,
) -> None:
    book = untrained(due_versions("quarterly", day, day))

    live = book.records("ar1", day)

    assert sorted(version.is_champion(day) for version in live) == [False, True, True]
    assert all(version.trained_through < version.live_from <= day < version.retired for version in live)
    assert all(
        calendar.distance(version.trained_through, day) <= CHAMPION_AGE_SESSIONS["quarterly"]
        for version in live
    )


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(SESSIONS), st.integers(0, 200))
def test_a_range_needs_exactly_what_its_sessions_need(first: pd.Timestamp, length: int) -> None:
    days = SESSIONS[SESSIONS.index(first) :][: length + 1]

    needed = {due for day in days for due in due_versions("quarterly", day, day)}

    assert set(due_versions("quarterly", days[0], days[-1])) == needed


@dataclass(frozen=True)
class Silent:
    """A forecaster that says nothing."""

    name: ClassVar[str] = "ar1"
    learned_: int = field(default=0)

    def to_bytes(self) -> bytes:
        return b""


def untrained(dues: tuple[Due, ...]) -> MemoryModelBook:
    spec = replace(SPEC, prototype=Silent)
    return MemoryModelBook.of({"ar1": "quarterly"}, [train_version(spec, due, None) for due in dues])


def test_a_version_that_is_due_but_not_trained_says_what_to_do() -> None:
    with pytest.raises(VersionMissingError, match=r"quarter 2024Q2, trained through 2024-03-28.*`train` job"):
        untrained(ALL_DUE[:2]).live("ar1", session("2024-05-01"))


def test_a_model_that_was_never_trained_is_named() -> None:
    with pytest.raises(VersionMissingError, match="'samba' was ever trained; this book holds ar1"):
        untrained(DUE).records("samba", session("2024-05-01"))


def test_of_two_versions_of_a_quarter_the_one_trained_last_speaks() -> None:
    first = train(SPEC, FEATURES, DUE[1])
    again = train(replace(SPEC, seed=1), FEATURES, DUE[1])
    others = [train(SPEC, FEATURES, due) for due in ALL_DUE[:2]]
    book = MemoryModelBook.of({"ar1": "quarterly"}, [*others, first, again])

    names = [version.version for version in book.records("ar1", session("2024-05-01"))]

    assert again.version.version in names
    assert first.version.version not in names


def test_the_book_hands_out_the_forecaster_of_each_version() -> None:
    book = train_book([SPEC], FEATURES, session("2024-05-01"), session("2024-05-31"))

    live = book.live("ar1", session("2024-05-31"))

    expected = {entry.version.version: entry.forecaster.to_bytes() for entry in book.trained}
    assert {version.version: by.to_bytes() for version, by in live} == expected


def test_rows_after_the_training_change_nothing() -> None:
    changed = RETURNS.copy()
    changed[-AFTER:] = 5.0

    before, after = (
        train(SPEC, history, DUE[1]) for history in (FEATURES, feature_history(changed, "2024-06-28"))
    )

    assert after.version == before.version
    assert after.forecaster.to_bytes() == before.forecaster.to_bytes()


def test_rows_before_the_training_window_change_nothing() -> None:
    through, changed = DUE[1].trained_through, RETURNS.copy()
    changed[: 700 - AFTER - SPEC.training_sessions] = 5.0

    window = training_window(feature_history(changed, "2024-06-28"), SPEC, through)

    assert window.panel.tobytes() == training_window(FEATURES, SPEC, through).panel.tobytes()


def test_a_gap_on_the_last_session_does_not_take_a_symbol_out_of_training() -> None:
    gap, through = RETURNS.copy(), DUE[1].trained_through
    gap[-AFTER - 5 : -AFTER, SYMBOLS.index("TSM")] = np.nan  # its last five sessions

    window = training_window(feature_history(gap, "2024-06-28"), SPEC, through)

    assert window.mask.all()
    assert np.isfinite(window.channel("log_return")).sum(axis=0).tolist() == [
        115 if symbol == "TSM" else 120 for symbol in SYMBOLS
    ]


def test_a_symbol_with_too_few_returns_is_not_trained_on() -> None:
    late, through = RETURNS.copy(), DUE[1].trained_through
    late[: -AFTER - 62, SYMBOLS.index("ARM")] = np.nan

    window = training_window(feature_history(late, "2024-06-28"), SPEC, through)

    assert [s for s, kept in zip(SYMBOLS, window.mask, strict=True) if not kept] == ["ARM"]


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, seed=1),
        replace(SPEC, code_version="2"),
        replace(SPEC, training_sessions=121),
        replace(SPEC, prototype=lambda: PooledAR1(decay=0.9)),
    ],
)
def test_a_version_s_name_depends_on_everything_it_was_made_of(other: ModelSpec) -> None:
    assert train(other, FEATURES, DUE[1]).version.version != train(SPEC, FEATURES, DUE[1]).version.version


def test_one_changed_return_makes_another_version() -> None:
    changed = RETURNS.copy()
    changed[-100, 3] += 1e-9

    other = train(SPEC, feature_history(changed, "2024-06-28"), DUE[1])

    assert other.version.version != train(SPEC, FEATURES, DUE[1]).version.version


def test_training_without_history_names_what_is_missing() -> None:
    with pytest.raises(
        MissingBarsError, match=r"ar1 cannot be trained through 2023-12-29.*make features from"
    ):
        train(SPEC, feature_history(RETURNS[-160:], "2024-06-28"), DUE[0])


def test_hyper_parameters_leave_out_what_was_learned_and_where_weights_lie() -> None:
    from models.forecasters.timesfm import TimesFM

    assert "coefficients_" not in hyper_parameters(PooledAR1())
    assert "checkpoint" not in hyper_parameters(TimesFM())
    assert hyper_parameters(PooledAR1())["decay"] == 0.94


def test_the_look_back_reaches_what_the_oldest_live_version_learned_from() -> None:
    day = session("2024-06-28")  # the last session of a quarter: the champion is oldest
    oldest = calendar.shift(DUE[0].trained_through, 1 - SPEC.training_sessions)

    assert calendar.shift(day, -look_back(SPEC, 64)) <= oldest


def test_a_window_masks_who_has_no_row_today_or_too_short_a_history() -> None:
    returns = RETURNS[-100:].copy()
    returns[-1, 0] = np.nan
    returns[:-20, 9] = np.nan
    day = session("2024-06-28")

    rows = feature_history(returns, "2024-06-28").window(calendar.shift(day, -99), day, calendar.as_of(day))
    window = window_at(rows, day, 64, View(min_history=22))

    assert [s for s, kept in zip(window.symbols, window.mask, strict=True) if not kept] == ["NVDA", "ARM"]
    assert window.channel("log_return").tobytes() == returns[-64:].tobytes()


def test_a_window_keeps_its_length_where_the_table_begins_late() -> None:
    day = session("2024-06-28")
    rows = feature_history(RETURNS[-10:], "2024-06-28").window(
        calendar.shift(day, -9), day, calendar.as_of(day)
    )

    panel = window_at(rows, day, 64, View(min_history=5)).panel

    assert panel.shape == (64, 10, 2)
    assert np.isnan(panel[:54]).all()

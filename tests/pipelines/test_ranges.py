import pandas as pd
import pytest

from pipelines.ranges import SIMULATED_INCEPTION, Asked, Reach, sessions_asked
from trading import calendar
from trading.errors import LookAheadError, MissingBarsError, UsageError

FRESH = Reach(None, None)
OLD = Reach(calendar.session_of("2024-01-02"), calendar.session_of("2024-03-01"))
NOW = pd.Timestamp("2025-07-01 12:00", tz="UTC")


class Source:
    name = "files"

    def __init__(self, last: str = "2040-12-31", *, simulated: bool = True) -> None:
        self.simulated = simulated
        self._last = calendar.session_of(last)

    def last_session(self) -> pd.Timestamp:
        return self._last


def asked(reach: Reach, source: Source | None = None, **words: object) -> tuple[str, str]:
    first, last = sessions_asked(Asked(**words), reach, source or Source(), lambda: NOW)
    return f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"


def test_a_fresh_simulated_home_begins_at_a_fixed_session() -> None:
    first, last = asked(FRESH, sessions=3)
    assert (first, last) == (f"{SIMULATED_INCEPTION:%Y-%m-%d}", "2024-01-04")


def test_a_fresh_home_of_real_bars_ends_with_them() -> None:
    assert asked(FRESH, Source("2025-06-30", simulated=False), sessions=2) == ("2025-06-27", "2025-06-30")


def test_nothing_is_asked_of_a_session_that_has_not_decided() -> None:
    assert asked(FRESH, first="2025-06-27") == ("2025-06-27", "2025-06-30")


def test_two_dates_are_taken_at_their_word() -> None:
    assert asked(FRESH, first="2024-01-02", last="2025-06-30") == ("2024-01-02", "2025-06-30")


def test_an_older_home_goes_on_after_its_head() -> None:
    assert asked(OLD, last="2024-03-08") == ("2024-03-04", "2024-03-08")


def test_a_range_past_the_head_fills_the_gap() -> None:
    assert asked(OLD, first="2024-03-06", last="2024-03-08") == ("2024-03-04", "2024-03-08")


def test_making_a_session_again_makes_the_later_ones_again() -> None:
    assert asked(OLD, first="2024-02-01", last="2024-02-02") == ("2024-02-01", "2024-03-01")


def test_the_same_number_of_sessions_is_the_same_range() -> None:
    assert asked(OLD, sessions=10) == ("2024-01-02", "2024-03-01")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            {"first": "2024-02-01", "last": "2024-01-02"},
            "reversed: --from 2024-02-01 lies after --to 2024-01-02",
        ),
        ({"first": "2024-01-02", "last": "2024-02-01", "sessions": 5}, "says too much"),
        ({"first": "2024-01-01", "last": "2024-02-01"}, r"2024-01-01 \(Monday\) is not a session"),
    ],
)
def test_a_range_that_cannot_be_is_refused(words: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        asked(FRESH, **words)


INTERRUPTED = Reach(calendar.session_of("2024-01-02"), None)


@pytest.mark.parametrize("words", [{}, {"first": "2024-01-05"}, {"first": "2024-01-02"}])
def test_a_home_whose_first_run_did_not_end_begins_at_its_inception(words: dict[str, object]) -> None:
    assert asked(INTERRUPTED, last="2024-03-08", **words) == ("2024-01-02", "2024-03-08")


@pytest.mark.parametrize("reach", [FRESH, OLD, INTERRUPTED])
@pytest.mark.parametrize("words", [{"first": "2025-07-02"}, {"last": "2025-07-01"}])
def test_a_date_in_the_future_is_refused_on_either_side(reach: Reach, words: dict[str, object]) -> None:
    # At 12:00 UTC of 1 July that session has not even opened.
    with pytest.raises(LookAheadError, match="the last session that can be made is 2025-06-30"):
        asked(reach, **words)


@pytest.mark.parametrize("words", [{"first": "2025-06-30"}, {"last": "2025-06-30"}])
def test_a_date_after_the_source_ends_is_refused_on_either_side(words: dict[str, object]) -> None:
    with pytest.raises(MissingBarsError, match="ends at 2025-06-27; 2025-06-30 is past it"):
        asked(OLD, Source("2025-06-27"), **words)


def test_a_range_that_ends_before_the_home_begins_is_refused() -> None:
    with pytest.raises(
        UsageError, match="this home begins at 2024-01-02, so a range cannot end at 2023-12-29"
    ):
        asked(OLD, last="2023-12-29")


@pytest.mark.parametrize("words", [{"first": ""}, {"last": ""}])
def test_an_empty_date_is_no_absent_one(words: dict[str, object]) -> None:
    # A script's unset variable must not run the default range.
    with pytest.raises(UsageError, match="'' is not a date"):
        asked(FRESH, **words)

import pandas as pd
import pytest

from pipelines.schedules import session_to_make


def new_york(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="America/New_York")


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2025-07-02 16:15", "2025-07-02"),
        ("2025-07-03 13:15", "2025-07-03"),  # the half day before Independence Day
        ("2025-11-03 16:15", "2025-11-03"),  # the first session after summer time
    ],
)
def test_a_session_is_made_a_quarter_of_an_hour_after_its_close(moment: str, session: str) -> None:
    assert session_to_make(new_york(moment)) == pd.Timestamp(session)


@pytest.mark.parametrize(
    "moment",
    [
        "2025-07-02 13:15",  # the half-day tick on a full day
        "2025-07-03 16:15",  # the full-day tick on a half day
        "2025-07-04 16:15",  # a holiday
        "2025-07-02 16:14",  # before the decision
        "2025-07-05 16:15",  # a Saturday
    ],
)
def test_no_other_moment_makes_a_session(moment: str) -> None:
    assert session_to_make(new_york(moment)) is None

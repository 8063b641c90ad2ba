"""Who speaks when a promotion is judged: the winner, and the loser although it was retired that very session."""

import pandas as pd

from pipelines.in_memory import Made
from pipelines.nulls import _Pair
from trading import calendar
from trading.evaluation.nulls import Promotion
from trading.testing.memory_store import MemoryStore
from trading.testing.stage_rows import CalendarBook, version_of

WHEN = calendar.session_of("2024-01-02")


class SpeakingBook(CalendarBook):
    """Versions by the calendar, with their names for voices."""

    def live(
        self, model: str, session: pd.Timestamp, timeframe: str = "1D"
    ) -> tuple[tuple[object, object], ...]:  # type: ignore[override]
        return tuple((record, record.version) for record in self.records(model, session, timeframe))


def test_a_loser_that_retired_with_its_defeat_is_still_heard() -> None:
    book = SpeakingBook(
        (
            version_of("ridge", "old", trained_through="2023-03-31", retired="2024-01-02"),
            version_of("ridge", "new", trained_through="2023-09-29"),
            version_of("ridge", "third", trained_through="2023-06-30"),
        )
    )
    pair = _Pair(Promotion(WHEN, "ridge", winner="new", loser="old"), Made(MemoryStore(), book))  # type: ignore[arg-type]

    speaking = pair.live("ridge", calendar.session_of("2020-01-02"))

    assert [voice for _, voice in speaking] == ["new", "old"]
    assert all(version.retired is None and version.live_from is None for version, _ in speaking)
    assert [version.version for version in pair.records("ridge", WHEN)] == ["new", "old"]

"""The logs beside the calendar: what a what-if copy is given of them."""

from pathlib import Path

import pandas as pd

from resources.champions_log import DECISIONS, TRIGGERS, append, copy_known, lines_of
from trading.interfaces import ChampionDecision, TrainingTrigger

EARLY, LATE = (pd.Timestamp(f"2024-04-0{day} 21:00", tz="UTC") for day in (1, 3))
DAY, NEXT = pd.Timestamp("2024-04-01"), pd.Timestamp("2024-04-02")


def test_a_copy_is_given_what_was_known_then(tmp_path: Path) -> None:
    decided = [ChampionDecision("ar1", "v1", "promote", NEXT, moment) for moment in (EARLY, LATE)]
    seen = [TrainingTrigger("ar1", "age", DAY, NEXT, 31.0, 29.5, moment) for moment in (EARLY, LATE)]
    for decision, trigger in zip(decided, seen, strict=True):
        append(tmp_path / "of" / "ar1" / DECISIONS, decision)
        append(tmp_path / "of" / "ar1" / TRIGGERS, trigger)

    copy_known(tmp_path / "of", tmp_path / "copy", EARLY)

    copy = tmp_path / "copy" / "ar1"
    assert lines_of(copy / DECISIONS, "ar1", ChampionDecision) == tuple(decided[:1])
    assert lines_of(copy / TRIGGERS, "ar1", TrainingTrigger) == tuple(seen[:1])

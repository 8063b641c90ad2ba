"""Every row that comes is counted once, by what became of it."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest.tally import Tally, as_frame, summed, tally_of
from trading import frames
from trading.monitoring.bar_rules import separate_bars
from trading.revisions import additions, as_known
from trading.testing.market_frames import bars_frame

MONDAY = pd.Timestamp("2024-06-03")
LATER = pd.Timestamp("2026-01-05", tz="UTC")
NAMES = ("NVDA", "AMD", "TSM", "MU")


def bars(closes: dict[str, float]) -> pd.DataFrame:
    return bars_frame({symbol: [close] for symbol, close in closes.items()}, MONDAY)


def counted(stored: pd.DataFrame, came: pd.DataFrame) -> Tally:
    parted = separate_bars(came)
    new = additions("bars", stored, parted.accepted, lambda: LATER)
    return tally_of("bars", parted.accepted, new, as_known("bars", stored), parted.quarantined)


def test_rows_are_new_the_same_changed_bad_or_twice() -> None:
    stored = bars({"NVDA": 1.0, "AMD": 2.0})
    came = bars({"NVDA": 1.0, "AMD": 2.5, "TSM": 3.0, "MU": 4.0})
    bad = came[came["symbol"] == "MU"].assign(high=0.5)
    twice = came[came["symbol"] == "TSM"]

    tally = counted(stored, pd.concat([came[came["symbol"] != "MU"], bad, twice]))

    assert tally == Tally("bars", accepted=1, quarantined=1, duplicates=2, revised=1)


closes = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([1.0, 2.0, 3.0]))


@settings(max_examples=12)  # each example validates three frames
@given(held=closes, offered=closes, repeated=st.integers(0, 2))
def test_the_counts_add_up_to_the_rows_that_came(
    held: dict[str, float], offered: dict[str, float], repeated: int
) -> None:
    stored = bars(held) if held else frames.empty("bars")
    rows = bars(offered) if offered else frames.empty("bars")
    came = pd.concat([rows] * (1 + repeated))

    tally = counted(stored, came)

    assert tally.came == len(came)
    assert tally.accepted == len(offered.keys() - held.keys())
    assert tally.revised == sum(held.get(name, close) != close for name, close in offered.items())


def test_tallies_of_chunks_are_summed_by_table_and_a_table_without_rows_is_shown() -> None:
    parts = [Tally("bars", 3, 1, 0, 2, 0), Tally("bars", 4, 0, 1, 0, 1)]

    frame = as_frame(summed(parts, ("bars", "earnings")))

    assert list(frame.columns) == ["table", "accepted", "filled", "quarantined", "duplicates", "revised"]
    assert frame.to_numpy().tolist() == [["bars", 7, 1, 1, 2, 1], ["earnings", 0, 0, 0, 0, 0]]

"""Files of one-minute bars: five make one, a bad one spoils none, and nothing disappears."""

from pathlib import Path

import pandas as pd
import pytest

from resources.sources.mapped import MappedSource
from resources.sources.mapping import FILE_NAME
from trading.errors import UsageError
from trading.monitoring.bar_rules import separate_bars

MONDAY = pd.Timestamp("2024-06-03")
MAPPING = (
    '[[bars]]\nfiles = "*.csv"\ntimeframe = "5min"\nminutes = 1\nbasis = "raw"\ntime_zone = "America/New_York"\n'
    '[bars.columns]\nts = "Time"\nopen = "O"\nhigh = "H"\nlow = "L"\nclose = "C"\nvolume = "V"\n'
)
HEAD = "Time,O,H,L,C,V\n"
MINUTES = (
    "2024-06-03 09:30,10,11,9,10.5,100\n"
    "2024-06-03 09:31,10.5,12,10,11,50\n"
    "2024-06-03 09:34,11,11.5,8,9,25\n"
    "2024-06-03 09:35,9,9.5,8.5,9.2,10\n"
)


def source_of(folder: Path, lines: str, mapping: str = MAPPING) -> MappedSource:
    (folder / FILE_NAME).write_text(mapping)
    (folder / "NVDA.csv").write_text(HEAD + lines)
    return MappedSource(folder)


def rows_of(source: MappedSource) -> pd.DataFrame:
    return source.bars(("NVDA",), MONDAY, MONDAY, "5min")


def test_five_minutes_make_a_bar_known_when_the_bar_was_published(tmp_path: Path) -> None:
    rows = rows_of(source_of(tmp_path, MINUTES))
    first, second = rows.to_dict("records")
    assert [first[name] for name in ("open", "high", "low", "close", "volume")] == [10, 12, 8, 9, 175]
    assert [second[name] for name in ("open", "high", "low", "close", "volume")] == [9, 9.5, 8.5, 9.2, 10]
    assert first["ts"] == pd.Timestamp("2024-06-03 13:30", tz="UTC")
    assert first["known_at"] == pd.Timestamp(
        "2024-06-03 13:45", tz="UTC"
    )  # its end, and ten minutes of delay
    assert separate_bars(rows).quarantined.empty


def test_minutes_stamped_at_their_end_are_moved_to_their_start(tmp_path: Path) -> None:
    mapping = MAPPING.replace("minutes = 1\n", 'minutes = 1\nstamp = "end"\n')
    rows = rows_of(source_of(tmp_path, "2024-06-03 09:35,10,11,9,10.5,100\n", mapping))
    assert list(rows["ts"]) == [pd.Timestamp("2024-06-03 13:30", tz="UTC")]


@pytest.mark.parametrize(
    "bad",
    [
        "2024-06-03 09:32,10,9,11,10,1\n",
        "2024-06-03 09:32,10,99,9,-10,1\n",
        "2024-06-03 09:32,ten,99,9,10,1\n",
        "2024-06-03 09:32,10,99,9,10,-1\n",
        "2024-06-03 09:32:30,10,99,9,10,1\n",
        "2024-06-03 09:32,10,99,9,10,1\n2024-06-03 09:32,10,98,9,10,1\n",
        "2024-06-03 09:30,10,99,9,10,1\n2024-06-03 09:30,10,98,9,10,1\n",
    ],
)
def test_a_minute_that_cannot_be_true_spoils_no_bar_and_is_kept(tmp_path: Path, bad: str) -> None:
    others = MINUTES if "09:30," not in bad else MINUTES.split("\n", 1)[1]
    separated = separate_bars(rows_of(source_of(tmp_path, others + bad)))
    assert separated.accepted["high"].tolist() == [12, 9.5]
    assert len(separated.quarantined) == bad.count("\n")
    assert separated.quarantined["row"].str.contains("cannot be summed").all()


def test_a_minute_that_is_there_twice_counts_once_and_is_kept(tmp_path: Path) -> None:
    separated = separate_bars(rows_of(source_of(tmp_path, MINUTES + MINUTES.splitlines()[0] + "\n")))
    assert separated.accepted["volume"].tolist() == [175, 10]
    assert separated.quarantined["row"].str.contains("there twice").tolist() == [True]


def test_minutes_are_no_days(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="minutes = 1 goes with timeframe 5min"):
        source_of(tmp_path, MINUTES, MAPPING.replace('"5min"', '"1D"'))

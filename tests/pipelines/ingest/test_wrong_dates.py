"""Files with wrong dates: every row is stored or in quarantine, and one wrong date makes no false gap."""

import json
from pathlib import Path

import pytest

from pipelines.cli.main import status_of

MAPPING = (
    '[[bars]]\nfiles = "*.csv"\ntimeframe = "5min"\nbasis = "raw"\ntime_zone = "America/New_York"\n'
    '[bars.columns]\nts = "Time"\nopen = "O"\nhigh = "H"\nlow = "L"\nclose = "C"\nvolume = "V"\n'
)
VALUES = ",100,101,99,100.5,1000"
GOOD = ("2024-06-03 09:35", "2024-06-03 09:40", "2024-06-05 10:00")
BEFORE_LISTING, SATURDAY, FUTURE = "2023-09-01 09:35", "2024-06-08 09:40", "2030-06-03 09:35"


def written(folder: Path, symbol: str, times: tuple[str, ...], *lines: str) -> None:
    rows = [f"{time}{VALUES}" for time in times]
    (folder / f"{symbol}.csv").write_text("\n".join(["Time,O,H,L,C,V", *rows, *lines]) + "\n")


@pytest.mark.parametrize("order", [1, -1])
def test_each_row_is_stored_or_in_quarantine(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], order: int
) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    (data / "fabline-mapping.toml").write_text(MAPPING)
    times = (BEFORE_LISTING, *GOOD, SATURDAY, FUTURE)[::order]
    written(data, "ARM", times, "garbage")
    written(data, "NVDA", GOOD[:1])

    options = ["--data", str(data), "--timeframe", "5min", "--format", "json", "--home", str(home)]
    assert status_of(["ingest", *options]) == 0
    counts = {row["table"]: row for row in json.loads(capsysbinary.readouterr().out)}["bars"]
    assert (counts["accepted"], counts["quarantined"], counts["duplicates"]) == (4, 4, 0)

    assert status_of(["quarantine", "list", "--format", "json", "--home", str(home)]) == 0
    rules = sorted(row["rule"] for row in json.loads(capsysbinary.readouterr().out))
    assert rules == ["before_listing", "from_the_future", "not_a_session", "unreadable"]

    assert status_of(["show", "findings", "--format", "json", "--home", str(home)]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert {row["session"] for row in found if row["severity"] == "error"} == {"2024-06-04"}  # really missing

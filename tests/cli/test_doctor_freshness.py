"""`fabline doctor` says what is stale: last known at, expected by, how late; by the exchange's calendar."""

from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipelines.cli import doctor
from pipelines.environment import open_or_create
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.home import Home
from trading import calendar
from trading.testing.market import SimulatedMarket
from trading.universe import SYMBOLS

LAST = calendar.session_of("2024-07-03")  # a half day before a holiday


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="America/New_York").tz_convert("UTC").as_unit("us")


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)


def filled(path: Path, source: str, *, five: bool = False, without: str = "") -> Path:
    """A home of `source` with SIMULATED bars up to the half day."""
    home, market = open_or_create(path), SimulatedMarket()
    with closing(Workshop.of(home, Settings()).open().store) as store:
        symbols = [symbol for symbol in SYMBOLS if symbol != without]
        bars = market.bars(SYMBOLS, calendar.shift(LAST, -2), LAST)
        store.write({"bars": bars}, calendar.shift(LAST, -2), LAST, commit={})
        if five:
            store.write({"bars": market.bars(symbols, LAST, LAST, "5min")}, LAST, LAST, commit={})
    home.fix_source({"name": source})
    return path


def looked(home: Path, now: str) -> list[doctor.Check]:
    return list(doctor.freshness(home, lambda: at(now)))


@pytest.mark.parametrize("now", ["2024-07-03 14:00", "2024-07-04 12:00", "2024-07-05 16:14"])
def test_bars_are_fresh_over_a_holiday_and_until_the_next_session_decides(now: str, tmp_path: Path) -> None:
    (check,) = looked(filled(tmp_path, "alpaca"), now)

    assert (check.check, check.state) == ("bars 1D", "ok")
    assert check.found.startswith("last of 2024-07-03, known at 2024-07-03 17:")


def test_daily_bars_that_are_late_are_named_with_when_they_were_expected(tmp_path: Path) -> None:
    (check,) = looked(filled(tmp_path, "yahoo"), "2024-07-05 19:20")

    assert check.state == "warn"
    assert "the next was expected by 2024-07-05 20:15 UTC, 3 h 5 min late: NVDA, AMD," in check.found
    assert check.remedy == "fabline ingest"


def test_a_market_that_does_not_go_on_by_itself_is_not_late(tmp_path: Path) -> None:
    (check,) = looked(filled(tmp_path, "simulated"), "2024-09-05 19:20")

    assert check.state == "ok"
    assert "does not go on by itself" in check.found


def test_five_minute_bars_are_looked_at_where_some_came(tmp_path: Path) -> None:
    home = filled(tmp_path, "alpaca", five=True)

    _, closed = looked(home, "2024-07-04 12:00")
    _, late = looked(home, "2024-07-05 09:47")

    assert (closed.check, closed.state) == ("bars 5min", "ok")
    assert late.state == "warn"
    assert "expected by 2024-07-05 13:45 UTC, 2 min late" in late.found
    assert "--live" in late.remedy


def test_a_home_without_bars_or_none_at_all_has_nothing_to_say(tmp_path: Path) -> None:
    assert looked(tmp_path / "none", "2024-07-05 09:47") == []
    Home.open_or_create(tmp_path / "new")
    assert looked(tmp_path / "new", "2024-07-05 09:47") == []


@pytest.mark.parametrize(
    ("late", "words"), [("12min", "12 min"), ("3h 5min", "3 h 5 min"), ("51h 59min", "2 d 3 h")]
)
def test_a_time_is_spelled_in_two_units(late: str, words: str) -> None:
    assert doctor._spelled(pd.Timedelta(late)) == words

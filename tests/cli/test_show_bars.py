"""`fabline show bars` as a view: of a timeframe, adjusted, raw or filled, as of a moment."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

import fabline
from pipelines import environment
from pipelines.cli.main import status_of
from resources.store import store_at
from trading import calendar
from trading.testing.market import SimulatedMarket

SPLIT = pd.Timestamp("2023-09-28")  # SPY, 4:1, in the market of seed 7
FIRST, LAST = pd.Timestamp("2023-09-25"), pd.Timestamp("2023-10-03")
FIVE = pd.Timestamp("2023-10-03")  # the session that has five-minute bars and no daily one
MARKET = SimulatedMarket()
Shown = list[dict[str, object]]
Show = Callable[..., Shown]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Daily bars of SPY and AMD across SPY's split, and five-minute bars of the last session with a gap."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    made = environment.open_or_create(tmp_path_factory.mktemp("views") / "home")
    made.fix_inception(FIRST)
    store = store_at(made.tables, made.database)
    daily = MARKET.bars(("AMD", "SPY"), FIRST, calendar.shift(LAST, -1))
    five = MARKET.bars(("SPY",), FIVE, FIVE, "5min").drop([10, 11])
    tables = {
        "bars": pd.concat([daily, five]),
        "corporate_actions": MARKET.actions(("AMD", "SPY"), FIRST, LAST),
    }
    store.write(tables, FIRST, LAST, commit={})
    store.close()
    yield made.path
    monkeypatch.undo()


@pytest.fixture
def shown(home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Show:
    def show(*arguments: str) -> Shown:
        assert status_of(["show", "bars", *arguments, "--format", "json", "--home", str(home)]) == 0
        rows: Shown = json.loads(capsysbinary.readouterr().out)
        return rows

    return show


def closes(rows: Shown) -> dict[str, float]:
    return {str(row["session"]): float(str(row["close"])) for row in rows}


def test_the_day_before_a_split_shows_the_old_scale_and_the_day_after_the_new(shown: Show) -> None:
    raw = closes(shown("--timeframe", "1D", "--symbol", "SPY", "--raw"))
    options = ("--timeframe", "1D", "--symbol", "SPY", "--adjusted", "--as-of")

    before, after = closes(shown(*options, "2023-09-27")), closes(shown(*options, "2023-09-28"))

    assert before == {day: close for day, close in raw.items() if day < "2023-09-28"}
    assert after["2023-09-27"] == pytest.approx(raw["2023-09-27"] / 4)
    assert after["2023-09-28"] == raw["2023-09-28"]


def test_weekly_bars_are_made_and_say_of_what(shown: Show) -> None:
    weeks = shown("--timeframe", "1W", "--symbol", "SPY", "--adjusted")

    assert [(row["session"], row["parts"], row["expected"], row["made_of"]) for row in weeks] == [
        ("2023-09-29", 5, 5, "1D"),
        ("2023-10-06", 77, 82, "1D+5min"),  # one day, 76 of 78 bars of the next, and three days not there
    ]


@pytest.mark.parametrize(("minutes", "weeks"), [(-1, []), (15, ["2023-09-29"])])
def test_a_week_is_shown_from_its_last_close_on(minutes: int, weeks: list[str], shown: Show) -> None:
    last = pd.Timestamp("2023-09-29")
    moment = calendar.session_close(last) + pd.Timedelta(minutes=minutes)

    rows = shown("--timeframe", "1W", "--symbol", "SPY", "--as-of", moment.isoformat())

    assert [row["session"] for row in rows] == weeks


def test_a_day_under_way_is_not_shown(shown: Show) -> None:
    noon = calendar.session_open(FIVE) + pd.Timedelta(hours=3)

    rows = shown("--timeframe", "1D", "--symbol", "SPY", "--as-of", noon.isoformat())

    assert rows[-1]["session"] == "2023-10-02"


def test_a_daily_bar_that_is_not_stored_is_made_of_the_five_minute_ones_there_are(shown: Show) -> None:
    rows = shown("--timeframe", "1D", "--symbol", "SPY", "--from", "2023-10-02")

    assert [(row["made_of"], row["parts"], row["expected"]) for row in rows] == [("", 1, 1), ("5min", 76, 78)]


def test_gaps_are_filled_and_flagged_up_to_the_moment(shown: Show) -> None:
    options = ("--timeframe", "5min", "--filled")
    tenth = calendar.session_open(FIVE) + pd.Timedelta(minutes=65)  # when the bar of place 10 was due

    whole, early = shown(*options), shown(*options, "--as-of", tenth.isoformat())

    assert [at for at, row in enumerate(whole) if row["filled"]] == [10, 11]
    assert [at for at, row in enumerate(early) if row["filled"]] == [10]
    assert len(early) == 11


def test_without_options_the_rows_are_those_of_the_table(shown: Show) -> None:
    rows = shown()

    assert len(rows) == 2 * 6 + 76
    assert "made_of" not in rows[0]
    assert len(shown("--timeframe", "1D", "--symbol", "AMD")) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bars", "--filled"), "only five-minute bars are filled: add --timeframe 5min"),
        (("features", "--adjusted"), "are views of bars; table features has none"),
        (("corporate_actions", "--timeframe", "1D"), "corporate_actions has no timeframes"),
        (("--timeframe", "1D"), "need a table"),
        (("bars", "--timeframe", "1D", "--symbol", "XOM"), "unknown symbol 'XOM'"),
        (("bars", "--timeframe", "1D", "--version", "1"), "keeps no versions"),
        (("bars", "--timeframe", "1h"), "timeframe"),
        (("bars", "--adjusted", "--raw"), "either adjusted or raw"),
        (("bars", "--raw", "--adjusted"), "either adjusted or raw"),
    ],
)
def test_a_view_that_cannot_be_is_wrong_use(
    arguments: tuple[str, ...], words: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["show", *arguments, "--home", str(home)]) == 2
    assert words in capsys.readouterr().err


def test_over_raw_bars_there_is_nothing_to_note(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["show", "bars", "--adjusted", "--as-of", "2023-09-29", "--home", str(home)]) == 0
    assert capsys.readouterr().err == ""


def test_in_a_notebook_the_same_view_is_a_frame(home: Path) -> None:
    frame = fabline.read("bars", "2023-09-27", "2023-09-28", timeframe="1D", adjusted=True, home=home)
    spy = frame[frame["symbol"] == "SPY"]

    raw = MARKET.bars(("SPY",), pd.Timestamp("2023-09-27"), SPLIT)["close"].tolist()
    assert spy["close"].tolist() == pytest.approx([raw[0] / 4, raw[1]])
    assert set(frame["basis"]) == {"fully_adjusted"}
    assert fabline.read("bars", timeframe="5min", filled=True, home=home)["filled"].sum() == 2


def test_raw_bars_are_refused_where_only_adjusted_ones_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    made = environment.open_or_create(tmp_path / "home")
    made.fix_inception(FIRST)
    store = store_at(made.tables, made.database)
    adjusted = MARKET.bars(("AMD",), FIRST, LAST).assign(basis="fully_adjusted")
    store.write({"bars": adjusted}, FIRST, LAST, commit={})
    store.close()

    assert status_of(["show", "bars", "--raw", "--home", str(made.path)]) == 2
    assert "1D bars of AMD are fully_adjusted by their source" in capsys.readouterr().err
    assert status_of(["show", "bars", "--adjusted", "--as-of", "2023-09-29", "--home", str(made.path)]) == 0
    assert "note: the bars of AMD are fully_adjusted by their source" in capsys.readouterr().err


@pytest.mark.parametrize(("timeframe", "parts"), [("1D", (78, 78)), ("1W", (78, 5 * 78))])
def test_raw_bars_are_made_of_raw_five_minute_ones_where_the_daily_ones_are_adjusted(
    timeframe: str,
    parts: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    made = environment.open_or_create(tmp_path / "home")
    made.fix_inception(FIRST)
    store = store_at(made.tables, made.database)
    adjusted = MARKET.bars(("AMD",), FIRST, LAST).assign(basis="fully_adjusted")
    five = MARKET.bars(("AMD",), FIVE, FIVE, "5min")
    store.write({"bars": pd.concat([adjusted, five])}, FIRST, LAST, commit={})
    store.close()

    options = ("--timeframe", timeframe, "--raw", "--format", "json")
    assert status_of(["show", "bars", *options, "--home", str(made.path)]) == 0

    (row,) = json.loads(capsysbinary.readouterr().out)
    assert (row["basis"], row["made_of"], row["parts"], row["expected"]) == ("raw", "5min", *parts)
    assert row["close"] == five["close"].iloc[-1]


def test_a_symbol_of_files_that_the_universe_lacks_has_views_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    made = environment.open_or_create(tmp_path / "home")
    store = store_at(made.tables, made.database)
    store.write({"bars": MARKET.bars(("AMD",), FIRST, LAST).assign(symbol="FOO")}, FIRST, LAST, commit={})
    store.close()
    asked = ["show", "bars", "--timeframe", "1W", "--format", "json", "--home", str(made.path), "--symbol"]

    assert status_of([*asked, "FOO"]) == 0
    assert {row["symbol"] for row in json.loads(capsysbinary.readouterr().out)} == {"FOO"}
    assert status_of([*asked, "BAR"]) == 2

"""`fabline restate`: what is refused, and what a copy says of itself before, while and after it is made."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipelines import environment
from pipelines.cli import status
from pipelines.cli.main import FAILED, WRONG_USE, status_of
from pipelines.what_if import Restatement, begin, refuse_going_on, refuse_news
from resources.home import Home
from resources.store import store_at
from trading import calendar
from trading.errors import HomeError, UsageError
from trading.testing.example_rows import example

Homes = Callable[..., Path]
FIRST, LAST = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-05")
NOW = pd.Timestamp("2024-02-01", tz="UTC")
SOURCE = {"name": "simulated", "basis": "raw", "simulated": "true", "seed": "7", "edge": "none"}


@pytest.fixture
def traded(new_home: Homes) -> Home:
    """A home with bars and four traded sessions."""
    home = Home.open(new_home("home", "performance"))
    home.fix_source(SOURCE, empty=True)
    with closing(store_at(home.tables, home.database)) as store:
        store.write({"bars": example("bars", FIRST, LAST)}, FIRST, LAST, commit={})
    return home


def asked(home: Home, *, as_of: pd.Timestamp | None = None, target: Path | None = None) -> Restatement:
    return Restatement.of(home, target, as_of or calendar.as_of(LAST), NOW)


def test_the_copy_lies_beside_the_home_and_ends_where_the_moment_allows(traded: Home) -> None:
    wished = asked(traded, as_of=calendar.as_of(pd.Timestamp("2024-01-04")))

    assert wished.target == traded.path.with_name("home-what-if-20240104T2115")
    assert (wished.first, wished.last) == (FIRST, pd.Timestamp("2024-01-04"))


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        ("2031-01-02", "has not come yet"),
        ("2024-01-02T12:00Z", "had not decided yet"),
        ("soon", "is no moment"),
    ],
)
def test_a_moment_at_which_nothing_was_known_is_wrong_use(
    as_of: str, said: str, traded: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["restate", "--as-of", as_of, "--home", str(traded.path)]) == WRONG_USE
    assert said in capsys.readouterr().err


def test_a_home_that_has_not_traded_cannot_be_restated(tmp_path: Path, new_home: Homes) -> None:
    with pytest.raises(UsageError, match="has not run yet"):
        asked(Home.open_or_create(tmp_path / "new"))
    with pytest.raises(UsageError, match="no traded session yet"):
        asked(Home.open(new_home("loaded", "bars")))


def test_nothing_that_is_there_is_overwritten(traded: Home, tmp_path: Path, new_home: Homes) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").touch()
    for target in (tmp_path / "notes", new_home("other"), traded.path):
        with pytest.raises(UsageError, match="is there already"):
            asked(traded, target=target)


def test_a_copy_that_was_broken_off_is_no_home_and_may_be_begun_again(traded: Home, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    begin(asked(traded, target=target))

    with pytest.raises(HomeError, match="broken off, and no home"):
        Home.open(target)
    assert status_of(["status", "--home", str(target)]) == FAILED
    assert begin(asked(traded, target=target)).facts.is_unfinished


@pytest.fixture
def copy(traded: Home, tmp_path: Path) -> Home:
    """A copy of which nothing was made, but which says that it is whole."""
    home = begin(asked(traded, target=tmp_path / "copy"))
    home.finish_what_if()
    return Home.open(home.path)


def test_a_copy_holds_the_bars_and_says_everywhere_what_it_is(copy: Home, traded: Home) -> None:
    line = "WHAT-IF: home as if all that was known at 2024-01-05 21:15 UTC had been known in time"

    assert environment.market_line(copy.path) == f"{line}; SIMULATED: prices made up by a program"
    assert f"what if       {line}" in status.report(copy)
    assert copy.facts.id != traded.facts.id
    assert copy.facts.source == SOURCE
    with (
        closing(environment.open_store(copy.path)) as one,
        closing(environment.open_store(traded.path)) as other,
    ):
        assert set(one.read("bars")["close"]) == set(other.read("bars")["close"])


def test_a_copy_goes_on_only_when_asked(copy: Home) -> None:
    following = calendar.shift(LAST, 1)
    refuse_going_on(copy, LAST)
    with pytest.raises(UsageError, match="--continue-what-if"):
        refuse_going_on(copy, following)

    with pytest.raises(UsageError, match="It takes no news"):
        refuse_news(copy)

    copy.continue_what_if()

    refuse_going_on(copy, following)
    refuse_news(copy)
    assert "restated up to 2024-01-05 only" in environment.market_line(copy.path)


def test_a_copy_of_a_copy_is_refused(copy: Home) -> None:
    with pytest.raises(UsageError, match=r"restate .*home instead"):
        asked(copy)


def test_an_ordinary_home_is_not_continued_as_a_copy(traded: Home) -> None:
    refuse_going_on(traded, calendar.shift(LAST, 9))
    with pytest.raises(UsageError, match="is no what-if copy"):
        traded.continue_what_if()


def test_a_copy_keeps_a_database_of_its_own(copy: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABLINE_DATABASE_URL", "postgresql://somewhere/else")
    assert environment.database_of(copy) == copy.database

"""A trigger that was seen live trains a challenger; a replay and a home rebuilt from the logs alone have the same champions."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipelines.wiring import Workshop
from resources.champions_log import DECISIONS, TRIGGERS
from resources.home import Home
from tests.e2e.homes import FIRST, LAST, SMALL, arrow_tables, copied, materialise, same_bytes
from trading import calendar
from trading.interfaces import ChampionDecision

DAYS = [calendar.shift(LAST, ahead) for ahead in (1, 2, 3, 4)]
ACTING = (
    SMALL.with_value("triggers.act", True)  # noqa: FBT003 - the value of a setting
    .with_value("triggers.age_sessions", 3)
    .with_value("triggers.cooldown_sessions", 0)
)
COMPARED = ("champions", "forecast_ar1", "version_losses", "ensemble_forecast", "target_portfolio", "orders")


def at(path: Path, session: pd.Timestamp) -> Workshop:
    """The home a few minutes after a session has decided."""
    now = calendar.as_of(session) + pd.Timedelta(minutes=5)
    return Workshop.of(Home.open_or_create(path), ACTING, clock=lambda: now)


def tables(path: Path) -> dict:
    opened = at(path, DAYS[-1]).open()
    made = arrow_tables(opened.store, COMPARED)
    opened.store.close()
    return made


def decide(path: Path, version: str, session: pd.Timestamp, action: str) -> None:
    decided = calendar.as_of(calendar.shift(session, -1)) + pd.Timedelta(hours=1)
    at(path, session).open().registry.decide(ChampionDecision("ar1", version, action, session, decided))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lived(made_in_one_run: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of four evenings: a trigger, its challenger, a promotion by hand, and its rollback."""
    home = copied(made_in_one_run, tmp_path_factory.mktemp("lived") / "home")
    for day in DAYS[:2]:
        materialise(at(home, day), day, day)
    rows = at(home, DAYS[1]).open().store.read("champions", DAYS[1], DAYS[1])
    mine = rows[(rows["model"] == "ar1").to_numpy()]
    challenger = mine.loc[mine["trained_through"] == DAYS[0], "version"].item()
    champion = mine.loc[mine["role"] == "champion", "version"].item()
    decide(home, challenger, DAYS[2], "promote")
    materialise(at(home, DAYS[2]), DAYS[2], DAYS[2])
    decide(home, champion, DAYS[3], "rollback")
    materialise(at(home, DAYS[3]), DAYS[3], DAYS[3])
    return home


@pytest.mark.nightly  # a home of four evenings, and another made anew: a minute
def test_a_trigger_trains_a_challenger_that_speaks_from_the_next_session_on(lived: Path) -> None:
    opened = at(lived, DAYS[-1]).open()
    spoken = opened.store.read("forecast_ar1", DAYS[0], DAYS[-1]).groupby("session")["version"].nunique()
    first, *_ = opened.registry.triggers("ar1")
    opened.store.close()

    assert (first.kind, first.session, first.effective) == ("age", DAYS[0], DAYS[1])
    assert spoken.loc[DAYS[0]] == 3
    assert spoken.loc[DAYS[1]] == 4


@pytest.mark.nightly  # see above
def test_a_replay_of_the_evenings_gives_the_same_bytes(lived: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(lived, again)
    materialise(at(again, calendar.shift(DAYS[-1], 60)), DAYS[0], DAYS[-1])

    before, after = tables(lived), tables(again)

    assert [name for name in COMPARED if not same_bytes(before[name], after[name])] == []


@pytest.mark.nightly  # see above
def test_a_home_rebuilt_from_the_logs_alone_has_the_same_champions(lived: Path, tmp_path: Path) -> None:
    rebuilt = tmp_path / "rebuilt"
    (rebuilt / "models" / "ar1").mkdir(parents=True)
    for log in (DECISIONS, TRIGGERS):
        shutil.copy(lived / "models" / "ar1" / log, rebuilt / "models" / "ar1" / log)

    materialise(at(rebuilt, calendar.shift(DAYS[-1], 60)), FIRST, DAYS[-1])

    before, after = tables(lived), tables(rebuilt)
    assert [name for name in COMPARED if not same_bytes(before[name], after[name])] == []
    reasons = " ".join(after["champions"].column("reason").to_pylist())
    assert "promote by hand" in reasons
    assert "rollback by hand" in reasons

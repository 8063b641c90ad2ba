"""The book of trials on disk: once and for good, whoever looks, however often, and at the same time."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from resources import trials
from resources.store import HomeStore, store_at
from resources.trials import adopt_trials, code_of_the_line, record_books, record_trial, trials_of
from trading import calendar
from trading.digest import generator
from trading.testing.finished_home import finished_home

DAYS = calendar.sessions_between(calendar.session_of("2023-01-03"), calendar.session_of("2023-06-30"))
RETURNS = pd.Series(generator("returns").normal(0, 0.01, len(DAYS)), index=DAYS)


@pytest.fixture
def store(tmp_path: Path) -> HomeStore:
    return store_at(tmp_path / "tables", tmp_path / "fabline.db")


def look(store: HomeStore, settings: str = "a", **more: str) -> bool:
    return record_trial(store, RETURNS, command="run", label="default", settings=settings, **more)


def test_the_first_look_is_new_and_the_second_is_known(store: HomeStore) -> None:
    assert look(store)
    assert not look(store)
    assert len(store.read("trials")) == 1
    assert len(store.commits()) == 1


def test_a_longer_look_is_entered_and_is_no_other_variant(store: HomeStore) -> None:
    record_trial(store, RETURNS.iloc[:-5], command="run", label="default", settings="a")

    assert not look(store)
    assert len(store.read("trials")) == 2
    assert trials_of(store).count == 1


def test_each_settings_looked_at_count(store: HomeStore) -> None:
    assert [look(store, name) for name in "abca"] == [True, True, True, False]
    assert trials_of(store).count == 3


def test_a_look_cannot_be_taken_back_by_writing_its_sessions_again(store: HomeStore) -> None:
    look(store)
    nothing = store.read("trials").iloc[:0]

    store.write({"trials": nothing}, DAYS[0], DAYS[-1], commit={})

    assert trials_of(store).count == 1
    assert len(store.read("trials")) == 1


def test_a_look_that_was_deleted_in_the_database_still_counts(store: HomeStore, tmp_path: Path) -> None:
    for name in "abc":
        look(store, name)
    store.close()
    with closing(sqlite3.connect(tmp_path / "fabline.db")) as database, database:
        database.execute("DELETE FROM trials WHERE settings IN ('a', 'b')")

    assert len(store.read("trials")) == 1
    assert (trials_of(store).count, trials_of(store).lost) == (3, 2)


def performance() -> pd.DataFrame:
    rows = finished_home(40)["performance"]
    return pd.concat([rows, rows.assign(strategy="bold", log_return=-rows["log_return"])])


def recorded(store: HomeStore, **more: str) -> bool:
    return record_books(store, **{"command": "run", "settings": "a", **more})


def test_each_strategy_of_a_home_is_a_variant_of_its_own(store: HomeStore) -> None:
    rows = performance()
    store.write({"performance": rows}, rows["session"].min(), rows["session"].max(), commit={})

    assert recorded(store)
    assert not recorded(store)

    found = store.read("trials").set_index("label")
    assert found["n"].to_dict() == {"bold": 39, "swing": 39}
    assert found.loc["swing", "settings"] == "a" != found.loc["bold", "settings"]


def test_looking_later_with_a_newer_program_is_a_look_at_what_the_old_one_made(
    store: HomeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = performance()
    store.write({"performance": rows}, rows["session"].min(), rows["session"].max(), commit={})
    recorded(store)
    monkeypatch.setattr(trials, "code_of_the_line", lambda: "newer")

    assert not recorded(store, command="evaluate")
    assert recorded(store)  # but a run makes it anew


def test_adopted_trials_count_once(store: HomeStore, tmp_path: Path) -> None:
    other = store_at(tmp_path / "others", tmp_path / "others.db")
    for name in "bc":
        look(other, name)
    look(store, "b")

    assert [adopt_trials(store, other), adopt_trials(store, other)] == [1, 0]
    assert trials_of(store).count == 2


def test_what_has_no_return_is_no_look(store: HomeStore) -> None:
    assert not record_trial(store, RETURNS.iloc[:0], command="run", label="", settings="a")
    assert store.read("trials").empty


def test_two_that_look_at_once_make_one_trial(store: HomeStore, tmp_path: Path) -> None:
    store.read("trials")
    others = [store_at(tmp_path / "tables", tmp_path / "fabline.db") for _ in range(4)]

    running = [threading.Thread(target=look, args=(other,)) for other in others]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()

    assert len(store.read("trials")) == 1


def test_the_code_is_the_same_twice_and_another_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room, name in (
        ("trading", "fees.py"),
        ("trading/evaluation", "betting.py"),
        ("trading/testing", "market.py"),
        ("resources", "trials.py"),
    ):
        (tmp_path / room).mkdir(parents=True, exist_ok=True)
        (tmp_path / room / name).write_text("FEE = 1\n", encoding="utf-8")
    monkeypatch.setattr(trials, "__file__", str(tmp_path / "resources" / "trials.py"))

    def digest_now() -> str:
        code_of_the_line.cache_clear()
        return code_of_the_line()

    before = digest_now()
    (tmp_path / "trading/testing/market.py").write_text("FEE = 2\n", encoding="utf-8")
    assert digest_now() == before
    for changed in ("trading/evaluation/betting.py", "trading/fees.py"):
        (tmp_path / changed).write_text("FEE = 2\n", encoding="utf-8")
        assert digest_now() != before
        before = digest_now()
    monkeypatch.undo()
    code_of_the_line.cache_clear()

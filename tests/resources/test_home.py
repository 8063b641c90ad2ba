"""The home: its folders, its facts, and who may write."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from resources.home import FORMAT, Holder, Home
from trading.errors import HomeError, UsageError

SESSION = pd.Timestamp("2024-03-04")
HOLD = """
import sys, time
from resources.home import Home
with Home.open(sys.argv[1]).writing("fabline run", run_id="run-7"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open_or_create(tmp_path / "home", created_by="0.1.0")


def test_a_new_home_has_its_folders_and_says_who_made_it(home: Home) -> None:
    for folder in (home.dagster, home.tables, home.mlflow, home.models, home.reports, home.logs):
        assert folder.is_dir()
    assert (home.facts.created_by, home.facts.format, home.inception) == ("0.1.0", FORMAT, None)


def test_every_home_has_its_own_id_for_good(home: Home, tmp_path: Path) -> None:
    assert home.facts.id != Home.open_or_create(tmp_path / "other").facts.id
    assert len(home.facts.id) == 12
    assert Home.open_or_create(home.path).facts.id == home.facts.id


def test_opening_a_home_again_changes_nothing(home: Home) -> None:
    home.fix_inception(SESSION)
    Home.open_or_create(home.path, created_by="0.2.0")
    assert (home.facts.created_by, home.inception) == ("0.1.0", SESSION)


def test_a_home_that_is_not_there_can_not_be_opened(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=r"there is no home at .*; `fabline run` makes one"):
        Home.open(tmp_path)


def test_a_place_where_no_home_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match=r"no home can be made at .*; set FABLINE_HOME"):
        Home.open_or_create(tmp_path / "file" / "home")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": "x"}', '{"format": 1, "colour": "red"}'])
def test_a_description_that_is_none_is_refused(home: Home, text: str) -> None:
    (home.path / "home.json").write_text(text)
    with pytest.raises(HomeError, match="restore it from a copy of the home"):
        Home.open(home.path)


def test_a_home_of_a_newer_fabline_is_refused(home: Home) -> None:
    facts = {"format": FORMAT + 1, "created_by": "9.0.0"}
    (home.path / "home.json").write_text(json.dumps(facts))
    with pytest.raises(HomeError, match=r"written by a newer Fabline \(9.0.0, format 2"):
        Home.open(home.path)


def test_damaged_facts_are_named(home: Home) -> None:
    (home.path / "home.json").write_text("{")
    with pytest.raises(HomeError, match="is not JSON"):
        Home.open(home.path)


def test_dagsters_settings_are_seeded_once(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    home = Home.open_or_create(tmp_path / "home", dagster_yaml=tmp_path / "dagster.yaml")
    (home.dagster / "dagster.yaml").write_text("mine: true\n")
    Home.open_or_create(tmp_path / "home", dagster_yaml=tmp_path / "dagster.yaml")
    assert (home.dagster / "dagster.yaml").read_text() == "mine: true\n"


def test_the_first_run_fixes_the_inception_and_later_ones_get_it(home: Home) -> None:
    assert home.fix_inception(SESSION) == SESSION
    assert home.fix_inception(pd.Timestamp("2024-03-08")) == SESSION


def test_a_range_before_the_inception_needs_a_rebuild(home: Home) -> None:
    home.fix_inception(SESSION)
    earlier = pd.Timestamp("2024-03-01")
    with pytest.raises(UsageError, match="2024-03-01 lies before this home's inception, 2024-03-04"):
        home.fix_inception(earlier)
    home.move_inception(earlier)
    assert home.fix_inception(SESSION) == earlier == home.inception


def test_two_markets_never_mix_in_a_home(home: Home) -> None:
    home.fix_source({"name": "simulated", "seed": "7"})
    home.fix_source({"seed": "7", "name": "simulated"})
    with pytest.raises(HomeError, match="holds data of name simulated, seed 7, not of name files"):
        home.fix_source({"name": "files"})
    assert home.facts.source == {"name": "simulated", "seed": "7"}


def test_other_settings_need_a_new_home_or_a_rebuild(home: Home) -> None:
    home.fix_inception(SESSION)
    home.fix_settings("aaa")
    home.fix_settings("aaa")
    with pytest.raises(HomeError, match=r"made with other settings \(digest aaa, now bbb\)"):
        home.fix_settings("bbb")
    with home.rebuilding("bbb"):
        home.fix_settings("bbb")
        assert home.facts.settings == "aaa"
    assert (home.facts.settings, home.facts.rebuilding) == ("bbb", None)


def test_a_home_that_has_not_begun_is_bound_to_nothing(home: Home) -> None:
    home.fix_settings("aaa")
    home.fix_settings("bbb")
    home.fix_source({"seed": "7"})
    home.fix_source({"seed": "8"}, empty=True)
    assert home.inception_for(SESSION) == SESSION
    assert home.inception is None
    assert (home.facts.settings, home.facts.source) == ("bbb", {"seed": "8"})


def test_a_rebuild_that_breaks_off_leaves_a_home_that_only_a_rebuild_may_write(home: Home) -> None:
    home.fix_inception(SESSION)
    home.fix_settings("aaa")
    with pytest.raises(ZeroDivisionError), home.rebuilding("bbb"):
        raise ZeroDivisionError
    assert Home.open(home.path).needs_rebuild("aaa")
    for digest in ("aaa", "bbb"):
        with pytest.raises(HomeError, match=r"digest bbb\) was broken off.*finish it with"):
            home.fix_settings(digest)
    with home.rebuilding("aaa"):
        home.fix_settings("aaa")
    assert not home.needs_rebuild("aaa")


def test_a_second_writer_is_told_who_holds_the_home(home: Home) -> None:
    with home.writing("fabline run", run_id="run-7"):
        assert Home.open(home.path).holder() == home.holder()
        with (
            pytest.raises(HomeError, match=rf"by `fabline run` \(run run-7, process {os.getpid()}\) since"),
            Home.open(home.path).writing("fabline backfill"),
        ):
            pass
    assert home.holder() is None


def test_a_nested_call_holds_the_home_already(home: Home) -> None:
    with home.writing("outer", run_id="1"), home.writing("inner", run_id="2"):
        holder = home.holder()
        assert isinstance(holder, Holder)
        assert holder.command == "outer"
    with Home.open(home.path).writing("next"):
        pass


def test_an_error_within_gives_the_home_back(home: Home) -> None:
    with pytest.raises(ZeroDivisionError), home.writing("run"):
        raise ZeroDivisionError
    with Home.open(home.path).writing("next"):
        pass


def test_a_writer_that_waits_gets_the_home_when_it_is_free(home: Home) -> None:
    order = []

    def wait() -> None:
        with Home.open(home.path).writing("second", wait=True):
            order.append("second")

    with home.writing("first"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.1)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_another_thread_of_the_same_home_is_another_writer(home: Home) -> None:
    caught: list[BaseException] = []

    def intrude() -> None:
        try:
            with home.writing("second"):
                pass
        except HomeError as error:
            caught.append(error)

    with home.writing("first"):
        intruder = threading.Thread(target=intrude)
        intruder.start()
        intruder.join()
    assert "by `first`" in str(caught[0])


def test_the_lock_of_a_killed_process_is_released(home: Home) -> None:
    writer = subprocess.Popen([sys.executable, "-c", HOLD, home.path], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "held\n"
    with pytest.raises(HomeError, match=f"run run-7, process {writer.pid}"), home.writing("mine"):
        pass
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert home.holder() is None
    with home.writing("mine"):
        pass

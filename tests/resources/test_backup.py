"""Copies of a home: one committed state, whole or absent, and every damaged byte named."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.cli.diff import differences
from resources.backup import archive, health
from resources.backup.manifest import CHECKSUM, MANIFEST, FileFact, Manifest, require_inside
from resources.halt import HaltSwitch
from resources.home import Home
from resources.store import HomeStore, store_at
from tests.peers.full_disk import no_file_above
from trading.errors import HomeError, SourceUnavailableError, UsageError
from trading.testing.example_rows import example

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("killed_copies.py")
FIRST, LAST = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-05")
TABLES = ("bars", "features", "fills", "ensemble_weights")


def filled(path: Path) -> Home:
    """A home with four sessions of two recorded and two computed tables, and a halt."""
    home = Home.open_or_create(path)
    home.fix_inception(FIRST)
    with closing(store_of(home.path)) as store:
        store.write({name: example(name, FIRST, LAST) for name in TABLES}, FIRST, LAST, commit={})
    HaltSwitch(path).halt("a person said so", "a person", pd.Timestamp("2024-01-05", tz="UTC"))
    return home


def store_of(path: Path) -> HomeStore:
    return store_at(path / "tables", path / "fabline.db")


def same_tables(one: Path, other: Path) -> bool:
    with closing(store_of(one)) as a, closing(store_of(other)) as b:
        return set(a.tables()["table"]) == set(TABLES) and not differences(a, b)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return filled(tmp_path_factory.mktemp("backup") / "home")


@pytest.fixture(scope="module")
def copy(home: Home) -> Path:
    target = home.path.parent / "copy.tar"
    archive.backup(home, home.database, target)
    return target


def elsewhere(*arguments: object) -> subprocess.Popen[str]:
    """`killed_copies.py` in a process of its own."""
    command = [sys.executable, "-W", "ignore", str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )


def status_of(program: subprocess.Popen[str]) -> int:
    said = program.communicate(timeout=60)[1]
    assert program.returncode in (0, -signal.SIGKILL), said
    return program.returncode


def drafts(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".draft")]


def test_a_restored_home_holds_the_same_tables_facts_and_halt(home: Home, copy: Path, tmp_path: Path) -> None:
    archive.restore(copy, tmp_path / "back")
    back = Home.open(tmp_path / "back")
    assert same_tables(home.path, back.path)
    assert back.facts == home.facts
    assert HaltSwitch(back.path).state() == HaltSwitch(home.path).state()


def test_the_manifest_says_which_tables_and_sessions_are_there(copy: Path) -> None:
    made, found = archive.verify(copy)
    assert found == ()
    assert {str(one["table"]): one["last_session"] for one in made.tables} == dict.fromkeys(
        TABLES, "2024-01-05"
    )
    (features,) = (one for one in made.files if one.name.endswith(".parquet") and "features" in one.tables)
    assert (features.first, features.last) == ("2024-01-02", "2024-01-05")


def test_a_copy_holds_no_cache_no_lock_and_no_credentials(home: Home, copy: Path) -> None:
    (home.path / "cache").mkdir(exist_ok=True)
    (home.path / "cache" / "one").write_text("x")
    made, _ = archive.verify(copy)
    assert not {one.name.split("/")[0] for one in made.files} & {
        "cache",
        "home.lock",
        "postgres",
        "database.json",
    }


def test_what_a_writer_commits_after_the_database_was_copied_is_not_in_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.backup import snapshot

    home, before = filled(tmp_path / "home"), filled(tmp_path / "before")
    plainly = snapshot.copy_sqlite

    def then_somebody_writes(source: Path, target: Path) -> None:
        plainly(source, target)
        if source == home.database:
            with closing(store_of(home.path)) as store:
                later = pd.Timestamp("2024-01-08")
                store.write({name: example(name, later, later) for name in TABLES}, later, later, commit={})

    monkeypatch.setattr(snapshot, "copy_sqlite", then_somebody_writes)
    archive.backup(home, home.database, tmp_path / "copy.tar")
    archive.restore(tmp_path / "copy.tar", tmp_path / "back")
    assert archive.verify(tmp_path / "copy.tar")[1] == ()
    assert same_tables(tmp_path / "back", before.path)
    with closing(store_of(tmp_path / "back")) as store:
        assert health.damages(Home.open(tmp_path / "back"), store) == ()
        assert store.delta.version("features") == store.sql.version(
            "features"
        )  # no commit of later lies beside


def test_a_home_whose_facts_never_rest_is_told_so(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.backup import snapshot

    moved = iter(f"2024-01-{day:02}" for day in (3, 4, 5, 8, 9, 2))
    plainly = snapshot._take

    def restless(home: Home, database: str | Path, stage: Path) -> snapshot.Snapshot:
        home.move_inception(pd.Timestamp(next(moved)))
        return plainly(home, database, stage)

    monkeypatch.setattr(snapshot, "_take", restless)
    with pytest.raises(HomeError, match="changed in each of 5 attempts"):
        archive.backup(home, home.database, tmp_path / "copy.tar")
    home.move_inception(FIRST)


@pytest.mark.parametrize("step", [1, 8])
def test_a_backup_that_is_killed_leaves_the_copy_before_it_and_the_next_one_sweeps(
    step: int, home: Home, tmp_path: Path
) -> None:
    target = tmp_path / "copy.tar"
    target.write_bytes(b"the copy of yesterday")
    assert status_of(elsewhere("backup", home.path, target, step)) == -signal.SIGKILL
    assert target.read_bytes() == b"the copy of yesterday"
    assert len(drafts(tmp_path)) == 1

    archive.backup(home, home.database, target)
    assert archive.verify(target)[1] == ()
    assert drafts(tmp_path) == []


def test_a_restore_that_is_killed_leaves_no_home_and_is_done_again(
    home: Home, copy: Path, tmp_path: Path
) -> None:
    target = tmp_path / "back"
    assert status_of(elsewhere("restore", copy, target, 6)) == -signal.SIGKILL
    assert not target.exists()

    archive.restore(copy, target)
    assert same_tables(home.path, target)
    assert drafts(tmp_path) == []


@pytest.mark.parametrize("share", [0.0, 0.05, 0.6])
def test_a_full_disk_fails_a_backup_with_the_remedy_and_leaves_the_copy_before_it(
    share: float, home: Home, copy: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copy.tar"
    target.write_bytes(b"yesterday")
    with (
        no_file_above(int(copy.stat().st_size * share)),
        pytest.raises(SourceUnavailableError, match="free disk space"),
    ):
        archive.backup(home, home.database, target)
    assert target.read_bytes() == b"yesterday"
    assert drafts(tmp_path) == []


def test_a_full_disk_fails_a_restore_and_leaves_nothing(copy: Path, tmp_path: Path) -> None:
    with no_file_above(4096), pytest.raises(SourceUnavailableError, match="free disk space"):
        archive.restore(copy, tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.2, 0.5, 0.97])
def test_an_archive_that_was_cut_off_names_what_is_missing_and_is_not_restored(
    share: float, copy: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.tar"
    cut.write_bytes(copy.read_bytes()[: int(copy.stat().st_size * share)])
    made, found = archive.verify(cut)
    names = [one.name for one in made.files]
    assert [one.file for one in found] == names[-len(found) :]  # all from the cut on, none before
    with pytest.raises(HomeError, match="is damaged and was not restored"):
        archive.restore(cut, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_of_any_file_is_named_with_what_it_held(
    data: st.DataObject, copy: Path, tmp_path: Path
) -> None:
    with tarfile.open(copy) as tar:
        members = [one for one in tar.getmembers()[2:] if one.size]
    member = data.draw(st.sampled_from(members))
    place = member.offset_data + data.draw(st.integers(0, member.size - 1))
    raw = bytearray(copy.read_bytes())
    raw[place] ^= data.draw(st.integers(1, 255))
    (tmp_path / "flipped.tar").write_bytes(raw)
    made, (damage,) = archive.verify(tmp_path / "flipped.tar")
    (fact,) = (one for one in made.files if one.name == member.name)
    assert (damage.file, damage.tables, damage.first) == (fact.name, ", ".join(fact.tables), fact.first)


def test_a_damaged_header_costs_the_files_behind_it_and_they_are_named(copy: Path, tmp_path: Path) -> None:
    with tarfile.open(copy) as tar:
        members = tar.getmembers()
    raw = bytearray(copy.read_bytes())
    raw[members[5].offset + 3] ^= 0xFF
    (tmp_path / "flipped.tar").write_bytes(raw)
    _, found = archive.verify(tmp_path / "flipped.tar")
    assert [one.file for one in found] == [one.name for one in members[5:]]


def test_a_damaged_manifest_says_that_nothing_is_known(copy: Path, tmp_path: Path) -> None:
    raw = bytearray(copy.read_bytes())
    raw[600] ^= 1
    (tmp_path / "flipped.tar").write_bytes(raw)
    with pytest.raises(HomeError, match="nothing is known of the rest"):
        archive.verify(tmp_path / "flipped.tar")


def crafted(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    """An archive whose manifest is right, and names one file as `name`."""
    content = b"owned"
    fact = FileFact(name, len(content), hashlib.sha256(content).hexdigest())
    raw = Manifest("id", "", "2024", files=(fact,)).to_bytes()
    said = f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n".encode()
    with tarfile.open(path, "w") as tar:
        for member, bytes_ in ((MANIFEST, raw), (CHECKSUM, said), (name, content)):
            info = tarfile.TarInfo(member)
            info.size = len(bytes_)
            if member == name:
                info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info, io.BytesIO(bytes_))
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "a/../../evil", "a//b", "./a", "..", "a\\..\\b", ""]
)
def test_a_name_that_leads_out_of_the_home_is_refused_before_anything_is_written(
    name: str, tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(HomeError, match="lies outside of a home"):
        require_inside(name)
    if name:
        with pytest.raises(HomeError):
            archive.restore(crafted(inner / "evil.tar", name), inner / "back")
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_in_an_archive_is_never_made(kind: bytes, tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="no plain file"):
        archive.restore(crafted(tmp_path / "evil.tar", "home.json", kind), tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_two_backups_to_one_file_at_once_leave_one_whole_copy(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "copy.tar"
    other = elsewhere("backup", home.path, target, 0)
    while other.poll() is None:
        archive.backup(home, home.database, target)
        assert archive.verify(target)[1] == ()
    assert status_of(other) == 0
    assert archive.verify(target)[1] == ()
    assert drafts(tmp_path) == []


def test_a_folder_that_holds_something_is_left_alone(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        archive.restore(copy, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_copy_into_the_home_itself_is_refused(home: Home) -> None:
    with pytest.raises(UsageError, match="lies in the home"):
        archive.backup(home, home.database, home.path / "copy.tar")


@pytest.mark.parametrize("content", [b"", b"not an archive" * 100, json.dumps({"format": 1}).encode()])
def test_a_file_that_is_no_backup_is_told_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.tar").write_bytes(content)
    with pytest.raises(HomeError, match="no backup of Fabline"):
        archive.verify(tmp_path / "file.tar")


def test_a_backup_of_a_newer_fabline_is_refused() -> None:
    raw = json.loads(Manifest("id", "", "2030").to_bytes())
    with pytest.raises(HomeError, match="format 2, this Fabline knows 1"):
        Manifest.from_bytes(json.dumps({**raw, "format": 2}).encode())


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[tuple[Home, HomeStore]]:
    home = filled(tmp_path / "home")
    with closing(store_of(home.path)) as store:
        yield home, store


def parquet_of(home: Home, table: str) -> Path:
    return next((home.tables / table).glob("*.parquet"))


def test_a_whole_home_has_no_damage(damaged: tuple[Home, HomeStore]) -> None:
    assert health.damages(*damaged) == ()


def test_a_file_of_a_table_that_is_gone_or_cut_is_named_with_its_sessions(
    damaged: tuple[Home, HomeStore],
) -> None:
    home, store = damaged
    cut, gone = parquet_of(home, "features"), parquet_of(home, "ensemble_weights")
    cut.write_bytes(cut.read_bytes()[:-10])
    gone.unlink()
    lost, short = health.damages(home, store)
    assert (lost.tables, lost.problem, lost.first, lost.last) == (
        "ensemble_weights",
        "is gone",
        "2024-01-02",
        "2024-01-05",
    )
    assert (short.tables, short.file) == ("features", f"tables/features/{cut.name}")


def test_a_byte_that_makes_a_table_undecodable_is_named(damaged: tuple[Home, HomeStore]) -> None:
    home, store = damaged
    path = parquet_of(home, "features")
    raw = bytearray(path.read_bytes())
    raw[4:40] = bytes(36)  # the header of the first page
    path.write_bytes(raw)
    (found,) = health.damages(home, store)
    assert found.problem.startswith("does not decode")


def test_a_damaged_database_is_named_with_the_tables_in_it(damaged: tuple[Home, HomeStore]) -> None:
    home, store = damaged
    store.close()
    raw = bytearray(home.database.read_bytes())
    raw[4096:8192] = b"\xff" * 4096
    home.database.write_bytes(raw)
    found = health.damages(home, store)
    assert found[0].file == "fabline.db"
    assert "fills" in found[0].tables
    with pytest.raises(HomeError, match=r"cannot be copied|damaged"):
        archive.backup(home, home.database, home.path.parent / "copy.tar")

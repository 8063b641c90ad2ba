"""What is particular to Delta: versions, commits, compaction, competing writers."""

import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from resources import delta_store
from resources.arrow_frames import to_arrow
from resources.delta_store import COMPACT_AT_FILES, DeltaStore
from trading import calendar, frames
from trading.calendar import sessions_between
from trading.errors import HomeError, SourceUnavailableError, UsageError
from trading.testing.example_rows import example

FIRST, LAST = pd.Timestamp("2024-02-26"), pd.Timestamp("2024-03-28")
DAYS = sessions_between(FIRST, LAST)


@pytest.fixture
def store(tmp_path: Path) -> DeltaStore:
    return DeltaStore(tmp_path)


def put(store: DeltaStore, first: pd.Timestamp, last: pd.Timestamp, seed: int = 0) -> int:
    frame = example("regimes", first, last, seed)
    return store.commit({"regimes": frame}, first, last, commit={"run_id": f"run-{seed}"})["regimes"].version


def test_an_older_version_can_be_read_as_it_was(store: DeltaStore) -> None:
    before = put(store, FIRST, LAST, seed=1)
    put(store, DAYS[2], DAYS[4], seed=2)
    expected = frames.validated("regimes", example("regimes", FIRST, LAST, 1))
    pd.testing.assert_frame_equal(store.read("regimes", version=before), expected)
    assert not store.read("regimes").equals(expected)


def test_a_version_that_is_not_there_is_wrong_use(store: DeltaStore) -> None:
    put(store, FIRST, LAST)
    with pytest.raises(UsageError, match="table regimes has no version 99"):
        store.read("regimes", version=99)


def test_a_commit_carries_the_run_and_the_range(store: DeltaStore) -> None:
    put(store, FIRST, LAST, seed=4)
    newest = store.history("regimes")[0]
    assert (newest["run_id"], newest["first"], newest["last"]) == ("run-4", "2024-02-26", "2024-03-28")


def test_many_small_commits_are_joined_into_few_files(store: DeltaStore, tmp_path: Path) -> None:
    for day in DAYS[: COMPACT_AT_FILES + 1]:
        put(store, day, day)
    assert len(DeltaTable(tmp_path / "regimes").file_uris()) == 2
    expected = pd.concat([example("regimes", day, day) for day in DAYS[: COMPACT_AT_FILES + 1]])
    pd.testing.assert_frame_equal(store.read("regimes"), frames.validated("regimes", expected))


def test_the_version_of_a_commit_holds_its_rows_even_when_it_was_compacted(store: DeltaStore) -> None:
    for day in DAYS[:COMPACT_AT_FILES]:
        version = put(store, day, day)
    assert store.version("regimes") == version
    assert len(store.read("regimes", version=version)) == COMPACT_AT_FILES


def test_competing_writers_of_one_table_all_get_through(store: DeltaStore) -> None:
    put(store, FIRST, LAST, seed=0)
    writers = [threading.Thread(target=put, args=(store, day, day, 5)) for day in DAYS[:6]]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    written = pd.concat([example("regimes", day, day, 5) for day in DAYS[:6]])
    kept = example("regimes", FIRST, LAST, 0).query("session > @DAYS[5]")
    pd.testing.assert_frame_equal(
        store.read("regimes"), frames.validated("regimes", pd.concat([written, kept]))
    )


def test_a_writer_that_never_gets_through_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_store, "FIRST_PAUSE_SECONDS", 0.0)

    def conflict() -> None:
        raise CommitFailedError("someone was faster")

    with pytest.raises(SourceUnavailableError, match="table regimes: 8 attempts to commit met other writers"):
        delta_store._retried(conflict, "regimes")


def test_a_reset_takes_back_what_came_after_a_version(store: DeltaStore) -> None:
    before = put(store, FIRST, LAST, seed=1)
    put(store, FIRST, LAST, seed=2)
    store.reset("regimes", before)
    pd.testing.assert_frame_equal(
        store.read("regimes"), frames.validated("regimes", example("regimes", FIRST, LAST, 1))
    )
    store.reset("regimes", None)
    assert store.read("regimes").empty


def test_the_list_knows_each_models_forecasts_by_name(store: DeltaStore) -> None:
    for name in ("forecast_ar1", "forecast_samba"):
        store.write({name: example(name, FIRST, LAST)}, FIRST, LAST, commit={})
    listed = store.tables()
    assert listed["table"].tolist() == ["forecast_ar1", "forecast_samba"]
    assert listed["rows"].tolist() == [10 * len(DAYS)] * 2
    assert listed["last_session"].tolist() == [LAST] * 2


def test_a_file_address_lists_the_same_tables_as_its_path(store: DeltaStore, tmp_path: Path) -> None:
    put(store, FIRST, LAST)
    addressed = DeltaStore(f"file://{tmp_path}")
    pd.testing.assert_frame_equal(addressed.tables(), store.tables())
    pd.testing.assert_frame_equal(addressed.read("regimes"), store.read("regimes"))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [truncated, Path.unlink])
def test_a_damaged_file_is_told_of_when_it_is_read_or_written_over(
    store: DeltaStore, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    put(store, FIRST, LAST)
    for path in (tmp_path / "regimes").glob("*.parquet"):
        damage(path)

    with pytest.raises(HomeError, match=r"table regimes at .* is damaged: .*; restore the home from a copy"):
        store.read("regimes")
    with pytest.raises(HomeError, match="restore the home from a copy"):
        put(store, DAYS[2], DAYS[4])


def test_a_damaged_log_is_no_missing_version(store: DeltaStore, tmp_path: Path) -> None:
    version = put(store, FIRST, LAST)
    for path in (tmp_path / "regimes" / "_delta_log").glob("*.json"):
        path.write_text("no log")

    with pytest.raises(HomeError, match="is damaged"):
        DeltaStore(tmp_path).read("regimes", version=version)


def test_a_version_that_was_opened_before_is_read_as_it_was_whatever_came_since(
    store: DeltaStore, tmp_path: Path
) -> None:
    version = put(store, FIRST, LAST)
    before = store.read("regimes", version=version)
    put(DeltaStore(tmp_path), FIRST, LAST, seed=1)

    pd.testing.assert_frame_equal(store.read("regimes", version=version), before)
    assert not store.read("regimes").equals(before)
    put(store, DAYS[2], DAYS[2], seed=2)
    assert store.version("regimes") == version + 2


def as_written_before_bars_had_a_start(root: Path, frame: pd.DataFrame) -> None:
    """A table of features of an older release: daily rows, without `ts` and `filled`."""
    rows = to_arrow("features", frame).drop_columns(["ts", "filled"])
    write_deltalake(f"{root}/features", rows)


def daily_features() -> pd.DataFrame:
    frame = example("features", FIRST, LAST).assign(timeframe="1D", filled=False)
    return frames.validated(
        "features", frame.assign(ts=calendar.open_each(pd.DatetimeIndex(frame["session"])))
    )


def test_rows_of_an_older_release_are_read_as_daily_bars(store: DeltaStore, tmp_path: Path) -> None:
    as_written_before_bars_had_a_start(tmp_path, daily_features())
    pd.testing.assert_frame_equal(store.read("features"), daily_features())
    pd.testing.assert_frame_equal(store.read("features", timeframe="1D"), daily_features())


def test_a_home_of_an_older_release_goes_on(store: DeltaStore, tmp_path: Path) -> None:
    whole = daily_features()
    as_written_before_bars_had_a_start(tmp_path, whole)
    later = whole[(whole["session"] >= DAYS[10]).to_numpy()]
    store.write({"features": later}, DAYS[10], LAST, commit={})
    pd.testing.assert_frame_equal(store.read("features"), whole)


def test_a_read_is_narrowed_to_a_timeframe_and_a_symbol(store: DeltaStore) -> None:
    rows = [
        example("features", FIRST, LAST, seed).assign(timeframe=t) for seed, t in enumerate(("5min", "1D"))
    ]
    whole = frames.validated("features", pd.concat(rows))
    store.write({"features": whole}, FIRST, LAST, commit={})
    for timeframe, symbol in (("1D", None), (None, "NVDA"), ("5min", "it's")):
        kept = whole[
            (whole["timeframe"].eq(timeframe) if timeframe else True)
            & (whole["symbol"].eq(symbol) if symbol else True)
        ]
        found = store.read("features", timeframe=timeframe, symbol=symbol)
        pd.testing.assert_frame_equal(found, kept.reset_index(drop=True))

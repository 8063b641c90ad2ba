"""A load: all of what is missing, once; what fails is named and asked for again, what is there stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest

from pipelines.ingest.flow import Limits
from pipelines.ingest.loading import complaint, ingest, planned
from resources.store import HomeStore
from tests.pipelines.ingest.vendors import FIRST, LAST, NAMES, NOW, Vendor, desk_of, store_of, wanted
from trading import calendar, frames
from trading.errors import DataError, FablineError, MissingBarsError, SourceUnavailableError, UsageError

LATER = NOW + pd.Timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HomeStore]:
    opened = store_of(tmp_path)
    yield opened
    opened.close()


def bars_of(store: HomeStore, **narrow: str) -> pd.DataFrame:
    return store.read("bars", revisions=True, **narrow)  # type: ignore[arg-type]


def test_a_first_load_stores_what_the_source_has_as_it_declares_it(store: HomeStore) -> None:
    source = Vendor()

    outcome = ingest(desk_of(store, source), wanted())

    expected = frames.validated("bars", source.market.bars(NAMES, FIRST, LAST))
    pd.testing.assert_frame_equal(bars_of(store), expected)
    assert outcome.tallies[0].accepted == len(expected)
    assert complaint(outcome) is None


def test_a_second_load_asks_the_source_for_nothing(store: HomeStore) -> None:
    ingest(desk_of(store, Vendor()), wanted())
    again = Vendor()

    outcome = ingest(desk_of(store, again), wanted())

    assert not again.asked
    assert sum(tally.came for tally in outcome.tallies) == 0


def test_a_longer_range_asks_only_for_what_is_new(store: HomeStore) -> None:
    ingest(desk_of(store, Vendor()), wanted(last=calendar.shift(LAST, -5)))

    loads = planned(desk_of(store, Vendor()), wanted())

    assert {(load.first, load.last) for load in loads} == {(calendar.shift(LAST, -4), LAST)}


def test_timeframes_and_symbols_are_first_loads_of_their_own(store: HomeStore) -> None:
    day = (LAST, LAST)
    ingest(desk_of(store, Vendor()), wanted(*day, timeframe="5min", names=("NVDA",)))

    ingest(desk_of(store, Vendor(), LATER), wanted(*day, names=("NVDA",)), limits=Limits(workers=1))
    ingest(desk_of(store, Vendor(), LATER), wanted(*day, timeframe="5min", names=("AMD",)))

    assert (bars_of(store)["known_at"] < calendar.as_of(LAST)).all(), "nothing of it came late"


def test_a_refresh_takes_in_what_was_revised_since_and_dates_it_by_its_arrival(store: HomeStore) -> None:
    def revised(rows: pd.DataFrame) -> pd.DataFrame:
        hit = (rows["symbol"] == "AMD") & (rows["session"] == LAST)
        return rows.assign(volume=rows["volume"].mask(hit, rows["volume"] + 1))

    ingest(desk_of(store, Vendor()), wanted())
    outcome = ingest(desk_of(store, Vendor(alter=revised), LATER), wanted(refresh=True))

    tally = outcome.tallies[0]
    assert (tally.accepted, tally.revised) == (0, 1)
    assert tally.duplicates == 3 * len(calendar.sessions_between(FIRST, LAST)) - 1
    newest = store.read("bars", LAST, LAST, symbol="AMD")
    assert newest["known_at"].item() == LATER


def test_what_fails_once_is_asked_for_again_after_the_rest(store: HomeStore) -> None:
    source = Vendor({"AMD": [SourceUnavailableError("busy")]})

    outcome = ingest(desk_of(store, source), wanted())

    assert source.asked == {"NVDA": 1, "AMD": 2, "SPY": 1}
    assert not outcome.failures
    assert set(bars_of(store)["symbol"]) == set(NAMES)


def test_what_fails_for_good_is_named_and_everything_else_is_stored(store: HomeStore) -> None:
    source = Vendor({"AMD": [SourceUnavailableError("the vendor is down")] * 2})

    outcome = ingest(desk_of(store, source), wanted())

    assert [str(failure) for failure in outcome.failures] == [
        "1D bars of AMD, 2024-01-02 to 2024-03-28: the vendor is down"
    ]
    assert "same command" in str(complaint(outcome))
    assert set(bars_of(store)["symbol"]) == {"NVDA", "SPY"}
    assert set(ingest_again(store)) == {"AMD"}, "only what is missing is asked for"


@pytest.mark.parametrize(
    ("error", "names", "said"),
    [
        (
            SourceUnavailableError("down"),
            ("VIX",),
            "nothing came that was not stored before: run the same command",
        ),
        (
            SourceUnavailableError("down"),
            ("VIX", "NVDA"),
            "everything else that came is stored: run the same",
        ),
        (
            UsageError("no keys"),
            ("VIX",),
            "nothing came that was not stored before: put right what is said there",
        ),
        (
            UsageError("no keys"),
            ("VIX", "NVDA"),
            "everything else that came is stored: put right what is said",
        ),
    ],
)
def test_the_complaint_says_what_is_true_of_what_came_and_of_what_helps(
    store: HomeStore, error: FablineError, names: tuple[str, ...], said: str
) -> None:
    outcome = ingest(desk_of(store, Vendor({"VIX": [error] * 2})), wanted(names=names))

    assert said in str(complaint(outcome))


def ingest_again(store: HomeStore) -> list[str]:
    source = Vendor()
    ingest(desk_of(store, source), wanted())
    return list(source.asked)


def test_an_error_that_does_not_pass_is_not_asked_for_twice(store: HomeStore) -> None:
    source = Vendor({"AMD": [DataError("no such thing")]})

    outcome = ingest(desk_of(store, source), wanted())

    assert source.asked["AMD"] == 1
    assert len(outcome.failures) == 1


def test_a_source_with_nothing_for_a_span_is_no_outage(store: HomeStore) -> None:
    source = Vendor({"AMD": [MissingBarsError("the vendor reaches back 60 days")]})

    outcome = ingest(desk_of(store, source), wanted())

    assert complaint(outcome) is None
    assert [failure.load.symbols for failure in outcome.absent] == [("AMD",)]


def test_rows_that_are_no_bars_fail_their_chunk_alone(store: HomeStore) -> None:
    source = Vendor(alter=lambda rows: rows.drop(columns="close") if "AMD" in set(rows["symbol"]) else rows)

    outcome = ingest(desk_of(store, source), wanted())

    assert "columns ['close'] are missing" in str(outcome.failures[0])
    assert set(bars_of(store)["symbol"]) == {"NVDA", "SPY"}


def test_a_bar_that_came_too_late_is_asked_for_again_and_known_from_then_on(store: HomeStore) -> None:
    evening = calendar.as_of(LAST)
    withheld = Vendor(alter=lambda rows: rows[(rows["session"] < LAST) | (rows["symbol"] != "AMD")])
    ingest(desk_of(store, withheld, evening), wanted(calendar.shift(LAST, -5), LAST))

    source = Vendor()
    ingest(desk_of(store, source, LATER), wanted(calendar.shift(LAST, -5), LAST))

    assert set(source.asked) == {"AMD"}
    assert store.read("bars", LAST, LAST, symbol="AMD")["known_at"].item() == LATER
    assert store.read("bars", LAST, LAST, symbol="SPY")["known_at"].item() < evening


def test_more_than_was_asked_for_is_left_to_its_own_load(store: HomeStore) -> None:
    more = Vendor()
    more.alter = lambda rows: pd.concat([rows, more.market.bars(("NVDA",), LAST, LAST)])

    ingest(desk_of(store, more), wanted(FIRST, FIRST, names=("NVDA",)))

    assert list(bars_of(store)["session"]) == [FIRST]


def test_an_adjusted_past_that_was_adjusted_anew_is_refused_on_either_side(store: HomeStore) -> None:
    class Adjusted(Vendor):
        basis = "fully_adjusted"

    def as_adjusted(factor: float) -> Adjusted:
        prices = ["open", "high", "low", "close"]
        return Adjusted(alter=lambda rows: rows.assign(basis="fully_adjusted", **(rows[prices] * factor)))

    middle = (calendar.shift(FIRST, 10), calendar.shift(FIRST, 20))
    ingest(desk_of(store, as_adjusted(1.0)), wanted(*middle, names=("NVDA",)))

    for later in (wanted(FIRST, middle[1], names=("NVDA",)), wanted(middle[0], LAST, names=("NVDA",))):
        outcome = ingest(desk_of(store, as_adjusted(0.5)), later)
        assert "adjusted its fully_adjusted bars anew" in str(outcome.failures[0])
        assert not ingest(desk_of(store, as_adjusted(1.0)), wanted(*middle, names=("NVDA",))).failures


def test_bad_rows_go_to_quarantine_and_duplicates_are_counted(store: HomeStore) -> None:
    def dirty(rows: pd.DataFrame) -> pd.DataFrame:
        low = rows["low"].mask(rows.index == 3, rows["high"] + 1)
        return pd.concat([rows.assign(low=low), rows.iloc[:2]])

    outcome = ingest(desk_of(store, Vendor(alter=dirty)), wanted(names=("NVDA",)))

    tally = outcome.tallies[0]
    sessions = len(calendar.sessions_between(FIRST, LAST))
    assert (tally.accepted, tally.quarantined, tally.duplicates) == (sessions - 1, 1, 2)
    assert "high is below low" in set(store.read("quarantine")["reason"])


def test_five_minute_bars_tell_what_would_be_filled(store: HomeStore) -> None:
    gap = Vendor(alter=lambda rows: rows.drop(index=[20, 21]).reset_index(drop=True))

    outcome = ingest(desk_of(store, gap), wanted(LAST, LAST, timeframe="5min", names=("NVDA",)))

    assert (outcome.tallies[0].accepted, outcome.tallies[0].filled) == (76, 2)
    assert len(bars_of(store)) == 76, "nothing invented is stored"


def test_symbols_that_fail_together_are_asked_for_one_by_one(store: HomeStore) -> None:
    class Choosy(Vendor):
        def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
            if "AMD" in symbols:
                raise MissingBarsError("it knows no AMD")
            return super().actions(symbols, first, last)

    outcome = ingest(desk_of(store, Choosy()), wanted())

    assert [failure.load.symbols for failure in outcome.absent] == [("AMD",)]
    assert set(store.read("corporate_actions")["symbol"]) == {"NVDA", "SPY"}


def test_progress_counts_every_chunk(store: HomeStore) -> None:
    told: list[tuple[int, int, int]] = []

    ingest(desk_of(store, Vendor()), wanted(), lambda *said: told.append(said))

    done = [chunks_done for chunks_done, _, _ in told]
    assert done == sorted(done)
    assert told[-1][:2] == (5, 5), "three symbols, actions and earnings"

"""The live ingester: every bar once, whatever the stream, the store and the process go through."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ingest.live import LiveIngester, LiveOptions, live
from pipelines.ingest.tally import Tally
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.home import Home
from resources.open_home import OpenHome
from resources.sources.simulated_live import SimulatedLiveBars
from trading import calendar
from trading.errors import SourceUnavailableError
from trading.interfaces import LiveBar
from trading.testing.market import SimulatedMarket
from trading.testing.memory_store import MemoryStore
from trading.universe import SYMBOLS

SESSION = calendar.session_of("2024-07-03")  # a half day: 42 bars
OPEN = calendar.session_open(SESSION)
QUICK = LiveOptions(gather_seconds=0.0, look_seconds=0.01, retry_seconds=(0.01, 0.02))
MINUTE = pd.Timedelta(minutes=1)


@dataclass
class Told:
    """A notifier that remembers."""

    events: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def notify(self, event: str, /, **facts: str) -> None:
        self.events.append((event, facts))


@dataclass
class Script:
    """`LiveBars` that says what it is given, at the moments at which it came; what can be called is waited for."""

    bars: Sequence[LiveBar | Callable[[], bool]]
    ends: bool = True
    name: str = "simulated"
    basis: str = "raw"
    simulated: bool = True
    reached: pd.Timestamp = OPEN
    given: int = 0
    since: pd.Timestamp | None = None

    delay = pd.Timedelta(0)

    def now(self) -> pd.Timestamp:
        return self.reached

    async def stream(
        self, _symbols: Sequence[str], since: pd.Timestamp | None = None
    ) -> AsyncGenerator[LiveBar, None]:
        self.since = since
        for bar in self.bars:
            if not isinstance(bar, LiveBar):
                await until(bar)
                continue
            self.reached = max(self.reached, bar.received)
            self.given += 1
            yield bar
            await asyncio.sleep(0)
        if not self.ends:
            await asyncio.Event().wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - the store is written in another thread
            await asyncio.sleep(0.03)


def opened(path: Path) -> OpenHome:
    home = Workshop.of(Home.open_or_create(path), Settings()).open()
    return replace(home, notifier=Told())


def minute(offset: int, *, close: float = 10.0, symbol: str = "NVDA", late: float = 0.0) -> LiveBar:
    """A minute after the open that came `late` minutes after its end."""
    ts = OPEN + offset * MINUTE
    received = ts + MINUTE * (1 + late)
    return LiveBar(symbol, ts, 1, open=10.0, high=12.0, low=9.0, close=close, volume=100.0, received=received)


def counts(tallies: Sequence[Tally]) -> tuple[int, int, int, int]:
    bars = next(one for one in tallies if one.table == "bars")
    return bars.accepted, bars.quarantined, bars.duplicates, bars.revised


def stored(home: OpenHome, *, revisions: bool = False) -> pd.DataFrame:
    return home.store.read("bars", timeframe="5min", revisions=revisions)


def test_a_replayed_session_is_stored_as_it_is_with_the_moment_of_arrival(tmp_path: Path) -> None:
    home, market = opened(tmp_path), SimulatedMarket()

    tallies = live(home, SimulatedLiveBars(first=SESSION), options=QUICK)

    truth = market.bars(SYMBOLS, SESSION, SESSION, "5min")
    pd.testing.assert_frame_equal(stored(home), truth)
    assert counts(tallies) == (10 * 42, 0, 0, 0)
    assert home.home.holder() is None


def test_the_same_session_again_adds_nothing(tmp_path: Path) -> None:
    home = opened(tmp_path)
    live(home, SimulatedLiveBars(first=SESSION), options=QUICK)

    again = live(home, SimulatedLiveBars(first=SESSION), options=QUICK)

    assert counts(again) == (0, 0, 10 * 42, 0)
    assert len(stored(home, revisions=True)) == 10 * 42


def test_five_minutes_are_one_bar_known_when_the_last_of_them_came(tmp_path: Path) -> None:
    home = opened(tmp_path)
    bars = [minute(place, close=9.0 + place / 2, late=0.05) for place in range(5)]

    live(home, Script(bars), options=QUICK)

    (row,) = stored(home).itertuples()
    assert (row.ts, row.open, row.high, row.low, row.close, row.volume) == (OPEN, 10, 12, 9, 11, 500)
    assert row.known_at == OPEN + 5 * MINUTE + pd.Timedelta(seconds=3)


def test_a_bar_that_lacks_a_minute_waits_and_is_then_written_with_what_there_is(tmp_path: Path) -> None:
    home = opened(tmp_path)
    bars = [minute(0), minute(1), minute(3), minute(4), minute(5), minute(6)]

    live(home, Script([*bars[:5], replace(bars[5], received=OPEN + 8 * MINUTE)]), options=QUICK)

    (row,) = stored(home).itertuples()
    assert (row.ts, row.volume) == (OPEN, 400)
    assert row.known_at == OPEN + 8 * MINUTE, (
        "its patience ended after six minutes, and somebody looked after eight"
    )


def test_a_late_minute_and_a_correction_are_revisions(tmp_path: Path) -> None:
    home = opened(tmp_path)
    first = [minute(place) for place in (0, 1, 2, 4)]
    late, corrected = minute(3, late=5), replace(minute(4, close=11.5), received=OPEN + 12 * MINUTE)
    clock = [replace(minute(6 + place), received=OPEN + (7 + place) * MINUTE) for place in (0, 4, 8)]
    clock = [replace(bar, symbol="AMD") for bar in clock]

    def has(rows: int) -> Callable[[], bool]:
        return lambda: (stored(home, revisions=True)["symbol"] == "NVDA").sum() == rows

    script = Script([*first, clock[0], has(1), late, clock[1], has(2), corrected, clock[2]])
    tallies = live(home, script, options=QUICK)

    rows = stored(home, revisions=True)
    rows = rows[(rows["symbol"] == "NVDA").to_numpy()]
    assert list(rows["volume"]) == [400, 500, 500]
    assert list(rows["close"]) == [10.0, 10.0, 11.5]
    assert rows["known_at"].is_monotonic_increasing
    assert counts(tallies)[3] == 2
    seen = home.store.read("bars", as_of=OPEN + 8 * MINUTE, timeframe="5min")
    assert seen.loc[seen["ts"] == OPEN, "volume"].tolist() == [400]


def test_a_minute_that_cannot_be_goes_to_quarantine_and_spoils_no_bar(tmp_path: Path) -> None:
    home = opened(tmp_path)
    bars = [minute(place) for place in range(5)]
    bars[2] = replace(bars[2], high=8.0)
    ends = replace(minute(6), received=OPEN + 8 * MINUTE)

    tallies = live(home, Script([*bars, ends]), options=QUICK)
    live(home, Script([*bars, ends]), options=QUICK)

    (row,) = home.store.read("quarantine").itertuples()
    assert (row.reason, row.symbol, row.table) == ("high is below low", "NVDA", "bars")
    assert '"minutes": 1' in row.row
    assert stored(home)["volume"].tolist() == [400]
    assert counts(tallies)[1] == 1


def test_a_bar_outside_the_calendar_is_quarantined_once_however_often_it_comes(tmp_path: Path) -> None:
    home = opened(tmp_path)
    holiday = pd.Timestamp("2024-07-04 15:00", tz="UTC")
    whole = replace(minute(0), ts=holiday, minutes=5, received=holiday + 5 * MINUTE)

    for delay in range(2):
        live(home, Script([replace(whole, received=whole.received + delay * MINUTE)]), options=QUICK)

    assert home.store.read("quarantine")["reason"].tolist() == ["not a session of XNYS"]
    assert stored(home).empty


def test_bars_before_the_open_and_after_the_close_are_kept_apart(tmp_path: Path) -> None:
    home = opened(tmp_path)
    early, late = minute(-5), minute(210)
    whole = [replace(bar, minutes=5, received=bar.ts + 5 * MINUTE) for bar in (early, minute(0), late)]

    live(home, Script(whole), options=QUICK)

    assert stored(home)["ts"].tolist() == [OPEN]
    assert home.store.read("extended_bars")["phase"].tolist() == ["pre", "post"]


@given(told=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=40))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_order_and_however_often_minutes_come_the_last_word_is_stored(
    told: list[tuple[int, int]], tmp_path: Path
) -> None:
    home = replace(opened(tmp_path), store=MemoryStore())  # type: ignore[arg-type]
    bars = [
        replace(minute(place, close=10.0 + change), received=OPEN + 10 * MINUTE + pd.Timedelta(seconds=at))
        for at, (place, change) in enumerate(told)
    ]
    ends = replace(minute(60, symbol="AMD"), received=OPEN + 90 * MINUTE)

    asyncio.run(LiveIngester(home, Script([*bars, ends]), SYMBOLS, QUICK).run())

    last, found = dict(told), stored(home)
    five = [[place for place in sorted(last) if place // 5 == block] for block in (0, 1)]
    expected = [(100.0 * len(part), 10.0 + last[part[-1]]) for part in five if part]
    mine = found[(found["symbol"] == "NVDA").to_numpy()]
    assert list(mine[["volume", "close"]].itertuples(index=False, name=None)) == expected


def test_a_full_queue_holds_the_stream_back(tmp_path: Path) -> None:
    home = opened(tmp_path)
    script = Script([minute(place) for place in range(60)], ends=False)

    async def blocked() -> int:
        ingester = LiveIngester(home, script, SYMBOLS, replace(QUICK, queue_bars=5, batch_bars=5))
        with home.home.writing("a run"):  # in this thread: the writer has to wait
            running = asyncio.create_task(ingester.run())
            await until(lambda: script.given > 9)
            await asyncio.sleep(0.2)
            given = script.given
        await until(lambda: len(stored(home)) == 12)
        await stopped(running)
        return given

    assert asyncio.run(blocked()) <= 4 + 5 + 5 + 1, (
        "in the bar that is built, in hand, in the queue, at its door"
    )
    assert script.given == 60


def test_a_store_that_fails_for_a_while_costs_nothing(tmp_path: Path) -> None:
    home = opened(tmp_path)
    failures = iter(range(3))
    write = home.store.write

    def failing(*arguments: object, **options: object) -> None:
        if next(failures, None) is not None:
            raise SourceUnavailableError("the database is busy")
        write(*arguments, **options)  # type: ignore[arg-type]

    home.store.write = failing  # type: ignore[method-assign]

    live(home, Script([minute(place) for place in range(10)]), options=QUICK)

    assert len(stored(home)) == 2
    assert [event for event, _ in home.notifier.events] == ["live_write_failed"] * 3  # type: ignore[attr-defined]


def test_an_error_of_the_stream_comes_out_after_what_came_before_was_stored(tmp_path: Path) -> None:
    home = opened(tmp_path)

    class Breaking(Script):
        async def stream(
            self, symbols: Sequence[str], since: pd.Timestamp | None = None
        ) -> AsyncGenerator[LiveBar, None]:
            async for bar in super().stream(symbols, since):
                yield bar
            raise SourceUnavailableError("refused for good")

    with pytest.raises(SourceUnavailableError, match="for good"):
        live(home, Breaking([minute(place) for place in range(5)]), options=QUICK)
    assert len(stored(home)) == 1


def test_late_bars_are_told_once_and_so_is_their_return(tmp_path: Path) -> None:
    home = opened(tmp_path)
    script = Script([minute(place) for place in range(5)], ends=False)
    ingester = LiveIngester(home, script, ("NVDA",), QUICK)

    async def outage() -> None:
        running = asyncio.create_task(ingester.run())
        await until(lambda: len(stored(home)) == 1 and bool(ingester._tables.newest))
        script.reached = OPEN + 21 * MINUTE
        await until(lambda: len(told) == 1)
        ingester._tables.newest["NVDA"] = OPEN + 20 * MINUTE
        await until(lambda: len(told) == 2)
        await stopped(running)

    told = home.notifier.events  # type: ignore[attr-defined]
    asyncio.run(outage())

    assert [event for event, _ in told] == ["live_bar_late", "live_bar_recovered"]
    assert told[0][1] == {
        "symbol": "NVDA",
        "last": OPEN.isoformat(),
        "due": (OPEN + 20 * MINUTE).isoformat(),
        "late_minutes": "11.0",
    }


def test_a_second_start_begins_at_the_last_stored_session(tmp_path: Path) -> None:
    home = opened(tmp_path)
    live(home, Script([minute(place) for place in range(5)]), options=QUICK)
    later = Script([], reached=calendar.session_open(calendar.session_of("2024-07-08")))

    live(home, later, options=QUICK)

    assert later.since == pd.Timestamp("2024-07-03 04:00", tz="America/New_York")


def test_it_lets_others_write_between_two_bars(tmp_path: Path) -> None:
    home = opened(tmp_path)
    script = Script([minute(place) for place in range(5)], ends=False)
    ingester = LiveIngester(home, script, SYMBOLS, QUICK)

    async def beside() -> None:
        running = asyncio.create_task(ingester.run())
        await until(lambda: len(stored(home)) == 1)
        await until(lambda: home.home.holder() is None)
        with Home.open(tmp_path).writing("a run"):
            pass
        await stopped(running)

    asyncio.run(beside())


async def stopped(running: asyncio.Task[object]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_correction_of_a_bar_that_was_let_go_is_kept_for_people(tmp_path: Path) -> None:
    home = opened(tmp_path)
    after = calendar.session_open(calendar.session_of("2024-07-05"))
    later = [replace(minute(at), symbol="AMD", ts=after + at * MINUTE) for at in range(5)]
    later = [replace(bar, received=bar.ts + MINUTE) for bar in later]
    corrected = replace(minute(2, close=11.0), received=after + 9 * MINUTE)

    def has(rows: int) -> Callable[[], bool]:
        return lambda: len(stored(home)) == rows

    live(home, Script([*map(minute, range(5)), has(1), *later, has(2), corrected]), options=QUICK)

    assert home.store.read("quarantine")["reason"].tolist() == ["came after its bar was closed"]
    assert len(stored(home, revisions=True)) == 2


def test_a_session_that_is_over_is_judged_as_one_that_was_loaded(tmp_path: Path) -> None:
    home = opened(tmp_path)
    hole = range(50, 55)
    heard = [minute(at) for at in range(210) if at not in hole]

    live(home, Script(heard), symbols=("NVDA", "AMD"), options=QUICK)

    quality = home.store.read("data_quality", timeframe="5min").set_index("symbol")
    assert quality["present"].to_dict() == {"NVDA": 41, "AMD": 0}
    assert quality.loc["NVDA", "completeness"] == pytest.approx(41 / 42)
    found = home.store.read("findings")
    gap = found[found["rule"] == "gap"]
    assert (gap["symbol"].tolist(), gap["ts"].tolist()) == (["NVDA"], [OPEN + 50 * MINUTE])


def test_a_session_that_goes_on_is_not_judged_and_one_that_is_heard_again_is(tmp_path: Path) -> None:
    home = opened(tmp_path)
    half = [minute(at) for at in range(100)]
    live(home, Script(half), symbols=("NVDA",), options=QUICK)
    assert home.store.read("data_quality").empty

    closed = calendar.session_close(SESSION) + 10 * MINUTE
    live(home, Script([half[-1], replace(half[0], received=closed)]), symbols=("NVDA",), options=QUICK)

    assert home.store.read("data_quality")["present"].tolist() == [20]
    assert home.store.read("findings")["rule"].tolist().count("gap") == 1

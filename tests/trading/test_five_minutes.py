"""Five-minute bars of minutes: by hand, and against the slow way for every order in which minutes may come."""

from dataclasses import replace

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tests.peers.minutes import five_minute_truth, minute_bars
from trading import calendar, frames
from trading.five_minutes import LINGER, PATIENCE, FiveMinuteBars, joined, rows_of
from trading.interfaces import LiveBar

SESSION = calendar.session_of("2024-03-11")  # the first of summer time: opens at 13:30 UTC
OPEN = calendar.session_open(SESSION)
MINUTE = pd.Timedelta(minutes=1)
END = OPEN + 5 * MINUTE


def minute(offset: int, *, close: float = 10.0, received: pd.Timestamp | None = None) -> LiveBar:
    ts = OPEN + offset * MINUTE
    came = received or ts + MINUTE
    return LiveBar("NVDA", ts, 1, open=10.0, high=12.0, low=9.0, close=close, volume=100.0, received=came)


def added(*bars: LiveBar) -> FiveMinuteBars:
    built = FiveMinuteBars()
    for bar in bars:
        assert built.add(bar)
    return built


def test_a_bar_joins_its_minutes_in_the_order_of_time() -> None:
    first = replace(minute(0, close=11.0), open=9.5, volume=1.0)
    last = replace(minute(4, close=8.5), high=13.0, low=8.0, volume=2.0)

    whole = joined([last, minute(2), first], END)

    assert (whole.open, whole.high, whole.low, whole.close, whole.volume) == (9.5, 13.0, 8.0, 8.5, 103.0)
    assert (whole.ts, whole.minutes, whole.received) == (OPEN, 5, END)


def test_a_complete_bar_is_ready_at_once_even_if_more_is_waiting() -> None:
    built = added(*(minute(place) for place in range(5)))

    (bar,) = built.take(END, quiet=False)

    assert bar.received == END
    assert built.take(END + PATIENCE) == []


def test_an_incomplete_bar_waits_for_its_patience_and_for_a_quiet_moment() -> None:
    built = added(minute(0), minute(4))
    due = END + PATIENCE

    assert built.next_due() == due
    assert built.take(due - pd.Timedelta(seconds=1)) == []
    assert built.take(due, quiet=False) == []
    assert [(bar.volume, bar.received) for bar in built.take(due)] == [(200.0, due)]
    assert built.next_due() is None


def test_what_changes_a_bar_in_a_burst_is_one_revision() -> None:
    built = added(*(minute(place) for place in range(5)))
    built.take(END)
    came = END + MINUTE
    for place in (1, 2):
        built.add(minute(place, close=11.0, received=came))

    assert built.take(came) == []
    assert len(built.take(came + LINGER)) == 1


def test_a_minute_that_says_the_same_again_changes_nothing() -> None:
    built = added(*(minute(place) for place in range(5)))
    built.take(END)

    assert built.add(minute(3, received=END + MINUTE))

    assert built.repeated == 1
    assert built.take(END + 60 * MINUTE) == []


def test_a_whole_bar_of_five_minutes_passes_through() -> None:
    whole = replace(minute(0), minutes=5, received=END)

    assert added(whole).take(END) == [whole]


def test_a_correction_of_a_forgotten_bar_is_refused_and_a_new_bar_is_not() -> None:
    built = added(*(minute(place) for place in range(5)), minute(5))
    built.take(END)

    built.forget_before(END + 60 * MINUTE)

    assert not built.add(minute(4, close=11.0)), "its other minutes are gone"
    assert built.add(minute(6)), "the bar that waits is held"
    assert built.add(minute(11))


@given(st.permutations(range(60)), st.lists(st.integers(1, 59), max_size=6))
def test_in_whatever_order_minutes_come_the_bars_are_those_of_the_slow_way(
    order: list[int], cuts: list[int]
) -> None:
    written = minute_bars(("NVDA", "AMD"), SESSION, 30)
    letters = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    built, last = FiveMinuteBars(), {}
    for at, place in enumerate(order):
        one = written[place]
        values = {name: float(one[letter]) for name, letter in letters.items()}
        built.add(LiveBar(one["S"], one["t"], 1, **values, received=END + pd.Timedelta(seconds=at)))
        if at in cuts:
            last |= {(bar.symbol, bar.ts): bar for bar in built.take(END + 90 * MINUTE)}
    last |= {(bar.symbol, bar.ts): bar for bar in built.take(END + 90 * MINUTE)}

    truth = five_minute_truth(written)
    assert {key: (b.open, b.high, b.low, b.close, b.volume) for key, b in last.items()} == truth


def test_rows_are_known_from_their_arrival_and_never_before_their_end() -> None:
    whole = replace(minute(0), minutes=5, received=END + MINUTE)
    fast = replace(whole, symbol="AMD", received=END - MINUTE)

    rows = rows_of([whole, fast], source="alpaca", basis="raw", delay=pd.Timedelta(0))

    assert list(rows.columns) == frames.columns("bars")
    assert rows["known_at"].tolist() == [END + MINUTE, END]
    assert (rows["session"] == SESSION).all()

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar, frames
from trading.history import History, to_frame

SESSIONS = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-12"))


def bar(
    session: pd.Timestamp, symbol: str, close: float, known_at: pd.Timestamp | None = None
) -> dict[str, object]:
    opened = calendar.session_open(session)
    known = known_at or calendar.session_close(session) + pd.Timedelta(minutes=10)
    prices = {"open": close, "high": close, "low": close, "close": close, "volume": 1.0}
    facts = {"timeframe": "1D", "basis": "raw", "source": "test"}
    return {"session": session, "ts": opened, "symbol": symbol, "known_at": known, **prices, **facts}


def history(rows: list[dict[str, object]]) -> History:
    dtypes = frames.table_of("bars").dtypes
    frame = pd.DataFrame(rows).astype(dict(dtypes.items()))
    return History.from_frame("bars", frames.validated("bars", frame))


def closes(rows: History, last: pd.Timestamp) -> np.ndarray:
    window = rows.window(SESSIONS[0], last, calendar.as_of(last))
    return window.cube("close", session=window.sessions, symbol=("NVDA", "AMD"))


def test_a_window_holds_its_sessions_and_nothing_after() -> None:
    rows = history([bar(session, "NVDA", 10.0 + i) for i, session in enumerate(SESSIONS)])
    window = rows.window(SESSIONS[1], SESSIONS[3], calendar.as_of(SESSIONS[3]))
    assert list(window["close"]) == [11.0, 12.0, 13.0]


def test_a_cube_has_nan_where_there_is_no_row() -> None:
    rows = history([bar(SESSIONS[0], "NVDA", 1.0), bar(SESSIONS[1], "AMD", 2.0)])
    np.testing.assert_array_equal(closes(rows, SESSIONS[1]), [[1.0, np.nan], [np.nan, 2.0]])


def test_a_bar_that_comes_after_the_decision_is_unseen_that_evening_and_seen_the_next() -> None:
    late = calendar.as_of(SESSIONS[0]) + pd.Timedelta(microseconds=1)
    rows = history([bar(SESSIONS[0], "NVDA", 1.0, late), bar(SESSIONS[1], "NVDA", 2.0)])
    assert np.isnan(closes(rows, SESSIONS[0])).all()
    assert closes(rows, SESSIONS[1])[0, 0] == 1.0


def test_a_revision_replaces_the_bar_only_from_when_it_was_known() -> None:
    revised = calendar.as_of(SESSIONS[2]) - pd.Timedelta(minutes=1)
    rows = history(
        [bar(session, "NVDA", 1.0) for session in SESSIONS[:4]] + [bar(SESSIONS[0], "NVDA", 9.0, revised)]
    )
    assert closes(rows, SESSIONS[1])[0, 0] == 1.0
    assert closes(rows, SESSIONS[2])[0, 0] == 9.0


@given(delays=st.lists(st.integers(0, 9 * 24 * 60), min_size=1, max_size=8), cut=st.integers(0, 7))
def test_what_is_known_later_changes_no_earlier_window(delays: list[int], cut: int) -> None:
    original = [bar(session, "NVDA", 1.0) for session in SESSIONS[:8]]
    moments = [
        calendar.session_close(SESSIONS[0]) + pd.Timedelta(minutes=11 + d, seconds=i)
        for i, d in enumerate(delays)
    ]
    revisions = [bar(SESSIONS[0], "NVDA", 2.0 + i, moment) for i, moment in enumerate(moments)]
    known = [row for row in revisions if row["known_at"] <= calendar.as_of(SESSIONS[cut])]
    everything, then = history(original + revisions), history(original + known)
    np.testing.assert_array_equal(closes(everything, SESSIONS[cut]), closes(then, SESSIONS[cut]))


def test_rows_of_one_session_are_found_in_a_window_with_revisions() -> None:
    late = calendar.as_of(SESSIONS[0]) + pd.Timedelta(minutes=1)
    rows = history([bar(SESSIONS[0], "NVDA", 1.0, late), bar(SESSIONS[1], "NVDA", 2.0)])
    window = rows.window(SESSIONS[0], SESSIONS[1], calendar.as_of(SESSIONS[1]))
    assert list(window.at(SESSIONS[1])["close"]) == [2.0]
    assert len(window.at(SESSIONS[5])) == 0


def test_frames_survive_the_way_through_columns_and_back() -> None:
    before = frames.validated(
        "bars",
        pd.DataFrame([bar(s, n, 5.0) for s in SESSIONS for n in ("AMD", "NVDA")]).astype(
            frames.table_of("bars").dtypes
        ),
    )
    after = to_frame("bars", [History.from_frame("bars", before).values])
    pd.testing.assert_frame_equal(before, after)


def test_nothing_made_is_an_empty_frame_with_types() -> None:
    assert dict(to_frame("fills", []).dtypes.astype(str)) == frames.table_of("fills").dtypes


MOMENTS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["AMD", "NVDA"]), st.integers(0, 200)),
    min_size=1,
    max_size=12,
    unique=True,
)


# Up to twelve opinions on the bars of two symbols in five sessions, each known some hours after its close.
@given(MOMENTS)
def test_a_window_holds_of_each_key_the_last_row_known_by_then(opinions: list[tuple[int, str, int]]) -> None:
    days = calendar.sessions_between(pd.Timestamp("2024-03-04"), pd.Timestamp("2024-03-08"))
    decided = calendar.as_of(days[-1])
    rows = pd.DataFrame(sorted(opinions), columns=["day", "symbol", "hours"])
    own = days[rows["day"]]
    rows["known"] = calendar.as_of_each(own, pd.Timedelta(0)) + pd.to_timedelta(rows["hours"], unit="h")
    values = {
        "session": own.to_numpy(), "timeframe": np.full(len(rows), "1D", dtype=object),
        "ts": calendar.open_each(own).tz_localize(None).to_numpy(),
        "symbol": rows["symbol"].to_numpy(dtype=object), "close": np.arange(len(rows), dtype=float),
        "known_at": rows["known"].dt.tz_localize(None).dt.as_unit("us").to_numpy(),
    }  # fmt: skip
    seen = History("bars", values).window(days[0], days[-1], decided)

    visible = rows[rows["known"] <= decided]
    last = visible.drop_duplicates(["day", "symbol"], keep="last")
    assert list(seen["close"]) == [float(place) for place in last.index]
    first = visible.groupby(["day", "symbol"])["known"].transform("min")[last.index]
    assert list(seen.first_known()) == list(first.dt.tz_localize(None).dt.as_unit("us").astype("int64"))


DAYS = calendar.sessions_between(pd.Timestamp("2024-03-04"), pd.Timestamp("2024-03-08"))
CELLS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["a", "b", "c"]), st.sampled_from([1, 5, 20])),
    unique=True,
    max_size=30,
)


def scored(cells: list[tuple[int, str, int]]) -> dict[str, np.ndarray]:
    """Columns of rows with a version and a horizon, sorted as a table is; the score tells which row it is."""
    days, versions, horizons = zip(*sorted(cells), strict=True) if cells else ((), (), ())
    return {
        "session": DAYS[list(days)].to_numpy(),
        "known_at": calendar.as_of_each(DAYS[list(days)]).tz_localize(None).to_numpy(),
        "version": np.array(versions, dtype=object),
        "horizon": np.array(horizons, dtype=np.int64),
        "score": np.array([100.0 * d + 10 * "abc".index(v) + h for d, v, h in sorted(cells)]),
    }


def laid_out(cells: list[tuple[int, str, int]], first: int, last: int) -> np.ndarray:
    """What a block of versions c and a, sessions and horizons 5 and 1 must hold, cell by cell."""
    held = set(cells)
    return np.array(
        [[[100.0 * d + 10 * "abc".index(v) + h if (d, v, h) in held else np.nan for h in (5, 1)]
          for d in range(first, last + 1)] for v in ("c", "a")]
    )  # fmt: skip


def asked(rows: History, first: int, last: int) -> np.ndarray:
    window = rows.window(DAYS[first], DAYS[last], calendar.as_of(DAYS[last]))
    return window.cube("score", version=("c", "a"), session=window.sessions, horizon=(5, 1))


@given(CELLS, st.integers(0, 4), st.integers(0, 4))
def test_a_block_holds_each_row_in_its_cell(cells: list[tuple[int, str, int]], one: int, other: int) -> None:
    first, last = min(one, other), max(one, other)
    rows = History("version_losses", scored(cells))

    np.testing.assert_array_equal(asked(rows, first, last), laid_out(cells, first, last))
    np.testing.assert_array_equal(asked(rows, 0, last), laid_out(cells, 0, last))  # from what was looked up


@given(CELLS)
def test_a_history_that_moves_on_answers_as_one_made_anew(cells: list[tuple[int, str, int]]) -> None:
    moved = History("version_losses", scored([]))
    for day in range(5):
        asked(moved, 0, day)  # so that there is something to carry on
        oldest = int(np.searchsorted(moved.values["session"], DAYS[max(day - 2, 0)].to_datetime64()))
        moved = moved.moved_on(oldest, scored([cell for cell in cells if cell[0] == day]))
        recent = [cell for cell in cells if max(day - 2, 0) <= cell[0] <= day]
        np.testing.assert_array_equal(asked(moved, 0, day), laid_out(recent, 0, day))

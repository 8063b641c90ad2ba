"""What a store keeps and shows of rows that are observed more than once: pure rules for every store.

Bars and corporate actions are never overwritten. A row that says nothing new is skipped, one that
says something else is a revision with its own `known_at`, and a reader at `as_of` sees of each key
the last revision known by then.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import frames
from trading.errors import DataError, SchemaError
from trading.interfaces import Clock

APPEND_ONLY: frozenset[str] = frozenset(
    {
        *("bars", "corporate_actions", "quarantine", "quarantine_decisions"),
        *("findings", "data_quality", "reconciliation"),
        *("extended_bars", "earnings", "fundamentals"),
        "trials",
    }
)
_TICK = pd.Timedelta(microseconds=1)
_OLD = "_old"


def checked(table: str, frame: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """`frame` validated and sorted by key, all of its sessions between `first` and `last`.

    Recorded tables know one zero: SQLite stores -0.0 as 0.0, and the other stores must agree.

    Raises
    ------
    SchemaError
        If a column, a value or a session is not what the table declares.
    """
    valid = frames.validated(table, frame)
    outside = (valid["session"] < first) | (valid["session"] > last)
    if outside.any():
        day = valid.loc[outside, "session"].iloc[0]
        raise SchemaError(
            f"table {table}: {int(outside.sum())} rows lie outside the range {first:%Y-%m-%d} to "
            f"{last:%Y-%m-%d}, the first in session {day:%Y-%m-%d}; write the range that was made"
        )
    if frames.table_of(table).storage == "recorded":
        floats = valid.select_dtypes("float64").columns
        valid[floats] = valid[floats] + 0.0
    return valid


def narrowed(frame: pd.DataFrame, **values: str | None) -> pd.DataFrame:
    """The rows with these values, of columns that `frame` has; None narrows nothing."""
    for column, value in values.items():
        if value is not None and column in frame:
            frame = frame[(frame[column] == value).to_numpy()]
    return frame


def as_known(
    table: str, frame: pd.DataFrame, as_of: pd.Timestamp | None = None, *, revisions: bool = False
) -> pd.DataFrame:
    """Rows of `frame` (sorted by key) that were known at `as_of`: the newest of each key, or all `revisions`."""
    if as_of is not None:
        frame = frame[(frame["known_at"] <= as_of).to_numpy()]
    if not revisions and "known_at" in frames.table_of(table).key:
        frame = frame[_last_of_each(table, frame)]
    return frame.reset_index(drop=True)


def additions(
    table: str, known: pd.DataFrame, incoming: pd.DataFrame, clock: Clock | None = None
) -> pd.DataFrame:
    """The rows of `incoming` that an append-only table does not hold yet.

    Parameters
    ----------
    known : every revision that is stored of the sessions of `incoming`, sorted by key
    incoming : validated rows
    clock : tells the time at which a row that contradicts what is stored came in

    Returns
    -------
    Rows to append. A row whose values are those in force is skipped. A changed row that was known
    after the stored one is a revision as it stands; one that claims to have been known before
    would rewrite history, and is therefore known from now on.

    Raises
    ------
    DataError
        If a row would rewrite history and there is no clock to date it.
    """
    is_single = bool(_last_of_each(table, incoming).all())
    if not len(incoming) or (not len(known) and is_single):
        return incoming
    if "known_at" not in frames.table_of(table).key:
        return _absent(table, known, incoming)
    previous = _stored_newest(table, known, incoming)
    newest = previous["known_at"]
    if is_single and newest.isna().all():
        return incoming
    later = (newest.isna() | (incoming["known_at"] > newest)).to_numpy()
    forward = later & _differs_from_predecessor(table, incoming, previous, later)
    claims = incoming[~later & ~_same(table, incoming, previous)]
    if not len(claims):
        return incoming[forward].reset_index(drop=True)
    claims = claims[~_same(table, claims, _in_force(table, known, claims))]
    late = _dated(table, claims, incoming[forward], newest, clock)
    joined = pd.concat([incoming[forward], late]) if len(late) else incoming[forward]
    return joined.sort_values(list(frames.table_of(table).key), kind="stable", ignore_index=True)


def is_news(table: str, known: pd.DataFrame, incoming: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) True where a row of `incoming` has a key that `known` (sorted by key) lacks, or other values.

    It is compared with the newest stored revision of its key: with what the store holds to be true now.
    """
    return ~_same(table, incoming, _stored_newest(table, known, incoming))


def _prefix(table: str) -> list[str]:
    return [column for column in frames.table_of(table).key if column != "known_at"]


def _values(table: str) -> list[str]:
    declared = frames.table_of(table)
    return [column for column in declared.dtypes if column not in declared.key]


def _last_of_each(table: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) True where the next row (of a frame sorted by key) has another key."""
    last = np.zeros(len(frame), dtype=bool)
    last[-1:] = True
    for column in reversed(_prefix(table)):
        values = frame[column].array  # not to_numpy: that makes an object of every moment
        last[:-1] |= np.asarray(values[1:] != values[:-1], dtype=bool)
    return last


def _absent(table: str, known: pd.DataFrame, incoming: pd.DataFrame) -> pd.DataFrame:
    key = list(frames.table_of(table).key)
    found = incoming[key].merge(known[key], on=key, how="left", indicator=True)["_merge"]
    return incoming[(found == "left_only").to_numpy()].reset_index(drop=True)


def _stored_newest(table: str, known: pd.DataFrame, incoming: pd.DataFrame) -> pd.DataFrame:
    """For each incoming row the newest stored revision of its key; missing values where there is none."""
    newest = known[_last_of_each(table, known)]
    if _has_keys_of(table, newest, incoming):  # the same load again: no need to look each row up
        return newest.set_axis(incoming.index)
    joined = incoming[_prefix(table)].merge(newest, on=_prefix(table), how="left")
    return joined.set_axis(incoming.index)


def _has_keys_of(table: str, left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """Whether two frames hold the same keys, row by row."""
    return len(left) == len(right) and all(
        bool(np.all(left[column].array == right[column].array)) for column in _prefix(table)
    )


def _in_force(table: str, known: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """For each claim the stored revision that was in force at the moment at which it claims to be known."""
    numbered = claims[[*_prefix(table), "known_at"]].assign(row=claims.index)
    pairs = numbered.merge(known, on=_prefix(table), suffixes=("_claim", ""))
    pairs = pairs[pairs["known_at"] <= pairs["known_at_claim"]].drop_duplicates("row", keep="last")
    return pairs.set_index("row").reindex(claims.index)


def _same(table: str, left: pd.DataFrame, right: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) True where the values of two aligned frames are equal."""
    equal = np.ones(len(left), dtype=bool)
    for column in _values(table):
        a, b = left[column], right[column]
        equal &= ((a == b) | (a.isna() & b.isna())).to_numpy(dtype=bool, na_value=False)
    return equal


def _differs_from_predecessor(
    table: str, incoming: pd.DataFrame, previous: pd.DataFrame, later: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n,) True where a row says something else than the row of its key that was known before it."""
    different: NDArray[np.bool_] = ~_same(table, incoming, previous)
    follows = np.zeros(len(incoming), dtype=bool)
    follows[1:] = ~_last_of_each(table, incoming)[:-1] & later[:-1]
    if follows.any():
        before = incoming.shift(1)
        different[follows] = ~_same(table, incoming[follows], before[follows])
    return different


def _dated(
    table: str,
    claims: pd.DataFrame,
    forward: pd.DataFrame,
    newest: pd.Series,
    clock: Clock | None,
) -> pd.DataFrame:
    """Claims that would rewrite history, one a key, known from now on instead."""
    prefix = _prefix(table)
    claims = claims.drop_duplicates(prefix, keep="last")
    superseded = claims[prefix].merge(forward[prefix].drop_duplicates(), how="left", indicator=True)["_merge"]
    claims = claims[(superseded == "left_only").to_numpy()]
    if not len(claims):
        return claims
    if clock is None:
        row = claims.iloc[0]
        raise DataError(
            f"table {table}: {len(claims)} rows contradict stored ones but claim to have been known "
            f"before them, the first is {row.get('symbol')} in session {row['session']:%Y-%m-%d}; "
            f"give a revision the moment at which it came in"
        )
    earliest = (newest.loc[claims.index] + _TICK).clip(lower=clock())
    return claims.assign(known_at=earliest.astype(claims["known_at"].dtype))

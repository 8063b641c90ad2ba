"""Message files of LOBSTER, read as messages of the order book.

Format: lobsterdata.com, "Output structure": no heading; time in seconds after midnight, type, order id,
size, price in USD x 10,000, direction (1 buy, -1 sell, of the limit order). A file of few levels begins in
the middle of a day and shows only orders near the best prices: events of orders that were placed outside it
or before it are left out, and `Recording.unknown` counts them, unless the book file beside it says what lay there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from trading.errors import SchemaError
from trading.execution.order_book.messages import (
    ASK,
    BID,
    CROSS,
    DELETE,
    EXECUTE,
    HALT,
    HIDDEN,
    LIMIT,
    REDUCE,
    Messages,
    slots_of,
)

COLUMNS = ("time", "kind", "order", "size", "price", "direction")
_UNITS = 10_000  # of a price, to the dollar
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Recording:
    """A file's messages, and how many of its events are not among them.

    Attributes
    ----------
    unknown : deletions and executions of orders that the file never placed
    hidden, crosses, halts : executions of hidden orders, auction trades, trading halts: no visible order moves
    """

    messages: Messages
    unknown: int
    hidden: int
    crosses: int
    halts: int


def read_messages(path: Path, *, tick_cents: float = 1.0, book: Path | None = None) -> Recording:
    """Read a file `..._message_LEVEL.csv`.

    Parameters
    ----------
    book : the `..._orderbook_LEVEL.csv` beside it: what its first row holds is placed before the first message, one order
        a level; what comes into sight from below its levels is placed then; events of orders that nobody saw placed
        happen to those

    Raises
    ------
    SchemaError
        If it is not such a file: another number of columns, unknown types, or prices between the ticks.
    """
    table = pd.read_csv(path, header=None, dtype=str)
    if table.shape[1] != len(COLUMNS):
        raise SchemaError(
            f"{path.name} has {table.shape[1]} columns; a LOBSTER message file has {len(COLUMNS)}"
        )
    table.columns = pd.Index(COLUMNS)
    whole = table.drop(columns="time").apply(pd.to_numeric, errors="coerce")
    if whole.isna().any(axis=None) or not whole["kind"].between(1, HALT).all():
        raise SchemaError(f"{path.name} has cells that are no whole numbers, or types beyond 1 to {HALT}")
    whole = whole.astype(np.int64)
    counts = [int((whole["kind"] == kind).sum()) for kind in (HIDDEN, CROSS, HALT)]
    visible = (whole["kind"] <= EXECUTE).to_numpy()
    time, seen = _clock(table["time"])[visible], whole[visible]
    if book is not None:
        time, seen = _opened(time, seen, whole.iloc[0], book)
    messages, unknown = _messages(time, seen, path.name, tick_cents)
    return Recording(messages, unknown, *counts)


def _clock(seconds: pd.Series) -> np.ndarray:
    """Seconds after midnight as they are written, exact to the nanosecond: a float is not."""
    parts = seconds.str.partition(".")
    fraction = parts[2].str.pad(9, side="right", fillchar="0").str[:9]
    return parts[0].astype(np.int64).to_numpy() * _NANOSECONDS + fraction.astype(np.int64).to_numpy()


def _messages(time: np.ndarray, whole: pd.DataFrame, name: str, tick_cents: float) -> tuple[Messages, int]:
    tick = round(tick_cents * _UNITS / 100)
    lowest = int(whole["price"].min()) - tick if len(whole) else 0
    if ((whole["price"] - lowest) % tick).any():
        raise SchemaError(f"{name} has prices between ticks of {tick_cents} cents; give a smaller tick_cents")
    numbers, names = pd.factorize(whole["order"])
    kinds, sizes = whole["kind"].to_numpy().copy(), whole["size"].to_numpy().copy()
    slots = slots_of(kinds, numbers, sizes, len(names))
    known = slots >= 0
    ticks = (whole["price"].to_numpy() - lowest) // tick
    sides = np.where(whole["direction"].to_numpy() == 1, BID, ASK)
    rows = np.column_stack([kinds, slots, sizes, ticks, sides])[known].astype(np.int32)
    room = int(ticks.max(initial=0)) + 2
    messages = Messages(
        time[known], rows, int(slots.max(initial=0)) + 1, room, lowest / _UNITS, tick / _UNITS
    )
    return messages, int((~known).sum())


_PLACE = ["price", "direction"]
_LEVEL = 4  # columns: ask price, ask size, bid price, bid size
_NOBODY = 9_999_999_999  # the price of a level that is empty, below zero on the bid side


def _opened(
    time: np.ndarray, seen: pd.DataFrame, first: pd.Series, book: Path
) -> tuple[np.ndarray, pd.DataFrame]:
    """Events with the orders of the book that nobody saw placed before them, and what befalls those as theirs.

    An order that was placed below the levels of the file comes when the book file first shows its level.
    """
    sight = _levels(book)
    levels = sight[sight["at"] == 0].copy()
    moved = {LIMIT: -1, REDUCE: 1, DELETE: 1, EXECUTE: 1}.get(int(first["kind"]), 0)
    mine = (levels["price"] == first["price"]) & (levels["direction"] == first["direction"])
    levels.loc[mine, "size"] += moved * int(first["size"])  # the row is of the moment after the first message
    strange = (~seen["order"].isin(seen.loc[seen["kind"] == LIMIT, "order"])).to_numpy()
    later = _come_into_sight(seen, strange, sight)
    placed = pd.concat([levels[levels["size"] > 0].assign(at=-1.0), later.assign(at=later["at"] + 0.5)])
    placed = placed.drop_duplicates(_PLACE)  # what lay there from the beginning comes first
    placed = placed.assign(kind=LIMIT, order=-1 - np.arange(len(placed)))
    known = placed.set_index(_PLACE)["order"].reindex(pd.MultiIndex.from_frame(seen[_PLACE])).fillna(0)
    taken = strange & (known < 0).to_numpy()
    events = seen.assign(
        at=seen.index.to_numpy(dtype=float),
        order=np.where(taken, known.to_numpy(dtype=np.int64), seen["order"]),
        kind=np.where(taken & (seen["kind"] == DELETE), REDUCE, seen["kind"]),
    )
    both = pd.concat([placed, events[list(placed.columns)]], ignore_index=True)
    both = both.sort_values("at", kind="stable", ignore_index=True)
    before = np.searchsorted(seen.index.to_numpy(), both["at"].to_numpy(), side="right") - 1
    return time[np.maximum(before, 0)], both


def _come_into_sight(seen: pd.DataFrame, strange: np.ndarray, sight: pd.DataFrame) -> pd.DataFrame:
    """Orders that a file of few levels shows without a message: row, price, size and direction, one a level.

    They come with the last row before their first event that shows their level anew and is no order placed there.
    """
    leaving = seen[strange].rename_axis("leaves").reset_index()
    leaving = leaving.groupby(_PLACE, as_index=False).agg(size=("size", "sum"), leaves=("leaves", "min"))
    before = sight.assign(at=sight["at"] + 1)[[*_PLACE, "at"]]
    anew = (
        sight[[*_PLACE, "at"]]
        .merge(before, how="left", indicator=True)
        .query("_merge == 'left_only' and at > 0")
    )
    orders = seen.loc[seen["kind"] == LIMIT, _PLACE].rename_axis("at").reset_index()
    anew = (
        anew.drop(columns="_merge").merge(orders, how="left", indicator=True).query("_merge == 'left_only'")
    )
    both = leaving.merge(anew.drop(columns="_merge")).query("at < leaves")
    return both.groupby([*_PLACE, "size"], as_index=False)["at"].max()


def _levels(book: Path) -> pd.DataFrame:
    """Row `at`, price, size and direction of every level of a book file.

    Raises
    ------
    SchemaError
        If it has other columns than four a level.
    """
    cells = pd.read_csv(book, header=None).to_numpy(dtype=np.int64)
    if cells.shape[1] % _LEVEL:
        raise SchemaError(f"{book.name} has {cells.shape[1]} columns; a LOBSTER book file has four a level")
    count, sides = len(cells), cells.shape[1] // 2
    pairs = cells.reshape(-1, 2)
    rows = pd.DataFrame({"at": np.repeat(np.arange(count), sides), "price": pairs[:, 0], "size": pairs[:, 1]})
    rows["direction"] = np.tile([-1, 1], len(pairs) // 2)
    return rows[rows["price"].abs() < _NOBODY].reset_index(drop=True)

"""Message files of LOBSTER, read as messages of the order book.

Format: lobsterdata.com, "Output structure": no heading; time in seconds after midnight, type, order id,
size, price in USD x 10,000, direction (1 buy, -1 sell, of the limit order). A file of few levels begins in
the middle of a day and shows only orders near the best prices: events of orders that were placed outside it
or before it are left out, and `Recording.unknown` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from trading.errors import SchemaError
from trading.execution.order_book.messages import ASK, BID, CROSS, EXECUTE, HALT, HIDDEN, Messages, slots_of

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


def read_messages(path: Path, *, tick_cents: float = 1.0) -> Recording:
    """Read a file `..._message_LEVEL.csv`.

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
    messages, unknown = _messages(_clock(table["time"])[visible], whole[visible], path.name, tick_cents)
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

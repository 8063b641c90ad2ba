"""Corporate actions and prices that contradict each other; for raw bars, which show the actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar
from trading.interfaces import Bools
from trading.monitoring.bar_series import BarSeries, plain

MOST_OF_PRICE = 0.20  # that a dividend may be
PART_OF_SPLIT = 0.5  # of a split's log ratio that the price must have moved, at least


@dataclass(frozen=True)
class Contradictions:
    """Rows of `corporate_actions` that cannot be, with when that was known and a word on each."""

    rows: pd.DataFrame
    known: NDArray[np.datetime64]
    words: list[str]


def large_dividends(series: BarSeries, actions: pd.DataFrame) -> Contradictions:
    """Dividends of more than a fifth of the close before them."""
    pairs = _with_prices(series, actions[(actions["kind"] == "dividend").to_numpy()])
    share = pairs["amount"] / pairs["close_before"]
    bad = (share > MOST_OF_PRICE).to_numpy()
    words = [f"{part:.0%} of the close before it" for part in share[bad]]
    return Contradictions(pairs[bad], _later(pairs[bad], "known_before"), words)


def splits_without_move(series: BarSeries, actions: pd.DataFrame) -> Contradictions:
    """Splits at whose open the price did not move by even half of what they say."""
    pairs = _with_prices(series, actions[(actions["kind"] == "split").to_numpy()])
    moved = np.log(pairs["open_after"] / pairs["close_before"])
    expected = -np.log(pairs["ratio"])
    bad = ((moved / expected) < PART_OF_SPLIT).to_numpy() & (expected != 0).to_numpy()
    words = [
        f"{ratio:g} for 1, and the price moved by {np.expm1(move):+.1%}"
        for ratio, move in zip(pairs["ratio"][bad], moved[bad], strict=True)
    ]
    return Contradictions(pairs[bad], _later(pairs[bad], "known_after"), words)


def moves_like_splits(series: BarSeries, actions: pd.DataFrame) -> tuple[Bools, list[str]]:
    """(n,) raw bars whose open jumped like a usual split, either way, without there being one; and words."""
    split = actions[(actions["kind"] == "split").to_numpy()]
    listed = pd.MultiIndex.from_arrays([split["symbol"], _places(split["session"])])
    mine = pd.MultiIndex.from_arrays([series.rows["symbol"], series.places])
    marked = series.splitting & ~np.asarray(mine.isin(listed))
    jump = np.log(series.column("open") / series.before(series.column("close")))
    return marked, [f"opened at {np.expm1(move):+.1%}, and no split is known" for move in jump[marked]]


def _with_prices(series: BarSeries, actions: pd.DataFrame) -> pd.DataFrame:
    """Actions with the close before and the open after they take effect, where raw bars have both."""
    rows = series.rows
    before = pd.DataFrame(
        {
            "symbol": rows["symbol"],
            "place": series.places,
            "close_before": series.before(series.column("close")),
            "open_after": rows["open"],
            "known_after": series.known,
            "known_before": np.roll(series.known, 1),
        }
    )
    usable = series.is_adjacent & (rows["basis"] == "raw").to_numpy() & (series.slots == 0)
    return actions.assign(place=_places(actions["session"])).merge(before[usable], on=["symbol", "place"])


def _places(sessions: pd.Series) -> NDArray[np.int64]:
    return calendar.all_sessions().get_indexer(pd.DatetimeIndex(sessions)).astype(np.int64)


def _later(pairs: pd.DataFrame, column: str) -> NDArray[np.datetime64]:
    """(n,) when both the action and the price were known."""
    return np.maximum(plain(pairs["known_at"]), pairs[column].to_numpy().astype("datetime64[us]"))

"""Real bars whose order is destroyed: what nobody can foresee any more, with the names' days still belonging together.

A session is taken apart into two legs, from the close before to the open and from the open to the close, each a
simple return, with the reach of the day around its open. Letters: t sessions, s symbols.

`block_shuffled` draws stretches of sessions with replacement, the same for all names, from legs whose mean is zero:
across stretches nothing follows from the past, and no name earns more than another. Within a stretch (ten sessions
on average) everything is as it was. `sign_flipped` keeps the order of what was large and small, and turns each leg
of each session over or not by a fair coin, the same for all names: a fair game for whoever trades at opens and
closes, whatever foretold the next return before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames
from trading.errors import MissingBarsError
from trading.evaluation.resampling import stationary_indices
from trading.interfaces import Bools, Floats
from trading.universe import CONTEXT_SYMBOLS

INDEX = "VIX"  # a level and no price: it comes along with its session
MEAN_BLOCK_SESSIONS = 10
FIRST_PRICE = 100.0
DELAY = pd.Timedelta(minutes=10)
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Legs:
    """Sessions of several symbols, each taken by itself.

    Attributes
    ----------
    symbols : (s,) that are traded
    gap : (t, s) open over the close before; high, low, day : (t, s) high, low and close over the open
    volume : (t, s) shares; index : (t, 4) open, high, low and close of the VIX
    """

    symbols: tuple[str, ...]
    gap: Floats
    high: Floats
    low: Floats
    day: Floats
    volume: Floats
    index: Floats

    def __len__(self) -> int:
        """Sessions."""
        return len(self.gap)

    def at(self, places: NDArray[np.int64]) -> Legs:
        """The sessions at `places` (t,), those of all symbols together."""
        drawn = {name: getattr(self, name)[places] for name in _ARRAYS}
        return replace(self, **drawn)


_ARRAYS = ("gap", "high", "low", "day", "volume", "index")


def legs_of(bars: pd.DataFrame, symbols: Sequence[str]) -> Legs:
    """The legs of daily bars of `symbols` and the VIX, over the sessions in which all of them have a bar.

    The first session is left out: nothing is known of the close before it.

    Raises
    ------
    MissingBarsError
        If there are fewer than two such sessions.
    """
    wide = {name: bars.pivot_table(index="session", columns="symbol", values=name) for name in _PRICES}
    wanted = [*symbols, INDEX]
    shared = wide["close"].reindex(columns=wanted).dropna().index
    if len(shared) < 2:  # noqa: PLR2004 - a leg needs the close before
        raise MissingBarsError(f"the bars hold {len(shared)} sessions of all of {', '.join(wanted)}")
    price = {name: wide[name].loc[shared, list(symbols)].to_numpy() for name in _PRICES}
    volume = bars.pivot_table(index="session", columns="symbol", values="volume").loc[shared, list(symbols)]
    index = np.column_stack([wide[name].loc[shared, INDEX].to_numpy() for name in _PRICES])
    opened = price["open"][1:]
    return Legs(
        tuple(symbols),
        gap=opened / price["close"][:-1],
        high=price["high"][1:] / opened,
        low=price["low"][1:] / opened,
        day=price["close"][1:] / opened,
        volume=volume.to_numpy()[1:],
        index=index[1:],
    )


def block_shuffled(legs: Legs, count: int, rng: np.random.Generator) -> Legs:
    """`count` sessions in stretches of geometric length, drawn with replacement from legs without a mean.

    Raises
    ------
    MissingBarsError
        If there are fewer sessions than `count`.
    """
    _require(legs, count)
    places = stationary_indices(len(legs), 1, MEAN_BLOCK_SESSIONS, rng)[0, :count]
    return without_mean(legs).at(places)


def sign_flipped(legs: Legs, count: int, rng: np.random.Generator) -> Legs:
    """The last `count` sessions, each leg of each turned over or not, for all names alike."""
    _require(legs, count)
    coins = rng.random((count, 2)) < 0.5  # noqa: PLR2004 - fair coins
    return turned_over(legs.at(np.arange(len(legs) - count, len(legs))), coins[:, 0], coins[:, 1])


def _require(legs: Legs, count: int) -> None:
    if len(legs) < count:
        raise MissingBarsError(
            f"{count} sessions are wanted, and the bars hold {len(legs)} in which all of {', '.join(legs.symbols)} "
            f"traded; ask for fewer sessions, or bring longer bars"
        )


def without_mean(legs: Legs) -> Legs:
    """The same with both legs of each name scaled so that their simple returns are zero on average."""
    day = legs.day / legs.day.mean(axis=0)
    reach = legs.high / legs.day.mean(axis=0), legs.low / legs.day.mean(axis=0)
    high, low = np.maximum(reach[0], np.maximum(1.0, day)), np.minimum(reach[1], np.minimum(1.0, day))
    return replace(legs, gap=legs.gap / legs.gap.mean(axis=0), high=high, low=low, day=day)


def turned_over(legs: Legs, gaps: Bools, days: Bools) -> Legs:
    """The same with the gaps and days of the chosen sessions (t,) of the other sign; a day's high becomes its low.

    Raises
    ------
    MissingBarsError
        If a price doubled within a leg: turned over it would be worth nothing.
    """
    if max(legs.gap.max(), legs.high.max()) >= 2.0:  # noqa: PLR2004 - a gain of the whole
        raise MissingBarsError(
            "a price doubles within a session, so that its sign cannot be turned; leave it out"
        )
    across, turn = gaps[:, np.newaxis], days[:, np.newaxis]
    return replace(
        legs,
        gap=np.where(across, 2 - legs.gap, legs.gap),
        high=np.where(turn, 2 - legs.low, legs.high),
        low=np.where(turn, 2 - legs.high, legs.low),
        day=np.where(turn, 2 - legs.day, legs.day),
    )


def bars_of(legs: Legs, last: pd.Timestamp, source: str) -> pd.DataFrame:
    """Daily bars of the legs, of which the last is session `last`; every price begins at 100 USD.

    They are `fully_adjusted`: what a split or a dividend did to a price is in none of the legs.
    """
    sessions = calendar.sessions_between(calendar.shift(last, 1 - len(legs)), last)
    close = FIRST_PRICE * np.cumprod(legs.gap * legs.day, axis=0)
    opened = close / legs.day
    cubes = {"open": opened, "high": opened * legs.high, "low": opened * legs.low, "close": close}
    cubes = {
        name: np.column_stack([cube, legs.index[:, place]])
        for place, (name, cube) in enumerate(cubes.items())
    }
    # A high is the largest of its bar to the last digit, which the multiplication does not promise.
    cubes["high"] = np.maximum.reduce([cubes[name] for name in ("open", "high", "close")])
    cubes["low"] = np.minimum.reduce([cubes[name] for name in ("open", "low", "close")])
    cubes["volume"] = np.column_stack([legs.volume, np.zeros(len(legs))])
    names = (*legs.symbols, INDEX)
    labels = sessions.repeat(len(names))
    frame = pd.DataFrame({"session": labels, "symbol": np.tile(np.array(names, dtype=object), len(sessions))})
    frame = frame.assign(**{name: cube.ravel() for name, cube in cubes.items()})
    frame = frame.assign(ts=calendar.open_each(labels), known_at=calendar.as_of_each(labels, DELAY))
    frame = frame.assign(timeframe="1D", basis="fully_adjusted", source=source)
    return frames.validated("bars", frame.astype(frames.table_of("bars").dtypes)[frames.columns("bars")])


def traded_throughout(bars: pd.DataFrame, symbols: Sequence[str]) -> tuple[str, ...]:
    """Those of `symbols` that have bars from the first to the last session of `bars`, context without the index last."""
    begins, ends = bars["session"].min(), bars["session"].max()
    spans = bars.groupby("symbol")["session"].agg(["min", "max"])
    whole = set(spans[(spans["min"] == begins) & (spans["max"] == ends)].index)
    beside = [symbol for symbol in CONTEXT_SYMBOLS if symbol != INDEX]
    return tuple(symbol for symbol in (*symbols, *beside) if symbol in whole)

"""SIMULATED bars in which what can be foreseen is known exactly: for how much of it a forecaster finds.

Returns of the ten names have one volatility. The expected return of the next session is a known function of past
ones, so the best information coefficient that anybody can have is that of this expectation.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from trading import calendar, frames
from trading.digest import generator
from trading.errors import UsageError
from trading.history import Columns, History, to_frame
from trading.interfaces import Floats
from trading.stages.features import features_stage
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import Moment
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

Pattern = Literal["none", "momentum", "lead_lag"]
VOLATILITY = 0.02
MOMENTUM_SESSIONS, LIMIT = 5, 3.0
PAIRS = len(SYMBOLS) // 2  # of lead and lag: the first five names lead the last five
TOGETHER = 0.6  # correlation of a pair in one session, so that a graph links them
_ALL = (*SYMBOLS, *CONTEXT_SYMBOLS)


@dataclass(frozen=True)
class PlantedMarket:
    """Which pattern, how strong, and over how many sessions up to `last`.

    `none`: nothing can be foreseen. `momentum`: the next return of each name is expected to be `strength` times the
    sum of its last five standardised returns over the root of five, clipped to 3, in units of its volatility.
    `lead_lag`: each of the last five names is paired with one of the
    first five, moves with it in a session (`TOGETHER`), and is expected to follow with `strength` what that part of
    its leader's last return was that it had not moved with: its own past says nothing, the pair's does.

    Parameters
    ----------
    strength : about the correlation of what is expected with what comes, where something is
    """

    pattern: Pattern = "momentum"
    strength: float = 0.2
    sessions_count: int = 1200
    seed: int = 7
    last: str = "2025-06-30"

    def __post_init__(self) -> None:
        if self.pattern not in ("none", "momentum", "lead_lag"):
            raise UsageError(f"pattern {self.pattern!r} is unknown; it is none, momentum or lead_lag")

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """(n,) every session of the market."""
        last = calendar.session_of(self.last)
        return calendar.sessions_between(calendar.shift(last, 1 - self.sessions_count), last)

    @property
    def returns(self) -> Floats:
        """(n, s) log returns of the names."""
        return _walked(self)[0]

    @property
    def expected(self) -> Floats:
        """(n, s) what a session's return was expected to be, by all that was known the session before."""
        return _walked(self)[1]

    def bars(self) -> pd.DataFrame:
        """Daily bars of the names and of what stands beside them."""
        return _bars(self)

    def features(self) -> History:
        """Features of every session whose window is full, by the stage of the line."""
        return _features(self)


@functools.lru_cache(maxsize=4)
def _walked(market: PlantedMarket) -> tuple[Floats, Floats]:
    noise = generator("planted_market", seed=market.seed).normal(size=(market.sessions_count, len(SYMBOLS)))
    if market.pattern == "lead_lag":
        own = np.sqrt(1 - TOGETHER**2)
        noise[:, PAIRS:] = TOGETHER * noise[:, :PAIRS] + own * noise[:, PAIRS:]
    scaled, expected = np.zeros_like(noise), np.zeros_like(noise)
    for t in range(len(noise)):
        expected[t] = market.strength * _signal(market.pattern, scaled[:t])
        scaled[t] = noise[t] + expected[t]
    return VOLATILITY * scaled, VOLATILITY * expected


def _signal(pattern: Pattern, past: Floats) -> Floats:
    """(s,) what the standardised returns before a session (t, s) say of it."""
    if pattern == "momentum" and len(past) >= MOMENTUM_SESSIONS:
        summed = past[-MOMENTUM_SESSIONS:].sum(axis=0) / np.sqrt(MOMENTUM_SESSIONS)
        return np.clip(summed, -LIMIT, LIMIT)
    signal = np.zeros(len(SYMBOLS))
    if pattern == "lead_lag" and len(past):
        leader, own = past[-1, :PAIRS], past[-1, PAIRS:]
        signal[PAIRS:] = (leader - TOGETHER * own) / np.sqrt(1 - TOGETHER**2)
    return signal


@functools.lru_cache(maxsize=4)
def _bars(market: PlantedMarket) -> pd.DataFrame:
    """Opens are the closes before; what stands beside the names walks by itself."""
    rng = generator("planted_market/beside", seed=market.seed)
    beside = 0.01 * rng.normal(size=(market.sessions_count, len(CONTEXT_SYMBOLS)))
    returns = np.hstack([market.returns, beside])
    close = 100 * np.exp(np.cumsum(returns, axis=0))
    opens = np.vstack([np.full(len(_ALL), 100.0), close[:-1]])
    wick = 1 + 0.004 * np.abs(rng.normal(size=close.shape))
    volume = np.round(1e6 * np.exp(0.3 * rng.normal(size=close.shape)))
    sessions = market.sessions.repeat(len(_ALL))
    frame = pd.DataFrame(
        {
            "session": sessions,
            "ts": calendar.open_each(sessions),
            "known_at": calendar.as_of_each(sessions, pd.Timedelta(0)),
            "symbol": np.tile(np.array(_ALL, dtype=object), market.sessions_count),
            "open": opens.ravel(),
            "high": (np.maximum(opens, close) * wick).ravel(),
            "low": (np.minimum(opens, close) / wick).ravel(),
            "close": close.ravel(),
            "volume": volume.ravel(),
        }
    )
    frame = frame.assign(timeframe="1D", basis="fully_adjusted", source="SIMULATED")
    return frames.validated("bars", frame.astype(frames.table_of("bars").dtypes))


@functools.lru_cache(maxsize=4)
def _features(market: PlantedMarket) -> History:
    stage, nobody = features_stage(), MemoryModelBook.of({}, ())
    held = {
        "bars": History.from_frame("bars", market.bars()),
        "corporate_actions": History.from_frame("corporate_actions", frames.empty("corporate_actions")),
    }
    depth = max(read.depth for read in stage.reads)
    made: list[Columns] = []
    for session in market.sessions[depth:]:
        decided = calendar.as_of(session)
        rows = {
            read.name: held[read.table].window(calendar.shift(session, -read.depth), session, decided)
            for read in stage.reads
        }
        columns = stage.make(Moment(session, decided, session, True, nobody), rows)["features"]  # noqa: FBT003
        count = len(columns["symbol"])
        stamps = {"session": session, "known_at": decided.tz_localize(None)}
        made.append(
            {
                **columns,
                **{k: np.full(count, v.to_datetime64().astype("datetime64[us]")) for k, v in stamps.items()},
            }
        )
    return History.from_frame("features", to_frame("features", made))

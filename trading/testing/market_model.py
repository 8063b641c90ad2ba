"""What moves the simulated market: options, factors, regimes, and shocks whose variance clusters.

Letters of the shapes: t sessions since the market's start, s instruments, k sources of risk, r regimes.
Every array is drawn row by row from a generator of its own, so a longer market begins with the
same numbers as a shorter one, and nothing depends on later sessions.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar
from trading.digest import generator
from trading.errors import UsageError
from trading.frames import REGIMES
from trading.interfaces import Floats
from trading.universe import CONTEXT_SYMBOLS, STOCKS, SYMBOLS

Edge = Literal["none", "planted"]
Indices = NDArray[np.int64]

ANNUAL_SESSIONS = 252
TRADED: tuple[str, ...] = (*SYMBOLS, *(symbol for symbol in CONTEXT_SYMBOLS if symbol != "VIX"))
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(stock.group for stock in STOCKS))
MARKET, SECTOR, FIRST_GROUP = 0, 1, 2
FIRST_OWN = FIRST_GROUP + len(GROUPS)
SOURCES_OF_RISK = FIRST_OWN + len(TRADED)

STRONGEST_EDGE = 0.3
OVERNIGHT_SHARE = 0.3  # of a session's variance
TAIL_FREEDOM = 5.0
LARGEST_SHOCK = 8.0  # standard deviations
ARCH, GARCH = 0.08, 0.89
_STUDENT_SCALE = float(np.sqrt((TAIL_FREEDOM - 2) / TAIL_FREEDOM))


@dataclass(frozen=True)
class MarketOptions:
    """Which simulated market.

    With `edge="none"` the market is fair: given everything up to the previous close, the simple
    return of holding a share through a session, dividend included, has mean `risk_premium` / 252
    times its beta; the part from open to close has mean zero. Prices are then rounded to cents.
    Regimes differ in volatility and correlation only, because a drift that lasts would be an edge.

    With `edge="planted"` the return from open to close of each stock gains `edge_strength` times its
    volatility times the signal, the sum of its last five standardised returns over sqrt(5), clipped to
    ±3: a correlation of about `edge_strength` between what past bars show and the next return.
    `regime_drift` scales the yearly drifts of the regimes (1.0: Bull +25 %, Bear -35 %, Volatile -10 %).

    Parameters
    ----------
    seed : of every random number
    start : no session before it exists
    delay_minutes : from a bar's end until it is published
    """

    seed: int = 7
    start: dt.date = dt.date(2015, 1, 2)
    edge: Edge = "none"
    edge_strength: float = 0.1
    regime_drift: float = 0.0
    risk_premium: float = 0.08
    delay_minutes: int = 10

    def __post_init__(self) -> None:
        if self.edge not in ("none", "planted"):
            raise UsageError(f"edge {self.edge!r} is unknown; it is none or planted")
        if not 0 <= self.edge_strength <= STRONGEST_EDGE:
            raise UsageError(f"edge_strength {self.edge_strength} is outside 0 to {STRONGEST_EDGE}")
        if self.edge == "none" and self.regime_drift:
            raise UsageError("regime_drift can be foreseen, so it needs edge='planted'")

    @property
    def planted_strength(self) -> float:
        """Strength of the signal, zero in a fair market."""
        return self.edge_strength if self.edge == "planted" else 0.0


@dataclass(frozen=True)
class Instruments:
    """Constants of the traded instruments, each (s,) in the order of `TRADED`.

    `loadings` is (k, s): yearly volatility that each source of risk gives each instrument.
    """

    loadings: Floats
    beta: Floats
    first_price: Floats
    dividend_yield: Floats
    volume: Floats
    split_above: Floats
    split_ratio: Floats


# beta, sector loading, own volatility, first price, dividend yield, shares a session, split ratio, split above.
# With the default seed, SMCI splits in the first months of 2024, so that a first run shows a split.
_FACTS: dict[str, tuple[float, ...]] = {
    "NVDA": (1.40, 0.17, 0.20, 120.0, 0.002, 45e6, 10.0, 350.0),
    "AMD": (1.35, 0.17, 0.24, 90.0, 0.0, 50e6, 4.0, 150.0),
    "ASML": (1.15, 0.15, 0.17, 95.0, 0.010, 1.5e6, 4.0, 150.0),
    "TSM": (1.05, 0.14, 0.16, 80.0, 0.016, 12e6, 4.0, 150.0),
    "INTC": (1.00, 0.14, 0.21, 45.0, 0.020, 40e6, 4.0, 150.0),
    "QCOM": (1.10, 0.14, 0.19, 70.0, 0.022, 9e6, 4.0, 150.0),
    "AVGO": (1.15, 0.15, 0.18, 130.0, 0.018, 4e6, 10.0, 350.0),
    "MU": (1.25, 0.18, 0.24, 70.0, 0.006, 20e6, 4.0, 150.0),
    "SMCI": (1.20, 0.15, 0.38, 60.0, 0.0, 6e6, 4.0, 105.0),
    "ARM": (1.30, 0.18, 0.30, 56.0, 0.0, 8e6, 4.0, 150.0),
    "SPY": (1.00, 0.01, 0.01, 60.0, 0.014, 70e6, 4.0, 150.0),
    "QQQ": (1.12, 0.05, 0.03, 65.0, 0.007, 40e6, 4.0, 150.0),
    "SMH": (1.15, 0.15, 0.03, 56.0, 0.009, 6e6, 4.0, 150.0),
}
_OTHER = (1.20, 0.15, 0.22, 80.0, 0.010, 10e6, 4.0, 150.0)  # any name that the universe gains
MARKET_VOLATILITY, _GROUP_VOLATILITY = 0.16, 0.14


def instruments() -> Instruments:
    """The constants of all traded instruments."""
    facts = np.array([_FACTS.get(symbol, _OTHER) for symbol in TRADED])
    loadings = np.zeros((SOURCES_OF_RISK, len(TRADED)))
    loadings[MARKET] = facts[:, 0] * MARKET_VOLATILITY
    loadings[SECTOR] = facts[:, 1]
    for place, stock in enumerate(STOCKS):
        loadings[FIRST_GROUP + GROUPS.index(stock.group), place] = _GROUP_VOLATILITY
    loadings[FIRST_OWN + np.arange(len(TRADED)), np.arange(len(TRADED))] = facts[:, 2]
    _, _, _, first_price, dividend_yield, volume, split_ratio, split_above = facts.T
    return Instruments(loadings, facts[:, 0], first_price, dividend_yield, volume, split_above, split_ratio)


MEAN_DURATIONS: tuple[int, ...] = (130, 65, 45, 90)
_NEXT_REGIME = np.array(
    [
        [0.00, 0.25, 0.30, 0.45],
        [0.30, 0.00, 0.35, 0.35],
        [0.25, 0.35, 0.00, 0.40],
        [0.45, 0.25, 0.30, 0.00],
    ]
)
COMMON_MULTIPLIER = np.array([0.75, 1.40, 1.90, 0.62])  # of the volatility of market and sector
OWN_MULTIPLIER = np.array([0.90, 1.15, 1.35, 0.85])  # of the volatility of groups and single names
YEARLY_DRIFT = np.array([0.25, -0.35, -0.10, 0.00])


def regime_path(seed: int, count: int) -> Indices:
    """(t,) index into `frames.REGIMES` of each session: a Markov chain with the mean durations above."""
    draws = generator("market/regimes", seed=seed).random((count, 2))
    leave = (1.0 / np.array(MEAN_DURATIONS)).tolist()
    onward = np.cumsum(_NEXT_REGIME, axis=1)
    path = np.empty(count, dtype=np.int64)
    state = REGIMES.index("Range")
    for t, (stays, where) in enumerate(draws.tolist()):
        if stays < leave[state]:
            state = int(np.searchsorted(onward[state], where, side="right"))
        path[t] = state
    return path


@dataclass(frozen=True)
class Shocks:
    """Shocks of the sources of risk, each symmetric around zero given the past.

    Attributes
    ----------
    overnight, intraday : (t, k) in units of the volatility of the session
    scale : (t, k) volatility multiplier of the session, known at the previous close but for the regime
    outlook : (t,) variance multiplier of the market expected over the next 21 sessions at each close
    """

    overnight: Floats
    intraday: Floats
    scale: Floats
    outlook: Floats


def shocks(seed: int, regimes: Indices) -> Shocks:
    """Student-t shocks with GARCH(1,1) variance around the level that the regime sets."""
    shape = (len(regimes), SOURCES_OF_RISK)
    night, day = (_student(f"market/{part}", seed, shape) for part in ("overnight", "intraday"))
    energy = OVERNIGHT_SHARE * night**2 + (1 - OVERNIGHT_SHARE) * day**2
    variance = _clustered(energy)
    common = np.arange(SOURCES_OF_RISK) < FIRST_GROUP
    level = np.where(common, COMMON_MULTIPLIER[regimes, None], OWN_MULTIPLIER[regimes, None])
    scale = level * np.sqrt(variance[:-1])
    night *= np.sqrt(OVERNIGHT_SHARE)
    day *= np.sqrt(1 - OVERNIGHT_SHARE)
    outlook = COMMON_MULTIPLIER[regimes] ** 2 * _expected(variance[1:, MARKET])
    return Shocks(night, day, scale, outlook)


def _student(name: str, seed: int, shape: tuple[int, int]) -> Floats:
    draws = generator(name, seed=seed).standard_t(TAIL_FREEDOM, shape) * _STUDENT_SCALE
    return np.clip(draws, -LARGEST_SHOCK, LARGEST_SHOCK)


def _clustered(energy: Floats) -> Floats:
    """(t + 1, k) conditional variances with mean one, each from the squared shocks (t, k) before it."""
    growth = ARCH * energy + GARCH
    variance = np.ones((len(energy) + 1, energy.shape[1]))
    for t, rate in enumerate(growth):
        variance[t + 1] = (1 - ARCH - GARCH) + variance[t] * rate
    return variance


def _expected(variance: Floats, horizon: int = 21) -> Floats:
    """Mean of the conditional variance over the next `horizon` sessions, reverting to one."""
    memory = ARCH + GARCH
    return 1 + (variance - 1) * (1 - memory**horizon) / (horizon * (1 - memory))


def exposed(scaled: Floats, loadings: Floats) -> Floats:
    """(t, s) sum of sources (t, k) times daily loadings (k, s), in a fixed order of addition.

    A matrix product gives other last digits for other numbers of rows; a market must not.
    """
    daily = loadings / np.sqrt(ANNUAL_SESSIONS)
    total = np.zeros((len(scaled), loadings.shape[1]))
    for source in range(len(loadings)):
        total += scaled[:, source, None] * daily[source]
    return total


def quarter_starts(sessions: pd.DatetimeIndex) -> Indices:
    """Positions of the first session of each quarter that begins within `sessions`."""
    quarter = sessions.year * 4 + (sessions.month - 1) // 3
    return np.flatnonzero(np.diff(quarter.to_numpy(), prepend=quarter[0])) if len(sessions) else np.array([])


def market_sessions(start: dt.date, count: int | None = None) -> pd.DatetimeIndex:
    """Sessions of the market from its start on: the first `count`, or all of the calendar."""
    every = calendar.sessions_between(pd.Timestamp(start), calendar.xnys().sessions[-1])
    return every if count is None else every[:count]

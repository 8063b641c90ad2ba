"""The walk of the simulated market's raw prices, with the splits and dividends that happen on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trading.interfaces import Floats
from trading.testing.market_model import Indices, Instruments
from trading.universe import SYMBOLS

SPLIT_NOTICE, DIVIDEND_NOTICE = 10, 20  # sessions from the announcement to the first session without
REVERSE_BELOW, REVERSE_RATIO = 3.0, 0.1
SIGNAL_SESSIONS, SIGNAL_LIMIT = 5, 3.0
UNANNOUNCED = -1


class Walk:
    """Raw prices session by session; what happens at t follows from the past and from t's own shocks.

    Letters of the shapes: t sessions since the market's start, s traded instruments.

    Parameters
    ----------
    strength : of the planted signal
    due : (instrument, first session without) of the dividends that are announced at each session index
    first : (s,) index of the first session of each instrument
    count : how many sessions will be walked

    Attributes
    ----------
    open, close : (t, s) USD, not rounded: the walk goes on from the exact price
    shock : (t, s) total return in units of the session's volatility
    ratio, dividend : (t, s) of what takes effect before the open
    split_notice, dividend_notice : (t, s) index of the announcement of that, -1 where nothing happens
    """

    def __init__(
        self,
        strength: float,
        facts: Instruments,
        due: Mapping[int, Sequence[tuple[int, int]]],
        first: Indices,
        count: int,
    ) -> None:
        self.strength, self.facts, self.due, self.first = strength, facts, due, first
        shape = (count, len(first))
        self.open, self.close, self.shock, self.dividend = np.zeros((4, *shape))
        self.ratio = np.ones(shape)
        self.split_notice = np.full(shape, UNANNOUNCED, dtype=np.int64)
        self.dividend_notice = np.full(shape, UNANNOUNCED, dtype=np.int64)
        self._busy_until = np.zeros(len(first), dtype=np.int64)

    def step(self, t: int, gap: Floats, day: Floats, sigma: Floats) -> None:
        """Walk session t: returns (s,) to the open and to the close, volatility (s,)."""
        before = self.close[t - 1] if t else self.facts.first_price
        before = np.where(self.first == t, self.facts.first_price, before)
        opened = (before * (1 + gap) - self.dividend[t]) / self.ratio[t]
        closed = opened * (1 + day + self._signal(t) * sigma)
        self.open[t], self.close[t] = opened, closed
        self.shock[t] = ((closed * self.ratio[t] + self.dividend[t]) / before - 1) / sigma
        self._announce_dividends(t)
        self._announce_splits(t)

    def _signal(self, t: int) -> Floats | float:
        """What is planted in session t, from the returns of the sessions before it."""
        if not self.strength or t < SIGNAL_SESSIONS:
            return 0.0
        past = self.shock[t - SIGNAL_SESSIONS : t].sum(axis=0) / np.sqrt(SIGNAL_SESSIONS)
        past[len(SYMBOLS) :] = 0.0
        return self.strength * np.clip(past, -SIGNAL_LIMIT, SIGNAL_LIMIT)

    def _announce_dividends(self, t: int) -> None:
        for place, without in self.due.get(t, ()):
            if t >= self.first[place]:
                shares = self.ratio[t + 1 : without, place].prod()
                quarterly = self.facts.dividend_yield[place] / 4 * self.close[t, place]
                self.dividend[without, place] = np.round(quarterly / shares, 4)
                self.dividend_notice[without, place] = t
                self._busy_until[place] = max(self._busy_until[place], without)

    def _announce_splits(self, t: int) -> None:
        """Announce a split where the price left its band; not before what was announced has happened."""
        at, price = t + SPLIT_NOTICE, self.close[t]
        dear, cheap = price > self.facts.split_above, price < REVERSE_BELOW
        wanted = (dear | cheap) & (self.first <= t) & (self._busy_until <= t)
        if wanted.any() and at < len(self.close):
            self.ratio[at, wanted] = np.where(dear, self.facts.split_ratio, REVERSE_RATIO)[wanted]
            self.split_notice[at, wanted] = t
            self._busy_until[wanted] = at

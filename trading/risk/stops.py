"""Stops: rules that turn a position into an exit order for the next open. All are off by default.

Letters of the shapes: h sessions of the history of holdings, s symbols. Everything is told from closes: a stop
that the day's low touched is not filled at its price, it is an order at the next open, gap and all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading.bounds import NOT_NEGATIVE, check_bounds
from trading.interfaces import Floats

Stop = Literal["", "atr", "trailing", "profit", "time"]


@dataclass(frozen=True)
class StopRules:
    """When a position is left, whatever the optimiser wants; 0 switches a rule off.

    Attributes
    ----------
    atr_multiple : average true ranges against the position since its entry; the roadmap's is 2.0
    trailing_multiple : average true ranges against it since its best close
    profit_target : simple return since the entry
    time_sessions : sessions held
    rest_sessions : that a name stays out after it was left
    """

    atr_multiple: float = 0.0
    trailing_multiple: float = 0.0
    profit_target: float = 0.0
    time_sessions: int = 0
    rest_sessions: int = 5

    def __post_init__(self) -> None:
        check_bounds(
            self, atr_multiple=NOT_NEGATIVE, trailing_multiple=NOT_NEGATIVE, profit_target=NOT_NEGATIVE,
            time_sessions=NOT_NEGATIVE, rest_sessions=NOT_NEGATIVE,
        )  # fmt: skip

    @property
    def on(self) -> bool:
        """Whether any rule is."""
        return any((self.atr_multiple, self.trailing_multiple, self.profit_target, self.time_sessions))

    def triggered(self, gains: Floats, atr: float) -> Stop:
        """The rule that ends a position, the first of atr, trailing, profit and time.

        Parameters
        ----------
        gains : (n,) log return in the position's favour, from its entry to each close since; the entry is 0
        atr : average true range as a fraction of the close; NaN or 0 leaves its rules out
        """
        now, best = float(gains[-1]), max(0.0, float(gains.max()))
        ranged = np.isfinite(atr) and atr > 0
        if ranged and self.atr_multiple and now <= np.log1p(-min(self.atr_multiple * atr, _WHOLE)):
            return "atr"
        if (
            ranged
            and self.trailing_multiple
            and now - best <= np.log1p(-min(self.trailing_multiple * atr, _WHOLE))
        ):
            return "trailing"
        if self.profit_target and now >= np.log1p(self.profit_target):
            return "profit"
        return "time" if self.time_sessions and len(gains) >= self.time_sessions else ""


_WHOLE = 1 - 1e-9  # a stop below nothing can never be reached


def stopped(
    rules: StopRules, quantities: Floats, log_returns: Floats, atr: Floats
) -> tuple[Stop | Literal["rest"], ...]:
    """What each name's exit is for after the last session, or nothing.

    Parameters
    ----------
    quantities : (h, s) signed holdings at each close, NaN for none; an entry older than h sessions counts
        as h sessions old, so that the window is fixed
    log_returns : (h, s) of the same sessions, free of splits
    atr : (s,) fractions of the close
    """
    return tuple(
        _of_name(rules, np.nan_to_num(held), np.nan_to_num(returns), float(span))
        for held, returns, span in zip(quantities.T, log_returns.T, atr, strict=True)
    )


def _of_name(rules: StopRules, held: Floats, returns: Floats, atr: float) -> Stop | Literal["rest"]:
    side = np.sign(held[-1])
    if side == 0:
        return "rest" if _left_lately(held, rules.rest_sessions) else ""
    other = np.flatnonzero(np.sign(held) != side)
    entry = int(other[-1]) + 1 if len(other) else 0
    # the fill was at the entry's open: its own session's return, from the close before, is counted whole
    return rules.triggered(side * np.cumsum(returns[entry:]), atr)


def _left_lately(held: Floats, sessions: int) -> bool:
    return bool(sessions and np.any(held[-sessions - 1 :] != 0))

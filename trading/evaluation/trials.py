"""How often somebody has looked: the book of trials, and what it makes of a Sharpe ratio.

A ratio that is the best of many is worth less than one that was tried alone. The book counts variants: looks at
the same settings, code and cut of the sessions are one, however often it was repeated or grew by a session.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from trading import frames
from trading.digest import digest
from trading.evaluation.sharpe_tests import (
    MINIMUM_TRIALS,
    SharpeMoments,
    expected_maximum_sharpe,
    probabilistic_sharpe,
)

TABLE = "trials"


@dataclass(frozen=True)
class Look:
    """What was looked at.

    Attributes
    ----------
    command : that looked, such as `run` or `ablate`
    label : the variant in a few words, for people
    settings, code : digests of what the numbers rest on
    cut : which sessions, where a person chose them (`2020-01-02 to 2020-12-31`, `held out`); empty for all that
        the home holds, which a later look may extend
    """

    command: str
    label: str
    settings: str
    code: str
    cut: str = ""

    @property
    def variant(self) -> str:
        """What counts once, however often it is looked at."""
        return digest(self.settings, self.code, self.cut)


def trial_row(look: Look, returns: pd.Series[float], known_at: pd.Timestamp) -> pd.DataFrame:
    """One row of `trials` of a look at simple returns indexed by session; no row if there are none."""
    known = returns.dropna().sort_index()
    if known.empty:
        return frames.empty(TABLE)
    sessions = pd.DatetimeIndex(known.index)
    row = {
        "session": sessions[-1],
        "known_at": known_at,
        "trial": digest(look.variant, f"{sessions[0]:%Y-%m-%d}", f"{sessions[-1]:%Y-%m-%d}"),
        "variant": look.variant,
        **{name: getattr(look, name) for name in ("command", "label", "settings", "code", "cut")},
        "first_session": sessions[0],
        "n": len(known),
        "sharpe": SharpeMoments.of(known.to_numpy(dtype=float)).sharpe,
    }
    return frames.validated(TABLE, pd.DataFrame([row]).astype(frames.table_of(TABLE).dtypes))


@dataclass(frozen=True)
class Trials:
    """What a book of trials says of the luck of the best.

    Attributes
    ----------
    count : variants that were looked at, one at least; each lost row counts as one
    sharpes : (k,) the ratio of a session of each that has one, over the most sessions that it was seen on
    lost : rows that were entered and are not in the book any more: somebody has deleted them
    """

    count: int
    sharpes: tuple[float, ...]
    lost: int = 0

    @classmethod
    def of(cls, rows: pd.DataFrame, entered: int = 0) -> Self:
        """The trials of rows of `trials`, into which `entered` rows were written in all."""
        longest = rows.sort_values(["variant", "n", "session", "trial"]).groupby("variant")["sharpe"].last()
        known = tuple(float(ratio) for ratio in longest if math.isfinite(ratio))
        lost = max(entered - len(rows), 0)
        return cls(max(int(rows["variant"].nunique()) + lost, 1), known, lost)

    def deviation(self, sessions: int) -> float:
        """Spread of the ratios of trials without skill: as observed, at least what chance gives over `sessions`.

        Few variants, or ones that resemble each other, would otherwise count as if they could not differ.
        """
        observed = float(np.std(self.sharpes, ddof=1)) if len(self.sharpes) >= MINIMUM_TRIALS else 0.0
        return max(observed, 1 / math.sqrt(sessions)) if sessions else observed

    def luck(self, sessions: int) -> float:
        """The ratio of a session that the best of the trials would show without any skill."""
        return expected_maximum_sharpe(self.count, self.deviation(sessions))

    def deflated(self, moments: SharpeMoments) -> float:
        """Probability that the true ratio is above that: the deflated Sharpe ratio."""
        return probabilistic_sharpe(moments, self.luck(moments.count))

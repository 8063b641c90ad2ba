"""What people see of a table in Dagster: nothing here changes a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Plot = Callable[[pd.DataFrame], "Figure"]

RESEARCH, DATA, TRADING = "team:research", "team:data", "team:trading"


@dataclass(frozen=True)
class Face:
    """How a table shows in the UI.

    Attributes
    ----------
    group : one of market, features, forecasts, intervals, ensemble, regimes, signals, portfolio,
        execution, performance, training, evidence
    description : one or two sentences that continue the sentence of the line
    owner : who answers for it
    kinds : what it is made with, at most three
    plot : draws a frame of the table, where looking beats reading
    """

    group: str
    description: str
    owner: str
    kinds: tuple[str, ...] = ()
    plot: Plot | None = None

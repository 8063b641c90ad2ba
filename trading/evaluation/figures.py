"""One figure of an evaluation: of what, on which sessions, how sure, and what knowing nothing gives."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from trading.evaluation.uncertainty import Estimate
from trading.stages.layout import DAILY

BOOK, NAMES, FORECASTS, CHOICE = "book", "names", "forecasts", "choice"
HELD_OUT = "held_out"
SYMBOL, GROUP = "symbol", "group"


class Of(NamedTuple):
    """What a figure is of.

    Attributes
    ----------
    part : `book`, `names` (what each name brought the book), `forecasts` or `choice` (of variants)
    subject : strategy, model or way of choosing
    slice_kind : all, year, regime, symbol, group or held_out
    horizon : bars ahead of a forecast, 0 of anything else
    """

    part: str
    subject: str
    slice_kind: str
    slice: str
    timeframe: str = DAILY
    horizon: int = 0


class Figure(NamedTuple):
    """A metric with its 95 % interval (NaN where there is none), its sample, and the naive figure."""

    of: Of
    metric: str
    value: float
    low: float
    high: float
    n: int
    naive: float

    @classmethod
    def sure(cls, of: Of, metric: str, value: float, n: int, naive: float = math.nan) -> Figure:
        """A figure that is a count, a probability or a test's own, and has no interval."""
        return cls(of, metric, value, math.nan, math.nan, n, naive)

    @classmethod
    def estimated(cls, of: Of, metric: str, found: Estimate, naive: float = math.nan) -> Figure:
        """A figure with the interval of an estimate."""
        return cls(of, metric, found.value, found.low, found.high, found.observations, naive)


COLUMNS: tuple[str, ...] = (
    *("part", "subject", "timeframe", "horizon", "slice_kind", "slice"),
    *("metric", "value", "low", "high", "n", "naive"),
)


def table_of(figures: Iterable[Figure]) -> pd.DataFrame:
    """Figures as rows of columns `COLUMNS`, in the order in which they came."""
    rows = [{**figure.of._asdict(), **figure._asdict()} for figure in figures]
    numbers = dict.fromkeys(("value", "low", "high", "naive"), "float64")
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({**numbers, "horizon": "int64", "n": "int64"})

"""What the models were worth."""

from __future__ import annotations

import numpy as np
import pandera.pandas as pandera
from pandera.typing import Series

from trading.schemas.table import Frame, table


@table("comparison", key=("session", "horizon", "slice", "metric", "model"), sparse=True)
class Comparison(Frame):
    """Every metric of every model and horizon with its interval, over all sessions, each year and each regime.

    Replaced whole: `session` is the last at which a forecast matured.
    """

    model: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    metric: Series[str]
    slice: Series[str]
    value: Series[float] = pandera.Field(nullable=True)
    low: Series[float] = pandera.Field(nullable=True)
    high: Series[float] = pandera.Field(nullable=True)
    n: Series[np.int64] = pandera.Field(ge=0)
    naive: Series[float] = pandera.Field(nullable=True)

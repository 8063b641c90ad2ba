"""What a resident process says while a session lasts."""

from __future__ import annotations

import pandera.pandas as pandera
from pandera.typing import Series

from trading.schemas.research import VersionForecasts
from trading.schemas.table import table


@table(
    "live_forecasts",
    key=("session", "timeframe", "ts", "model", "version", "horizon", "symbol"),
    sparse=True,
)
class LiveForecasts(VersionForecasts):
    """Forecasts of five-minute bars as they were made while the session lasted: evidence, no part of the line.

    The evening's run makes the same rows in `forecast_<model>`, byte for byte where no bar was corrected since. They
    were known at the end of the bar and `latency_ms` later; a session's rows are replaced whole.
    """

    latency_ms: Series[float] = pandera.Field(ge=0)

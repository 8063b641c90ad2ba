"""The wall clock: the one place that asks what time it is."""

from __future__ import annotations

import datetime as dt

import pandas as pd


def now() -> pd.Timestamp:
    """The present moment (UTC, microseconds)."""
    return pd.Timestamp(dt.datetime.now(tz=dt.UTC)).as_unit("us")

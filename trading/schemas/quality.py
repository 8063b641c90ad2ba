"""What is known about the data themselves: findings, figures, comparisons, and people's decisions.

All of it is recorded and only grows: what was thought of a bar in an evening stays beside what is
thought of it later, each with its own `known_at`.
"""

from __future__ import annotations

import pandera.pandas as pandera
from pandera.typing import Series

from trading.schemas.table import TIMEFRAMES, Frame, Stamp, table

SEVERITIES: tuple[str, ...] = ("info", "warning", "error")
DECISIONS: tuple[str, ...] = ("released", "rejected", "superseded")


@table(
    "findings",
    key=("session", "table", "timeframe", "symbol", "ts", "rule", "known_at"),
    storage="recorded",
    sparse=True,
)
class Findings(Frame):
    """What is odd about accepted rows, or about rows that are not there; a finding deletes nothing.

    `ts` is the start of the bar (of the first one of a gap), for an action the open of its session.
    """

    table: Series[str]
    timeframe: Series[str] = pandera.Field(isin=("", *TIMEFRAMES))
    symbol: Series[str]
    ts: Series[Stamp]
    rule: Series[str]
    severity: Series[str] = pandera.Field(isin=SEVERITIES)
    detail: Series[str]


@table(
    "data_quality",
    key=("session", "timeframe", "symbol", "known_at"),
    storage="recorded",
    sparse=True,
)
class DataQuality(Frame):
    """Completeness, timeliness and accuracy of one symbol's bars in one session.

    `filled` bars are those that the view `trading.features.filling` would add; `accuracy` is the share
    of compared values that agree, NaN where none was compared.
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    symbol: Series[str]
    expected: Series[int] = pandera.Field(ge=0)
    present: Series[int] = pandera.Field(ge=0)
    filled: Series[int] = pandera.Field(ge=0)
    quarantined: Series[int] = pandera.Field(ge=0)
    duplicates: Series[int] = pandera.Field(ge=0)
    revised: Series[int] = pandera.Field(ge=0)
    completeness: Series[float] = pandera.Field(nullable=True, ge=0, le=1)
    timeliness_seconds: Series[float] = pandera.Field(nullable=True)
    accuracy: Series[float] = pandera.Field(nullable=True, ge=0, le=1)


@table(
    "reconciliation",
    key=("session", "timeframe", "symbol", "field", "left", "right", "known_at"),
    storage="recorded",
    sparse=True,
)
class Reconciliation(Frame):
    """One value from two places, known as soon as both are: `left` and `right` name a source or a timeframe.

    `relative_difference` is right / left - 1; `reason` says what the `tolerance` is made of.
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    symbol: Series[str]
    field: Series[str]
    left: Series[str]
    right: Series[str]
    left_value: Series[float] = pandera.Field(nullable=True)
    right_value: Series[float] = pandera.Field(nullable=True)
    relative_difference: Series[float] = pandera.Field(nullable=True)
    tolerance: Series[float] = pandera.Field(ge=0)
    agrees: Series[bool]
    reason: Series[str]


@table("quarantine_decisions", key=("session", "id", "known_at"), storage="recorded", sparse=True)
class QuarantineDecisions(Frame):
    """What a person decided about a quarantined row, at the moment `known_at`; the newest one holds.

    `session` is that of the quarantined row, `id` the digest of its key. A row is superseded where another
    row of its key, which says something else, was released.
    """

    id: Series[str]
    decision: Series[str] = pandera.Field(isin=DECISIONS)
    note: Series[str]

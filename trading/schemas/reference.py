"""What companies report: announcements of earnings, and the figures of their statements."""

from __future__ import annotations

import pandera.pandas as pandera
from pandera.typing import Series

from trading.schemas.table import Frame, Session, table

RELEASES: tuple[str, ...] = ("before_open", "after_close", "unknown")


@table("earnings", key=("session", "symbol", "known_at"), storage="recorded", sparse=True)
class Earnings(Frame):
    """Announcements of earnings; what becomes known of one later is a revision with its own `known_at`.

    `session` is that of the day of the announcement, or the next one if the exchange is closed that day.
    `estimate` and `actual` are USD per share as quoted then, `surprise` a fraction of the estimate's size.
    """

    symbol: Series[str]
    release: Series[str] = pandera.Field(isin=RELEASES)
    estimate: Series[float] = pandera.Field(nullable=True)
    actual: Series[float] = pandera.Field(nullable=True)
    surprise: Series[float] = pandera.Field(nullable=True)
    source: Series[str]


@table(
    "fundamentals",
    key=("session", "symbol", "statement", "item", "known_at"),
    storage="recorded",
    sparse=True,
)
class Fundamentals(Frame):
    """Figures of statements, one a row; `session` is the last one of the fiscal period.

    A figure is known when it was filed, and never by its period: one without a filing date counts from
    the moment at which it came in.
    """

    symbol: Series[str]
    statement: Series[str]
    item: Series[str]
    period_end: Series[Session]
    value: Series[float]
    source: Series[str]

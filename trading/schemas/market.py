"""What is observed, and the features made of it."""

from __future__ import annotations

import pandera.pandas as pandera
from pandera.typing import Series

from trading.schemas.table import BASES, TIMEFRAMES, Frame, Session, Stamp, table

PHASES: tuple[str, ...] = ("pre", "post")


@table("bars", key=("session", "timeframe", "ts", "symbol", "known_at"), storage="recorded")
class Bars(Frame):
    """Market bars; a revision is a further row of the same key with its own `known_at`."""

    ts: Series[Stamp]
    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    open: Series[float] = pandera.Field(gt=0)
    high: Series[float] = pandera.Field(gt=0)
    low: Series[float] = pandera.Field(gt=0)
    close: Series[float] = pandera.Field(gt=0)
    volume: Series[float] = pandera.Field(ge=0)
    basis: Series[str] = pandera.Field(isin=BASES)
    source: Series[str]


@table(
    "extended_bars",
    key=("session", "timeframe", "ts", "symbol", "known_at"),
    storage="recorded",
    sparse=True,
)
class ExtendedBars(Bars):
    """Bars before the open (`pre`) and after the close (`post`): observed like bars, and never mixed with them."""

    phase: Series[str] = pandera.Field(isin=PHASES)


@table("corporate_actions", key=("session", "symbol", "kind", "known_at"), storage="recorded", sparse=True)
class CorporateActions(Frame):
    """Splits and dividends; `session` is the first session that trades without the entitlement.

    `ratio` is new shares per old share (1.0 for a dividend), `amount` USD per share held at the
    previous close (0.0 for a split).
    """

    symbol: Series[str]
    kind: Series[str] = pandera.Field(isin=("split", "dividend"))
    ratio: Series[float] = pandera.Field(gt=0)
    amount: Series[float] = pandera.Field(ge=0)
    pay_session: Series[Session]
    source: Series[str]


@table("quarantine", key=("session", "table", "symbol", "reason", "row"), storage="recorded", sparse=True)
class Quarantine(Frame):
    """Rows that were kept out of a table, with the reason and the original.

    A row that names no day stands in session 1970-01-01, which `fabline quarantine` shows as none: so it is the
    same row whenever it comes. One that does not say when it was known was known when it first came.
    """

    table: Series[str]
    symbol: Series[str]
    reason: Series[str]
    row: Series[str]
    source: Series[str]


@table("features", key=("session", "timeframe", "ts", "symbol"))
class Features(Frame):
    """Features of daily, weekly and five-minute bars, free of price scale; NaN where a window is not full.

    `ts` is the start of the bar: of a daily one the open of its session, of a weekly one that of the
    week's first session. A `filled` bar was not observed: it repeats the close before it.
    """

    ts: Series[Stamp]
    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    log_return: Series[float] = pandera.Field(nullable=True)
    held_return: Series[float] = pandera.Field(nullable=True)
    overnight_return: Series[float] = pandera.Field(nullable=True)
    volatility_21: Series[float] = pandera.Field(nullable=True, ge=0)
    volatility_63: Series[float] = pandera.Field(nullable=True, ge=0)
    rsi_14: Series[float] = pandera.Field(nullable=True, ge=0, le=100)
    adx_14: Series[float] = pandera.Field(nullable=True, ge=0, le=100)
    atr_14: Series[float] = pandera.Field(nullable=True, ge=0)
    momentum_21: Series[float] = pandera.Field(nullable=True)
    momentum_63: Series[float] = pandera.Field(nullable=True)
    momentum_252: Series[float] = pandera.Field(nullable=True)
    bollinger_20: Series[float] = pandera.Field(nullable=True)
    volume_ratio_21: Series[float] = pandera.Field(nullable=True)
    log_volume_zscore_63: Series[float] = pandera.Field(nullable=True)
    filled: Series[bool]

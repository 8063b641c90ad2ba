"""The suites: what a batch of each table must keep, in the words of Great Expectations.

Importing this module imports the library, so it is only imported where a batch is validated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from great_expectations import expectations as gxe

from trading import frames
from trading.ingest import ALL_SYMBOLS
from trading.monitoring.findings import RULES
from trading.schemas.quick import Limits, limits_of

LEAST_COMPLETENESS = 0.80
MOST_QUARANTINED = 0.05
MOST_OF_PRICE = 0.20
LARGEST_PRICE, LARGEST_VOLUME = 1e7, 1e12  # beyond them a number is a mistake, or infinite
_PRICES = ("open", "high", "low", "close")


def columns(table: str) -> list[Any]:
    """Every column of `table` is there."""
    return [gxe.ExpectColumnToExist(column=name) for name in frames.columns(table)]


def rows() -> list[Any]:
    """There is at least one row."""
    return [gxe.ExpectTableRowCountToBeBetween(min_value=1, description="the batch has rows")]


def bars() -> list[Any]:
    """A batch of bars with the columns of `trading.monitoring.table_rules.with_bar_facts`."""
    return [
        *columns("bars"),
        *_known("bars"),
        _one_of("symbol", ALL_SYMBOLS, "the symbol belongs to the universe"),
        _one_of("timeframe", frames.TIMEFRAMES, "the timeframe is one of ours"),
        _one_of("basis", frames.BASES, "the price basis is one of ours"),
        *(_between(name, 0, LARGEST_PRICE, f"{name} is positive", strict=True) for name in _PRICES),
        _between("volume", 0, LARGEST_VOLUME, "volume is not negative"),
        _at_least("highest", "low", "high is not below low"),
        _at_least("highest", "open", "high is not below open"),
        _at_least("highest", "close", "high is not below close"),
        _at_least("open", "lowest", "low is not above open"),
        _at_least("close", "lowest", "low is not above close"),
        _unique(["session", "timeframe", "ts", "symbol"]),
        _equal("basis", "usual_basis", "the batch has one price basis for each timeframe"),
        _between("known_after_seconds", 0, None, "a bar is not known before it ended"),
    ]


def bar_sessions() -> list[Any]:
    """What `trading.monitoring.table_rules.completeness` says of a batch."""
    least = f"at least {LEAST_COMPLETENESS:.0%} of the listed stocks have a bar"
    return [_between("completeness", LEAST_COMPLETENESS, 1, least)]


def bar_arrivals(arrived: int) -> list[Any]:
    """One row: stock rows that `arrived`, and how many of them are in quarantine.

    One bad row must not stop a session of ten stocks: it is let through however few rows arrived.
    """
    most = max(MOST_QUARANTINED * arrived, 1)
    said = f"at most {MOST_QUARANTINED:.0%} of the stock rows, or one, are in quarantine"
    return [_between("quarantined", 0, most, said)]


def corporate_actions() -> list[Any]:
    """A batch of actions with the columns of `trading.monitoring.table_rules.with_action_facts`."""
    return [
        *columns("corporate_actions"),
        *_known("corporate_actions"),
        _one_of("symbol", ALL_SYMBOLS, "the symbol belongs to the universe"),
        _one_of("kind", ("split", "dividend"), "an action is a split or a dividend"),
        _between("ratio", 0, 1e4, "the ratio is positive", strict=True),
        _between("amount", 0, LARGEST_PRICE, "the amount is not negative"),
        _between(
            "share_of_price", 0, MOST_OF_PRICE, f"a dividend is at most {MOST_OF_PRICE:.0%} of the price"
        ),
        _at_least("pay_session", "session", "nothing is paid before it is due"),
        _unique(["session", "symbol", "kind"]),
    ]


def declared(table: str) -> list[Any]:
    """What the schema of `table` says, and what is more to be said of some tables."""
    columns_kept = [
        one
        for name, limits in (limits_of(frames.table_of(table)) or {}).items()
        for one in _within(name, limits)
    ]
    more = _MORE.get(table, list)
    return [
        *columns(table),
        *_known(table),
        *columns_kept,
        *more(),
        _unique(list(frames.table_of(table).key)),
    ]


def _within(name: str, limits: Limits) -> list[Any]:
    """The bounds and the words that a schema allows in a column."""
    if limits.allowed is not None:
        words = sorted(str(word) for word in limits.allowed)
        return [_one_of(name, words, f"{name} is one of {', '.join(words) or 'none'}")]
    low, strict = (limits.above, True) if limits.above > -math.inf else (limits.least, False)
    least = low if low > -math.inf else None
    most = limits.most if limits.most < math.inf else None
    if least is None and most is None:
        return []
    return [_between(name, least, most, f"{name} lies within its bounds", strict=strict)]


def _extended_bars() -> list[Any]:
    """With the columns highest and lowest, which allow for the last digit of a vendor's adjustment."""
    return [
        _at_least("highest", "low", "high is not below low"),
        _at_least("highest", "open", "high is not below open"),
        _at_least("highest", "close", "high is not below close"),
        _at_least("open", "lowest", "low is not above open"),
        _at_least("close", "lowest", "low is not above close"),
    ]


def _findings() -> list[Any]:
    return [_one_of("rule", list(RULES), "the rule is one of ours")]


def _data_quality() -> list[Any]:
    return [_at_least("expected", "present", "no more bars are there than the calendar asks for")]


_MORE = {"extended_bars": _extended_bars, "findings": _findings, "data_quality": _data_quality}


def features() -> list[Any]:
    """A batch of daily features; only what its schema calls nullable may be NaN."""
    bounded = [_between(name, 0, 100, f"{name} lies between 0 and 100") for name in ("rsi_14", "adx_14")]
    measured = ("volatility_21", "volatility_63", "atr_14")
    return [
        *columns("features"),
        *_known("features"),
        _one_of("symbol", ALL_SYMBOLS, "the symbol belongs to the universe"),
        *bounded,
        *(_between(name, 0, 10, f"{name} is a share of the price") for name in measured),
        _between("log_return", -3, 3, "a session's log return is finite and conceivable"),
        _unique(list(frames.table_of("features").key)),
    ]


def _known(table: str) -> list[Any]:
    """No value is missing where the schema allows none."""
    schema = frames.table_of(table).model.to_schema().columns
    return [
        gxe.ExpectColumnValuesToNotBeNull(column=name, description=f"{name} is known")
        for name in frames.columns(table)
        if not schema[name].nullable
    ]


def _one_of(column: str, values: Sequence[str], said: str) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values), description=said)


def _between(column: str, low: float | None, high: float | None, said: str, *, strict: bool = False) -> Any:
    return gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=low, max_value=high, strict_min=strict, description=said
    )


def _at_least(column: str, other: str, said: str) -> Any:
    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=column,
        column_B=other,
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        description=said,
    )


def _equal(column: str, other: str, said: str) -> Any:
    return gxe.ExpectColumnPairValuesToBeEqual(
        column_A=column, column_B=other, ignore_row_if="either_value_is_missing", description=said
    )


def _unique(key: list[str]) -> Any:
    return gxe.ExpectCompoundColumnsToBeUnique(
        column_list=key, ignore_row_if="any_value_is_missing", description="no key repeats"
    )

"""What regulators charge whoever sells: a dated table, `fees.csv`, one row for each change of a rate.

`section_31` is USD per million USD sold (Securities Exchange Act, Section 31), `taf` USD per share sold
up to `maximum_usd` a trade (FINRA By-Laws, Schedule A, Section 1). Brokers round each up to a cent.
`checked` says whether rate and date were both read in the source; before the first row nothing is charged.
"""

from __future__ import annotations

import csv
import functools
import math
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources

import pandas as pd

from trading.errors import SchemaError

FILE = "fees.csv"
SECTION_31, TAF = "section_31", "taf"
_MILLION = 1_000_000


@dataclass(frozen=True)
class FeeRate:
    """A rate in force from `effective` on; exact, as it was published."""

    effective: pd.Timestamp
    rate: Fraction
    maximum: Fraction | None


@functools.cache
def fee_rates(fee: str) -> tuple[FeeRate, ...]:
    """All rates of `fee`, oldest first.

    Raises
    ------
    SchemaError
        If the table has none of it.
    """
    text = (resources.files("trading.execution") / FILE).read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["fee"] == fee]
    if not rows:
        raise SchemaError(f"{FILE} has no rate of {fee!r}; add one row for each date from which a rate holds")
    rates = (
        FeeRate(
            pd.Timestamp(row["effective"]),
            Fraction(row["rate"]),
            Fraction(row["maximum_usd"]) if row["maximum_usd"] else None,
        )
        for row in rows
    )
    return tuple(sorted(rates, key=lambda rate: rate.effective))


@functools.lru_cache(maxsize=4096)
def rate_at(fee: str, session: pd.Timestamp) -> FeeRate | None:
    """The rate in force at `session`, None before the first."""
    rates = fee_rates(fee)
    place = bisect_right([rate.effective for rate in rates], session)
    return rates[place - 1] if place else None


def sale_fees(session: pd.Timestamp, shares: float | Fraction, notional_cents: int) -> int:
    """Both fees on the sale of `shares` for `notional_cents`, each rounded up to a cent.

    Examples
    --------
    >>> sale_fees(pd.Timestamp("2024-06-07"), 1000, 10_000_00)  # 27.80 a million: 0.278; 0.166 a share
    45
    """
    section, activity = rate_at(SECTION_31, session), rate_at(TAF, session)
    total = math.ceil(section.rate * notional_cents / _MILLION) if section else 0
    if activity is None:
        return total
    usd = activity.rate * Fraction(shares)
    capped = usd if activity.maximum is None else min(usd, activity.maximum)
    return total + math.ceil(100 * capped)

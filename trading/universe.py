"""The names that are traded, their groups, and the benchmarks they stand beside.

The universe is the file `universe.csv` beside this module, one row an instrument: a name more is a row
more, and no code. Symbols keep the order of the file everywhere.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Literal, get_args

from trading.errors import SchemaError, UsageError

Role = Literal["stock", "benchmark", "index"]
FILE = "universe.csv"
COLUMNS: tuple[str, ...] = ("symbol", "name", "role", "group", "gics_code", "gics", "listed", "exchange")
_NEVER_EMPTY = set(COLUMNS) - {"gics_code"}


@dataclass(frozen=True)
class Instrument:
    """One line of the universe.

    `group` is the sub-industry to which the 40 % concentration limit applies: the ten names are
    one GICS sector, so a sector cap would say nothing. `gics` and `gics_code` (empty for what is no
    company) keep the mapping to the standard's sub-industries; `exchange` is a code of ISO 10383.
    """

    symbol: str
    name: str
    role: Role
    group: str
    gics_code: str
    gics: str
    listed: dt.date
    exchange: str

    def trades_on(self, session: dt.date) -> bool:
        """Whether the instrument was listed at `session`."""
        return session >= self.listed


def parsed(text: str, name: str = FILE) -> tuple[Instrument, ...]:
    """The instruments of a file's `text`, in its order.

    Raises
    ------
    SchemaError
        Naming the file, the line and what is wrong with it: another heading, an empty cell, an unknown
        role, a date that is none, or a symbol that comes twice.
    """
    rows = csv.DictReader(text.splitlines())
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise SchemaError(f"{name} must begin with the line {','.join(COLUMNS)}")
    found: dict[str, Instrument] = {}
    for line, row in enumerate(rows, start=2):
        made = _instrument(row, f"{name}, line {line}")
        if made.symbol in found:
            raise SchemaError(f"{name}, line {line}: {made.symbol} is there already")
        found[made.symbol] = made
    return tuple(found.values())


def _instrument(row: dict[str, str], where: str) -> Instrument:
    empty = [name for name in COLUMNS if name in _NEVER_EMPTY and not row[name]]
    if empty or None in row:
        raise SchemaError(f"{where}: {', '.join(empty)} is empty" if empty else f"{where}: too many cells")
    if row["role"] not in get_args(Role):
        raise SchemaError(f"{where}: the role {row['role']!r} is not one of {', '.join(get_args(Role))}")
    try:
        listed = dt.date.fromisoformat(row["listed"])
    except ValueError:
        raise SchemaError(f"{where}: {row['listed']!r} is no date; write it as YYYY-MM-DD") from None
    return Instrument(**{**row, "listed": listed})  # type: ignore[arg-type]  # the role was looked at


def _with_role(*roles: Role) -> tuple[Instrument, ...]:
    return tuple(i for i in INSTRUMENTS if i.role in roles)


def _symbols(instruments: Iterable[Instrument]) -> tuple[str, ...]:
    return tuple(i.symbol for i in instruments)


INSTRUMENTS: tuple[Instrument, ...] = parsed(
    resources.files("trading").joinpath(FILE).read_text(encoding="utf-8")
)
STOCKS: tuple[Instrument, ...] = _with_role("stock")
BENCHMARKS: tuple[Instrument, ...] = _with_role("benchmark", "index")

SYMBOLS: tuple[str, ...] = _symbols(STOCKS)
CONTEXT_SYMBOLS: tuple[str, ...] = _symbols(BENCHMARKS)
_BY_SYMBOL = {i.symbol: i for i in INSTRUMENTS}


def instrument(symbol: str) -> Instrument:
    """The universe's entry for `symbol`.

    Raises
    ------
    UsageError
        If the symbol is not in the universe.
    """
    try:
        return _BY_SYMBOL[symbol]
    except KeyError:
        known = ", ".join(_BY_SYMBOL)
        raise UsageError(f"unknown symbol {symbol!r}; the universe holds {known}") from None


def groups() -> dict[str, str]:
    """Sub-industry group of each traded symbol."""
    return {i.symbol: i.group for i in STOCKS}

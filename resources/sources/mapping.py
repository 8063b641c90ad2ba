"""The file that says how other files are laid out: `fabline-mapping.toml`, beside the data.

[[bars]]
files = "prices/*.csv"           # CSV (also .gz) or Parquet, beside this file
timeframe = "5min"               # 5min, 1D or 1W
basis = "raw"                    # raw, split_adjusted or fully_adjusted
time_zone = "America/New_York"   # of times that name none; UTC if absent
stamp = "start"                  # whether ts is the bar's start or its end
minutes = 1                      # only with 5min: the files hold bars of one minute, which are summed
delay_minutes = 10               # from a bar's end until its source published it
time_format = "%d.%m.%Y %H:%M"   # only where times are not ISO 8601
separator = ";"                  # of CSV, a comma if absent
decimal = ","                    # of CSV, a point if absent
symbol = "NVDA"                  # only where all rows are of one symbol

[bars.columns]                   # ours = theirs
ts = ["Date", "Time"]            # or one column; of daily and weekly bars `session`, a date
symbol = "Ticker"                # absent: one file a symbol, named by it (NVDA.csv, NVDA_2024.csv)
open = "Open"
high = "High"
low = "Low"
close = "Close"
volume = "Volume"                # absent: 0, as of an index
"""

from __future__ import annotations

import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from trading.errors import UsageError
from trading.frames import BASES, TIMEFRAMES

FILE_NAME = "fabline-mapping.toml"
PRICES: tuple[str, ...] = ("open", "high", "low", "close")
_COLUMNS = {"ts", "session", "symbol", "volume", *PRICES}
_CHOICES = {
    "timeframe": TIMEFRAMES,
    "basis": BASES,
    "stamp": ("start", "end"),
    "decimal": (".", ","),
    "minutes": (1, 5),
}


@dataclass(frozen=True)
class Layout:
    """How the files of one pattern are laid out; `columns` maps our names to theirs."""

    files: str
    timeframe: str
    basis: str
    columns: Mapping[str, str | list[str]]
    time_zone: str = "UTC"
    stamp: str = "start"
    delay_minutes: float = 10.0
    time_format: str = ""
    separator: str = ","
    decimal: str = "."
    symbol: str = ""
    minutes: int = 5

    @property
    def times(self) -> list[str]:
        """Columns that together say when a bar was."""
        named = self.columns.get("ts") or self.columns["session"]
        return [named] if isinstance(named, str) else list(named)

    @property
    def values(self) -> dict[str, str]:
        """Columns of numbers: ours to theirs."""
        names = (*PRICES, "volume")
        return {name: str(self.columns[name]) for name in names if name in self.columns}

    @property
    def theirs(self) -> list[str]:
        """Every column of the files that is read."""
        symbol = [str(self.columns["symbol"])] if "symbol" in self.columns else []
        return [*self.times, *symbol, *self.values.values()]


@dataclass(frozen=True)
class FolderMapping:
    """All layouts of a folder."""

    folder: Path
    layouts: tuple[Layout, ...] = field(default=())

    def of(self, timeframe: str) -> list[Layout]:
        """The layouts of one timeframe."""
        return [layout for layout in self.layouts if layout.timeframe == timeframe]


def read_mapping(folder: Path) -> FolderMapping:
    """The mapping of a folder.

    Raises
    ------
    UsageError
        Naming the file, the entry and the key that makes no sense, and what it may be.
    """
    path = folder / FILE_NAME
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    entries = content.pop("bars", None)
    if not isinstance(entries, list) or not entries or content:
        raise UsageError(f"{path} wants one or more entries [[bars]], and nothing else beside them")
    return FolderMapping(
        folder, tuple(_layout(f"{path}, entry {at} of [[bars]]", e) for at, e in enumerate(entries, 1))
    )


def _layout(where: str, entry: Mapping[str, Any]) -> Layout:
    known = {f.name: f for f in fields_of(Layout)}
    unknown = sorted(entry.keys() - known.keys())
    if unknown:
        raise UsageError(f"{where} names {', '.join(unknown)}; it may name {', '.join(known)}")
    lacking = [name for name in ("files", "timeframe", "basis", "columns") if name not in entry]
    if lacking:
        raise UsageError(f"{where} lacks {', '.join(lacking)}")
    for name, choices in _CHOICES.items():
        if name in entry and entry[name] not in choices:
            raise UsageError(f"{where}: {name} is {' or '.join(map(str, choices))}, not {entry[name]!r}")
    if entry.get("minutes", 5) != 5 and entry["timeframe"] != "5min":  # noqa: PLR2004 - the word before it
        raise UsageError(f"{where}: minutes = 1 goes with timeframe 5min, not {entry['timeframe']}")
    _check_columns(where, entry)
    _check_zone(where, entry.get("time_zone", "UTC"))
    return Layout(**entry)


def _check_columns(where: str, entry: Mapping[str, Any]) -> None:
    columns = entry["columns"]
    unknown = sorted(set(columns) - _COLUMNS) if isinstance(columns, dict) else ["no table"]
    if unknown:
        raise UsageError(
            f"{where}: columns has {', '.join(unknown)}; it may have {', '.join(sorted(_COLUMNS))}"
        )
    time = ("ts",) if entry["timeframe"] == "5min" else ("ts", "session")
    lacking = [name for name in PRICES if name not in columns]
    lacking += [] if any(name in columns for name in time) else [" or ".join(time)]
    if lacking:
        raise UsageError(f"{where}: columns lacks {', '.join(lacking)}; say which column of the files it is")


def _check_zone(where: str, zone: str) -> None:
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise UsageError(
            f"{where}: there is no time zone {zone!r}; write it as America/New_York or UTC"
        ) from None

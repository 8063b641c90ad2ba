"""The ten names that are traded, their groups, and the benchmarks they stand beside."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from trading.errors import UsageError

Role = Literal["stock", "benchmark", "index"]


@dataclass(frozen=True)
class Instrument:
    """One line of the universe.

    `group` is the sub-industry to which the 40 % concentration limit applies: the ten names are
    one GICS sector, so a sector cap would say nothing. `gics` keeps the mapping to the standard.
    """

    symbol: str
    name: str
    role: Role
    group: str
    gics: str
    listed: dt.date

    def trades_on(self, session: dt.date) -> bool:
        """Whether the instrument was listed at `session`."""
        return session >= self.listed


_SEMIS = "Semiconductors"
_EQUIPMENT = "Semiconductor Materials & Equipment"
_HARDWARE = "Technology Hardware, Storage & Peripherals"

STOCKS: tuple[Instrument, ...] = (
    Instrument("NVDA", "NVIDIA", "stock", "accelerators", _SEMIS, dt.date(1999, 1, 22)),
    Instrument("AMD", "Advanced Micro Devices", "stock", "accelerators", _SEMIS, dt.date(1980, 3, 17)),
    Instrument("ASML", "ASML Holding", "stock", "equipment", _EQUIPMENT, dt.date(1995, 3, 15)),
    Instrument("TSM", "Taiwan Semiconductor", "stock", "foundry", _SEMIS, dt.date(1997, 10, 8)),
    Instrument("INTC", "Intel", "stock", "cpus", _SEMIS, dt.date(1980, 3, 17)),
    Instrument("QCOM", "Qualcomm", "stock", "analog_and_rf", _SEMIS, dt.date(1991, 12, 13)),
    Instrument("AVGO", "Broadcom", "stock", "networking", _SEMIS, dt.date(2009, 8, 6)),
    Instrument("MU", "Micron Technology", "stock", "memory", _SEMIS, dt.date(1984, 6, 1)),
    Instrument("SMCI", "Super Micro Computer", "stock", "servers", _HARDWARE, dt.date(2007, 3, 29)),
    Instrument("ARM", "Arm Holdings", "stock", "ip", _SEMIS, dt.date(2023, 9, 14)),
)
BENCHMARKS: tuple[Instrument, ...] = (
    Instrument("SPY", "SPDR S&P 500 ETF", "benchmark", "market", "ETF", dt.date(1993, 1, 29)),
    Instrument("QQQ", "Invesco QQQ Trust", "benchmark", "market", "ETF", dt.date(1999, 3, 10)),
    Instrument("SMH", "VanEck Semiconductor ETF", "benchmark", "market", "ETF", dt.date(2000, 6, 5)),
    Instrument("VIX", "CBOE Volatility Index", "index", "volatility", "Index", dt.date(1990, 1, 2)),
)

SYMBOLS: tuple[str, ...] = tuple(i.symbol for i in STOCKS)
CONTEXT_SYMBOLS: tuple[str, ...] = tuple(i.symbol for i in BENCHMARKS)
_BY_SYMBOL = {i.symbol: i for i in (*STOCKS, *BENCHMARKS)}


def instrument(symbol: str) -> Instrument:
    """The universe's entry for `symbol`.

    Raises
    ------
    UsageError
        If the symbol is not one of the ten names or the benchmarks.
    """
    try:
        return _BY_SYMBOL[symbol]
    except KeyError:
        known = ", ".join(_BY_SYMBOL)
        raise UsageError(f"unknown symbol {symbol!r}; the universe holds {known}") from None


def groups() -> dict[str, str]:
    """Sub-industry group of each traded symbol."""
    return {i.symbol: i.group for i in STOCKS}

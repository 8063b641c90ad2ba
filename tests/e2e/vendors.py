"""Market data that misbehaves: a SIMULATED market whose bars are edited on their way to the line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pipelines.wiring import Workshop
from resources.open_home import OpenHome
from resources.sources import SimulatedSource
from trading.interfaces import MarketDataSource
from trading.line import Progress, silent
from trading.testing.restless_market import revised

Edit = Callable[[pd.DataFrame], pd.DataFrame]


class Vendor(SimulatedSource):
    """The simulated market, its bars edited."""

    def __init__(self, edit: Edit) -> None:
        super().__init__()
        self._edit = edit

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        return self._edit(super().bars(symbols, first, last, timeframe))


@dataclass(frozen=True)
class Supplied(Workshop):
    """A workshop whose home gets its bars from `vendor`, whatever its settings name."""

    vendor: MarketDataSource | None = None

    def open(self, progress: Progress = silent) -> OpenHome:
        opened = super().open(progress)
        return opened if self.vendor is None else replace(opened, source=self.vendor)


def supplied(workshop: Workshop, edit: Edit) -> Supplied:
    return Supplied(workshop.home, workshop.settings, workshop.plan, workshop.clock, Vendor(edit))


def revision(symbol: str, session: pd.Timestamp, factor: float, known_at: pd.Timestamp) -> Edit:
    """Adds a second opinion on one bar: all prices times `factor`, known later than the first."""

    return lambda bars: revised(bars, symbol, session, factor, known_at)


def written_files(folder: Path, bars: pd.DataFrame) -> Path:
    """The bars as a folder that the source `files` reads, which takes them for fully adjusted ones."""
    daily = folder / "daily"
    daily.mkdir(parents=True)
    columns = ["symbol", "session", "open", "high", "low", "close"]
    vix = bars["symbol"] == "VIX"
    bars.loc[~vix, [*columns, "volume"]].to_parquet(daily / "panel_adjusted.parquet", index=False)
    bars.loc[vix, columns].to_parquet(daily / "vix.parquet", index=False)
    return folder

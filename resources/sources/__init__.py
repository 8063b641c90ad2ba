"""Market data sources, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from resources.sources.alpaca import AlpacaSource
from resources.sources.borrowed import BorrowedIndices
from resources.sources.files import FilesSource
from resources.sources.mapped import MappedSource
from resources.sources.mapping import FILE_NAME
from resources.sources.simulated import SimulatedSource
from resources.sources.transport import Policy, transport_of
from resources.sources.yahoo import YahooSource
from trading.errors import UsageError
from trading.interfaces import MarketDataSource
from trading.testing.market import MarketOptions

if TYPE_CHECKING:
    from resources.sources.alpaca_client import Feed
    from resources.sources.alpaca_keys import AlpacaKeys

__all__ = [
    "SOURCES",
    "AlpacaSource",
    "BorrowedIndices",
    "FilesSource",
    "MappedSource",
    "SimulatedSource",
    "YahooSource",
    "open_source",
]

SOURCES: tuple[str, ...] = ("simulated", "files", "yahoo", "alpaca")
DEFAULT_SEED = MarketOptions().seed


def open_source(
    name: str,
    *,
    data: Path | None = None,
    seed: int = DEFAULT_SEED,
    basis: str = "fully_adjusted",
    market: MarketOptions | None = None,
    url: str = "",
    requests_per_hour: int = Policy.per_hour,
    keys: AlpacaKeys | None = None,
    feed: Feed = "iex",
    indices: Path | None = None,
) -> MarketDataSource:
    """The source of that name; with a folder of `indices`, the vendor `alpaca` with those instead of none.

    Parameters
    ----------
    data, basis : folder and price basis of the source `files`
    seed : of the source `simulated`
    market : all options of the source `simulated`, instead of `seed`
    url : of a peer that answers instead of a vendor
    requests_per_hour : most that a vendor is asked
    keys, feed : of the source `alpaca`
    indices : folder of files, of which a vendor without indices takes them

    Raises
    ------
    UsageError
        If there is no such source, or `files` is asked for without a folder.
    SourceUnavailableError
        If the folder is not there.
    """
    if name == "simulated":
        return SimulatedSource(market or MarketOptions(seed=seed))
    if name == "files":
        if data is None:
            raise UsageError("the source files reads a folder: name it with --data DIR")
        return _files(data, basis)
    if name == "yahoo":
        return YahooSource(base_url=url, transport=transport_of(name, Policy.of(requests_per_hour)))
    if name == "alpaca":
        transport = transport_of(name, Policy.of(requests_per_hour))
        alpaca = AlpacaSource(keys, feed=feed, base_url=url, transport=transport)
        return alpaca if indices is None else BorrowedIndices(alpaca, _files(indices, basis))
    raise UsageError(f"unknown source {name!r}; the sources are {', '.join(SOURCES)}")


def _files(folder: Path, basis: str) -> FilesSource | MappedSource:
    return MappedSource(folder) if (folder / FILE_NAME).is_file() else FilesSource(folder, basis=basis)

"""Market data sources, by name."""

from __future__ import annotations

from pathlib import Path

from resources.sources.files import FilesSource
from resources.sources.mapped import MappedSource
from resources.sources.mapping import FILE_NAME
from resources.sources.simulated import SimulatedSource
from resources.sources.transport import Policy, transport_of
from resources.sources.yahoo import YahooSource
from trading.errors import UsageError
from trading.interfaces import MarketDataSource
from trading.testing.market import MarketOptions

__all__ = [
    "PLANNED",
    "SOURCES",
    "FilesSource",
    "MappedSource",
    "SimulatedSource",
    "YahooSource",
    "open_source",
]

SOURCES: tuple[str, ...] = ("simulated", "files", "yahoo")
PLANNED: tuple[str, ...] = ("alpaca",)
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
) -> MarketDataSource:
    """The source of that name.

    Parameters
    ----------
    data, basis : folder and price basis of the source `files`
    seed : of the source `simulated`
    market : all options of the source `simulated`, instead of `seed`
    url : of a peer that answers instead of a vendor
    requests_per_hour : most that a vendor is asked

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
        return MappedSource(data) if (data / FILE_NAME).is_file() else FilesSource(data, basis=basis)
    if name == "yahoo":
        return YahooSource(base_url=url, transport=transport_of(name, Policy.of(requests_per_hour)))
    known = f"the sources are {', '.join(SOURCES)}"
    if name in PLANNED:
        raise UsageError(f"the source {name} is planned, but not in this version yet; {known}")
    raise UsageError(f"unknown source {name!r}; {known}")

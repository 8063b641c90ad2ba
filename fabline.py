"""Fabline for notebooks: read tables, run the line, ask why a fill happened.

    >>> import fabline
    >>> frame = fabline.read("features", "2024-01-02", "2024-03-28")  # doctest: +SKIP
    >>> print(fabline.explain("last"))  # doctest: +SKIP

Heavy libraries load with the first call that needs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.cli.explain import Explanation

__all__ = ["explain", "read", "run"]


def read(
    table: str,
    start: str | None = None,
    end: str | None = None,
    *,
    as_of: str | None = None,
    timeframe: str | None = None,
    adjusted: bool | None = None,
    filled: bool = False,
    home: str | Path | None = None,
) -> pd.DataFrame:
    """Rows of a table, sorted by key.

    Parameters
    ----------
    table : such as `features` or `fills`; `fabline show` lists them
    start, end : sessions as YYYY-MM-DD, both included; None is open
    as_of : only rows known at this moment: a time with its zone, or a session, which means when it decides
    timeframe : `5min`, `1D` or `1W`; daily and weekly bars that are not stored are made of finer ones
    adjusted : of bars: True for a view adjusted by the splits and dividends in effect at `as_of`, False
        for raw bars and no others
    filled : of five-minute bars: short gaps filled, and a column that says which
    home : folder; FABLINE_HOME or `.fabline` if None

    Raises
    ------
    FablineError
        If there is no such home or table, a date is no session, or the range has no rows.
    """
    from contextlib import closing

    from pipelines.cli.bars_view import Wanted
    from pipelines.cli.show import View, rows_of
    from pipelines.environment import home_path, open_store
    from resources.clock import now

    view = View(table, first=start, last=end, as_of=as_of, bars=Wanted(timeframe, adjusted, filled))
    with closing(open_store(home_path() if home is None else Path(home))) as store:
        return rows_of(store, view, now())


def run(home: str | Path | None = None, **options: Any) -> Path:
    """Run the line as `fabline run` does, and say where the report is.

    Parameters
    ----------
    home : folder; FABLINE_HOME or `.fabline` if None
    options : source, data, sessions, first, last, seed and wait, as on the command line

    Raises
    ------
    FablineError
        If the request cannot be, or the run fails.
    """
    from pipelines.cli import run as command
    from pipelines.cli.report import NAME
    from pipelines.environment import home_path
    from resources.home import Home

    absent: dict[str, Any] = dict.fromkeys(("source", "data", "sessions", "first", "last", "seed"))
    folder = home_path() if home is None else Path(home)
    command.run(folder, **{**absent, "wait": False, **options})
    return Home.open(folder).reports / NAME


def explain(fill: str = "last", home: str | Path | None = None) -> Explanation:
    """Why a fill happened, from the fill back to the bars; print it, or take its `as_dict()`.

    Parameters
    ----------
    fill : an id of the table `fills`, the start of one, `last`, or SYMBOL@SESSION
    home : folder; FABLINE_HOME or `.fabline` if None

    Raises
    ------
    UsageError
        If no fill fits; names the nearest.
    """
    from pipelines.cli.explain import Explanation, chain
    from pipelines.environment import home_path, market_line

    folder = home_path() if home is None else Path(home)
    return Explanation(chain(folder, fill), market_line(folder))

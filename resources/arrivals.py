"""What a source answered, on its way into the store: each row dated by its arrival, good and bad in one write.

The assets of the line and `fabline ingest` both go through here, so a home is the same whichever filled it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from resources import assessment
from resources import clock as wall
from resources.store import HomeStore
from trading import calendar, frames
from trading.ingest import (
    OVERLAP_SESSIONS,
    Load,
    dated_by_arrival,
    held_again,
    loads_of,
    require_same_basis,
)
from trading.interfaces import MarketDataSource
from trading.monitoring import reconciliation
from trading.monitoring.findings import findings_of_quarantine
from trading.monitoring.separation import NO_MOMENT
from trading.stages.layout import DAILY


def dated(load: Load, accepted: pd.DataFrame, store: HomeStore, now: pd.Timestamp) -> pd.DataFrame:
    """The accepted rows, those that come in after the first load of their session known from `now` on."""
    loads = loads_of(load.table, store.commits(), load.first, load.last)
    stored = stored_before(load, load.table, accepted, store, loads)
    return dated_by_arrival(load.table, accepted, stored, loads, now)


def stored_before(
    load: Load, table: str, accepted: pd.DataFrame, store: HomeStore, loads: pd.DataFrame
) -> pd.DataFrame:
    """The newest revision of each key that is held of the loaded sessions; nothing is read where all is new.

    Parameters
    ----------
    loads : what was loaded of `table` before, from `trading.ingest.loads_of`
    """
    if not held_again(accepted, loads).any():
        return frames.empty(table)
    symbol = load.symbols[0] if len(load.symbols) == 1 else None
    return store.read(table, load.first, load.last, timeframe=load.timeframe or None, symbol=symbol)


def record(
    load: Load,
    accepted: Mapping[str, pd.DataFrame],
    bad: pd.DataFrame,
    store: HomeStore,
    commit: Mapping[str, str],
    *,
    now: pd.Timestamp | None = None,
) -> None:
    """Good and bad rows of the loaded sessions in one transaction, even if there are none: it says what was loaded.

    Bad rows of other dates, which may be no sessions at all, go before, so that they stretch no range.
    What is odd about the rows, and figures of their quality, are written with them.

    Parameters
    ----------
    now : the moment of the load, until which bars may be overdue; by default when the last session decides
    """
    told = {**commit, **load.facts()}
    bad = _with_arrival(bad, now or wall.now())
    inside = bad["session"].between(load.first, load.last).to_numpy()
    if not inside.all():
        stray = bad[~inside]
        days = stray["session"]
        odd = findings_of_quarantine(stray)
        store.write({"quarantine": stray, "findings": odd}, days.min(), days.max(), commit=told)
    compared = _compared(load, accepted.get("bars", frames.empty("bars")), store)
    found = {"reconciliation": compared} if len(compared) else {}
    found |= assessment.assessed(load, accepted, bad[inside], store, compared=compared, now=now)
    store.write({**accepted, **found, "quarantine": bad[inside]}, load.first, load.last, commit=told)


def _with_arrival(bad: pd.DataFrame, arrived: pd.Timestamp) -> pd.DataFrame:
    """Rows for quarantine; one that does not say when it was known was known when it came."""
    silent = (bad["known_at"] == NO_MOMENT).to_numpy()
    return bad.assign(known_at=bad["known_at"].mask(silent, arrived.as_unit("us"))) if silent.any() else bad


def assess_stored(
    load: Load, store: HomeStore, commit: Mapping[str, str], *, now: pd.Timestamp
) -> dict[str, int]:
    """Judge bars that were stored one by one as they came, once their sessions are over: what `record` does at once.

    Returns
    -------
    How many rows of each table were found; the same again writes nothing.
    """
    stored = store.read("bars", load.first, load.last, timeframe=load.timeframe)
    mine = stored[stored["symbol"].isin(load.symbols).to_numpy()]
    kept_out = store.read("quarantine", load.first, load.last)
    bad = kept_out[kept_out["symbol"].isin(load.symbols).to_numpy()].reset_index(drop=True)
    compared = _compared(load, mine, store)
    found = {"reconciliation": compared} if len(compared) else {}
    nothing = {"bars": frames.empty("bars")}
    found |= assessment.assessed(load, nothing, bad, store, compared=compared, now=now)
    if found:
        store.write(found, load.first, load.last, commit={**commit, **load.facts()})
    return {table: len(rows) for table, rows in found.items()}


def _compared(load: Load, accepted: pd.DataFrame, store: HomeStore) -> pd.DataFrame:
    """Rows of `reconciliation`: the accepted bars beside what is stored of other timeframes and sources."""
    if accepted.empty:
        return frames.empty("reconciliation")
    symbol = load.symbols[0] if len(load.symbols) == 1 else None
    stored = store.read("bars", *reconciliation.span(load.first, load.last), symbol=symbol)
    return reconciliation.reconciled(accepted, stored)


def check_same_basis(
    source: MarketDataSource, store: HomeStore, symbols: tuple[str, ...], first: pd.Timestamp
) -> None:
    """Refuse to go on from stored daily bars whose source has adjusted its past anew since.

    Adjusted bars change backwards with every split and dividend, raw ones only by revisions.

    Raises
    ------
    DataError
        If a close before `first` is offered otherwise than it is stored.
    """
    if source.basis == "raw":
        return
    last, begin = calendar.near(first, -1), calendar.near(first, -OVERLAP_SESSIONS)
    stored = store.read("bars", begin, last, timeframe=DAILY)
    stored = stored[stored["symbol"].isin(symbols)]
    if len(stored):
        offered = source.bars(symbols, stored["session"].min(), stored["session"].max())
        require_same_basis(stored, offered, source.name, source.basis)

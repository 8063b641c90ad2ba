"""What is found out about a load while it is written: findings, and figures of the quality of its bars."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from resources.store import HomeStore
from trading import calendar, frames
from trading.ingest import Load
from trading.monitoring.findings import (
    CONTEXT_SESSIONS,
    findings_of,
    findings_of_actions,
    findings_of_quarantine,
    findings_of_values,
)
from trading.monitoring.quality import data_quality
from trading.stages.layout import DAILY

_VALUE = ["session", "timeframe", "symbol", "field", "left", "right"]
_BEFORE_ACTIONS = 5  # sessions: a bar before the first action must be there


def assessed(
    load: Load,
    accepted: Mapping[str, pd.DataFrame],
    bad: pd.DataFrame,
    store: HomeStore,
    *,
    compared: pd.DataFrame,
    now: pd.Timestamp | None = None,
) -> dict[str, pd.DataFrame]:
    """Rows of `findings` and `data_quality` about a load that is about to be written; no empty table.

    Parameters
    ----------
    accepted, bad : good rows of each table, and those for quarantine, all of sessions of the load
    compared : rows of `reconciliation` about the accepted bars
    now : the moment of the load; by default when its last session decides, or the last row came in
    """
    moment = _moment(load, accepted) if now is None else now
    made: dict[str, pd.DataFrame] = {}
    if load.table == "bars":
        made = _of_bars(load, accepted["bars"], bad, store, compared=compared, now=moment)
    elif load.table == "corporate_actions":
        made = {"findings": _of_actions(load, accepted[load.table], bad, store, moment)}
    return {name: rows for name, rows in made.items() if len(rows)}


def reassessed(load: Load, compared: pd.DataFrame, store: HomeStore) -> dict[str, pd.DataFrame]:
    """What a comparison with another vendor changes: its rows, findings, and figures of quality.

    Parameters
    ----------
    load : of which stored bars the comparison speaks
    compared : rows of `reconciliation`
    """
    span = (load.first, load.last)
    values = _joined("reconciliation", _of_symbols(store.read("reconciliation", *span), load), compared)
    newest = values.sort_values("known_at", kind="stable").drop_duplicates(_VALUE, keep="last")
    quality = data_quality(
        _with_stored(load, frames.empty("bars"), store),
        load.sessions(),
        load.timeframe,
        load.symbols,
        quarantined=_of_symbols(store.read("quarantine", *span), load),
        reconciliation=newest,
    )
    quality = quality[(quality["present"] > 0).to_numpy()]
    return {
        "reconciliation": compared,
        "findings": findings_of_values(_beside(values, compared)),
        "data_quality": quality,
    }


def _of_symbols(rows: pd.DataFrame, load: Load) -> pd.DataFrame:
    return rows[rows["symbol"].isin(load.symbols).to_numpy()].reset_index(drop=True)


def _moment(load: Load, accepted: Mapping[str, pd.DataFrame]) -> pd.Timestamp:
    came = [rows["known_at"].max() for rows in accepted.values() if len(rows)]
    return max([calendar.as_of(load.last), *came])


def _of_bars(
    load: Load,
    accepted: pd.DataFrame,
    bad: pd.DataFrame,
    store: HomeStore,
    *,
    compared: pd.DataFrame,
    now: pd.Timestamp,
) -> dict[str, pd.DataFrame]:
    bars = _with_stored(load, accepted, store)
    sessions = load.sessions()
    span = (load.first, load.last)
    kept_out = _joined("quarantine", store.read("quarantine", *span), bad)
    values = _joined("reconciliation", store.read("reconciliation", *span), compared)
    over = sessions[calendar.as_of_each(sessions, pd.Timedelta(0)) <= now]
    quality = data_quality(
        bars, over, load.timeframe, load.symbols, quarantined=kept_out, reconciliation=values
    )
    parts = [
        findings_of(bars, sessions, now, quarantined=kept_out),
        findings_of_quarantine(bad),
        findings_of_values(_beside(values, compared)),
    ]
    return {"findings": _together(parts), "data_quality": quality}


def _beside(values: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """All that is known of the bars with a new disagreement: their finding names every one of them."""
    key = ["session", "timeframe", "symbol"]
    bad = compared.loc[~compared["agrees"].to_numpy(), key].drop_duplicates()
    newest = values.sort_values("known_at", kind="stable").drop_duplicates(_VALUE, keep="last")
    return newest.merge(bad, on=key)


def _of_actions(
    load: Load, accepted: pd.DataFrame, bad: pd.DataFrame, store: HomeStore, now: pd.Timestamp
) -> pd.DataFrame:
    first = calendar.near(load.first, -_BEFORE_ACTIONS)
    bars = store.read("bars", first, load.last, timeframe=DAILY)
    bars = bars[bars["symbol"].isin(load.symbols).to_numpy()]
    known = _joined("corporate_actions", store.read("corporate_actions", load.first, load.last), accepted)
    return _together([findings_of_actions(bars, known, load.sessions(), now), findings_of_quarantine(bad)])


def _with_stored(load: Load, accepted: pd.DataFrame, store: HomeStore) -> pd.DataFrame:
    """The accepted bars with every stored revision of their sessions and of as many before as rules look back on."""
    first = calendar.near(load.first, -CONTEXT_SESSIONS[load.timeframe])
    symbol = load.symbols[0] if len(load.symbols) == 1 else None
    stored = store.read("bars", first, load.last, timeframe=load.timeframe, symbol=symbol, revisions=True)
    mine = stored[stored["symbol"].isin(load.symbols).to_numpy()]
    return _joined("bars", mine, accepted)


def _joined(table: str, stored: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Stored and new rows, each key once."""
    if stored.empty or new.empty:
        return new if stored.empty else stored
    return pd.concat([stored, new], ignore_index=True).drop_duplicates(list(frames.table_of(table).key))


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    some = [part for part in parts if len(part)]
    if not some:
        return frames.empty("findings")
    return frames.validated("findings", pd.concat(some, ignore_index=True))

"""What was sent to a broker and what came back, as `fabline show broker_orders` and its like show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pandas as pd

from pipelines.brokerage import JOURNAL
from resources.brokers.journal import BrokerJournal
from trading.errors import UsageError

TABLES: Mapping[str, Callable[[BrokerJournal], pd.DataFrame]] = {
    "broker_orders": BrokerJournal.orders,
    "broker_fills": BrokerJournal.fills,
    "broker_reconciliations": BrokerJournal.reconciliations,
}


def rows_of(home: Path, table: str, symbol: str | None = None) -> pd.DataFrame:
    """Rows of the journal of the home's account, of one symbol if it is named.

    Raises
    ------
    UsageError
        If the home has never traded with a broker that keeps an account.
    """
    path = home / JOURNAL
    if not path.exists():
        raise UsageError(
            f"this home has no {table}: nothing of it ever went to a broker; set broker.name to alpaca, and fabline trade"
        )
    with closing(BrokerJournal(path)) as journal:
        rows = TABLES[table](journal)
    if symbol is None or "symbol" not in rows:
        return rows
    return rows[(rows["symbol"] == symbol).to_numpy()].reset_index(drop=True)

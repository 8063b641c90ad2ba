"""Dagster's door to the store: a frame for a range of sessions in, a frame for a range out."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pandas as pd

from trading import calendar
from trading.interfaces import Store
from trading.monitoring.staleness import READ_AT

LOOK_BACK = "lookback_sessions"
MadeFrom = Callable[[str, pd.Timestamp], pd.Timestamp]


class TableIOManager(dg.IOManager):
    """Writes the frame of a run as one commit that replaces exactly the sessions of the run.

    Parameters
    ----------
    store : of the home
    made_from : (table, first session asked for) -> first session that was made; earlier where the
        run begins at inception and so makes what leads up to it
    settings_digest : recorded in each commit
    """

    def __init__(self, store: Store, made_from: MadeFrom, settings_digest: str) -> None:
        self._store = store
        self._made_from = made_from
        self._settings_digest = settings_digest

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Write `obj`: the sessions of the run's range, and those after it that were made again with them."""
        table = context.asset_key.path[-1]
        keys = context.asset_partition_keys
        first = self._made_from(table, calendar.session_of(keys[0]))
        last = max(calendar.session_of(keys[-1]), obj["session"].max())
        commit = {"run_id": context.run_id, "settings": self._settings_digest}
        read_at = (context.output_metadata or {}).get(READ_AT)
        if read_at is not None:
            commit[READ_AT] = str(read_at.value)
        self._store.write({table: obj}, first, last, commit=commit)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Rows of the run's range, and of as many sessions before it as the input's metadata asks for.

        Each row was known at `as_of` of the last session of the range.
        """
        table = context.asset_key.path[-1]
        keys = context.asset_partition_keys
        look_back = int((context.definition_metadata or {}).get(LOOK_BACK, 0))
        first = calendar.shift(calendar.session_of(keys[0]), -look_back)
        last = calendar.session_of(keys[-1])
        return self._store.read(table, first, last, as_of=calendar.as_of(last))

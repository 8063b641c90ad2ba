"""What became of the rows that came: every one of them is counted once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import pandas as pd

from trading import frames
from trading.monitoring.separation import DUPLICATE


@dataclass(frozen=True)
class Tally:
    """Counts of one table.

    Attributes
    ----------
    accepted : rows stored under a key that was not there
    filled : bars that the view of `trading.features.filling` adds to the valid ones; nothing of it is stored
    quarantined : rows kept out for the first time, with a reason that is not the next
    duplicates : rows that say what another one says, of the same load or stored (or in quarantine) before
    revised : rows stored beside an earlier one of their key
    """

    table: str
    accepted: int = 0
    filled: int = 0
    quarantined: int = 0
    duplicates: int = 0
    revised: int = 0

    def __add__(self, other: Tally) -> Tally:
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return Tally(self.table, **counts)

    @property
    def came(self) -> int:
        """How many rows came."""
        return self.accepted + self.quarantined + self.duplicates + self.revised


_COUNTS = tuple(field.name for field in fields(Tally) if field.name != "table")


def tally_of(
    table: str, valid: pd.DataFrame, new: pd.DataFrame, stored: pd.DataFrame, bad: pd.DataFrame
) -> Tally:
    """The counts of one load.

    Parameters
    ----------
    valid : accepted rows that came; new : those of them that the store did not hold yet
    stored : the newest revision of each key before the load
    bad : what went to quarantine
    """
    prefix = [column for column in frames.table_of(table).key if column != "known_at"]
    first = new.drop_duplicates(prefix)
    held = first[prefix].merge(stored[prefix], on=prefix, how="left", indicator=True)["_merge"] == "both"
    accepted = len(first) - int(held.sum())
    repeated = int((bad["reason"] == DUPLICATE).sum())
    return Tally(
        table,
        accepted=accepted,
        quarantined=len(bad) - repeated,
        duplicates=repeated + len(valid) - len(new),
        revised=len(new) - accepted,
    )


def summed(tallies: Iterable[Tally], tables: Iterable[str]) -> list[Tally]:
    """One tally a table, in the order of `tables`, zeros where nothing came."""
    totals = {table: Tally(table) for table in tables}
    for tally in tallies:
        totals[tally.table] += tally
    return list(totals.values())


def as_frame(tallies: Iterable[Tally]) -> pd.DataFrame:
    """The tallies as a frame: table, accepted, filled, quarantined, duplicates, revised."""
    return pd.DataFrame([asdict(tally) for tally in tallies], columns=["table", *_COUNTS])

"""Proof that two databases hold the same table: as many rows, and one digest of their Arrow buffers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from trading.errors import HomeError

_ROWS_A_BATCH = 65_536
_LENGTH = 16


@dataclass(frozen=True)
class Proof:
    """What was found of one table on both sides: `rows` of the `digest`."""

    table: str
    rows: int
    digest: str

    @classmethod
    def of(cls, table: str, left: pa.Table, right: pa.Table) -> Proof:
        """The proof that two tables are equal.

        Raises
        ------
        HomeError
            If they are not; nothing that rests on it may be kept.
        """
        digests = (digest_of(left), digest_of(right))
        if digests[0] != digests[1]:
            raise HomeError(
                f"table {table} is not the same in both databases: {left.num_rows} rows of digest {digests[0]} "
                f"here, {right.num_rows} rows of digest {digests[1]} there; the home stays where it was. Empty the other "
                f"database before the next attempt"
            )
        return cls(table, left.num_rows, digests[0])


def digest_of(rows: pa.Table) -> str:
    """Hexadecimal digest of the buffers of a table, whatever pieces it is in."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema.remove_metadata()) as stream:
        stream.write_table(rows.replace_schema_metadata().combine_chunks(), max_chunksize=_ROWS_A_BATCH)
    return hashlib.sha256(memoryview(sink.getvalue())).hexdigest()[:_LENGTH]

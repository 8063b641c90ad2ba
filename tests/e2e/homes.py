"""Small homes of a SIMULATED market that the whole graph has made, and how to compare them."""

import shutil
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa

from pipelines import environment, settings
from pipelines.runs import run_range
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.arrow_frames import to_arrow
from resources.home import Home
from trading import calendar
from trading.interfaces import Store
from trading.line import silent

SMALL = Settings(models=("random_walk", "ar1"), burn_in_sessions=45).with_value("regimes.hmm.starts", 2)
SMALL_FILE = {name: SMALL.flat()[name] for name in ("models", "burn_in_sessions", "regimes.hmm.starts")}
FIRST = calendar.session_of("2024-03-25")  # a quarter ends in the range, so that models are trained in it
LAST = calendar.session_of("2024-04-05")


def workshop_at(path: Path, settings: Settings = SMALL) -> Workshop:
    return Workshop.of(Home.open_or_create(path), settings)


def materialise(
    workshop: Workshop, first: pd.Timestamp, last: pd.Timestamp, select: str | None = None
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run_range(workshop, first, last, progress=silent, select=select, instance=instance)


def arrow_tables(store: Store, names: tuple[str, ...]) -> dict[str, pa.Table]:
    return {name: to_arrow(name, store.read(name)) for name in names}


def same_bytes(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables agree in every buffer, so that -0.0 is not 0.0 and NaN is its own bits."""
    one, other = one.combine_chunks(), other.combine_chunks()
    return (
        one.schema.equals(other.schema)
        and one.num_rows == other.num_rows
        and all(_buffers(one.column(name)) == _buffers(other.column(name)) for name in one.schema.names)
    )


def _buffers(column: pa.ChunkedArray) -> list[bytes | None]:
    arrays = [pa.concat_arrays(column.chunks)] if column.num_chunks else []
    return [None if buffer is None else buffer.to_pybytes() for array in arrays for buffer in array.buffers()]


def copied(made: Workshop, path: Path) -> Path:
    """A copy of a small home, for the command line: with its settings and its dagster.yaml."""
    shutil.copytree(made.home.path, path)
    environment.open_or_create(path)
    settings.set_values(path, SMALL_FILE)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes, and every folder."""
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}

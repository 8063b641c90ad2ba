"""What a table is, and the registry in which each schema enters itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from pandera.typing import Series

Storage = Literal["recorded", "computed"]
Session = np.dtype("datetime64[us]")
Stamp = Annotated[pd.DatetimeTZDtype, "us", "UTC"]

HORIZONS: tuple[int, ...] = (1, 5, 20)
LEVELS: tuple[float, ...] = (0.05, 0.125, 0.25, 0.5, 0.75, 0.875, 0.95)
QUANTILES: tuple[str, ...] = ("q050", "q125", "q250", "q500", "q750", "q875", "q950")
TIMEFRAMES: tuple[str, ...] = ("5min", "1D", "1W")
BASES: tuple[str, ...] = ("raw", "split_adjusted", "fully_adjusted")
REGIMES: tuple[str, ...] = ("Bull", "Bear", "Volatile", "Range")


# pandera forgets the unit of a naive datetime and the storage of a string: these are what frames hold.
_PANDAS = {"datetime64[ns]": "datetime64[us]", "string[pyarrow]": "str", "string[python]": "str"}


@dataclass(frozen=True)
class Table:
    """What a table is: its columns, its key, and where it is stored.

    `recorded` tables (what was observed or traded) live in SQL, `computed` ones in Delta.
    A `sparse` table may have no rows in a session that was made; any other must have some.
    """

    name: str
    model: type[Frame]
    key: tuple[str, ...]
    storage: Storage
    sparse: bool

    @functools.cached_property
    def dtypes(self) -> dict[str, str]:
        """Type of each column, the key first, then the rest as declared."""
        fields = self.model.to_schema().columns
        declared = {name: _PANDAS.get(str(field.dtype), str(field.dtype)) for name, field in fields.items()}
        return {name: declared[name] for name in (*self.key, *(n for n in declared if n not in self.key))}


class Frame(pandera.DataFrameModel):
    """Columns that every table has."""

    session: Series[Session]
    known_at: Series[Stamp]

    class Config:
        """Nothing unknown, nothing missing, nothing converted in silence."""

        strict = True
        coerce = False


TABLES: dict[str, Table] = {}
FORECAST_PREFIX = "forecast_"


def table(
    name: str, *, key: tuple[str, ...], storage: Storage = "computed", sparse: bool = False
) -> Callable[[type[Frame]], type[Frame]]:
    """Register a schema as the table `name`."""

    def register(model: type[Frame]) -> type[Frame]:
        TABLES[name] = Table(name, model, key, storage, sparse)
        return model

    return register

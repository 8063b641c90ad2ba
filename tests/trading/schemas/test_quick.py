"""The quick answer about a frame is pandera's answer."""

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.typing import Series

from trading import calendar, frames
from trading.schemas.quick import keeps, limits_of
from trading.schemas.table import TABLES, Frame, Session, Table
from trading.testing.example_rows import example

FIRST, LAST = calendar.session_of("2024-01-02"), calendar.session_of("2024-01-03")
SPOILERS = {
    "float64": [np.nan, -1.0, 0.0, 0.5, 1.0, 1.5, 101.0, np.inf, -np.inf],
    "int64": [-2, -1, 0, 1, 2, 999],
    "str": [None, "", "champion", "no such thing"],
    "bool": [True, False],
}
SPOILERS["datetime64[us]"] = SPOILERS["datetime64[us, UTC]"] = [pd.NaT]
CELLS = [
    (table, column, value)
    for table, declared in TABLES.items()
    for column, dtype in declared.dtypes.items()
    for value in SPOILERS[dtype]
]


def accepted(declared: Table, frame: pd.DataFrame) -> bool:
    """What pandera says."""
    try:
        declared.model.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors:
        return False
    return True


def typed(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(frames.table_of(table).dtypes)


@pytest.mark.parametrize("table", TABLES)
def test_good_rows_need_no_second_look(table: str) -> None:
    assert keeps(TABLES[table], example(table, FIRST, LAST))
    assert keeps(TABLES[table], frames.empty(table))


@given(st.sampled_from(CELLS), st.integers(0, 19))
def test_a_spoiled_cell_gets_the_answer_of_pandera(cell: tuple[str, str, object], place: int) -> None:
    table, column, value = cell
    frame = example(table, FIRST, LAST)
    frame.loc[place % len(frame), column] = value
    frame = typed(table, frame)
    # Infinity is the one value that may get a second look although pandera lets it pass.
    quick, thorough = keeps(TABLES[table], frame), accepted(TABLES[table], frame)
    assert quick == thorough or (not quick and value in (np.inf, -np.inf))


def test_a_column_too_many_and_one_too_few_get_a_second_look() -> None:
    frame = example("fills", FIRST, LAST)
    assert not keeps(TABLES["fills"], frame.assign(surplus=1))
    assert not keeps(TABLES["fills"], frame.drop(columns="price"))


def test_a_schema_that_asks_for_something_unknown_always_gets_a_second_look() -> None:
    class Odd(Frame):
        name: Series[str] = pandera.Field(str_startswith="a")

    declared = Table("odd", Odd, ("session",), "computed", sparse=False)
    assert limits_of(declared) is None
    assert not keeps(declared, frames.empty("regimes"))


def test_every_table_of_the_line_is_answered_quickly() -> None:
    assert all(limits_of(declared) is not None for declared in TABLES.values())


def test_bounds_are_read_from_the_schema() -> None:
    limits = limits_of(TABLES["champions"])
    assert limits is not None
    assert limits["role"].allowed == {"champion", "challenger"}
    assert limits["trained_through"].nullable
    assert not limits["session"].nullable
    assert Session == np.dtype(TABLES["champions"].dtypes["session"])

import doctest

import numpy as np
import pandas as pd
import pytest

from trading.stages import layout


def test_the_examples_hold() -> None:
    assert doctest.testmod(layout).failed == 0


def test_a_grid_names_the_cells_of_a_raveled_cube() -> None:
    cube = np.arange(12).reshape(2, 3, 2)
    rows = layout.grid(a=("x", "y"), b=(1, 5, 20), c=("p", "q"))
    place = (rows["a"] == "y") & (rows["b"] == 5) & (rows["c"] == "q")
    assert cube.ravel()[place].tolist() == [cube[1, 1, 1]]
    assert (rows["a"].dtype, rows["b"].dtype) == (object, np.int64)


def test_the_same_text_or_session_stands_on_every_row() -> None:
    made = layout.same(2, timeframe="1D", since=pd.Timestamp("2024-06-28"), never=None)
    assert made["timeframe"].tolist() == ["1D", "1D"]
    assert made["since"].dtype == "datetime64[us]"
    assert np.isnat(made["never"]).all()


def test_the_last_known_value_looks_past_gaps() -> None:
    values = np.array([[1.0, 5.0, np.nan], [2.0, np.nan, np.nan]])
    np.testing.assert_array_equal(layout.last_known(values), [2.0, 5.0, np.nan])


@pytest.mark.parametrize("parts", [1, 3])
def test_parts_are_stacked_in_their_order(parts: int) -> None:
    joined = layout.stacked([{"a": np.array([k, k])} for k in range(parts)])
    assert joined["a"].tolist() == [k for k in range(parts) for _ in range(2)]

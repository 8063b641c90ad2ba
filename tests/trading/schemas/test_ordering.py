"""One number a row, against pandas' own sort by several columns."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from trading.schemas.ordering import places

words = st.text(st.sampled_from("aZé日 \x00"), max_size=3)
moments = st.integers(-(2**40), 2**40)
rows = st.lists(st.tuples(words, moments, st.booleans()), max_size=12)


def framed(values: list[tuple[str, int, bool]]) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=["word", "moment", "flag"])
    moment = pd.to_datetime(frame["moment"].astype("int64"), unit="us", utc=True).astype(
        "datetime64[us, UTC]"
    )
    return frame.assign(moment=moment).astype({"word": "str", "flag": "bool"})


@given(rows)
def test_sorting_by_the_number_is_sorting_by_the_columns(values: list[tuple[str, int, bool]]) -> None:
    frame = framed(values)
    place = places(frame, list(frame.columns))
    assert place is not None
    assert [values[n] for n in np.argsort(place, kind="stable")] == sorted(values)


@given(rows)
def test_two_rows_have_one_number_if_and_only_if_they_are_equal(values: list[tuple[str, int, bool]]) -> None:
    place = places(framed(values), ["word", "moment", "flag"])
    assert place is not None
    assert len(set(place.tolist())) == len(set(values))


def test_a_missing_value_has_no_place() -> None:
    assert places(pd.DataFrame({"a": pd.Series(["x", None], dtype="str")}), ["a"]) is None


def test_columns_with_more_values_than_a_number_can_tell_apart_have_no_place() -> None:
    frame = pd.DataFrame({f"c{n}": np.arange(2**16) for n in range(4)})
    assert places(frame, list(frame.columns)) is None
    assert places(frame, list(frame.columns)[:3]) is not None

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from trading import calendar, frames
from trading.errors import SchemaError

SESSION = calendar.session_of("2024-01-02")


def actions(**changes: object) -> pd.DataFrame:
    row: dict[str, object] = {
        "session": SESSION,
        "symbol": "NVDA",
        "kind": "split",
        "known_at": calendar.as_of(SESSION),
        "ratio": 10.0,
        "amount": 0.0,
        "pay_session": SESSION,
        "source": "test",
    }
    frame = pd.DataFrame([row]).astype(frames.table_of("corporate_actions").dtypes)
    return frame.assign(**changes)


@pytest.mark.parametrize("table", sorted(frames.TABLES))
def test_every_table_has_its_key_among_its_columns_and_a_type_for_each(table: str) -> None:
    columns = frames.columns(table)
    assert set(frames.table_of(table).key) <= set(columns)
    assert frames.arrow_schema(table).names == columns


@pytest.mark.parametrize("table", sorted(frames.TABLES))
def test_an_empty_frame_is_valid(table: str) -> None:
    assert len(frames.validated(table, frames.empty(table))) == 0


def test_a_good_frame_comes_back_with_its_columns_in_order() -> None:
    shuffled = actions()[sorted(actions().columns)]
    assert list(frames.validated("corporate_actions", shuffled).columns) == frames.columns(
        "corporate_actions"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ratio": -1.0}, "column ratio fails greater_than"),
        ({"kind": "merger"}, "column kind fails isin"),
        ({"amount": np.nan}, "column amount fails"),
        ({"ratio": "a lot"}, "column ratio is .*, not float64"),
        ({"session": pd.Timestamp("2024-01-02").as_unit("ns")}, r"column session is datetime64\[ns\]"),
    ],
)
def test_a_bad_value_is_named_with_its_column(changes: dict[str, object], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        frames.validated("corporate_actions", actions(**changes))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match=r"columns \['ratio'\] are missing"):
        frames.validated("corporate_actions", actions().drop(columns="ratio"))


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(SchemaError, match="mood"):
        frames.validated("corporate_actions", actions(mood=1.0))


def test_a_repeated_key_is_refused() -> None:
    twice = pd.concat([actions(), actions(ratio=4.0)], ignore_index=True)
    with pytest.raises(SchemaError, match="1 rows repeat a key"):
        frames.validated("corporate_actions", twice)


def test_every_model_shares_the_schema_of_forecasts() -> None:
    assert frames.table_of("forecast_anything").model is frames.research.VersionForecasts


def test_an_unknown_table_is_named_beside_the_known_ones() -> None:
    with pytest.raises(SchemaError, match="no table 'hunches'; the tables are bars"):
        frames.table_of("hunches")


def test_levels_and_quantile_columns_agree() -> None:
    assert [f"q{round(level * 1000):03d}" for level in frames.LEVELS] == list(frames.QUANTILES)


def test_moments_are_utc_microseconds_in_arrow() -> None:
    assert frames.arrow_schema("bars").field("known_at").type == pa.timestamp("us", tz="UTC")
    assert frames.arrow_schema("bars").field("session").type == pa.timestamp("us")

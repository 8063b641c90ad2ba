"""What people see of a table in the UI: columns, metadata, plots and kinds."""

import base64
import re

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from assets import plots
from assets.face import TRADING, Face, Plot
from assets.glossary import MEANINGS, meaning
from assets.tables import columns_of, facts, facts_by_session
from pipelines.faces import faces_of
from pipelines.settings import Settings
from trading import frames
from trading.schemas.table import TABLES
from trading.testing.example_rows import example
from trading.testing.finished_home import finished_home

PNG = b"\x89PNG"
FACES = faces_of(Settings())


def sessions(count: int) -> pd.DatetimeIndex:
    return pd.bdate_range("2024-03-01", periods=count).as_unit("us")


def two_rows_a_session(count: int) -> pd.DataFrame:
    return pd.DataFrame({"session": sessions(count).repeat(2), "symbol": ["AMD", "NVDA"] * count})


def face(plot: Plot) -> Face:
    return Face("market", "a table", TRADING, ("python",), plot)


def drawn(frame: pd.DataFrame) -> Figure:
    figure, axes = plots._canvas()
    axes.plot(frame["session"], np.arange(len(frame)))
    return figure


@pytest.fixture(scope="module")
def finished() -> dict[str, pd.DataFrame]:
    return finished_home(count=40)


@pytest.mark.parametrize("table", [name for name, face in FACES.items() if face.plot is not None])
def test_every_plot_draws_its_own_table(table: str, finished: dict[str, pd.DataFrame]) -> None:
    figure = FACES[table].plot(finished[table])
    assert plots.png(figure, simulated=True).startswith(PNG)
    assert all(axes.lines or axes.collections for axes in figure.axes)


@pytest.mark.parametrize("accuracy", [0.5, np.nan])
def test_the_quality_of_the_bars_is_drawn_even_if_nothing_was_compared(accuracy: float) -> None:
    rows = example("data_quality", pd.Timestamp("2024-03-01"), pd.Timestamp("2024-03-29"))
    figure = plots.data_quality(rows.assign(accuracy=accuracy))
    assert plots.png(figure, simulated=True).startswith(PNG)
    assert [axes.get_ylabel() for axes in figure.axes] == ["complete", "seconds late", "agreeing"]


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_every_table_says_what_it_means(table: str) -> None:
    schema = columns_of(table)
    assert [column.name for column in schema.columns] == frames.columns(table)
    assert all(column.description.endswith(".") for column in schema.columns)


def test_no_meaning_is_kept_for_a_column_that_is_gone() -> None:
    assert set(MEANINGS) <= {name for table in TABLES.values() for name in table.dtypes}


def test_a_column_may_mean_something_else_in_one_table() -> None:
    assert meaning("ledger", "cash_cents") != meaning("performance", "cash_cents")


def test_a_column_says_whether_it_may_be_empty() -> None:
    columns = {column.name: column for column in columns_of("orders").columns}
    assert columns["limit_price"].constraints.nullable
    assert not columns["quantity"].constraints.nullable


def test_a_run_shows_rows_sessions_and_symbols() -> None:
    shown = facts(two_rows_a_session(3), simulated=False)
    assert {name: value.value for name, value in shown.items()} == {
        "rows_of_run": 6,
        "sessions_of_run": 3,
        "first_session": "2024-03-01",
        "last_session": "2024-03-05",
        "symbols": "AMD, NVDA",
    }


def test_a_run_over_a_simulated_market_says_so() -> None:
    assert facts(two_rows_a_session(1), simulated=True)["market"] == dg.MetadataValue.text("SIMULATED")


def test_forecasts_that_were_not_made_as_they_were_asked_for_are_counted(
    finished: dict[str, pd.DataFrame],
) -> None:
    rows = finished["forecasts"].reset_index(drop=True)
    marked = rows.assign(fallback=np.where(rows.index < 3, "cpu: out of memory", ""))
    first = f"{rows['session'].iloc[0]:%Y-%m-%d}"

    assert facts(marked, simulated=True)["fallbacks"].value == {"cpu: out of memory": 3}
    assert "fallbacks" not in facts(rows, simulated=True)
    by_session = dict(facts_by_session(marked, FACES["forecasts"], simulated=True))
    assert [day for day, shown in by_session.items() if "fallbacks" in shown] == [first]


def test_a_run_that_made_no_row_shows_none() -> None:
    shown = facts(frames.empty("fills"), simulated=False)
    assert shown["rows_of_run"] == dg.MetadataValue.int(0)
    assert "first_session" not in shown


def test_each_session_shows_its_own_rows_and_only_the_newest_the_plot() -> None:
    shown = dict(facts_by_session(two_rows_a_session(25), face(drawn), simulated=True))
    assert {values["dagster/partition_row_count"].value for values in shown.values()} == {2}
    assert [key for key, values in shown.items() if "plot" in values] == [max(shown)]


def test_a_plot_is_a_picture_in_markdown() -> None:
    shown = dict(facts_by_session(two_rows_a_session(25), face(drawn), simulated=True))
    coded = re.fullmatch(r"!\[market\]\(data:image/png;base64,(.+)\)", shown["2024-04-04"]["plot"].value)
    assert base64.b64decode(coded[1]).startswith(PNG)


def test_too_few_sessions_are_not_drawn() -> None:
    shown = dict(facts_by_session(two_rows_a_session(5), face(drawn), simulated=False))
    assert not any("plot" in values for values in shown.values())


def test_a_picture_of_a_simulated_market_is_another_than_of_a_real_one() -> None:
    frame = two_rows_a_session(3)
    assert plots.png(drawn(frame), simulated=True) != plots.png(drawn(frame), simulated=False)

"""A vendor without indices takes them from files, and everything else stays its own."""

from pathlib import Path

import pandas as pd
import pytest

from resources.open_home import source_facts
from resources.sources import AlpacaSource, BorrowedIndices, FilesSource, SimulatedSource, open_source
from trading import calendar, frames
from trading.errors import UsageError
from trading.testing.market import SimulatedMarket

FIRST, LAST = calendar.session_of("2024-07-01"), calendar.session_of("2024-07-05")
ENDS = calendar.session_of("2024-07-03")
MARKET = SimulatedMarket()
COLUMNS = ["symbol", "session", "open", "high", "low", "close"]


class WithoutIndices(SimulatedSource):
    """A vendor that has no index, and gives nothing when asked for one."""

    def bars(self, symbols: object, *asked: object) -> pd.DataFrame:
        rows = super().bars(symbols, *asked)  # type: ignore[arg-type]
        return rows[rows["symbol"] != "VIX"].reset_index(drop=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of a VIX that ends in the middle of the week, and of a NVDA that nobody is to see."""
    daily = tmp_path / "files" / "daily"
    daily.mkdir(parents=True)
    panel = MARKET.bars(("NVDA",), FIRST, LAST)
    panel[[*COLUMNS, "volume"]].assign(close=panel["low"]).to_parquet(daily / "panel_adjusted.parquet")
    MARKET.bars(("VIX",), FIRST, ENDS)[COLUMNS].to_parquet(daily / "vix.parquet", index=False)
    return tmp_path / "files"


def test_the_index_comes_from_the_files_as_far_as_they_reach_and_the_rest_from_the_vendor(
    folder: Path,
) -> None:
    source = BorrowedIndices(WithoutIndices(), FilesSource(folder))

    rows = source.bars(("NVDA", "VIX"), FIRST, LAST)

    truth = MARKET.bars(("NVDA", "VIX"), FIRST, LAST)
    truth = truth[truth["symbol"].eq("NVDA") | truth["session"].le(ENDS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows[COLUMNS], truth[COLUMNS])
    assert set(rows["basis"]) == {"raw"}
    assert rows.groupby("symbol")["source"].first().to_dict() == {"NVDA": "simulated", "VIX": "files"}


def test_what_neither_has_is_an_empty_answer_and_the_vendor_says_how_far_it_reaches(folder: Path) -> None:
    vendor = WithoutIndices()
    source = BorrowedIndices(vendor, FilesSource(folder))

    assert source.bars(("VIX",), LAST, LAST).empty
    assert list(source.bars(("VIX",), LAST, LAST).columns) == frames.columns("bars")
    assert (source.first_session(), source.last_session()) == (vendor.first_session(), vendor.last_session())
    assert source.actions(("NVDA",), FIRST, LAST).equals(vendor.actions(("NVDA",), FIRST, LAST))
    assert source.earnings(("NVDA",), FIRST, LAST).equals(vendor.earnings(("NVDA",), FIRST, LAST))


def test_a_folder_without_an_index_is_refused(folder: Path) -> None:
    (folder / "daily/panel_adjusted.parquet").unlink()  # without a panel nothing is held

    with pytest.raises(UsageError, match="holds no daily bars of an index"):
        BorrowedIndices(WithoutIndices(), FilesSource(folder))


def test_alpaca_is_opened_with_them_and_binds_the_home_to_their_folder(folder: Path) -> None:
    source = open_source("alpaca", indices=folder)

    assert isinstance(source, BorrowedIndices)
    assert isinstance(source.vendor, AlpacaSource)
    assert source_facts(source) == {**source_facts(source.vendor), "indices": str(folder.resolve())}

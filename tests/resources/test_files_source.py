"""A folder of Parquet files as a source: its errors, and the real files if they are beside the checkout."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resources.sources import FilesSource
from trading import calendar
from trading.errors import MissingBarsError, SchemaError, SourceUnavailableError, UsageError
from trading.features.daily import COLUMNS
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.stages.features import features_stage
from trading.testing.market import ALL_SYMBOLS
from trading.testing.market_frames import make_at
from trading.universe import SYMBOLS

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
real_data = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the folder shared/data is not beside the checkout"
)
DAY = pd.Timestamp("2024-06-03")
PANEL = {
    "symbol": ["NVDA"] * 2,
    "session": pd.to_datetime(["2024-06-03", "2024-06-04"]),
    **{name: [1.0, 2.0] for name in ("open", "high", "low", "close", "volume")},
}


def folder_of(
    tmp_path: Path, panel: pd.DataFrame | None = None, vix: pd.DataFrame | None = None
) -> FilesSource:
    (tmp_path / "daily").mkdir()
    rows = pd.DataFrame(PANEL)
    (rows if panel is None else panel).to_parquet(tmp_path / "daily/panel_adjusted.parquet")
    quotes = rows.assign(symbol="VIX").drop(columns="volume")
    (quotes if vix is None else vix).to_parquet(tmp_path / "daily/vix.parquet")
    return FilesSource(tmp_path)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match=r"no folder .*absent"):
        FilesSource(tmp_path / "absent")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match=r"no file .*panel_adjusted.parquet"):
        FilesSource(tmp_path).first_session()


def test_a_basis_that_the_files_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="split_adjusted"):
        FilesSource(tmp_path, basis="split_adjusted")


@pytest.mark.parametrize("kept", [0, 10, 500, -20])
def test_a_truncated_file_is_said(tmp_path: Path, kept: int) -> None:
    source = folder_of(tmp_path)
    path = tmp_path / "daily/panel_adjusted.parquet"
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(SchemaError, match=r"panel_adjusted.parquet is not a whole Parquet file"):
        source.bars(("NVDA",), DAY, DAY)


def test_text_instead_of_parquet_is_said(tmp_path: Path) -> None:
    source = folder_of(tmp_path)
    (tmp_path / "daily/vix.parquet").write_text("symbol,session\n")

    with pytest.raises(SchemaError, match=r"vix.parquet is not a whole Parquet file"):
        source.bars(("NVDA",), DAY, DAY)


def test_a_missing_column_is_named_with_its_file(tmp_path: Path) -> None:
    source = folder_of(tmp_path, panel=pd.DataFrame(PANEL).drop(columns="volume"))

    with pytest.raises(SchemaError, match=r"panel_adjusted.parquet lacks the column 'volume'"):
        source.bars(("NVDA",), DAY, DAY)


@pytest.mark.parametrize(
    ("column", "values", "word"),
    [
        ("close", ["1.0", "2.0"], "not a number"),
        ("session", [20240603, 20240604], "not a date"),
        ("symbol", [1, 2], "not text"),
    ],
)
def test_a_column_of_another_type_is_named_with_its_file(
    tmp_path: Path, column: str, values: list[object], word: str
) -> None:
    source = folder_of(tmp_path, panel=pd.DataFrame(PANEL).assign(**{column: values}))

    with pytest.raises(SchemaError, match=rf"panel_adjusted.parquet: column '{column}' is .*{word}"):
        source.bars(("NVDA",), DAY, DAY)


def test_a_symbol_that_is_not_in_the_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingBarsError, match=r"AMD is not in .*which holds NVDA, VIX"):
        folder_of(tmp_path).bars(("NVDA", "AMD"), DAY, DAY)


def test_a_range_past_the_files_is_said_with_their_ends(tmp_path: Path) -> None:
    with pytest.raises(MissingBarsError, match="2024-06-03 to 2024-06-04"):
        folder_of(tmp_path).bars(("NVDA",), DAY, pd.Timestamp("2024-06-05"))


def test_a_row_on_a_holiday_comes_as_it_lies_in_the_file(tmp_path: Path) -> None:
    labels = pd.to_datetime(["2024-06-19", "2024-06-20"])
    panel = pd.DataFrame(PANEL).assign(session=labels)
    vix = panel.assign(symbol="VIX").drop(columns="volume")

    rows = folder_of(tmp_path, panel, vix).bars(("VIX",), labels[0], labels[1])

    assert rows["session"].tolist() == list(labels)
    assert rows["ts"][0] == pd.Timestamp("2024-06-19 13:30", tz="UTC")
    assert separate_bars(rows).quarantined["reason"].tolist() == ["not a session of XNYS"]


def test_without_earnings_files_there_are_no_earnings(tmp_path: Path) -> None:
    earnings = folder_of(tmp_path).earnings(SYMBOLS, DAY, DAY)

    assert earnings.empty
    assert str(earnings["known_at"].dtype) == "datetime64[us, UTC]"


def test_without_five_minute_files_they_are_missed(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="bars_5min"):
        folder_of(tmp_path).bars(("NVDA",), DAY, DAY, "5min")


@real_data
def test_the_holiday_rows_and_faults_of_the_real_vix_are_quarantined() -> None:
    source = FilesSource(SHARED)

    result = separate_bars(source.bars(ALL_SYMBOLS, source.first_session(), source.last_session()))

    assert set(result.quarantined["symbol"]) == {"VIX"}
    reasons = result.quarantined.groupby("reason").size().to_dict()
    assert reasons == {"not a session of XNYS": 25, "open or close lies outside low to high": 5}
    assert pd.Timestamp("2024-07-04") in set(result.quarantined["session"])


@real_data
def test_nvidia_closed_at_1208_88_before_its_split_which_makes_no_jump() -> None:
    source = FilesSource(SHARED, basis="raw")
    first, last = source.first_session(), calendar.session_of("2024-06-12")
    bars = separate_bars(source.bars(ALL_SYMBOLS, first, last)).accepted
    actions = separate_actions(source.actions(ALL_SYMBOLS, first, last)).accepted

    friday = bars[(bars["symbol"] == "NVDA") & (bars["session"] == pd.Timestamp("2024-06-07"))]
    made = make_at(features_stage(), "2024-06-10", {"bars": bars, "corporate_actions": actions})["features"]

    assert friday["close"].tolist() == [1208.88]
    monday = made["log_return"][list(made["symbol"]).index("NVDA")]
    assert monday == pytest.approx(np.log(121.79 / 120.888), abs=1e-12)


@real_data
def test_the_repeated_dividends_of_asml_are_quarantined() -> None:
    source = FilesSource(SHARED, basis="raw")

    result = separate_actions(source.actions(ALL_SYMBOLS, source.first_session(), source.last_session()))

    assert result.quarantined["symbol"].tolist() == ["ASML", "ASML"]
    assert [f"{session:%Y-%m-%d}" for session in result.quarantined["session"]] == [
        "2025-02-11",
        "2025-04-28",
    ]
    splits = result.accepted[result.accepted["kind"] == "split"]
    assert dict(zip(splits["symbol"], splits["ratio"], strict=True)) == dict.fromkeys(
        ("NVDA", "AVGO", "SMCI"), 10.0
    )


@real_data
def test_features_of_raw_bars_equal_those_of_the_vendors_adjusted_bars() -> None:
    """Two vendors, two bases: what is free of scale agrees, splits and dividends in the window included."""
    last = calendar.session_of("2025-06-30")
    made = {}
    for basis in ("raw", "fully_adjusted"):
        source = FilesSource(SHARED, basis=basis)
        first = calendar.shift(last, -272)
        bars = separate_bars(source.bars(ALL_SYMBOLS, first, last)).accepted
        actions = separate_actions(source.actions(ALL_SYMBOLS, first, last)).accepted
        made[basis] = pd.DataFrame(
            dict(make_at(features_stage(), last, {"bars": bars, "corporate_actions": actions})["features"])
        ).set_index("symbol")

    names = [
        "log_return",
        "volatility_21",
        "volatility_63",
        "momentum_63",
        "momentum_252",
        "rsi_14",
        "atr_14",
    ]
    raw, adjusted = (table.drop(["ASML"])[names].astype(float) for table in made.values())
    # ASML's repeated dividends are in the vendor's adjusted prices. The vendors' closes differ by a
    # cent here and there, their daily extremes by more: 0.2 % of a figure, half a point of the RSI.
    np.testing.assert_allclose(raw.drop(columns="rsi_14"), adjusted.drop(columns="rsi_14"), atol=2e-3)
    np.testing.assert_allclose(raw["rsi_14"], adjusted["rsi_14"], atol=0.5)
    assert set(names) < set(COLUMNS)


@real_data
def test_tsm_has_no_bars_in_march_2024_and_its_first_return_after_them_is_unknown() -> None:
    source = FilesSource(SHARED)
    first, last = calendar.session_of("2022-09-01"), calendar.session_of("2024-04-30")
    bars = separate_bars(source.bars(ALL_SYMBOLS, first, last)).accepted
    tables = {"bars": bars, "corporate_actions": source.actions(ALL_SYMBOLS, first, last)}

    during, after = (
        pd.DataFrame(dict(make_at(features_stage(), day, tables)["features"])).set_index("symbol")
        for day in ("2024-03-20", "2024-04-01")
    )

    assert "TSM" not in during.index
    assert np.isnan(after.loc["TSM", "log_return"])
    assert np.isfinite(after.loc["TSM", ["momentum_252", "rsi_14", "volatility_21"]].astype(float)).all()


@real_data
def test_exact_duplicates_of_a_real_feed_are_quarantined_once_each(tmp_path: Path) -> None:
    (tmp_path / "intraday").mkdir()
    dirty = "bars_5min_2022_2023_with_duplicates.parquet"
    rows = pd.read_parquet(SHARED / "dirty" / dirty)
    mine = rows[rows["symbol"] == "NVDA"]
    mine.to_parquet(tmp_path / "intraday" / dirty)
    first, last = pd.Timestamp("2022-02-02"), pd.Timestamp("2023-05-17")

    result = separate_bars(FilesSource(tmp_path).bars(("NVDA",), first, last, "5min"))

    bars = FilesSource(SHARED).bars(("NVDA",), first, last, "5min")
    inside = separate_bars(bars).accepted
    duplicates = result.quarantined["reason"].eq("exact duplicate").sum()
    assert duplicates == mine.duplicated().sum() > 100
    pd.testing.assert_frame_equal(result.accepted, inside)

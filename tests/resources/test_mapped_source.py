"""Files of any layout as a source: what the mapping says is what comes, and what cannot be read is not lost."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.sources import MappedSource, open_source
from resources.sources.mapping import FILE_NAME
from trading import calendar, frames
from trading.errors import MissingBarsError, SchemaError, SourceUnavailableError, UsageError
from trading.monitoring.bar_rules import separate_bars, slug_of
from trading.testing.market import SimulatedMarket

MONDAY, TUESDAY = calendar.session_of("2024-06-03"), calendar.session_of("2024-06-04")
OHLC = 'open = "Open"\nhigh = "High"\nlow = "Low"\nclose = "Close"\n'
DAILY = (
    f'[[bars]]\nfiles = "*.csv"\ntimeframe = "1D"\nbasis = "raw"\n[bars.columns]\nsession = "Date"\n{OHLC}'
)
FIVE = (
    '[[bars]]\nfiles = "*.csv"\ntimeframe = "5min"\nbasis = "raw"\ntime_zone = "America/New_York"\n'
    f'{{more}}[bars.columns]\nts = ["Day", "Time"]\nsymbol = "Ticker"\nvolume = "Vol"\n{OHLC}'
)
GOOD = "Date,Open,High,Low,Close\n2024-06-03,1,2,0.5,1.5\n2024-06-04,2,3,1.5,2.5\n"


def source_of(folder: Path, mapping: str, **files: str) -> MappedSource:
    (folder / FILE_NAME).write_text(mapping)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return MappedSource(folder)


def bars(source: MappedSource, symbol: str = "NVDA", timeframe: str = "1D") -> pd.DataFrame:
    return source.bars((symbol,), MONDAY, TUESDAY, timeframe)


def test_a_file_a_symbol_is_named_by_it(tmp_path: Path) -> None:
    source = source_of(tmp_path, DAILY, NVDA=GOOD, amd_daily=GOOD)

    rows = bars(source, "AMD")

    assert source.held("1D") == {"AMD": (MONDAY, TUESDAY), "NVDA": (MONDAY, TUESDAY)}
    assert list(rows["close"]) == [1.5, 2.5]
    assert rows["known_at"][0] == calendar.session_close(MONDAY) + pd.Timedelta(minutes=10)
    assert separate_bars(rows).quarantined.empty


def test_every_word_of_a_mapping_is_heeded(tmp_path: Path) -> None:
    words = (
        'stamp = "end"\nseparator = ";"\ndecimal = ","\ntime_format = "%d.%m.%Y %H:%M"\ndelay_minutes = 3\n'
    )
    text = "Vol;Ticker;Day;Time;Open;High;Low;Close\n7;NVDA;03.06.2024;09:35;1,5;2;1;1,75\n"

    row = source_of(tmp_path, FIVE.format(more=words), a=text).bars(("NVDA",), MONDAY, MONDAY, "5min").iloc[0]

    assert row["ts"] == calendar.session_open(MONDAY)
    assert row["known_at"] == calendar.session_open(MONDAY) + pd.Timedelta(minutes=8)
    assert (row["open"], row["close"], row["volume"], row["session"]) == (1.5, 1.75, 7.0, MONDAY)


def test_a_name_of_the_universe_is_known_however_it_is_cased_and_another_stays_as_it_is(
    tmp_path: Path,
) -> None:
    rows = "".join(f"7,{name},2024-06-03,09:30,1,2,0.5,1.5\n" for name in (" nvda", "Amd", "foo"))
    text = f"Vol,Ticker,Day,Time,Open,High,Low,Close\n{rows}"

    source = source_of(tmp_path, FIVE.format(more=""), a=text)

    assert set(source.held("5min")) == {"NVDA", "AMD", "foo"}
    assert list(source.bars(("NVDA",), MONDAY, MONDAY, "5min")["close"]) == [1.5]


@pytest.mark.parametrize(
    ("zone", "time", "utc"),
    [
        ("America/New_York", "2024-01-03 09:30", "2024-01-03 14:30"),
        ("America/New_York", "2024-06-03 09:30", "2024-06-03 13:30"),
        ("UTC", "2024-06-03 13:30", "2024-06-03 13:30"),
        ("Europe/Berlin", "2024-03-11 14:30", "2024-03-11 13:30"),
        ("Europe/Berlin", "2024-06-03T13:30:00Z", "2024-06-03 13:30"),
        ("UTC", "2024-06-03T09:30:00-04:00", "2024-06-03 13:30"),
    ],
)
def test_times_are_those_of_their_zone_unless_they_name_one(
    tmp_path: Path, zone: str, time: str, utc: str
) -> None:
    mapping = FIVE.format(more="").replace("America/New_York", zone).replace('["Day", "Time"]', '"Time"')
    text = f"Time,Ticker,Open,High,Low,Close,Vol\n{time},NVDA,1,1,1,1,1\n"
    source = source_of(tmp_path, mapping, a=text)
    day = source.first_session()

    assert source.bars(("NVDA",), day, day, "5min")["ts"].item() == pd.Timestamp(utc, tz="UTC")


@pytest.mark.parametrize(
    ("winter", "summer"),
    [
        ("2024-03-08 00:00:00-05:00", "2024-06-03 00:00:00-04:00"),
        ("2024-03-08T00:00:00Z", "2024-06-03T16:00-0400"),
        ("2024-03-08", "2024-06-03 00:00:00+00"),
        ("2024-03-08 16:00:00.000", "2024-06-03T00:00:00.000Z"),
    ],
)
def test_the_day_of_a_daily_bar_is_as_it_is_written_whatever_zone_stands_behind_it(
    tmp_path: Path, winter: str, summer: str
) -> None:
    text = f"Date,Open,High,Low,Close\n{winter},1,2,0.5,1.5\n{summer},1,2,0.5,1.5\n"

    source = source_of(tmp_path, DAILY, NVDA=text)

    assert source.held("1D") == {"NVDA": (calendar.session_of("2024-03-08"), MONDAY)}


def test_a_day_of_parquet_at_midnight_of_any_zone_is_that_day(tmp_path: Path) -> None:
    for symbol, zone in (("NVDA", "UTC"), ("AMD", "America/New_York")):
        days = pd.DatetimeIndex([MONDAY, TUESDAY]).tz_localize(zone)
        rows = pd.DataFrame({"Date": days, "Open": 1.0, "High": 2.0, "Low": 0.5, "Close": 1.5})
        rows.to_parquet(tmp_path / f"{symbol}.parquet")

    source = source_of(tmp_path, DAILY.replace("*.csv", "*.parquet"))

    assert source.held("1D") == {"NVDA": (MONDAY, TUESDAY), "AMD": (MONDAY, TUESDAY)}


@pytest.mark.parametrize(
    ("pattern", "time"), [("%H:%M %d-%m-%Y", "09:30 03-06-2024"), ("%Y%m%d %H%M %z", "20240603 0930 -0400")]
)
def test_a_year_at_the_end_is_no_zone_and_a_zone_of_the_pattern_is_one(
    tmp_path: Path, pattern: str, time: str
) -> None:
    mapping = FIVE.format(more=f'time_format = "{pattern}"\n').replace('["Day", "Time"]', '"Time"')
    source = source_of(tmp_path, mapping, a=f"Time,Ticker,Open,High,Low,Close,Vol\n{time},NVDA,1,1,1,1,1\n")

    assert source.bars(("NVDA",), MONDAY, MONDAY, "5min")["ts"].item() == calendar.session_open(MONDAY)


def test_a_time_with_a_zone_of_an_odd_form_goes_to_quarantine_alone(tmp_path: Path) -> None:
    text = "Time,Ticker,Open,High,Low,Close,Vol\n" + "".join(
        f"{time},NVDA,1,1,1,1,1\n"
        for time in ("2024-06-03 09:30", "2024-06-03 09:35-4", "2024-06-03T13:40+00")
    )
    mapping = FIVE.format(more="").replace('["Day", "Time"]', '"Time"')

    result = separate_bars(source_of(tmp_path, mapping, a=text).bars(("NVDA",), MONDAY, MONDAY, "5min"))

    assert list(result.accepted["ts"].dt.strftime("%H:%M")) == ["13:30", "13:40"]
    assert result.quarantined["reason"].str.contains("09:35-4", regex=False).all()


def test_a_bad_value_and_a_bad_line_go_to_quarantine_with_file_and_line(tmp_path: Path) -> None:
    text = GOOD + "2024-06-04,2,3\n2024-06-04,2,x,1.5,2.5\nnever,2,3,1.5,2.5\n"

    result = separate_bars(bars(source_of(tmp_path, DAILY, NVDA=text)))

    assert len(result.accepted) == 2
    assert {slug_of(reason) for reason in result.quarantined["reason"]} == {"unreadable"}
    said = " ".join(result.quarantined["reason"])
    assert "open 'too few or too many fields (NVDA.csv, line 4): 2024-06-04,2,3'" in said
    assert "x (NVDA.csv, line 5)" in said
    assert "never (NVDA.csv, line 6)" in said


def test_an_empty_value_is_missing_and_an_empty_line_is_none(tmp_path: Path) -> None:
    result = separate_bars(bars(source_of(tmp_path, DAILY, NVDA=GOOD + "\n2024-06-04,,3,1.5,2.5\n")))

    assert list(result.quarantined["reason"]) == ["a value is missing: open"]


line = st.text(st.sampled_from("0123456789-.,:;xTZ\"' "), max_size=40)


@given(lines=st.lists(line, max_size=6))
@settings(max_examples=40)
def test_no_line_is_lost_and_none_makes_the_file_unreadable(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    text = GOOD + "".join(f"{line}\n" for line in lines if '"' not in line)
    source = source_of(tmp_path_factory.mktemp("fuzz"), DAILY, NVDA=text)
    span = source.held("1D")["NVDA"]

    result = separate_bars(source.bars(("NVDA",), *span), symbols=("NVDA",))

    filled = [line for line in text.splitlines()[1:] if line.replace(",", "")]
    assert len(result.accepted) + len(result.quarantined) == len(filled)
    frames.validated("bars", result.accepted)


def test_gzip_and_parquet_are_read_and_a_market_comes_back_as_it_was(tmp_path: Path) -> None:
    market = SimulatedMarket().bars(("NVDA", "SPY"), MONDAY, TUESDAY, "5min")
    theirs = {
        "ts": "time",
        "symbol": "sym",
        "open": "o",
        "high": "h",
        "low": "l",
        "close": "c",
        "volume": "v",
    }
    columns = "".join(f'{ours} = "{their}"\n' for ours, their in theirs.items())
    entry = '[[bars]]\nfiles = "{}"\ntimeframe = "5min"\nbasis = "raw"\n[bars.columns]\n' + columns
    raw = market[list(theirs)].rename(columns=theirs)
    raw[raw["sym"] == "NVDA"].to_parquet(tmp_path / "a.parquet")
    with gzip.open(tmp_path / "b.csv.gz", "wt") as file:
        raw[raw["sym"] == "SPY"].to_csv(file, index=False)

    rows = source_of(tmp_path, entry.format("a.parquet") + entry.format("*.gz")).bars(
        ("NVDA", "SPY"), MONDAY, TUESDAY, "5min"
    )

    expected = market.assign(source="files", known_at=market["ts"] + pd.Timedelta(minutes=15))
    accepted = separate_bars(rows).accepted
    pd.testing.assert_frame_equal(accepted, frames.validated("bars", expected.astype({"source": "str"})))


def test_a_weekly_bar_is_labelled_by_the_last_session_of_its_week(tmp_path: Path) -> None:
    mapping = DAILY.replace("1D", "1W")

    rows = source_of(tmp_path, mapping, NVDA="Date,Open,High,Low,Close\n2024-03-25,1,2,0.5,1.5\n")
    thursday = calendar.session_of("2024-03-28")

    assert (
        separate_bars(rows.bars(("NVDA",), thursday, thursday, "1W")).accepted["session"].item() == thursday
    )


def test_a_range_and_a_symbol_outside_the_files_are_said(tmp_path: Path) -> None:
    source = source_of(tmp_path, DAILY, NVDA=GOOD)

    with pytest.raises(MissingBarsError, match=r"AMD is not in .*which holds NVDA"):
        bars(source, "AMD")
    with pytest.raises(MissingBarsError, match="2024-06-03 to 2024-06-04"):
        source.bars(("NVDA",), MONDAY, calendar.shift(TUESDAY, 1))
    with pytest.raises(UsageError, match=r"has bars of 1D, not '5min'"):
        bars(source, timeframe="5min")


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("[[bars]\n", "is not valid TOML"),
        ("", r"wants one or more entries \[\[bars\]\]"),
        ("[bars]\n", r"wants one or more entries \[\[bars\]\]"),
        (DAILY + "\n[more]\n", "nothing else beside them"),
        (DAILY.replace("files", "file"), "names file; it may name files,"),
        (DAILY.replace('basis = "raw"\n', ""), "entry 1 .* lacks basis"),
        (DAILY.replace('"1D"', '"1min"'), "timeframe is 5min or 1D or 1W, not '1min'"),
        (DAILY.replace('"raw"', '"cooked"'), "basis is raw or"),
        (DAILY.replace("session =", "day ="), "columns has day"),
        (DAILY.replace('session = "Date"\n', ""), "columns lacks ts or session"),
        (DAILY.replace("close =", "volume ="), "columns lacks close"),
        (FIVE.format(more="").replace("New_York", "Nowhere"), "no time zone 'America/Nowhere'"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused_by_its_words(
    tmp_path: Path, mapping: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        source_of(tmp_path, mapping, NVDA=GOOD)
    assert FILE_NAME in str(refused.value)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("Date;Open;High;Low;Close\n", SchemaError, r"NVDA.csv lacks the column 'Date'.*or the separator"),
        ("", SchemaError, "its columns are none"),
        ("Date,Open,High,Low,Close\n03/06/2024,1,1,1,1\n", SchemaError, r"line 2 .*column Date.*time_format"),
        ("Date,Open,High,Low,Close\n2024-06-03,1,1,1,1\xff", SchemaError, "UTF-8"),
    ],
)
def test_a_file_that_is_not_what_the_mapping_says_is_named(
    tmp_path: Path, text: str, error: type[Exception], said: str
) -> None:
    source = source_of(tmp_path, DAILY)
    (tmp_path / "NVDA.csv").write_bytes(text.encode("latin-1"))

    with pytest.raises(error, match=said):
        bars(source)


def test_a_pattern_without_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match=r"no file .*\*.csv, which the mapping names"):
        source_of(tmp_path, DAILY).first_session()


def test_a_truncated_parquet_file_is_said(tmp_path: Path) -> None:
    source = source_of(tmp_path, DAILY.replace("*.csv", "a.parquet"))
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")

    with pytest.raises(SchemaError, match=r"a.parquet is not a whole Parquet file"):
        source.first_session()


def test_a_folder_with_a_mapping_is_opened_by_it(tmp_path: Path) -> None:
    source_of(tmp_path, DAILY, NVDA=GOOD)

    opened = open_source("files", data=tmp_path)

    assert isinstance(opened, MappedSource)
    assert (opened.basis, opened.simulated) == ("raw", False)
    assert opened.actions(("NVDA",), MONDAY, TUESDAY).empty
    assert opened.earnings(("NVDA",), MONDAY, TUESDAY).empty


def test_the_original_of_a_bad_row_is_json(tmp_path: Path) -> None:
    result = separate_bars(bars(source_of(tmp_path, DAILY, NVDA=GOOD + "2024-06-04,2,x,1.5,2.5\n")))

    original = json.loads(result.quarantined["row"].item())
    assert original["low"] == 1.5
    assert original["high"] == "x (NVDA.csv, line 4)"


@pytest.mark.parametrize(
    "spoiled", ['"2024-06-03,1,2,0.5,1.5', '2024-06-03,1,2,0.5,"1.5', '2024-06-03,1,"2"x,0.5,1.5']
)
def test_a_quote_that_is_not_closed_spoils_its_own_line_only(tmp_path: Path, spoiled: str) -> None:
    text = f'Date,Open,High,Low,Close\n{spoiled}\n"2024-06-03","1",2,0.5,1.5\n2024-06-04,2,3,1.5,2.5\n'

    parts = separate_bars(bars(source_of(tmp_path, DAILY, NVDA=text)))

    assert list(parts.accepted["close"]) == [1.5, 2.5]
    assert [slug_of(reason) for reason in parts.quarantined["reason"]] == ["unreadable"]
    assert "NVDA.csv, line 2" in parts.quarantined["row"].iloc[0]

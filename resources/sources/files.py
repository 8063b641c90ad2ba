"""A folder of Parquet files as a source: rows come as they lie in the files, faults included.

daily/panel_adjusted.parquet      fully adjusted bars of stocks and funds   basis fully_adjusted
daily/raw_with_actions.parquet    raw bars, `div_cash`, `split_factor`      basis raw
daily/vix.parquet                 the VIX, which needs no adjustment        either basis
intraday/bars_5min_*.parquet      raw five-minute bars (optional)
bars_5min_*.parquet               the same in a folder that holds nothing else
events/earnings_*.parquet         announcements (optional)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from resources.sources import events, parquet
from resources.sources.weekly import weekly_bars
from trading import calendar, frames
from trading.errors import MissingBarsError, SourceUnavailableError, UsageError

PANELS = {"fully_adjusted": "daily/panel_adjusted.parquet", "raw": "daily/raw_with_actions.parquet"}
VIX = "daily/vix.parquet"
INTRADAY = "intraday/bars_5min_*.parquet"
PAY_LAG_SESSIONS = 15
FIVE_MINUTES = pd.Timedelta(minutes=5)
_OPEN, _CLOSE = pd.Timedelta(hours=9, minutes=30), pd.Timedelta(hours=16)


class FilesSource:
    """`MarketDataSource` over a folder of Parquet files. Nothing is repaired: validation comes after.

    A bar is known at its end plus `delay`. The files hold neither announcements nor pay dates of
    dividends and splits: they count as known at the close before they take effect, and a dividend as
    paid 15 sessions after.

    Parameters
    ----------
    folder : laid out as the module says
    basis : `fully_adjusted` (no corporate actions: prices hold them) or `raw`
    """

    name = "files"
    simulated = False
    delay = pd.Timedelta(minutes=10)

    def __init__(self, folder: Path, *, basis: str = "fully_adjusted") -> None:
        if basis not in PANELS:
            raise UsageError(f"the source files has bars that are {' or '.join(PANELS)}, not {basis!r}")
        if not folder.is_dir():
            raise SourceUnavailableError(f"there is no folder {folder}; name it with --data DIR")
        self.folder, self.basis = folder, basis
        self._daily: pd.DataFrame | None = None
        self._intraday: pd.DataFrame | None = None

    def first_session(self) -> pd.Timestamp:
        """The first session of the daily panel (of any symbol)."""
        return self._panel()["session"].min()

    def last_session(self) -> pd.Timestamp:
        """The last session of the daily panel."""
        return self._panel()["session"].max()

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        """Bars of the range as they lie in the files; a symbol without a row in it has none here.

        Raises
        ------
        SourceUnavailableError, SchemaError
            If a file is missing, broken or laid out otherwise.
        MissingBarsError
            If a symbol is in no file, or the range lies outside the data.
        """
        if timeframe == "1D":
            return self._daily_bars(symbols, first, last)
        if timeframe == "5min":
            return self._five_minute_bars(symbols, first, last)
        if timeframe == "1W":
            return weekly_bars(
                self._daily_bars,
                symbols,
                first,
                last,
                begins=self.first_session(),
                actions=self.actions,
                delay=self.delay,
            )
        raise UsageError(f"the source files has bars of 5min, 1D and 1W, not {timeframe!r}")

    def held(self, timeframe: str) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        """First and last session of each symbol that the folder holds bars of; empty if it holds none."""
        if timeframe == "5min":
            rows = self._intraday_rows() if self._intraday_files() else None
        else:
            rows = self._panel() if (self.folder / PANELS[self.basis]).is_file() else None
        if rows is None:
            return {}
        spans = rows.groupby("symbol")["session"].agg(["min", "max"])
        return {str(symbol): (first, last) for symbol, first, last in spans.itertuples()}

    def files(self, timeframe: str) -> list[Path]:
        """The files that hold bars of a timeframe, splits and dividends, and announcements."""
        daily = [self.folder / name for name in (*PANELS.values(), VIX)]
        bars = self._intraday_files() if timeframe == "5min" else []
        told = [
            path for pattern in (events.EARNINGS, events.EARNINGS_DATES) for path in self.folder.glob(pattern)
        ]
        return sorted(path for path in (*daily, *bars, *told) if path.is_file())

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Splits and dividends of raw bars as listed, repeated ones too; none with adjusted bars."""
        if self.basis != "raw":
            return frames.empty("corporate_actions")
        panel = parquet.read(self.folder / PANELS["raw"], parquet.RAW_PANEL)
        rows = panel[panel["symbol"].isin(list(symbols)) & panel["session"].between(first, last)]
        splits = rows[rows["split_factor"] != 1.0].assign(kind="split", amount=0.0)
        dividends = rows[rows["div_cash"] != 0.0].assign(kind="dividend", split_factor=1.0)
        dividends = dividends.assign(amount=dividends["div_cash"])
        return self._actions(pd.concat([splits, dividends]).rename(columns={"split_factor": "ratio"}))

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Announcements of the range, with the columns of `earnings`; see `resources.sources.events`."""
        return events.earnings(self.folder, symbols, first, last, source=self.name)

    def statements(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Figures of all statements: the columns of `fundamentals` but for `known_at`, which no file tells."""
        return events.statements(self.folder, symbols, source=self.name)

    def _panel(self) -> pd.DataFrame:
        """Daily rows of every symbol: those of the panel, and the VIX without volume."""
        if self._daily is None:
            path = self.folder / PANELS[self.basis]
            panel = parquet.read(path, parquet.PANEL)
            if panel.empty:
                raise MissingBarsError(f"{path} holds no rows")
            vix = parquet.read(self.folder / VIX, parquet.INDEX).assign(volume=0.0)
            inside = vix["session"].between(panel["session"].min(), panel["session"].max())
            self._daily = pd.concat([panel, vix[inside]], ignore_index=True)
        return self._daily

    def _daily_bars(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        panel = self._panel()
        self._check(panel, symbols, first, last)
        rows = panel[panel["symbol"].isin(list(symbols)) & panel["session"].between(first, last)]
        starts, ends = _trading_hours(rows["session"])
        stamped = rows.assign(ts=starts, known_at=ends + self.delay, timeframe="1D", basis=self.basis)
        return self._bars(stamped)

    def _five_minute_bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp
    ) -> pd.DataFrame:
        rows = self._intraday_rows()
        self._check(rows, symbols, first, last)
        rows = rows[rows["symbol"].isin(list(symbols)) & rows["session"].between(first, last)]
        known = rows["ts"] + (FIVE_MINUTES + self.delay)
        return self._bars(rows.assign(known_at=known, timeframe="5min", basis="raw"))

    def _intraday_files(self) -> list[Path]:
        folder = self.folder if (self.folder / "intraday").is_dir() else None
        return sorted(self.folder.glob(INTRADAY if folder else INTRADAY.partition("/")[2]))

    def _intraday_rows(self) -> pd.DataFrame:
        """Every five-minute row, with the date in New York as its session."""
        if self._intraday is None:
            paths = self._intraday_files()
            if not paths:
                raise SourceUnavailableError(f"there is no file {self.folder / INTRADAY}")
            rows = pd.concat([parquet.read(path, parquet.INTRADAY) for path in paths], ignore_index=True)
            local = rows["ts"].dt.tz_convert(calendar.TIMEZONE).dt.tz_localize(None)
            self._intraday = rows.assign(session=local.dt.normalize().astype("datetime64[us]"))
        return self._intraday

    def _check(
        self, rows: pd.DataFrame, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp
    ) -> None:
        present = set(rows["symbol"].unique())
        absent = [symbol for symbol in symbols if symbol not in present]
        if absent:
            raise MissingBarsError(
                f"{', '.join(absent)} is not in {self.folder}, which holds {', '.join(sorted(present))}"
            )
        begins, ends = rows["session"].min(), rows["session"].max()
        if first < begins or last > ends:
            raise MissingBarsError(
                f"{self.folder} holds the sessions {begins:%Y-%m-%d} to {ends:%Y-%m-%d}; "
                f"{first:%Y-%m-%d} to {last:%Y-%m-%d} reaches outside"
            )

    def _bars(self, rows: pd.DataFrame) -> pd.DataFrame:
        return _typed("bars", rows.assign(source=self.name))

    def _actions(self, rows: pd.DataFrame) -> pd.DataFrame:
        known = [calendar.session_close(calendar.shift(t, -1)) + self.delay for t in rows["session"]]
        dividend = rows["kind"].eq("dividend")
        paid = [
            calendar.shift(t, PAY_LAG_SESSIONS * paying)
            for t, paying in zip(rows["session"], dividend, strict=True)
        ]
        known_at = pd.Series(pd.DatetimeIndex(known, tz="UTC").as_unit("us"), index=rows.index)
        pay_session = pd.Series(pd.DatetimeIndex(paid).as_unit("us"), index=rows.index)
        return _typed(
            "corporate_actions", rows.assign(known_at=known_at, pay_session=pay_session, source=self.name)
        )


def _trading_hours(labels: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Start and end of each daily bar (UTC); a label that is no session gets the regular hours."""
    each = pd.DatetimeIndex(labels.unique())
    trading = np.array([calendar.is_session(label) for label in each], dtype=bool)
    local = each.tz_localize(calendar.TIMEZONE)
    starts, ends = ((local + hours).tz_convert("UTC").as_unit("us").to_series() for hours in (_OPEN, _CLOSE))
    starts[trading] = calendar.open_each(each[trading])
    ends[trading] = calendar.as_of_each(each[trading], pd.Timedelta(0))
    starts.index = ends.index = each
    return labels.map(starts), labels.map(ends)


def _typed(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with the columns and types of `table`, in the order of the files, unchecked."""
    dtypes = frames.table_of(table).dtypes
    return rows[list(dtypes)].astype(dtypes).reset_index(drop=True)

"""Files of any layout as a source, by a mapping beside them; rows come as they lie in the files.

A value that cannot be read stays as the text that it is, with file and line, so that validation keeps the
row in quarantine instead of losing it. Such a row is handed out with the row before it in its file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from resources import clock as wall
from resources.sources.mapping import FolderMapping, Layout, read_mapping
from resources.sources.minutes import five_minutes_of
from resources.sources.tabular import BROKEN, PLACE, read_rows
from trading import calendar, frames, market_hours
from trading.errors import MissingBarsError, SchemaError, SourceUnavailableError, UsageError
from trading.universe import INSTRUMENTS

_OFFSET = (
    r"([T:]\d{2,6}(?:\.\d+)?)\s*(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"  # only after a time: 11-03-2024 has none
)
_ODD_OFFSET = (
    r"\d[Tt ]\d[^ ]*[+-]\d"  # one of another form is no time, and would spoil the others of its column
)
_SYMBOL, _SESSION = "_near_symbol", "_near_session"
_OPEN, _CLOSE = pd.Timedelta(hours=9, minutes=30), pd.Timedelta(hours=16)


class MappedSource:
    """`MarketDataSource` over a folder with a `fabline-mapping.toml`.

    Parameters
    ----------
    folder : holds the mapping; `resources.sources.mapping` says what is in it

    Attributes
    ----------
    basis : of the daily bars, or of the first entry if there are none
    delay : the longest of all entries
    """

    name = "files"
    simulated = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mapping: FolderMapping = read_mapping(folder)
        entries = self.mapping.of("1D") or list(self.mapping.layouts)
        self.basis = entries[0].basis
        self.delay = pd.Timedelta(minutes=max(layout.delay_minutes for layout in self.mapping.layouts))
        self._rows: dict[str, pd.DataFrame] = {}

    def first_session(self) -> pd.Timestamp:
        """The first day of any bar, of the daily ones if there are any."""
        return min(first for first, _ in self._any().values())

    def last_session(self) -> pd.Timestamp:
        """The last day of any bar, of the daily ones if there are any."""
        return max(last for _, last in self._any().values())

    def held(self, timeframe: str) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        """First and last day of each symbol that the files hold bars of; a wrong date stretches no span."""
        if not self.mapping.of(timeframe):
            return {}
        rows = self._all(timeframe)[[_SYMBOL, _SESSION]].drop_duplicates()
        credible = rows[_credible(rows[_SYMBOL], rows[_SESSION])]
        only_wrong = rows[~rows[_SYMBOL].isin(credible[_SYMBOL])]
        if len(credible):  # wrong dates are no place to look: such rows come with those of the others
            ends = [credible[_SESSION].min(), credible[_SESSION].max()]
            only_wrong = (
                only_wrong[[_SYMBOL]].drop_duplicates().merge(pd.DataFrame({_SESSION: ends}), how="cross")
            )
        spans = pd.concat([credible, only_wrong]).groupby(_SYMBOL)[_SESSION].agg(["min", "max"])
        return {str(symbol): (first, last) for symbol, first, last in spans.itertuples()}

    def extent(self, timeframe: str) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last day of any row, wrong dates included."""
        days = self._all(timeframe)[_SESSION]
        return days.min(), days.max()

    def files(self, timeframe: str) -> list[Path]:
        """The files of a timeframe, in the order in which they are read."""
        return [path for layout in self.mapping.of(timeframe) for path in self._paths(layout)]

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        """Bars of the range, good and bad.

        Raises
        ------
        UsageError, MissingBarsError
            If the mapping has no such timeframe, or the files no such symbol or range.
        SourceUnavailableError, SchemaError
            If a file is missing or not what the mapping says.
        """
        if not self.mapping.of(timeframe):
            known = ", ".join(dict.fromkeys(layout.timeframe for layout in self.mapping.layouts))
            raise UsageError(f"the mapping of {self.folder} has bars of {known}, not {timeframe!r}")
        rows = self._all(timeframe)
        self._check(rows, symbols, first, last)
        chosen = rows[rows[_SYMBOL].isin(list(symbols)) & rows[_SESSION].between(first, last)]
        return chosen[frames.columns("bars")].reset_index(drop=True)

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        """None: a mapping is about bars."""
        return frames.empty("corporate_actions")

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        """None."""
        return frames.empty("earnings")[["session", "symbol", "known_at", "surprise"]]

    def _any(self) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        for timeframe in ("1D", "5min", "1W"):
            held = self.held(timeframe)
            if held:
                return held
        raise MissingBarsError(f"the files of {self.folder} hold no rows")

    def _all(self, timeframe: str) -> pd.DataFrame:
        """Every row of a timeframe, files in the order of their names."""
        if timeframe not in self._rows:
            parts = [
                bars_of(path, layout) for layout in self.mapping.of(timeframe) for path in self._paths(layout)
            ]
            self._rows[timeframe] = pd.concat(parts, ignore_index=True)
        return self._rows[timeframe]

    def _paths(self, layout: Layout) -> list[Path]:
        plain = Path(layout.files)
        root = plain.parent if plain.is_absolute() else self.folder
        paths = sorted(root.glob(plain.name if plain.is_absolute() else layout.files))
        if not paths:
            raise SourceUnavailableError(f"there is no file {root / layout.files}, which the mapping names")
        return paths

    def _check(
        self, rows: pd.DataFrame, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp
    ) -> None:
        present = sorted(rows[_SYMBOL].unique())
        absent = [symbol for symbol in symbols if symbol not in present]
        if absent:
            raise MissingBarsError(
                f"{', '.join(absent)} is not in {self.folder}, which holds {', '.join(present)}"
            )
        begins, ends = rows[_SESSION].min(), rows[_SESSION].max()
        if first < begins or last > ends:
            raise MissingBarsError(
                f"{self.folder} holds the days {begins:%Y-%m-%d} to {ends:%Y-%m-%d}; {first:%Y-%m-%d} to "
                f"{last:%Y-%m-%d} reaches outside"
            )


def bars_of(path: Path, layout: Layout) -> pd.DataFrame:
    """Rows of one file with the columns of `bars`, and the symbol and day beside which each stands.

    Raises
    ------
    SchemaError
        If the file, a column or every time in it is not what the mapping says.
    """
    rows = read_rows(path, layout)
    symbols = _symbols(path, rows, layout)
    moments, days = _times(path, rows, layout)
    made = {name: _numbers(rows, theirs, layout) for name, theirs in layout.values.items()}
    made.setdefault("volume", pd.Series(0.0, index=rows.index))
    broken = (rows[BROKEN] != "").to_numpy()
    whole_line = "too few or too many fields (" + rows[PLACE] + "): " + rows[BROKEN]
    made["open"] = made["open"].astype(object).mask(broken, whole_line).infer_objects()
    frame = pd.DataFrame({**made, **_clock(moments, days, layout), "symbol": symbols})
    unread = (frame["ts"].isna() & ~broken).to_numpy()
    if unread.any():
        frame["ts"] = frame["ts"].astype(object).mask(unread, _spelled(rows, layout.times))
    near = {_SYMBOL: symbols.ffill().bfill(), _SESSION: frame["session"].ffill().bfill()}
    whole = frame.assign(timeframe=layout.timeframe, basis=layout.basis, source="files", **near)
    return five_minutes_of(whole) if layout.minutes == 1 else whole


def _symbols(path: Path, rows: pd.DataFrame, layout: Layout) -> pd.Series:
    """The symbol of each row, missing where the line holds none; of the universe's however it is cased."""
    if "symbol" not in layout.columns:
        name = layout.symbol or path.name.split(".")[0].split("_")[0].upper()
        return pd.Series(name, index=rows.index, dtype="str")
    text = rows[str(layout.columns["symbol"])].astype("str").str.strip()
    text = text.mask(text.str.upper().isin([one.symbol for one in INSTRUMENTS]), text.str.upper())
    return text.mask(text.isin(["", "nan", "None"]))


def _numbers(rows: pd.DataFrame, theirs: str, layout: Layout) -> pd.Series:
    """Numbers, and in the place of one that is none its text, file and line."""
    given = rows[theirs]
    if pd.api.types.is_numeric_dtype(given.dtype):
        return given.astype("float64")
    text = given.astype("str").str.strip()
    plain = text.str.replace(",", ".", regex=False) if layout.decimal == "," else text
    numbers = pd.to_numeric(plain, errors="coerce").astype("float64")
    said = numbers.isna() & ~text.str.lower().isin(["", "nan", "null", "none"])
    if not said.any():
        return numbers
    return numbers.astype(object).mask(said, _spelled(rows, [theirs]))


def _spelled(rows: pd.DataFrame, columns: list[str]) -> pd.Series:
    """What stands in the columns, and where."""
    text = rows[columns[0]].astype("str")
    for name in columns[1:]:
        text = text + " " + rows[name].astype("str")
    return text + " (" + rows[PLACE] + ")"


def _times(path: Path, rows: pd.DataFrame, layout: Layout) -> tuple[pd.Series, pd.Series]:
    """The moment of each row (UTC) and its day, both missing where the time cannot be read."""
    given = rows[layout.times[0]]
    if isinstance(given.dtype, pd.DatetimeTZDtype):
        moments = given.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
        return moments, _day(
            given if "ts" not in layout.columns else moments.dt.tz_convert(calendar.TIMEZONE)
        )
    text = given.astype("str")
    for name in layout.times[1:]:
        text = text + " " + rows[name].astype("str")
    pattern = layout.time_format or "ISO8601"
    if "ts" not in layout.columns and not layout.time_format:
        text = text.str.replace(_OFFSET, r"\1", regex=True)  # of a daily bar the day counts as it is written
    aware = _name_zone(text, pattern)
    plain = text.mask(aware)
    if not layout.time_format:
        plain = plain.mask(plain.str.contains(_ODD_OFFSET, regex=True, na=False))
    naive = pd.to_datetime(plain, format=pattern, errors="coerce").astype("datetime64[us]")
    zoned = pd.to_datetime(text.where(aware), format=pattern, errors="coerce", utc=True)
    local = naive.dt.tz_localize(layout.time_zone, ambiguous="NaT", nonexistent="NaT")
    moments = zoned.astype("datetime64[us, UTC]").fillna(
        local.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    )
    _refuse_unread(path, rows, text, moments, layout)
    exchange = _day(moments.dt.tz_convert(calendar.TIMEZONE))
    return moments, exchange if layout.timeframe == "5min" else naive.dt.normalize().fillna(exchange)


def _name_zone(text: pd.Series, pattern: str) -> NDArray[np.bool_]:
    """(n,) True for a time that says how far it is from UTC."""
    if pattern != "ISO8601" and "%z" in pattern:
        return np.ones(len(text), dtype=bool)
    return text.str.contains(_OFFSET.replace("(", "(?:", 1), regex=True).to_numpy(dtype=bool, na_value=False)


def _credible(symbols: pd.Series, days: pd.Series) -> NDArray[np.bool_]:
    """(n,) True for a session that has begun, from the symbol's listing on."""
    listed = symbols.map({one.symbol: pd.Timestamp(one.listed) for one in INSTRUMENTS}).astype(
        "datetime64[us]"
    )
    begun = days <= wall.now().tz_convert(calendar.TIMEZONE).tz_localize(None)
    known = days.isin(calendar.all_sessions()) & begun & ~(days < listed)
    return known.to_numpy(dtype=bool)


def _day(local: pd.Series) -> pd.Series:
    return local.dt.tz_localize(None).dt.normalize().astype("datetime64[us]")


def _refuse_unread(
    path: Path, rows: pd.DataFrame, text: pd.Series, moments: pd.Series, layout: Layout
) -> None:
    """SchemaError if not one time of a file can be read: then the mapping is wrong, not the lines."""
    if len(rows) and moments.isna().all():
        raise SchemaError(
            f"{rows[PLACE].iloc[0]} of {path.parent}, column {' and '.join(layout.times)}: {text.iloc[0]!r} is no "
            f"time of {layout.time_format or 'ISO 8601'}; say how they are written in fabline-mapping.toml, as "
            f'time_format = "%d.%m.%Y %H:%M"'
        )


def _clock(moments: pd.Series, days: pd.Series, layout: Layout) -> dict[str, pd.Series]:
    """Session, start and publication of each bar."""
    delay = pd.Timedelta(minutes=layout.delay_minutes)
    if layout.timeframe == "5min":
        starts = moments - pd.Timedelta(minutes=layout.minutes) if layout.stamp == "end" else moments
        sessions = _day(starts.dt.tz_convert(calendar.TIMEZONE))
        known = starts.dt.floor(market_hours.FIVE_MINUTES) if layout.minutes == 1 else starts
        return {"session": sessions, "ts": starts, "known_at": known + market_hours.FIVE_MINUTES + delay}
    sessions = _week_labels(days) if layout.timeframe == "1W" else days
    starts = pd.Series(market_hours.bar_starts(sessions, layout.timeframe), index=days.index)
    ends = pd.Series(market_hours.bar_ends(sessions, starts, layout.timeframe), index=days.index)
    usual = sessions.dt.tz_localize(calendar.TIMEZONE)  # a day that is no session has no hours of its own
    starts = starts.fillna((usual + _OPEN).dt.tz_convert("UTC").astype(starts.dtype))
    ends = ends.fillna((usual + _CLOSE).dt.tz_convert("UTC").astype(ends.dtype))
    return {"session": sessions, "ts": starts, "known_at": ends + delay}


def _week_labels(days: pd.Series) -> pd.Series:
    """The last session of the week in which each day lies; the day itself where it has none."""
    sessions = calendar.all_sessions()
    monday = days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    at = sessions.searchsorted((monday + pd.Timedelta(days=7)).fillna(sessions[0]).to_numpy()) - 1
    last = pd.Series(sessions[np.maximum(at, 0)], index=days.index)
    return last.where(last >= monday, days).where(days.notna()).astype("datetime64[us]")

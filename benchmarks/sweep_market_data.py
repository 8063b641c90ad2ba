"""Every bar and action of a folder of real data through the rules: what is found, and what was known before.

python benchmarks/sweep_market_data.py [--data ../shared/data] [--output FILE]

Prints counts and names only. Each file is judged as if it were the only source, each symbol over its own
span; the known faults are those that the folder's README tells.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from resources.sources import FilesSource
from trading import calendar, frames, market_hours
from trading.monitoring.bar_rules import separate_actions, separate_bars, separate_extended_bars, slug_of
from trading.monitoring.findings import findings_of, findings_of_actions, findings_of_quarantine
from trading.monitoring.quality import data_quality
from trading.universe import SYMBOLS

LATER = pd.Timestamp("2026-01-01", tz="UTC")
DELAY = pd.Timedelta(minutes=10)
FIVE = market_hours.FIVE_MINUTES
DAILY = {
    "daily/panel_adjusted.parquet": "fully_adjusted",
    "daily/peers_adjusted.parquet": "fully_adjusted",
    "daily/etfs.parquet": "split_adjusted",
    "daily/vix.parquet": "raw",
    "daily/split_adjusted_2000_2024.parquet": "split_adjusted",
    "daily/raw_with_actions.parquet": "raw",
}
INTRADAY = (
    "intraday/bars_5min_2025.parquet",
    "intraday/bars_5min_2022_2023.parquet",
    "dirty/bars_5min_2022_2023_with_duplicates.parquet",
    "intraday/bars_1min_2025.parquet",
    "intraday/spy_1min_2024_2025.parquet",
)


@dataclass(frozen=True)
class Judged:
    """What became of one file."""

    name: str
    rows: int
    accepted: pd.DataFrame
    extended: int
    quarantined: pd.DataFrame
    findings: pd.DataFrame
    seconds: float

    @property
    def ended(self) -> pd.Series:
        """True where a session is missing only because the file ends earlier for that symbol than for others."""
        last = self.accepted.groupby("symbol")["session"].max()
        after = self.findings["session"] > self.findings["symbol"].map(last)
        return after & self.findings["rule"].eq("missing_session")


def daily_rows(path: Path, basis: str) -> pd.DataFrame:
    """A file of daily bars as rows of `bars`, with the hours of a usual day where there is no session."""
    rows = pd.read_parquet(path)
    rows["session"] = pd.to_datetime(rows["session"]).astype("datetime64[us]")
    volume = rows.get("volume", 0.0)
    opened, closed = (
        (rows["session"] + part).dt.tz_localize(calendar.TIMEZONE).dt.tz_convert("UTC")
        for part in (pd.Timedelta(hours=9, minutes=30), pd.Timedelta(hours=16))
    )
    return rows.assign(
        ts=opened, known_at=closed + DELAY, timeframe="1D", basis=basis, source="files", volume=volume
    )


def five_minute_rows(path: Path) -> pd.DataFrame:
    """A file of bars of five minutes, or of one minute summed to five, as rows of `bars`."""
    rows = pd.read_parquet(path)
    if "1min" in path.name:
        how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
        rows = rows.assign(ts=rows["ts"].dt.floor(FIVE)).groupby(["symbol", "ts"], as_index=False).agg(how)
    local = rows["ts"].dt.tz_convert(calendar.TIMEZONE).dt.tz_localize(None).dt.normalize()
    return rows.assign(
        session=local.astype("datetime64[us]"),
        known_at=rows["ts"] + FIVE + DELAY,
        timeframe="5min",
        basis="raw",
        source="files",
    )


def judged(name: str, rows: pd.DataFrame) -> Judged:
    """One file, taken apart and looked at."""
    begun = time.perf_counter()
    symbols = set(rows["symbol"])
    regular, outside = market_hours.by_phase(rows)
    bars, extended = (
        separate(part, symbols=symbols)
        for separate, part in ((separate_bars, regular), (separate_extended_bars, outside))
    )
    bad = pd.concat([bars.quarantined, extended.quarantined], ignore_index=True)
    spans = bars.accepted["session"]
    sessions = calendar.sessions_between(spans.min(), spans.max())
    found = [findings_of(bars.accepted, sessions, LATER, quarantined=bad), findings_of_quarantine(bad)]
    findings = frames.validated("findings", pd.concat(found, ignore_index=True))
    seconds = time.perf_counter() - begun
    return Judged(name, len(rows), bars.accepted, len(extended.accepted), bad, findings, seconds)


def judged_actions(data: Path) -> Judged:
    """Splits and dividends of the raw panel, beside its bars."""
    begun = time.perf_counter()
    source = FilesSource(data, basis="raw")
    first, last = source.first_session(), source.last_session()
    rows = source.actions(SYMBOLS, first, last)
    actions = separate_actions(rows)
    bars = separate_bars(source.bars(SYMBOLS, first, last)).accepted
    sessions = calendar.sessions_between(first, last)
    found = [
        findings_of_actions(bars, actions.accepted, sessions, LATER),
        findings_of_quarantine(actions.quarantined),
    ]
    findings = frames.validated("findings", pd.concat(found, ignore_index=True))
    seconds = time.perf_counter() - begun
    name = "daily/raw_with_actions.parquet (actions)"
    return Judged(name, len(rows), actions.accepted, 0, actions.quarantined, findings, seconds)


def counted(values: pd.Series) -> str:
    """Names with their counts."""
    return ", ".join(f"{name} {count:,}" for name, count in values.value_counts().items()) or "none"


def of_rule(file: Judged, rule: str, *symbols: str) -> int:
    """How many findings and quarantined rows of a file a rule has, that are not its mere end."""
    found = file.findings[(file.findings["rule"] == rule) & ~file.ended]
    bad = file.quarantined[file.quarantined["reason"].map(slug_of) == rule]
    both = pd.concat([found[["session", "symbol", "rule"]], bad[["session", "symbol"]].assign(rule=rule)])
    if rule in {"exact_duplicate", "outside_range"}:
        both = bad
    chosen = both[both["symbol"].isin(symbols)] if symbols else both
    return len(chosen if rule == "exact_duplicate" else chosen.drop_duplicates(["session", "symbol"]))


KNOWN: tuple[tuple[str, str, str, tuple[str, ...], int], ...] = (
    ("exact duplicates of the dirty feed", "dirty/bars_5min_2022_2023_with_duplicates.parquet", "exact_duplicate", (), 3275),
    ("VIX on days without a session", "daily/vix.parquet", "not_a_session", ("VIX",), 25),
    ("VIX lacks four sessions", "daily/vix.parquet", "missing_session", ("VIX",), 4),
    ("VIX with open or close outside low to high", "daily/vix.parquet", "outside_range", ("VIX",), 47),
    ("TSM lacks 2024-03-11 to 2024-03-28", "daily/panel_adjusted.parquet", "missing_session", ("TSM",), 14),
    ("NVDA, SPY and QQQ lack 2023-02-10", "intraday/bars_5min_2022_2023.parquet", "missing_session", ("NVDA", "SPY", "QQQ"), 3),
    ("the same in the dirty feed", "dirty/bars_5min_2022_2023_with_duplicates.parquet", "missing_session", ("NVDA", "SPY", "QQQ"), 3),
    ("ASML's dividends listed twice", "daily/raw_with_actions.parquet (actions)", "repeated_dividend", ("ASML",), 2),
    ("ARM before its listing", "daily/panel_adjusted.parquet", "before_listing", ("ARM",), 0),
    ("splits of NVDA, AVGO, SMCI contradicted by prices", "daily/raw_with_actions.parquet (actions)", "split_without_move", (), 0),
)  # fmt: skip


def files(data: Path) -> Iterator[Judged]:
    """Every file of bars and actions in the folder."""
    for name, basis in DAILY.items():
        yield judged(name, daily_rows(data / name, basis))
    yield judged_actions(data)
    for name in INTRADAY:
        yield judged(name, five_minute_rows(data / name))


def report(done: list[Judged], tell: Callable[[str], object]) -> None:
    """Three tables: what became of each file, the known faults, and what else is called an error."""
    tell("| file | rows | accepted | outside hours | quarantine | findings (info) | warnings | errors | s |")
    tell("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for file in done:
        parts = {
            name: file.findings[file.findings["severity"] == name] for name in ("info", "warning", "error")
        }
        errors = parts["error"][~file.ended[parts["error"].index]]
        bad = counted(file.quarantined["reason"].map(slug_of))
        tell(
            f"| {file.name} | {file.rows:,} | {len(file.accepted):,} | {file.extended:,} | {bad} | "
            f"{len(parts['info']):,} | {counted(parts['warning']['rule'])} | {counted(errors['rule'])} | {file.seconds:.2f} |"
        )
    by_name = {file.name: file for file in done}
    tell("\n| known fault | rule | expected | found |\n| --- | --- | --- | --- |")
    for words, name, rule, symbols, expected in KNOWN:
        tell(f"| {words} | {rule} | {expected:,} | {of_rule(by_name[name], rule, *symbols):,} |")
    tell("\n| false alarms: errors that are no known fault | count |\n| --- | --- |")
    known = {(name, rule, symbol) for _, name, rule, symbols, _ in KNOWN for symbol in symbols}
    for file in done:
        errors = file.findings[(file.findings["severity"] == "error") & ~file.ended]
        keys = zip(errors["rule"], errors["symbol"], strict=True)
        other = [f"{rule} {symbol}" for rule, symbol in keys if (file.name, rule, symbol) not in known]
        tell(f"| {file.name} | {counted(pd.Series(other, dtype=object)) if other else 0} |")
    ends = {file.name: counted(file.findings.loc[file.ended, "symbol"]) for file in done if file.ended.any()}
    tell("\nSessions that are missing only because a file ends earlier for a symbol than for others:\n")
    for name, words in ends.items():
        tell(f"- {name}: {words}")


def speed(data: Path, tell: Callable[[str], object]) -> None:
    """How long both five-minute files together take, in processor seconds of the better of two."""
    rows = pd.concat([five_minute_rows(data / name) for name in INTRADAY[:2]], ignore_index=True)
    regular = market_hours.by_phase(rows)[0]
    symbols = set(rows["symbol"])
    taken: dict[str, list[float]] = {"separation": [], "findings": [], "data_quality": []}
    for _ in range(2):
        begun = time.process_time()
        bars = separate_bars(regular, symbols=symbols).accepted
        taken["separation"].append(time.process_time() - begun)
        sessions = calendar.sessions_between(bars["session"].min(), bars["session"].max())
        begun = time.process_time()
        findings_of(bars, sessions, LATER)
        taken["findings"].append(time.process_time() - begun)
        begun = time.process_time()
        data_quality(bars, sessions, "5min", sorted(symbols))
        taken["data_quality"].append(time.process_time() - begun)
    best = ", ".join(f"{name} {min(values):.2f} s" for name, values in taken.items())
    tell(f"\nProcessor time for {len(regular):,} five-minute bars: {best}.")


def main() -> None:
    """Judge the folder and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    lines: list[str] = []
    report(list(files(options.data)), lines.append)
    speed(options.data, lines.append)
    text = "\n".join(lines) + "\n"
    if options.output is None:
        sys.stdout.write(text)
    else:
        options.output.write_text(text)


if __name__ == "__main__":
    main()

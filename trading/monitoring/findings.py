"""What is odd about the market's data, as rows of `findings`: named, graded, and with a word on each.

A finding deletes nothing; impossible rows never get here, they are in quarantine. Each is a function of
what was known at its `known_at`: windows look back, and what is not known at `as_of` is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames, revisions
from trading.interfaces import Bools
from trading.monitoring import action_findings, bar_gaps, odd_bars
from trading.monitoring.bar_rules import slug_of
from trading.monitoring.bar_series import BarSeries, plain, series_of
from trading.monitoring.odd_bars import CONTEXT_SESSIONS
from trading.monitoring.quarantine import with_originals

__all__ = [
    "CONTEXT_SESSIONS",
    "RULES",
    "Rule",
    "findings_of",
    "findings_of_actions",
    "findings_of_quarantine",
    "findings_of_values",
]


@dataclass(frozen=True)
class Rule:
    """A rule of findings: its short name, how much it matters, and what it says."""

    slug: str
    severity: str
    words: str


RULES: Mapping[str, Rule] = {
    rule.slug: rule
    for rule in (
        Rule("missing_session", "error", "a symbol that was trading has no bar in a whole session"),
        Rule("gap", "warning", "bars of a session are missing"),
        Rule("stale_repeat", "warning", "open, high, low, close and volume repeat themselves"),
        Rule("outlier", "info", "the close moved more than 3 robust deviations"),
        Rule("extreme_move", "warning", "the close moved more than 10 robust deviations"),
        Rule("long_wick", "warning", "a high or low lies far beyond open and close"),
        Rule("volume_break", "warning", "volume has changed fivefold"),
        Rule("split_without_move", "error", "a split is listed, and the price did not move"),
        Rule("move_without_split", "warning", "the price moved like a split, and none is listed"),
        Rule("large_dividend", "error", "a dividend is more than a fifth of the price"),
        Rule("repeated_dividend", "error", "a dividend is listed a second time"),
        Rule("disagreement", "warning", "two sources or timeframes disagree about a value"),
        Rule("off_grid", "warning", "a bar does not begin where bars begin"),
        Rule("outside_hours", "info", "a bar lies outside the trading hours"),
        Rule("not_a_session", "warning", "a bar lies on a day on which the exchange is closed"),
    )
}
_SMALL = 5e-5  # below, a percentage with two places would read 0.00
_OF_QUARANTINE = ("off_grid", "outside_hours", "not_a_session", "repeated_dividend")


def findings_of(
    bars: pd.DataFrame,
    sessions: pd.DatetimeIndex,
    as_of: pd.Timestamp,
    *,
    quarantined: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What is odd about the bars of `sessions`.

    Parameters
    ----------
    bars : columns of `bars`, of `sessions` and of as many before them as `CONTEXT_SESSIONS` says
    as_of : moment up to which rows count as known
    quarantined : columns of `quarantine`; a bar that came and was kept out is not missing

    Returns
    -------
    Rows of `findings`.
    """
    kept_out = _kept_out(quarantined)
    known = bars[(bars["known_at"] <= as_of).to_numpy()]
    parts: list[pd.DataFrame] = []
    for timeframe in frames.TIMEFRAMES:
        series = series_of(known, timeframe)
        if len(series.rows):
            parts += [
                *_of_bars(series),
                _of_gaps(bar_gaps.gaps_of(series, sessions, as_of, kept_out), timeframe),
            ]
    return _inside(parts, sessions)


def findings_of_actions(
    bars: pd.DataFrame, actions: pd.DataFrame, sessions: pd.DatetimeIndex, as_of: pd.Timestamp
) -> pd.DataFrame:
    """What contradicts each other of the corporate actions of `sessions` and raw daily bars.

    Parameters
    ----------
    bars : columns of `bars`, of `sessions` and a few before them
    actions : columns of `corporate_actions`: all that are listed in `sessions`
    """
    series = series_of(bars[(bars["known_at"] <= as_of).to_numpy()], "1D")
    listed = actions[(actions["known_at"] <= as_of).to_numpy()]
    listed = revisions.as_known("corporate_actions", frames.validated("corporate_actions", listed))
    moves = action_findings.moves_like_splits(series, listed)
    parts = [_at_bars("move_without_split", series, *moves), *_of_actions(series, listed)]
    return _inside(parts, sessions)


def _inside(parts: list[pd.DataFrame], sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """All parts as one validated table, without what belongs to other sessions."""
    chosen = [part[part["session"].isin(sessions).to_numpy()] for part in parts]
    some = [part for part in chosen if len(part)]
    if not some:
        return frames.empty("findings")
    return frames.validated("findings", pd.concat(some, ignore_index=True))


def _of_bars(series: BarSeries) -> Iterable[pd.DataFrame]:
    odd, extreme = odd_bars.odd_returns(series)
    marks = {
        "stale_repeat": odd_bars.stale_repeats(series),
        "outlier": odd,
        "extreme_move": extreme,
        "long_wick": odd_bars.long_wicks(series),
        "volume_break": odd_bars.volume_breaks(series),
    }
    for rule, mark in marks.items():
        at = np.flatnonzero(mark.marked)
        yield _at_bars(rule, series, mark.marked, mark.words(at))


def _at_bars(rule: str, series: BarSeries, marked: Bools, words: list[str]) -> pd.DataFrame:
    rows = series.rows[marked]
    return _found(rule, "bars", rows.assign(detail=words), series.known[marked])


def _kept_out(quarantined: pd.DataFrame | None) -> pd.DataFrame:
    """Symbol, timeframe and ts of bars in quarantine."""
    if quarantined is None:
        quarantined = frames.empty("quarantine")
    chosen = with_originals(quarantined[(quarantined["table"] == "bars").to_numpy()])
    return chosen[["symbol", "timeframe", "ts"]]


def _of_gaps(gaps: bar_gaps.Gaps, timeframe: str) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "session": gaps.sessions,
            "symbol": gaps.symbols,
            "timeframe": timeframe,
            "ts": pd.DatetimeIndex(gaps.starts).tz_localize("UTC"),
            "detail": [f"{count} missing" for count in gaps.counts],
        }
    )
    parts = [
        _found(rule, "bars", rows[chosen], gaps.known[chosen])
        for rule, chosen in (("missing_session", gaps.whole), ("gap", ~gaps.whole))
    ]
    return pd.concat(parts, ignore_index=True)


def _of_actions(series: BarSeries, actions: pd.DataFrame) -> list[pd.DataFrame]:
    found = {
        "large_dividend": action_findings.large_dividends(series, actions),
        "split_without_move": action_findings.splits_without_move(series, actions),
    }
    return [
        _found(rule, "corporate_actions", _at_open(bad.rows).assign(detail=bad.words), bad.known)
        for rule, bad in found.items()
    ]


def _at_open(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows without a bar of their own, placed at the open of their session."""
    return rows.assign(timeframe="", ts=calendar.open_each(pd.DatetimeIndex(rows["session"])))


def findings_of_quarantine(quarantined: pd.DataFrame) -> pd.DataFrame:
    """What rows in quarantine say of a source's clock, calendar and actions, as rows of `findings`.

    Parameters
    ----------
    quarantined : columns of `quarantine`
    """
    slugs = quarantined["reason"].map(slug_of)
    chosen = quarantined[slugs.isin(_OF_QUARANTINE).to_numpy()]
    if not len(chosen):
        return frames.empty("findings")
    rows = with_originals(chosen).assign(rule=slugs[chosen.index], detail=chosen["reason"])
    rows["ts"] = rows["ts"].fillna(rows["session"].dt.tz_localize("UTC"))
    parts = [
        _found(str(rule), str(table), part, plain(part["known_at"]))
        for (rule, table), part in rows.groupby(["rule", "table"])
    ]
    key = list(frames.table_of("findings").key)
    return frames.validated("findings", pd.concat(parts, ignore_index=True).drop_duplicates(key))


def findings_of_values(reconciliation: pd.DataFrame) -> pd.DataFrame:
    """Values about which two sources or timeframes disagree, as rows of `findings`.

    Parameters
    ----------
    reconciliation : columns of `reconciliation`
    """
    bad = reconciliation[~reconciliation["agrees"].to_numpy()]
    if not len(bad):
        return frames.empty("findings")
    words = bad.apply(_said, axis=1)
    key = ["session", "timeframe", "symbol"]
    joined = (
        bad.assign(detail=words)
        .groupby(key, as_index=False)
        .agg(detail=("detail", "; ".join), known_at=("known_at", "max"))
    )
    placed = _at_open(joined).assign(timeframe=joined["timeframe"])
    return frames.validated("findings", _found("disagreement", "bars", placed, plain(joined["known_at"])))


def _said(row: pd.Series) -> str:
    apart = row["relative_difference"]
    told = f"{apart:+.1e}" if abs(apart) < _SMALL else f"{apart:+.2%}"
    return (
        f"{row['field']}: {row['left']} {row['left_value']:g}, {row['right']} {row['right_value']:g} ({told})"
    )


def _found(rule: str, table: str, rows: pd.DataFrame, known: NDArray[np.datetime64]) -> pd.DataFrame:
    """Rows with session, timeframe, symbol, ts and detail as findings of a rule."""
    made = rows[["session", "timeframe", "symbol", "ts", "detail"]].assign(
        table=table,
        rule=rule,
        severity=RULES[rule].severity,
        known_at=pd.DatetimeIndex(known).tz_localize("UTC"),
    )
    dtypes = frames.table_of("findings").dtypes
    return made[list(dtypes)].astype(dtypes)

"""How complete, how punctual and how accurate the bars of each symbol and session are, as figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from trading import frames, market_hours
from trading.features.filling import count_filled
from trading.monitoring.bar_rules import slug_of
from trading.monitoring.quarantine import with_originals
from trading.universe import INSTRUMENTS

_LISTED = {one.symbol: pd.Timestamp(one.listed) for one in INSTRUMENTS}
_KEY = ["session", "symbol"]
_REPEATED = "exact_duplicate"


def data_quality(
    bars: pd.DataFrame,
    sessions: pd.DatetimeIndex,
    timeframe: str,
    symbols: Sequence[str],
    *,
    quarantined: pd.DataFrame | None = None,
    reconciliation: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Rows of `data_quality`: one for each session and symbol from which a bar is expected, or came.

    Parameters
    ----------
    bars : columns of `bars`, every revision of the sessions
    sessions, timeframe, symbols : what was asked for; a symbol is expected from its listing on
    quarantined : columns of `quarantine`, of the same sessions
    reconciliation : columns of `reconciliation`, of the same sessions
    """
    asked = _asked(sessions, timeframe, symbols)
    mine = bars[(bars["timeframe"] == timeframe).to_numpy() & bars["session"].isin(sessions).to_numpy()]
    parts = [
        _expected(asked, timeframe),
        _present(mine, timeframe),
        _counted(mine, timeframe),
        _kept_out(quarantined, timeframe),
        _agreeing(reconciliation, timeframe),
    ]
    joined = asked.set_index(_KEY).join([part for part in parts if part is not None])
    counts = ["expected", "present", "filled", "revised", "quarantined", "duplicates"]
    joined = joined.reindex(columns=[*counts, "timeliness_seconds", "accuracy", "last_known"])
    joined[counts] = joined[counts].fillna(0).astype("int64")
    rows = joined[(joined["expected"] > 0) | (joined["present"] > 0)].reset_index()
    return _typed(rows, timeframe)


def _asked(sessions: pd.DatetimeIndex, timeframe: str, symbols: Sequence[str]) -> pd.DataFrame:
    if timeframe == "1W":
        sessions = sessions[market_hours.week_of(sessions) == sessions.to_numpy()]
    index = pd.MultiIndex.from_product([sessions, list(symbols)], names=_KEY)
    return index.to_frame(index=False)


def _expected(asked: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """How many bars the calendar asks for."""
    count = (
        market_hours.bars_of(asked["session"]) if timeframe == "5min" else np.ones(len(asked), dtype=np.int64)
    )
    early = (asked["session"] < asked["symbol"].map(_LISTED).astype("datetime64[us]")).to_numpy()
    expected = np.where(early, 0, count)
    return asked.assign(expected=expected).set_index(_KEY)


def _present(mine: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Bars that are there, how long after their end they were first known, and when all of it was."""
    ends = market_hours.bar_ends(mine["session"], mine["ts"], timeframe)
    late = mine.assign(seconds=(mine["known_at"] - ends).dt.total_seconds())
    first = late.sort_values("known_at", kind="stable").drop_duplicates([*_KEY, "ts"])
    grouped = first.groupby(_KEY)
    return pd.DataFrame(
        {
            "present": grouped.size(),
            "timeliness_seconds": grouped["seconds"].median(),
            "last_known": mine.groupby(_KEY)["known_at"].max(),
        }
    )


def _counted(mine: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Bars that were restated, and bars that the filled view would add."""
    said = mine.drop_duplicates([name for name in mine.columns if name not in ("known_at", "source")])
    revisions = said.groupby([*_KEY, "ts"]).size() - 1
    revised = (revisions > 0).groupby(level=_KEY).sum().rename("revised")
    if timeframe != "5min":
        return revised.to_frame().assign(filled=0)
    newest = mine.sort_values("known_at", kind="stable").drop_duplicates([*_KEY, "ts"], keep="last")
    return revised.to_frame().join(count_filled(newest).set_index(_KEY)["filled"])


def _kept_out(quarantined: pd.DataFrame | None, timeframe: str) -> pd.DataFrame | None:
    """Rows that were kept out, those that merely came twice apart."""
    if quarantined is None or not len(quarantined):
        return None
    rows = with_originals(quarantined[(quarantined["table"] == "bars").to_numpy()])
    rows = rows[(rows["timeframe"] == timeframe).to_numpy()]
    twice = rows["reason"].map(slug_of).eq(_REPEATED)
    counted = rows.assign(duplicates=twice.astype("int64"), quarantined=(~twice).astype("int64"))
    return counted.groupby(_KEY)[["duplicates", "quarantined"]].sum()


def _agreeing(reconciliation: pd.DataFrame | None, timeframe: str) -> pd.DataFrame | None:
    """Share of the compared values that agree."""
    if reconciliation is None or not len(reconciliation):
        return None
    mine = reconciliation[(reconciliation["timeframe"] == timeframe).to_numpy()]
    return mine.assign(accuracy=mine["agrees"].astype("float64")).groupby(_KEY)[["accuracy"]].mean()


def _typed(rows: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    ended = market_hours.bar_ends(rows["session"], market_hours.bar_starts(rows["session"], "1D"), "1D")
    ended = pd.Series(ended, index=rows.index)
    known = rows["last_known"].astype("datetime64[us, UTC]").fillna(ended)
    share = (rows["present"] / rows["expected"].replace(0, np.nan)).clip(upper=1.0)
    made = rows.assign(timeframe=timeframe, known_at=known.where(known > ended, ended), completeness=share)
    dtypes = frames.table_of("data_quality").dtypes
    return frames.validated("data_quality", made[list(dtypes)].astype(dtypes))

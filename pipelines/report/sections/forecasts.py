"""The newest ensemble forecast of each symbol, as a fan after its recent past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.axes import padded
from pipelines.report.charts import Panel, Series, chart
from pipelines.report.markup import Html, el, missing, table
from pipelines.report.material import Material
from trading import calendar
from trading.frames import HORIZONS
from trading.interfaces import Floats
from trading.universe import SYMBOLS

PAST_SESSIONS = 40
AHEAD = max(HORIZONS)
_FANS = (("q050", "q950", True), ("q250", "q750", False))


def fans(material: Material) -> list[Html]:
    """One small chart a symbol: 40 sessions back, 20 ahead, in per cent of the last close."""
    newest = _newest(material["ensemble_forecast"], material.facts.last)
    if newest.empty:
        return [missing("No forecast yet.")]
    intervals = _newest(material["ensemble_intervals"], material.facts.last)
    series = {s: _fan(material, s, _of(newest, s), _of(intervals, s)) for s in SYMBOLS if len(_of(newest, s))}
    charts = _same_scale(material, series)
    marked = newest["contaminated"].any()
    return [
        _key(),
        el("div", charts, class_="small-grid"),
        el("p", "CONTAMINATED: a model in it may have seen these sessions in training.", class_="flag") if marked else Html(""),
        _newest_table(newest, intervals),
    ]  # fmt: skip


def _newest(rows: pd.DataFrame, session: pd.Timestamp | None) -> pd.DataFrame:
    return rows[(rows["session"] == session).to_numpy()]


def _of(rows: pd.DataFrame, symbol: str) -> pd.DataFrame:
    return rows[(rows["symbol"] == symbol).to_numpy()].sort_values("horizon")


def _same_scale(material: Material, fans_of: Mapping[str, Sequence[Series]]) -> list[Html]:
    """One small chart a symbol, all with the same axes, so that the eye can compare them."""
    last = pd.Timestamp(material.facts.last)
    sessions = calendar.sessions_between(calendar.shift(last, -PAST_SESSIONS), calendar.shift(last, AHEAD))
    limits = padded(np.concatenate([s.values for fan in fans_of.values() for s in fan]))
    return [
        chart(material.facts.titled(symbol), sessions, [Panel(fan, "percent", 170, rule=0.0, limits=limits)], small=True)
        for symbol, fan in fans_of.items()
    ]  # fmt: skip


def _fan(material: Material, symbol: str, said: pd.DataFrame, interval: pd.DataFrame) -> list[Series]:
    bands = [
        Series("", _ahead(said, edge), "--strategy", lower=_ahead(said, low), band=True, faint=faint)
        for low, edge, faint in _FANS
    ]
    return [
        *bands,
        Series("75 % from", _ahead(interval, "lower"), "--interval", dashed=True),
        Series("to", _ahead(interval, "upper"), "--interval", dashed=True),
        Series("median", _ahead(said, "q500"), "--strategy"),
        Series("close", _past(material, symbol), "--ink"),
    ]


def _past(material: Material, symbol: str) -> Floats:
    """(61,) change of the close from the last one, as a simple return; NaN ahead and where unknown."""
    rows = material.tables.get("features", material["features"])
    mine = rows[((rows["symbol"] == symbol) & (rows["session"] <= material.facts.last)).to_numpy()]
    steps = mine["log_return"].to_numpy(dtype=float)[-PAST_SESSIONS:]
    path = np.full(PAST_SESSIONS + 1 + AHEAD, np.nan)
    before = -np.cumsum(steps[::-1])[::-1]
    path[PAST_SESSIONS - len(steps) : PAST_SESSIONS + 1] = np.expm1(np.append(before, 0.0))
    return path


def _ahead(rows: pd.DataFrame, column: str) -> Floats:
    """(61,) a column over the horizons as a simple return, straight between them; NaN before the last close."""
    known = rows[rows[column].notna().to_numpy()]
    path = np.full(PAST_SESSIONS + 1 + AHEAD, np.nan)
    if len(known):
        ends = [0, *known["horizon"].to_numpy()]
        values = np.interp(np.arange(ends[-1] + 1), ends, [0.0, *known[column].to_numpy()])
        path[PAST_SESSIONS : PAST_SESSIONS + len(values)] = np.expm1(values)
    return path


def _key() -> Html:
    keys = (
        ("close", "--ink", None),
        ("median forecast", "--strategy", None),
        ("50 % and 90 % of the forecast", "--strategy", "swatch"),
        ("calibrated 75 % interval", "--interval", "dashed"),
    )
    shown = [
        el("span", el("i", style=f"--k:var({colour})", class_=kind), name) for name, colour, kind in keys
    ]
    return el("div", shown, class_="legend")


def _newest_table(said: pd.DataFrame, intervals: pd.DataFrame) -> Html:
    key = ["symbol", "horizon"]
    joined = said.merge(intervals[[*key, "lower", "upper", "status"]], on=key, how="left")
    joined = joined.assign(rank=joined["symbol"].map({s: k for k, s in enumerate(SYMBOLS)}))
    rows = [
        [r.symbol, str(r.horizon), figures.percent(np.expm1(r.q500), 2, signed=True),
         figures.span(np.expm1(r.lower), np.expm1(r.upper), 1, as_percent=True),
         figures.span(np.expm1(r.q050), np.expm1(r.q950), 1, as_percent=True),
         figures.percent(np.expm1(r.between_models), 2), _state(r.status)]
        for r in joined.sort_values(["rank", "horizon"]).itertuples()
    ]  # fmt: skip
    headers = [
        "Symbol",
        "Sessions ahead",
        "Median",
        "75 % interval",
        "5 % to 95 %",
        "Between models",
        "Interval",
    ]
    return table(headers, rows, words=(0, 6))


def _state(status: object) -> str:
    return str(status).replace("_", " ") if isinstance(status, str) else figures.DASH

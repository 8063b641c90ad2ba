"""How often issued intervals held, how wide they were and what they cost, by model, symbol, horizon, year and regime."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from trading import calendar
from trading.evaluation.coverage import coverage_of, covered
from trading.evaluation.coverage_tests import clustering_of

ALL, ENSEMBLE = "all", "ensemble"
COLUMNS: tuple[str, ...] = (
    "model",
    "symbol",
    "horizon",
    "nominal",
    "slice_kind",
    "slice",
    "n",
    "coverage",
    "mean_width",
    "interval_score",
    "kupiec_p",
    "christoffersen_p",
)
_CELL = ["session", "symbol"]
_KEY = ["issued_session", "model", "version", "symbol", "horizon"]


def issued_intervals(forecasts: pd.DataFrame, losses: pd.DataFrame, regimes: pd.DataFrame) -> pd.DataFrame:
    """Every interval of a champion that matured, with its outcome and the regime in which it was issued.

    Parameters
    ----------
    forecasts : rows of `forecasts` of one timeframe; losses : of `version_losses`; regimes : of `regimes`

    Returns
    -------
    model, symbol, horizon, session (of issue), lower, upper, realized, year, regime; intervals that were still
    warming up, and contaminated ones, are left out
    """
    ready = forecasts[forecasts["lower"].notna() & ~forecasts["contaminated"]]
    issued = ready.rename(columns={"session": "issued_session"})[[*_KEY, "lower", "upper"]]
    matured = issued.merge(losses[[*_KEY, "realized"]], on=_KEY, how="inner", validate="one_to_one")
    return _labelled(matured.rename(columns={"issued_session": "session"}).drop(columns="version"), regimes)


def issued_by_the_ensemble(
    intervals: pd.DataFrame, forecasts: pd.DataFrame, regimes: pd.DataFrame
) -> pd.DataFrame:
    """The same of the ensemble's own intervals.

    Parameters
    ----------
    intervals : rows of `ensemble_intervals`, which hold at each session what was issued and what matured
    forecasts : rows of `ensemble_forecast`, which say what is contaminated
    """
    clean = forecasts.loc[~forecasts["contaminated"], [*_CELL, "horizon"]]
    ready = intervals[intervals["lower"].notna()].merge(clean, on=[*_CELL, "horizon"])
    outcomes = intervals[intervals["realized"].notna()]
    origin = [
        calendar.shift(day, -ahead)
        for day, ahead in zip(outcomes["session"], outcomes["horizon"], strict=True)
    ]
    outcomes = outcomes.assign(session=pd.DatetimeIndex(origin).as_unit("us"))[
        [*_CELL, "horizon", "realized"]
    ]
    matured = ready[[*_CELL, "horizon", "lower", "upper"]].merge(outcomes, on=[*_CELL, "horizon"])
    return _labelled(matured.assign(model=ENSEMBLE), regimes)


def _labelled(matured: pd.DataFrame, regimes: pd.DataFrame) -> pd.DataFrame:
    """With the year and the regime of the session of issue."""
    labels = regimes.set_index("session")["regime"]
    return matured.assign(
        year=matured["session"].dt.year.astype(str), regime=matured["session"].map(labels).astype(object)
    )


def interval_report(issued: pd.DataFrame, nominal: float, *, each_symbol: bool = True) -> pd.DataFrame:
    """One row a model, symbol (and all together), horizon and slice, with the columns `COLUMNS`.

    The interval score is width + 2 / (1 - nominal) * what lies outside (Gneiting and Raftery 2007, eq. 43), in
    log returns. The p-values take intervals as independent; those of horizons above one are judged on every h-th
    session, where the intervals do not overlap.

    Parameters
    ----------
    issued : of `issued_intervals`
    nominal : coverage that was promised
    each_symbol : whether symbols have rows of their own beside all together
    """
    scored = _scored(issued, nominal).sort_values(["model", "horizon", "session", "symbol"])
    rows = [
        {
            "model": model,
            "symbol": symbol,
            "horizon": horizon,
            "nominal": nominal,
            "slice_kind": kind,
            "slice": name,
        }
        | _figures(part, int(horizon), nominal)
        for (model, horizon), group in scored.groupby(["model", "horizon"], sort=True)
        for symbol, own in (_symbols(group) if each_symbol else [(ALL, group)])
        for kind, name, part in _slices(own)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _scored(issued: pd.DataFrame, nominal: float) -> pd.DataFrame:
    lower, upper, realized = (issued[name].to_numpy(dtype=float) for name in ("lower", "upper", "realized"))
    outside = np.maximum(lower - realized, 0) + np.maximum(realized - upper, 0)
    width = upper - lower
    return issued.assign(
        held=covered(lower, upper, realized), width=width, score=width + 2 / (1 - nominal) * outside
    )


def _symbols(group: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield ALL, group
    for symbol, part in group.groupby("symbol", sort=True):
        yield str(symbol), part


def _slices(part: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    yield ALL, ALL, part
    for kind in ("year", "regime"):
        for name, some in part.groupby(kind, sort=True):
            yield kind, str(name), some


def _figures(part: pd.DataFrame, horizon: int, nominal: float) -> dict[str, float]:
    """Figures of rows in order of session; tests of those that do not overlap."""
    wide = part.pivot_table(index="session", columns="symbol", values="held")
    # every session between: the last one in a regime and the first one in it months later are no neighbours
    every = calendar.sessions_between(part["session"].min(), part["session"].max())
    flags = wide.reindex(every).to_numpy(dtype=float)[::horizon]
    return {
        "n": len(part),
        "coverage": float(part["held"].mean()),
        "mean_width": float(part["width"].mean()),
        "interval_score": float(part["score"].mean()),
        "kupiec_p": coverage_of(flags, nominal).p_value,
        "christoffersen_p": clustering_of(flags, nominal).independence_p,
    }

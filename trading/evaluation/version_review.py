"""What a reviewer asks of one version of a model: its losses by year and regime, beside the random walk and the champion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from trading.frames import LEVELS, QUANTILES

COLUMNS = (
    "slice_kind",
    "slice",
    "horizon",
    "n",
    "loss",
    "over_naive",
    "over_champion",
    "accuracy",
    "coverage",
)
_CASE = ["issued_session", "symbol", "horizon"]
ALL = "all"


def cases_of(losses: pd.DataFrame, version: str, naive: pd.DataFrame, champion: pd.DataFrame) -> pd.DataFrame:
    """Matured daily forecasts of a version, with the losses of the random walk and of its model's champion beside.

    Parameters
    ----------
    losses : rows of `version_losses`; contaminated ones are no evidence and are left out
    naive, champion : issued_session, symbol, horizon and pinball of those who spoke

    Returns
    -------
    One row a case: issued_session, symbol, horizon, pinball, naive, champion (NaN where it did not speak), right, inside.
    """
    mine = losses[((losses["version"] == version) & ~losses["contaminated"]).to_numpy()]
    for name, other in (("naive", naive), ("champion", champion)):
        mine = mine.merge(other[[*_CASE, "pinball"]].rename(columns={"pinball": name}), on=_CASE, how="left")
    told = (mine["realized"] != 0) & (mine["median"] != 0)
    right = (np.sign(mine["median"]) == np.sign(mine["realized"])).astype(float).where(told)
    return mine.assign(right=right, inside=(mine["score"] <= 0).astype(float))


def reviewed(cases: pd.DataFrame, regimes: Mapping[pd.Timestamp, str]) -> pd.DataFrame:
    """One row a slice and horizon: everything, each year and each regime of the session of issue.

    Columns: slice_kind, slice, horizon, n, loss (mean pinball), over_naive and over_champion (ratio of mean losses over
    the same cases), accuracy (share of right directions; NaN where none was said), coverage (of the model's own 75 % interval).
    """
    rows = [
        (kind, name, int(horizon), *_figures(part))
        for kind, name, group in _slices(cases, regimes)
        for horizon, part in group.groupby("horizon")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def quantile_shares(forecasts: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """How often outcomes lay below each quantile: horizon, level, share, n; calibrated is share = level.

    Parameters
    ----------
    forecasts : rows of `forecast_<model>` of one version; cases : its matured ones
    """
    said = forecasts.rename(columns={"session": "issued_session"})[[*_CASE, *QUANTILES]]
    both = cases[[*_CASE, "realized"]].merge(said, on=_CASE)
    rows = [
        (int(horizon), level, float((part["realized"] <= part[name]).mean()), len(part))
        for horizon, part in both.groupby("horizon")
        for name, level in zip(QUANTILES, LEVELS, strict=True)
    ]
    return pd.DataFrame(rows, columns=["horizon", "level", "share", "n"])


def losses_over_time(cases: pd.DataFrame, horizon: int = 1, window: int = 21) -> pd.DataFrame:
    """Mean loss of the last `window` sessions of issue: the version, the random walk and the champion; one row a session."""
    due = cases[(cases["horizon"] == horizon).to_numpy()]
    means = due.groupby("issued_session")[["pinball", "naive", "champion"]].mean()
    return means.rolling(window, min_periods=min(5, window)).mean()


def _figures(part: pd.DataFrame) -> tuple[float, ...]:
    ratios = (_ratio(part, "naive"), _ratio(part, "champion"))
    return (
        len(part),
        float(part["pinball"].mean()),
        *ratios,
        float(part["right"].mean()),
        float(part["inside"].mean()),
    )


def _ratio(part: pd.DataFrame, other: str) -> float:
    both = part[part[other].notna().to_numpy()]
    return (
        float(both["pinball"].mean() / both[other].mean()) if len(both) and both[other].mean() > 0 else np.nan
    )


def _slices(
    cases: pd.DataFrame, regimes: Mapping[pd.Timestamp, str]
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    yield ALL, ALL, cases
    for kind, labels in (
        ("year", cases["issued_session"].dt.strftime("%Y")),
        ("regime", cases["issued_session"].map(regimes)),
    ):
        for name, part in cases.groupby(labels.to_numpy(), sort=True):
            yield kind, str(name), part

"""What models lose beside the random walk, on exactly the same forecasts."""

from __future__ import annotations

import pandas as pd

from trading.evaluation.uncertainty import ratio_estimate

BASELINE = "random_walk"
_CASE = ["session", "horizon", "symbol"]


def relative_losses(losses: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Mean pinball loss of each model over that of the baseline, with its 95 % interval.

    Parameters
    ----------
    losses : rows of `version_losses`, one version a model; contaminated ones are left out

    Returns
    -------
    One row a model and horizon: model, horizon, relative, low, high, sessions, forecasts. Only
    forecasts that both made are compared; symbols of a session count as one observation.
    """
    clean = losses.loc[~losses["contaminated"], [*_CASE, "model", "pinball"]]
    naive = clean.loc[clean["model"] == baseline, [*_CASE, "pinball"]]
    paired = clean[clean["model"] != baseline].merge(naive, on=_CASE, suffixes=("", "_naive"))
    rows = [
        _row(str(model), int(horizon), part)
        for (model, horizon), part in paired.groupby(["model", "horizon"], sort=True)
    ]
    return pd.DataFrame(
        rows, columns=["model", "horizon", "relative", "low", "high", "sessions", "forecasts"]
    )


def _row(model: str, horizon: int, paired: pd.DataFrame) -> tuple[str, int, float, float, float, int, int]:
    means = paired.groupby("session", sort=True)[["pinball", "pinball_naive"]].mean()
    found = ratio_estimate(means["pinball"].to_numpy(), means["pinball_naive"].to_numpy(), overlap=horizon)
    return model, horizon, found.value, found.low, found.high, found.observations, len(paired)

"""Signals over the spring of 2020, real bars of ten names, from forecasts that only widen with volatility."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from trading import calendar
from trading.frames import LEVELS, QUANTILES
from trading.stages.signals import signals_stage
from trading.testing.stage_rows import frame_of, history_of, made_by
from trading.universe import SYMBOLS

PANEL = Path(__file__).parents[4] / "shared" / "data" / "daily" / "panel_adjusted.parquet"
pytestmark = pytest.mark.skipif(not PANEL.exists(), reason="needs ../shared/data")
HORIZON, SKILL = 5, 0.3
CALM, WILD = calendar.session_of("2020-02-12"), calendar.session_of("2020-03-20")


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    rows = pd.read_parquet(PANEL, columns=["symbol", "session", "close"])
    wide = rows.assign(session=pd.to_datetime(rows["session"])).pivot_table(
        index="session", columns="symbol", values="close"
    )
    return np.log(wide.reindex(columns=list(SYMBOLS))).diff()


def signals(returns: pd.DataFrame, session: pd.Timestamp) -> pd.DataFrame:
    """Signals of normal forecasts from the mean and the volatility of the last 21 sessions."""
    recent = returns.loc[:session].tail(21)
    listed = recent.notna().all()
    mean, deviation = HORIZON * recent.mean()[listed], np.sqrt(HORIZON) * recent.std()[listed]
    count, named = int(listed.sum()), {"symbol": list(mean.index), "horizon": HORIZON}
    quantiles = {
        name: (mean + deviation * ndtri(level)).to_numpy()
        for name, level in zip(QUANTILES, LEVELS, strict=True)
    }
    bounds = {"lower": quantiles["q125"], "upper": quantiles["q875"], "status": "calibrated"}
    histories = {
        "ensemble_forecast": history_of(
            "ensemble_forecast", [session] * count, models=1, **named, **quantiles
        ),
        "ensemble_intervals": history_of("ensemble_intervals", [session] * count, **named, **bounds),
        "ensemble_skill": history_of("ensemble_skill", [session], horizon=HORIZON, skill=SKILL),
        "regimes": history_of("regimes", [session], regime="Bear", status="filtered", dwell=1),
    }
    return frame_of(made_by(signals_stage(), session, histories), "signals", session).set_index("symbol")


def test_every_signal_follows_from_its_forecast(returns: pd.DataFrame) -> None:
    rows = signals(returns, CALM)
    mean = HORIZON * returns.loc[:CALM].tail(21).mean()[rows.index]
    assert len(rows) == 9  # ARM was not listed
    assert (rows["direction"] == np.sign(mean)).all()
    assert rows["expected_return"].to_numpy() == pytest.approx(mean.to_numpy(), abs=1e-3)  # exponential tails
    assert rows["alpha"].tolist() == (SKILL * rows["expected_return"]).tolist()


def test_confidence_falls_in_a_crash_and_no_gate_opens(returns: pd.DataFrame) -> None:
    calm, wild = signals(returns, CALM), signals(returns, WILD)
    assert (wild["confidence"] < calm["confidence"]).all()
    assert wild["confidence"].max() < 0.5
    assert not wild["passes_filter"].any()
    assert (wild["direction"] == -1).sum() >= 8  # what had fallen for a month is expected to fall

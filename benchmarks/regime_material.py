"""What regimes are told from on real bars: the ten names' daily panel and the state of their market."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from trading.interfaces import Floats
from trading.universe import SYMBOLS

DAILY = Path(__file__).parents[2] / "shared" / "data" / "daily"
SESSIONS_A_YEAR = 252


def real_panel() -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Adjusted closes and volumes, one row a session and one column a name, and the closes of the VIX."""
    rows = pd.read_parquet(DAILY / "panel_adjusted.parquet", columns=["symbol", "session", "close", "volume"])
    rows = rows.assign(session=pd.to_datetime(rows["session"]))
    wide = rows.pivot_table(index="session", columns="symbol")[["close", "volume"]]
    close, volume = (wide[name].reindex(columns=list(SYMBOLS)) for name in ("close", "volume"))
    vix = pd.read_parquet(DAILY / "vix.parquet", columns=["session", "close"])
    level = vix.assign(session=pd.to_datetime(vix["session"])).set_index("session")["close"]
    return close, volume, level.reindex(close.index)


def state_of(close: Floats, volume: Floats, vix: Floats) -> Floats:
    """(w, 5) of the columns of `market_state` from adjusted closes and volumes (w, s); NaN until all are known."""
    returns = pd.DataFrame(np.log(close)).diff()
    traded = pd.DataFrame(np.log(np.where(volume > 0, volume, np.nan)))
    quarter = traded.rolling(63)
    columns = [
        returns.mean(axis=1),
        np.log(returns.rolling(21).std().mean(axis=1) * np.sqrt(SESSIONS_A_YEAR)),
        ((traded - quarter.mean()) / quarter.std()).mean(axis=1),
        pd.DataFrame(np.log(close)).diff(21).mean(axis=1),
        pd.Series(np.log(vix)),
    ]
    return np.column_stack(columns)


def first_known(state: Floats) -> int:
    """The first row of (w, c) that is known as a whole."""
    return int(np.isfinite(state).all(axis=1).argmax())

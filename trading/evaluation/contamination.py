"""Sessions whose figures do not count: what was held in them rests on weights that may have seen them."""

from __future__ import annotations

import pandas as pd

from trading.interfaces import Bools

# What is held in a session was decided one session before, and until its open two sessions before.
_DECIDED_BEFORE = (0, 1, 2)


def clean_sessions(sessions: pd.DatetimeIndex, said: pd.DataFrame, targets: pd.DataFrame) -> Bools:
    """(n,) whether what was held in each of `sessions` rests on no CONTAMINATED ensemble forecast.

    It does rest on one if the forecast of its own session, of a session that decided what it held, or
    of the session that solved the mix then in force was CONTAMINATED.

    Parameters
    ----------
    said : rows of `ensemble_forecast`; targets : of `target_portfolio`
    """
    marked = pd.DatetimeIndex(said["session"][said["contaminated"].to_numpy(dtype=bool)].unique())
    solved = targets.groupby("session")["optimized_session"].min().reindex(sessions)
    tainted = pd.Series(sessions.isin(marked) | solved.isin(marked).to_numpy(), index=sessions)
    late = pd.concat([tainted.shift(back, fill_value=False) for back in _DECIDED_BEFORE], axis=1)
    return ~late.any(axis=1).to_numpy(dtype=bool)

"""What each name brought a book: its part of every session's return, exact to the cent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from trading.evaluation.figures import GROUP, NAMES, SYMBOL, Figure, Of
from trading.evaluation.uncertainty import mean_estimate, mean_p_value
from trading.portfolio.covariance import SESSIONS_PER_YEAR
from trading.stages.trading_state import CASH, RECEIVABLE
from trading.universe import SYMBOLS, groups

CASH_ITSELF = "cash"


def contributions(positions: pd.DataFrame, ledger: pd.DataFrame, performance: pd.DataFrame) -> pd.DataFrame:
    """Part of each session's simple return that each name brought, its own costs and dividends included.

    Parameters
    ----------
    positions, ledger, performance : rows of one strategy, from its first session on

    Returns
    -------
    (n, k) sessions without the first by name, and `cash` for what belongs to no name (interest, fees). A row sums
    to the session's simple return.
    """
    equity = performance.set_index("session")["equity_cents"].astype(float)
    return profits(positions, ledger, performance).div(equity.shift(1).iloc[1:], axis=0)


def profits(positions: pd.DataFrame, ledger: pd.DataFrame, performance: pd.DataFrame) -> pd.DataFrame:
    """What each name brought in each session, in cents: its change of value, and what was booked under it.

    Parameters and columns are those of `contributions`; a row sums to the session's change of equity.
    """
    sessions = pd.DatetimeIndex(performance["session"])
    held = positions[~positions["symbol"].isin((CASH, RECEIVABLE))]
    value = _wide(held, "value_cents", sessions)
    booked = ledger[ledger["kind"] != "deposit"]
    worth = booked.assign(worth=booked["cash_cents"] + booked["receivable_cents"])
    flows = _wide(worth, "worth", sessions)
    names = value.columns.union(flows.columns, sort=False)
    profit = value.reindex(columns=names, fill_value=0.0).diff() + flows.reindex(
        columns=names, fill_value=0.0
    )
    return profit.iloc[1:].rename(columns={"": CASH_ITSELF})


def contribution_figures(strategy: str, parts: pd.DataFrame) -> Iterator[Figure]:
    """What each name and each group of names brought a year, with its interval and test.

    Parameters
    ----------
    parts : rows of `contributions` that count
    """
    named = [name for name in (*SYMBOLS, CASH_ITSELF) if name in parts]
    for name in named:
        yield from _figures(Of(NAMES, strategy, SYMBOL, name), parts[name])
    group_of = groups()
    by_group = parts[[name for name in named if name in group_of]].T.groupby(group_of, sort=True).sum().T
    for group in by_group:
        yield from _figures(Of(NAMES, strategy, GROUP, str(group)), by_group[group])


def _figures(of: Of, part: pd.Series[float]) -> Iterator[Figure]:
    brought = part.to_numpy(dtype=float)
    yield Figure.estimated(of, "mean_return", mean_estimate(brought).scaled(SESSIONS_PER_YEAR), 0.0)
    yield Figure.sure(of, "p_value_of_mean", mean_p_value(brought), int(np.count_nonzero(brought)))


def _wide(rows: pd.DataFrame, column: str, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """(n, k) sums of a column by session and symbol, 0 where there is no row."""
    summed = rows.pivot_table(index="session", columns="symbol", values=column, aggfunc="sum")
    return summed.reindex(sessions).fillna(0.0).astype(float)

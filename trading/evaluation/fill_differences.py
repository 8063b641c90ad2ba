"""What two books did differently: fill by fill, and what it came to."""

from __future__ import annotations

import pandas as pd

_PLACE = ["strategy", "session", "symbol"]
_SAID = ["decision_session", "quantity", "price"]
KINDS = ("added", "gone", "changed")


def fill_differences(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Fills that only one of two books has, or that differ in quantity or price.

    Fills are the same if strategy, session and symbol are; of several, the n-th of one book and of the other.

    Parameters
    ----------
    a, b : rows of `fills`

    Returns
    -------
    Columns strategy, session, symbol, kind (`added`: only in b, `gone`: only in a, `changed`),
    decision_session, quantity_a, quantity_b (shares, signed), price_a, price_b (USD); NaN where
    there is no such fill.
    """
    pairs = _numbered(a).merge(
        _numbered(b), how="outer", on=[*_PLACE, "number"], suffixes=("_a", "_b"), indicator=True
    )
    kind = pairs["_merge"].map({"left_only": "gone", "right_only": "added", "both": "changed"}).astype("str")
    same = (pairs["quantity_a"] == pairs["quantity_b"]) & (pairs["price_a"] == pairs["price_b"])
    decided = pairs["decision_session_a"].fillna(pairs["decision_session_b"])
    told = pairs.assign(kind=kind, decision_session=decided)[~same]
    columns = [*_PLACE, "kind", "decision_session", "quantity_a", "quantity_b", "price_a", "price_b"]
    return told.sort_values([*_PLACE, "number"], kind="stable", ignore_index=True)[columns]


def _numbered(fills: pd.DataFrame) -> pd.DataFrame:
    ordered = fills.sort_values([*_PLACE, "decision_session"], kind="stable")
    return ordered[[*_PLACE, *_SAID]].assign(number=ordered.groupby(_PLACE).cumcount())


def equity_difference(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Equity of two books at the last session that both have, one row a strategy.

    Parameters
    ----------
    a, b : rows of `performance`

    Returns
    -------
    Columns strategy, session, equity_a, equity_b, change (all USD) and change_share (of equity_a).
    """
    pairs = a.merge(b, on=["strategy", "session"], suffixes=("_a", "_b")).sort_values("session")
    last = pairs.groupby("strategy", as_index=False).tail(1)
    equity_a, equity_b = last["equity_cents_a"] / 100, last["equity_cents_b"] / 100
    told = last.assign(
        equity_a=equity_a,
        equity_b=equity_b,
        change=equity_b - equity_a,
        change_share=equity_b / equity_a - 1,
    )
    columns = ["strategy", "session", "equity_a", "equity_b", "change", "change_share"]
    return told[columns].reset_index(drop=True)

"""The book: equity beside equal weight, what it held, what it traded and what that cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.charts import Panel, Series, chart, stacked
from pipelines.report.markup import Html, missing, note, table
from pipelines.report.material import Material
from trading.universe import SYMBOLS

STRATEGY, EQUAL = "--strategy", "--equal"
_KINDS = ("spread", "slippage", "impact", "commission", "fees")


def equity(material: Material) -> list[Html]:
    """Equity and drawdown, each beside equal weight of the same names."""
    rows = material["performance"]
    if rows.empty:
        return [missing("No traded session yet.")]
    own, equal = rows["equity_cents"].to_numpy() / 100, rows["equal_weight_equity"].to_numpy()
    title = material.facts.titled("Equity at the close, and its distance from the highest so far")
    panels = [
        Panel(_both(own, equal), "dollars", 230, "Linear, USD"),
        Panel(_both(own, equal), "dollars", 170, "Logarithmic, USD", log=True),
        Panel(
            [
                Series("drawdown, equal weight", _drawdown(equal), EQUAL),
                Series("", _drawdown(own), STRATEGY, lower=np.zeros(len(own)), band=True),
                Series("drawdown", _drawdown(own), STRATEGY),
            ],
            "percent", 120, "Drawdown",
        ),
    ]  # fmt: skip
    return [chart(title, material.sessions, panels)]


def _both(own: np.ndarray, equal: np.ndarray) -> list[Series]:
    return [Series("equal weight", equal, EQUAL), Series("strategy", own, STRATEGY)]


def _drawdown(wealth: np.ndarray) -> np.ndarray:
    return wealth / np.maximum.accumulate(wealth) - 1


def weights(material: Material) -> list[Html]:
    """Weights at the close, stacked, the rest cash; and the exposure that the overlay allowed."""
    rows = material["positions"]
    if rows.empty:
        return [missing("No position yet.")]
    values = material.wide("positions", "value_cents", SYMBOLS)
    held = values / material["performance"]["equity_cents"].to_numpy()[:, None]
    cash = 1 - np.nansum(held, axis=1)
    colours = [*(material.symbol_colour(symbol) for symbol in SYMBOLS), "--cash"]
    areas = stacked([*SYMBOLS, "cash"], np.column_stack([held, cash]), colours)
    title = material.facts.titled("Weights at the close, in parts of equity")
    return [
        chart(title, material.sessions, [Panel(areas, "percent", 300, limits=(0.0, 1.0))]),
        _last_book(material, held),
    ]


def _last_book(material: Material, held: np.ndarray) -> Html:
    """Held and wanted weight of each symbol in the last session."""
    target = material.wide("target_portfolio", "target_weight", SYMBOLS)[-1]
    caps = material.wide("target_portfolio", "cap", SYMBOLS)[-1]
    rows = [
        [symbol, figures.percent(held[-1][k]), figures.percent(target[k]), figures.percent(caps[k])]
        for k, symbol in enumerate(SYMBOLS)
    ]
    return table([f"At {figures.day(material.facts.last)}", "Held", "Target", "Cap"], rows)


def costs(material: Material) -> list[Html]:
    """Cumulative costs by kind, and turnover a session."""
    fills, performance = material["fills"], material["performance"]
    if performance.empty:
        return [missing("No traded session yet.")]
    paid = np.column_stack([_daily(fills, f"{kind}_cents", material.sessions) for kind in _KINDS]) / 100
    panels = [
        Panel(stacked(_KINDS, np.cumsum(paid, axis=0), [f"--k-{place}" for place in range(1, len(_KINDS) + 1)]), "dollars", 180, "Paid so far", limits=(0.0, max(1.0, 1.05 * float(paid.sum())))),
        Panel(
            [Series("turnover", performance["turnover"].to_numpy(), STRATEGY, bars=True)],
            "percent", 120, "Turnover a session, part of equity", limits=(0.0, max(0.01, 1.08 * float(performance["turnover"].max()))),
        ),
    ]  # fmt: skip
    return [
        chart(material.facts.titled("What trading cost"), material.sessions, panels),
        _cost_table(fills),
        _expired(material),
    ]


def _daily(fills: pd.DataFrame, column: str, sessions: pd.DatetimeIndex) -> np.ndarray:
    return fills.groupby("session")[column].sum().reindex(sessions, fill_value=0).to_numpy(dtype=float)


def _cost_table(fills: pd.DataFrame) -> Html:
    notional = float(fills["notional_cents"].sum())
    rows = []
    for kind in (*_KINDS, "all"):
        cents = float(sum(fills[f"{k}_cents"].sum() for k in (_KINDS if kind == "all" else (kind,))))
        rows.append(
            [
                kind,
                figures.dollars(cents, 2),
                figures.plain(cents / notional * 1e4, 2) if notional else figures.DASH,
            ]
        )
    return table([f"{len(fills)} fills, {figures.dollars(notional)} traded", "USD", "bps of traded"], rows)


def _expired(material: Material) -> Html:
    orders = material["orders"]
    carried = orders.loc[orders["sessions_waited"] > 0, "order_id"].nunique()
    over = orders.groupby("status")["order_id"].nunique()
    lost = sum(int(over.get(status, 0)) for status in ("expired", "cancelled", "rejected"))
    return note(f"Orders that waited over a session: {carried}; expired, cancelled or rejected: {lost}.")

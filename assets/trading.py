"""The faces of one trading session, from yesterday's orders to tomorrow's."""

from __future__ import annotations

from assets import plots
from assets.face import TRADING, Face

_SQL = ("python", "sql")

FACES = {
    "fills": Face(
        group="execution",
        description="Yesterday's orders become fills at today's open, with spread, slippage, impact, commission and fees.",
        owner=TRADING,
        kinds=_SQL,
    ),
    "ledger": Face(
        group="execution",
        description="Every booking of cash and shares in integer cents: deposits, fills, commissions, splits, dividends.",
        owner=TRADING,
        kinds=_SQL,
    ),
    "receivables": Face(
        group="execution",
        description="Dividends owed and not yet paid, each with the session on which its cash arrives.",
        owner=TRADING,
        kinds=_SQL,
    ),
    "positions": Face(
        group="performance",
        description="Fills become positions: shares, cash and dividends owed at the close, as the ledger projects them.",
        owner=TRADING,
        kinds=_SQL,
    ),
    "performance": Face(
        group="performance",
        description="Positions become performance: equity, drawdown, turnover and costs, beside equal weight of the same names.",
        owner=TRADING,
        kinds=_SQL,
        plot=plots.equity,
    ),
    "risk": Face(
        group="portfolio",
        description="Performance becomes risk: what the drawdown limits allow tomorrow, value at risk and shortfall, and "
        "which limits the book breaks.",
        owner=TRADING,
        kinds=_SQL,
    ),
    "target_portfolio": Face(
        group="portfolio",
        description="Signals and risk give the target: maximum Sharpe on the shrunk alpha within position, group and "
        "turnover limits, with the solver's certificate, scaled once by the overlay.",
        owner=TRADING,
        kinds=(*_SQL, "cvxpy"),
        plot=plots.target_weights,
    ),
    "orders": Face(
        group="portfolio",
        description="The target becomes tomorrow's orders, and what became of the ones that waited.",
        owner=TRADING,
        kinds=_SQL,
    ),
}

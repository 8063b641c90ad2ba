"""What the run came to, with its uncertainty, and what will be traded next."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.contaminated import clean_sessions, left_out
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from trading.evaluation import uncertainty
from trading.evaluation.paired import sharpe_difference
from trading.evaluation.performance import Summary, summarize
from trading.evaluation.resampling import paired_figures
from trading.evaluation.uncertainty import Estimate
from trading.execution.lifecycle import WORKING
from trading.interfaces import Bools
from trading.universe import SYMBOLS

SESSIONS_PER_YEAR = 252
NEXT_OPEN = "Decided, to trade at the next open"


def headline(material: Material) -> list[Html]:
    """The lead, the figures beside equal weight, and the roadmap's targets."""
    performance = material["performance"]
    if len(performance) < 2:  # noqa: PLR2004 - one session holds the deposit and no return
        return [_equity_alone(performance), missing("No return yet: figures need two traded sessions.")]
    counts = clean_sessions(material)
    flag = [el("p", said, class_="flag")] if (said := left_out(counts)) else []
    if not counts[1:].any():
        return [_equity_now(performance), *flag, missing("No session is left for a figure.")]
    found = summarize(performance, counts=counts)
    return [
        el("p", _lead(performance, found), class_="lead"),
        *flag,
        _tiles(performance, found),
        _figures_table(performance, found, counts),
        note(material.facts.trials_told),
        *_beside(material),
    ]


def _beside(material: Material) -> list[Html]:
    """Which strategy the report is about, and what the others on paper are worth; nothing where it is alone."""
    if not material.challengers:
        return []
    rows = material.tables["performance"]
    last = rows[rows["session"] == material.sessions[-1]].set_index("strategy")["equity_cents"]
    told = (f"{name} {figures.dollars(last[name])}" for name in (material.strategy, *material.challengers))
    commands = "; ".join(f"fabline compare {material.strategy} {name}" for name in material.challengers)
    return [
        note(
            f"This report is about the strategy {material.strategy}, the only one that is ever sent to a broker. "
            f"Equity of all on paper: {', '.join(told)}. What sets them apart: {commands}."
        )
    ]


def simple_returns(performance: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Simple returns (n,) of strategy and of equal weight; the first session has none."""
    rows = performance.iloc[1:]
    return np.expm1(rows["log_return"].to_numpy()), np.expm1(rows["equal_weight_log_return"].to_numpy())


def _equity_alone(performance: pd.DataFrame) -> Html:
    if performance.empty:
        return el("p", "This home has not traded yet. Run the line: fabline run", class_="lead")
    row = performance.iloc[0]
    return el("p", f"One session so far: equity {figures.dollars(row['equity_cents'])}.", class_="lead")


def _equity_now(performance: pd.DataFrame) -> Html:
    last = performance.iloc[-1]
    said = f"Equity at the close of {figures.day(last['session'])}: {figures.dollars(last['equity_cents'])}."
    return el("p", said, class_="lead")


def _lead(performance: pd.DataFrame, found: Summary) -> str:
    first, last = performance.iloc[0], performance.iloc[-1]
    return (
        f"From {figures.day(first['session'])} to {figures.day(last['session'])}, equity went from "
        f"{figures.dollars(first['equity_cents'])} to {figures.dollars(last['equity_cents'])} after costs; "
        f"{found.sessions} sessions of returns made {figures.percent(found.total_return, signed=True)}. "
        f"Equal weight of the same names, without costs, made "
        f"{figures.percent(found.equal_weight_return, signed=True)}. {verdict(found)}"
    )


def verdict(found: Summary) -> str:
    """What the interval of the Sharpe ratio allows to say, in a sentence."""
    low, high = found.sharpe_lower, found.sharpe_upper
    if not math.isfinite(low):
        return f"{found.sessions} sessions are too few for an interval of the Sharpe ratio."
    interval = f"The 95 % interval of the Sharpe ratio, {figures.span(low, high)}"
    if low <= 0 <= high:
        return f"{interval}, holds zero: these sessions cannot tell skill from luck."
    side = "above" if low > 0 else "below"
    return f"{interval}, lies {side} zero in this one sample; it promises nothing about later sessions."


def _tiles(performance: pd.DataFrame, found: Summary) -> Html:
    last = performance.iloc[-1]
    sample = f"n = {found.sessions} sessions"
    interval = figures.span(found.sharpe_lower, found.sharpe_upper)
    return el(
        "div",
        _tile("Equity", figures.dollars(last["equity_cents"]), f"close of {figures.day(last['session'])}"),
        _tile("Return after costs", figures.percent(found.total_return, signed=True), sample),
        _tile("Sharpe ratio", figures.plain(found.sharpe), f"95 %: {interval}"),
        _tile("Deepest drawdown", figures.percent(-found.maximum_drawdown), f"now {figures.percent(-last['drawdown'])}"),
        _tile("Costs paid", figures.dollars(100 * found.cost_usd), f"{figures.plain(found.cost_bps, 1)} bps of what was traded"),
        class_="tiles",
    )  # fmt: skip


def _tile(name: str, figure: str, below: str) -> Html:
    return el("div", el("span", name), el("b", figure), el("small", below), class_="tile")


def _figures_table(performance: pd.DataFrame, found: Summary, counts: Bools) -> Html:
    own, equal = (returns[counts[1:]] for returns in simple_returns(performance))
    final, resampled = performance.iloc[-1], paired_figures(own, equal)
    sharpe, naive, _ = resampled["sharpe"]
    apart, _ = sharpe_difference(own, equal)
    sharpe = replace(sharpe, low=found.sharpe_lower, high=found.sharpe_upper)
    turnover = uncertainty.mean_estimate(performance["turnover"].to_numpy()[1:][counts[1:]]).scaled(
        SESSIONS_PER_YEAR
    )
    rows: list[list[Child]] = [
        ["Equity at the end", figures.dollars(final["equity_cents"]), figures.dollars(100 * final["equal_weight_equity"]),
         figures.dollars(final["equity_cents"] - 100 * final["equal_weight_equity"])],
        ["Return, whole period", *(_with_interval(e, signed=True) for e in resampled["total_return"])],
        ["Sharpe ratio, a year", *(_number_with_interval(e) for e in (sharpe, naive, apart))],
        ["Volatility, a year", *(_with_interval(e) for e in resampled["volatility"][:2]), _with_interval(resampled["volatility"][2], signed=True)],
        ["Deepest drawdown", *(_with_interval(e) for e in resampled["drawdown"][:2]), _with_interval(resampled["drawdown"][2], signed=True)],
        ["Turnover, a year", _number_with_interval(turnover, 1, " × equity"), "", ""],
        ["Costs", _stacked(figures.dollars(100 * found.cost_usd), f"{figures.plain(found.cost_bps, 1)} bps of what was traded"), "none assumed", ""],
    ]  # fmt: skip
    headers = ["", "Strategy", "Equal weight", "Difference"]
    remark = (
        f"n = {len(own)} sessions. Small figures are 95 % intervals by stationary bootstrap over sessions, of turnover "
        "and of the difference of Sharpe ratios from a long-run variance. Equal weight is rebalanced every session and pays nothing, which nobody can do; "
        "the ten names were chosen with hindsight, so it is a yardstick and no rival."
    )
    return el("div", table(headers, rows), note(remark))


def _number_with_interval(estimate: Estimate, digits: int = 2, unit: str = "") -> Html:
    return _stacked(
        figures.plain(estimate.value, digits) + unit, figures.span(estimate.low, estimate.high, digits)
    )


def _with_interval(estimate: Estimate, *, signed: bool = False) -> Html:
    figure = figures.percent(estimate.value, signed=signed)
    return _stacked(figure, figures.span(estimate.low, estimate.high, 1, as_percent=True))


def _stacked(figure: str, below: str) -> Html:
    return el("span", figure, el("small", below), class_="with-interval")


def waiting_orders(material: Material) -> pd.DataFrame:
    """Rows of `orders` that wait for the open after the last session."""
    orders = material["orders"]
    is_last = orders["session"] == material.facts.last
    waiting = orders[(is_last & orders["status"].isin(WORKING)).to_numpy()]
    rank = waiting["symbol"].map({symbol: place for place, symbol in enumerate(SYMBOLS)})
    return waiting.iloc[rank.argsort(kind="stable").to_numpy()]


def pending_orders(material: Material) -> list[Html]:
    """Orders that wait for the open after the last session."""
    waiting = waiting_orders(material)
    if waiting.empty:
        return [missing(f"Nothing was decided at {figures.day(material.facts.last)}: no order waits.")]
    rows = [
        [r.symbol, "buy" if r.quantity > 0 else "sell", figures.count(abs(r.quantity)), f"${r.reference_price:,.2f}",
         figures.dollars(100 * abs(r.quantity) * r.reference_price), _fate(r.status, r.sessions_waited), r.reason or figures.DASH]
        for r in waiting.itertuples()
    ]  # fmt: skip
    headers = ["Symbol", "Side", "Shares", "Close", "About", "Status", "Why"]
    return [
        table(headers, rows, words=(0, 1, 5, 6)),
        note(
            f"Decided 15 minutes after the close of {figures.day(material.facts.last)}; the price will be that open's."
        ),
    ]


def _fate(status: str, waited: int) -> str:
    return status if not waited else f"{status}, waited {waited}"

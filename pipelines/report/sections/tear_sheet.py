"""The tear sheet: months, rolling figures, the distribution of returns, the worst falls, and the trades."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.bars import histogram
from pipelines.report.charts import Panel, Series, chart
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from trading.evaluation.spells import Fall, holding_spells, worst_falls
from trading.evaluation.trades import closed_trades, profit_factor
from trading.evaluation.uncertainty import mean_estimate
from trading.interfaces import Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR
from trading.stages.trading_state import CASH, RECEIVABLE

ROLLING = 63
FALLS = 10
OWN, EQUAL = "--strategy", "--equal"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STRONGEST = 0.1  # the return of a month that has the full colour
_IN_THE_PRICE = ("spread_cents", "slippage_cents", "impact_cents")


def _returns(material: Material) -> pd.DataFrame:
    """(n, 2) simple returns `own` and `equal` by session; the first session has none."""
    rows = material["performance"].iloc[1:]
    index = pd.DatetimeIndex(rows["session"])
    logs = {"own": "log_return", "equal": "equal_weight_log_return"}
    return pd.DataFrame({name: np.expm1(rows[log].to_numpy()) for name, log in logs.items()}, index=index)


def months(material: Material) -> list[Html]:
    """Return of each calendar month as a heat map that can be read, of strategy and of equal weight."""
    returns = _returns(material)
    if returns.empty:
        return [missing("No return yet: a month needs two traded sessions.")]
    return [
        el("h3", material.facts.titled("Strategy, after costs")),
        _heat(returns["own"]),
        el("h3", material.facts.titled("Equal weight, without costs")),
        _heat(returns["equal"]),
        note("Blue gained, orange lost; the first and the last month may be parts of months."),
    ]


def _heat(returns: pd.Series) -> Html:
    monthly = (1 + returns).groupby([returns.index.year, returns.index.month]).prod() - 1
    yearly = (1 + returns).groupby(returns.index.year).prod() - 1
    rows = [
        [str(year), *(_cell(monthly.get((year, month))) for month in range(1, 13)), _cell(made)]
        for year, made in yearly.items()
    ]
    return el("div", table(["Year", *_MONTHS, "Year"], rows), class_="heat")


def _cell(made: float | None) -> Child:
    if made is None:
        return ""
    share = min(abs(made) / _STRONGEST, 1.0)
    kind = "gain" if made >= 0 else "loss"
    return el("span", figures.percent(made, signed=True), class_=kind, style=f"--h:{45 * share:.0f}%")


def rolling(material: Material) -> list[Html]:
    """Sharpe ratio, volatility and beta to equal weight over the quarter before, and exposure and turnover."""
    returns, performance = _returns(material), material["performance"]
    if len(returns) < ROLLING:
        return [
            missing(f"Rolling figures need {ROLLING} sessions of returns; there are {len(returns)}."),
            *_exposure(material),
        ]
    rolled = returns.rolling(ROLLING)
    year = np.sqrt(SESSIONS_PER_YEAR)
    sharpe, deviation = rolled.mean() / rolled.std() * year, rolled.std() * year
    beta = returns["own"].rolling(ROLLING).cov(returns["equal"]) / returns["equal"].rolling(ROLLING).var()

    def line(values: pd.Series, name: str, colour: str) -> Series:
        return Series(name, values.reindex(performance["session"]).to_numpy(dtype=float), colour)

    panels = [
        Panel([line(sharpe["equal"], "equal weight", EQUAL), line(sharpe["own"], "strategy", OWN)], "number", 150, "Sharpe ratio, a year", rule=0.0),
        Panel([line(deviation["equal"], "equal weight", EQUAL), line(deviation["own"], "strategy", OWN)], "percent", 120, "Volatility, a year"),
        Panel([line(beta, "beta to equal weight", OWN)], "number", 110, "Beta to equal weight"),
    ]  # fmt: skip
    title = material.facts.titled(f"Over the {ROLLING} sessions before")
    return [chart(title, material.sessions, panels), *_exposure(material)]


def _exposure(material: Material) -> list[Html]:
    rows = material["performance"]
    if rows.empty:
        return []
    gross, turnover = rows["gross_exposure"].to_numpy(), rows["turnover"].to_numpy()
    panels = [
        Panel([Series("gross exposure", gross, OWN)], "percent", 110, "Gross exposure, part of equity", limits=(0.0, max(1.05, 1.05 * float(gross.max())))),
        Panel([Series("turnover", turnover, OWN, bars=True)], "percent", 90, "Turnover a session, part of equity", limits=(0.0, max(0.01, 1.08 * float(turnover.max())))),
    ]  # fmt: skip
    return [chart(material.facts.titled("Exposure and turnover"), material.sessions, panels)]


def distribution(material: Material) -> list[Html]:
    """How daily returns are spread, beside equal weight's, and their moments."""
    returns = _returns(material)
    if len(returns) < 2:  # noqa: PLR2004 - one return has no spread
        return [missing("No distribution yet: it needs two returns.")]
    title = material.facts.titled("Simple returns of a session")
    told = [
        [name, *_moments(returns[column])]
        for name, column in (("strategy", "own"), ("equal weight", "equal"))
    ]
    headers = [
        "",
        "Mean",
        "Deviation",
        "Skewness",
        "Excess kurtosis",
        "Worst",
        "5 %",
        "Median",
        "95 %",
        "Best",
    ]
    return [
        histogram(title, {"strategy": (returns["own"].to_numpy(), OWN), "equal weight": (returns["equal"].to_numpy(), EQUAL)}),
        table(headers, told),
        note(f"n = {len(returns)} sessions."),
    ]  # fmt: skip


def _moments(returns: pd.Series) -> list[str]:
    places = np.quantile(returns, [0, 0.05, 0.5, 0.95, 1])
    shares = [figures.percent(value, 2) for value in (returns.mean(), returns.std())]
    shape = [figures.plain(float(value)) for value in (returns.skew(), returns.kurt())]
    return [*shares, *shape, *(figures.percent(float(value), 2) for value in places)]


def drawdowns(material: Material) -> list[Html]:
    """The deepest falls from a highest equity, with how long they lasted."""
    rows = material["performance"]
    falls = worst_falls(rows["equity_cents"].to_numpy(dtype=float), FALLS)
    if not falls:
        return [missing("Equity was never below its highest: there is no fall to show.")]
    body = [_fall(fall, material.sessions) for fall in falls]
    headers = ["Peak", "Trough", "Recovered", "Depth", "Sessions down", "Sessions to recover"]
    return [table(headers, body, words=(0, 1, 2))]


def _fall(fall: Fall, sessions: pd.DatetimeIndex) -> list[Child]:
    ended = "not yet" if fall.recovered is None else figures.day(sessions[fall.recovered])
    needed = figures.DASH if fall.recovered is None else figures.count(fall.recovered - fall.trough)
    ends = (figures.day(sessions[fall.peak]), figures.day(sessions[fall.trough]), ended)
    return [*ends, figures.percent(-fall.depth), figures.count(fall.trough - fall.peak), needed]


def trades(material: Material) -> list[Html]:
    """What closing shares made, how long names were held, and what it cost beside the market's price."""
    closed = closed_trades(material["ledger"])
    if closed.empty:
        return [missing("No trade has closed a position yet.")]
    won = (closed["profit_cents"] > 0).astype(float)
    share = mean_estimate(won.groupby(closed["session"]).mean().to_numpy())
    by_size = closed["profit_cents"].to_numpy(dtype=float)
    rows: list[list[Child]] = [
        ["Trades that closed shares", figures.count(len(closed)), ""],
        ["Share that gained", figures.percent(float(won.mean())), figures.span(max(share.low, 0.0), min(share.high, 1.0), 1, as_percent=True)],
        ["Gains over losses", figures.plain(profit_factor(by_size)), ""],
        ["Mean gain", figures.dollars(_mean(by_size[by_size > 0]), 2), ""],
        ["Mean loss", figures.dollars(_mean(by_size[by_size < 0]), 2), ""],
        *_held(material),
        *_slipped(material["fills"]),
    ]  # fmt: skip
    remark = "A trade is whatever reduced a position; its cost is averaged over the shares held. The interval counts a session as one observation."
    return [table(["", "Figure", "95 %"], rows), note(remark)]


def _held(material: Material) -> list[list[Child]]:
    held = material["positions"]
    held = held[~held["symbol"].isin((CASH, RECEIVABLE))]
    wide = held.pivot_table(index="session", columns="symbol", values="quantity", aggfunc="last")
    over, running = holding_spells(wide.reindex(material.sessions).fillna(0).to_numpy(dtype=float))
    median = figures.plain(float(np.median(over)), 0) if len(over) else figures.DASH
    return [
        ["Names given up, and their median sessions held", f"{len(over)}, {median}", ""],
        ["Names still held, and their median sessions so far", f"{len(running)}, {figures.plain(float(np.median(running)), 0) if len(running) else figures.DASH}", ""],
    ]  # fmt: skip


def _slipped(fills: pd.DataFrame) -> list[list[Child]]:
    if fills.empty:
        return []
    bps = 1e4 * fills[list(_IN_THE_PRICE)].sum(axis=1) / fills["notional_cents"].clip(lower=1)
    return [
        ["Fills, and their median distance from the market's price", f"{len(fills)}, {figures.plain(float(bps.median()), 1)} bps", f"95 % of them below {figures.plain(float(bps.quantile(0.95)), 1)} bps"],
    ]  # fmt: skip


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")

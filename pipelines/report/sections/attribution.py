"""Where the return came from: cost, name, group, model, timeframe and factor, each summing to the cent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.bars import bar
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from trading.evaluation import return_attribution as split
from trading.evaluation.contributions import profits
from trading.evaluation.evaluation import benchmark_returns
from trading.evaluation.return_attribution import Factors
from trading.interfaces import Floats

MARKET, GROUP = "SPY", "SMH"
EQUAL = "equal weight"
_METRICS = {
    "sharpe": "Sharpe ratio, a year",
    "accuracy": "Direction right",
    "profit_factor": "Gains over losses",
}


def attribution(material: Material) -> list[Html]:
    """Every telling of the same return."""
    performance = material["performance"]
    if len(performance) < 2:  # noqa: PLR2004 - one session holds the deposit and no return
        return [missing("No return yet: there is nothing to attribute before the second traded session.")]
    equity = performance["equity_cents"].to_numpy()
    change, first = int(equity[-1] - equity[0]), int(equity[0])
    profit = profits(material["positions"], material["ledger"], performance)
    says = material["ensemble_weights"].pivot_table(index="session", columns="model", values="weight")
    labels = _words(material["signals"])
    later = {
        name: material[name][(material[name]["session"] > performance["session"].iloc[0]).to_numpy()]
        for name in ("ledger", "fills")
    }
    tables = {
        "By cost": split.by_cost(profit, later["ledger"], later["fills"], change),
        "By name": split.by_name(profit, change),
        "By group": split.by_group(profit, change),
        "By model": split.by_say(profit, says, change),
        "By timeframe": split.by_label(profit, labels, change),
    }  # fmt: skip
    said = (
        f"Equity changed by {figures.dollars(change, 2)} from {figures.dollars(first, 2)}, "
        f"{figures.percent(change / first, 2, signed=True)}. Each table below divides that sum, and adds up to it."
    )
    return [
        el("p", said),
        el("div", [_parts(title, parts, change, first) for title, parts in tables.items()], class_="parts"),
        *_factors(performance, factors_of(material), change, first),
        *_alone(material),
        note(
            "By cost and by name are bookings. By model divides each session's gain or loss by the weights in the ensemble the "
            "evening before: who was listened to, not who was right. By timeframe goes by the forecasts that had a say the "
            "evening before. Group and name are after their own costs."
        ),
    ]  # fmt: skip


def _words(signals: pd.DataFrame) -> pd.DataFrame:
    """(n, s) which timeframes had a say, by session and symbol."""
    return signals.pivot_table(index="session", columns="symbol", values="timeframes", aggfunc="last")


def _parts(title: str, parts: pd.DataFrame, change: int, first: int) -> Html:
    largest = max((abs(int(cents)) for cents in parts["cents"]), default=1) or 1
    rows: list[list[Child]] = [
        [r.part, figures.dollars(r.cents, 2), figures.percent(r.cents / first, 2, signed=True), bar(r.cents / largest)]
        for r in parts.itertuples()
    ]  # fmt: skip
    whole = [
        el("b", figure)
        for figure in ("whole", figures.dollars(change, 2), figures.percent(change / first, 2, signed=True))
    ]
    return el(
        "div", el("h3", title), table(["Part", "USD", "Of equity", ""], [*rows, [*whole, ""]], words=(0, 3))
    )


def factors_of(material: Material) -> Factors | None:
    """The regression of the book's returns on the market and the group, as far as the home holds them."""
    performance = material["performance"]
    rows = performance.iloc[1:]
    sessions = pd.DatetimeIndex(rows["session"])
    held = benchmark_returns(material.tables.get("features", material["features"]))
    equal = np.expm1(rows["equal_weight_log_return"].to_numpy(dtype=float))
    known = {name: series.reindex(sessions).to_numpy(dtype=float) for name, series in held.items()}
    equity = performance["equity_cents"].to_numpy(dtype=float)
    own, change = np.expm1(rows["log_return"].to_numpy(dtype=float)), int(equity[-1] - equity[0])
    return split.by_factor(own, _factors_from(known, equal), equity[:-1], change)


def _factors_from(held: Mapping[str, Floats], equal: Floats) -> dict[str, Floats]:
    if MARKET not in held:
        return {EQUAL: equal}
    group = held.get(GROUP, equal)
    return {
        f"market ({MARKET})": held[MARKET],
        f"group ({GROUP if GROUP in held else EQUAL} over {MARKET})": group - held[MARKET],
    }


def _factors(performance: pd.DataFrame, found: Factors | None, change: int, first: int) -> list[Html]:
    if found is None:
        return [
            el("h3", "By factor"),
            missing("Too few sessions, or flat factors: a regression needs 20 sessions of returns."),
        ]
    rows = [
        [name, figures.plain(slope.value), figures.span(slope.low, slope.high), figures.count(slope.observations)]
        for name, slope in found.exposures.items()
    ]  # fmt: skip
    alpha = [f"idiosyncratic, a year (R² {figures.percent(found.explained)})", figures.percent(252 * found.alpha.value, signed=True),
             figures.span(252 * found.alpha.low, 252 * found.alpha.high, 1, as_percent=True), figures.count(found.alpha.observations)]  # fmt: skip
    return [
        el("div", _parts("By factor", found.parts, change, first), class_="parts"),
        table(["Exposure", "Estimate", "95 %", "n"], [*rows, alpha]),
        note(
            "Ordinary least squares of the book's returns over all sessions, known only in hindsight. What the factors do not "
            f"explain is idiosyncratic; costs are in it. n = {len(performance) - 1} sessions."
        ),
    ]


def _alone(material: Material) -> list[Html]:
    """What each model's own decisions would have been worth, from the table `model_attribution`."""
    rows = material.tables.get("model_attribution", material["model_attribution"])
    wanted = rows[rows["metric"].isin(_METRICS).to_numpy()]
    if wanted.empty:
        return [
            el("h3", "Each model alone"),
            missing("Not measured yet: fabline run makes model_attribution once forecasts mature."),
        ]
    body: list[list[Child]] = []
    for model, part in wanted.groupby("model", sort=True):
        named = part.set_index("metric")
        body.append(
            [str(model), *(_with_span(named, metric) for metric in _METRICS), figures.count(named["n"].max())]
        )
    return [
        el("h3", "Each model alone, in an equal book of its own"),
        table(["Model", *_METRICS.values(), "n"], body),
    ]


def _with_span(named: pd.DataFrame, metric: str) -> Child:
    if metric not in named.index:
        return figures.DASH
    row, share = named.loc[metric], metric == "accuracy"
    value = figures.percent(row["value"]) if share else figures.plain(row["value"])
    return el(
        "span",
        value,
        el("small", figures.span(row["low"], row["high"], 1 if share else 2, as_percent=share)),
        class_="with-interval",
    )

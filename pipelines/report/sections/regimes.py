"""Market regimes over the price of the semiconductor fund, or of equal weight where it is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.charts import Panel, Series, Span, chart, stacked
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from trading.evaluation.performance import sharpe_ratio
from trading.evaluation.regime_report import transition_table
from trading.evaluation.uncertainty import mean_estimate
from trading.frames import REGIMES
from trading.portfolio.covariance import SESSIONS_PER_YEAR

BENCHMARK = "SMH"
COLOURS = {name: f"--r-{name.lower()}" for name in REGIMES}


def regimes(material: Material) -> list[Html]:
    """Price tinted by the likeliest regime, the filtered probabilities below it."""
    rows = material["regimes"]
    if rows.empty or not len(material.sessions):
        return [missing("No regime yet.")]
    rows = rows.set_index("session").reindex(material.sessions)
    name, price = _price(material)
    chances = rows[[f"p_{regime.lower()}" for regime in REGIMES]].to_numpy(dtype=float)
    panels = [
        Panel([Series(name, price, "--ink")], "number", 240, f"{name}, first session = 100", spans=_spans(rows["regime"])),
        Panel(stacked(REGIMES, chances, [COLOURS[r] for r in REGIMES]), "percent", 130, "Probability, as filtered then", limits=(0.0, 1.0)),
        Panel([Series("share of the volatility target", rows["multiplier"].to_numpy(dtype=float), "--strategy")], "percent", 90, "Share of the volatility target", limits=(0.0, 1.05)),
    ]  # fmt: skip
    title = material.facts.titled("Regimes over price")
    return [
        chart(title, material.sessions, panels),
        _stays(rows["regime"]),
        *_returns(material, rows["regime"]),
        *_transitions(rows["regime"]),
    ]


def _returns(material: Material, labels: pd.Series) -> list[Html]:
    """Sharpe ratio and mean return of strategy and equal weight by the regime named the evening before."""
    performance = material["performance"]
    named = labels.shift(1).to_numpy()[1:]
    logs = performance[["log_return", "equal_weight_log_return"]].to_numpy(dtype=float)[1:]
    returns = np.expm1(logs)
    rows = [_of_regime(name, returns[named == name]) for name in REGIMES if (named == name).any()]
    headers = [
        "Named the evening before",
        "Strategy, mean a year",
        "Sharpe ratio",
        "Equal weight, mean a year",
        "Sharpe ratio",
        "n",
    ]
    return (
        [table(headers, rows), note("95 % intervals of the means below them, for dependent sessions.")]
        if rows
        else []
    )


def _of_regime(name: str, returns: np.ndarray) -> list[Child]:
    row: list[Child] = [name]
    for own in returns.T:
        mean = mean_estimate(own).scaled(SESSIONS_PER_YEAR)
        below = el("small", figures.span(mean.low, mean.high, 1, as_percent=True))
        row += [
            el("span", figures.percent(mean.value, signed=True), below, class_="with-interval"),
            figures.plain(sharpe_ratio(own)),
        ]
    return [*row, figures.count(len(returns))]


def _transitions(labels: pd.Series) -> list[Html]:
    """How often each regime followed each, as named."""
    known = labels.dropna()
    if len(known) < 2:  # noqa: PLR2004 - one session has nothing after it
        return []
    found = transition_table(known.to_numpy(dtype=object)).set_index(["from_regime", "to_regime"])
    rows: list[list[Child]] = [
        [before, *(_followed(found.loc[(before, after)]) for after in REGIMES), figures.count(found.loc[before]["n"].sum())]
        for before in REGIMES
        if found.loc[before]["n"].sum()
    ]  # fmt: skip
    return [
        table(["From / to", *REGIMES, "n"], rows),
        note(
            "Probability of the next session's regime: posterior mean and 95 % credible interval (Perks's prior). Regimes that were not left or kept are no rows."
        ),
    ]


def _followed(row: pd.Series) -> Html:
    below = el("small", figures.span(row["low"], row["high"], 0, as_percent=True))
    return el("span", figures.percent(row["probability"]), below, class_="with-interval")


def _price(material: Material) -> tuple[str, np.ndarray]:
    features = material["features"]
    fund = features[(features["symbol"] == BENCHMARK).to_numpy()].set_index("session")["log_return"]
    steps = fund.reindex(material.sessions).to_numpy(dtype=float)
    name = BENCHMARK
    if not np.isfinite(steps).any():
        name, steps = "equal weight", material["performance"]["equal_weight_log_return"].to_numpy(dtype=float)
    return name, 100 * np.exp(np.cumsum(np.nan_to_num(np.append(0.0, steps[1:]))))


def _spans(labels: pd.Series) -> list[Span]:
    """One stretch for each stay in a regime."""
    names = labels.to_list()
    starts = [k for k, name in enumerate(names) if not k or name != names[k - 1]]
    ends = [*(start - 1 for start in starts[1:]), len(names) - 1]
    return [
        Span(first, last, COLOURS[names[first]])
        for first, last in zip(starts, ends, strict=True)
        if names[first] in COLOURS
    ]


def _stays(labels: pd.Series) -> Html:
    known = labels.dropna()
    stays = known[(known != known.shift()).to_numpy()].value_counts()
    counts = known.value_counts()
    rows = [
        [name, figures.count(counts.get(name, 0)), figures.percent(counts.get(name, 0) / max(len(known), 1)), figures.count(stays.get(name, 0))]
        for name in REGIMES
    ]  # fmt: skip
    return table(["Likeliest regime", "Sessions", "Share", "Stays"], rows)

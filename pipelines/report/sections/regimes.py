"""Market regimes over the price of the semiconductor fund, or of equal weight where it is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.charts import Panel, Series, Span, chart, stacked
from pipelines.report.markup import Html, missing, table
from pipelines.report.material import Material
from trading.frames import REGIMES

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
    return [chart(title, material.sessions, panels), _stays(rows["regime"])]


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

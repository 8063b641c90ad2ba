"""What decided: the signals and the gates they would have to pass, the optimiser's certificates, the overlay."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.charts import Panel, Series, chart
from pipelines.report.markup import Html, el, missing, note, table
from pipelines.report.material import Material
from trading.universe import SYMBOLS

STATES = ("normal", "soft", "hard")


def gates(material: Material) -> list[Html]:
    """How many signals the roadmap's gates would let through; counted whether they bind or not."""
    signals = material["signals"]
    if signals.empty:
        return [missing("No signal yet.")]
    rules = material.facts.rules
    sure = np.maximum(signals["probability"], 1 - signals["probability"]) >= rules.confidence_threshold
    width = signals["upper"] - signals["lower"]
    narrow = width < rules.interval_width_limit
    counted = (
        ("all signals", len(signals)),
        (
            f"probability of the direction at least {figures.plain(rules.confidence_threshold)}",
            int(sure.sum()),
        ),
        (f"interval narrower than {figures.percent(rules.interval_width_limit, 0)}", int(narrow.sum())),
        ("both: the roadmap would trade these", int(signals["passes_filter"].sum())),
    )
    rows = [[name, figures.count(n), figures.percent(n / len(signals))] for name, n in counted]
    return [
        table(["Gate", "Signals", "Share"], rows),
        note(f"{len(signals):,} signals over {int(signals['horizon'].iloc[0])} sessions ahead; the median interval is "
             f'{figures.percent(float(width.median()))} wide. The gates bind only with filter = "roadmap".'),
        _signals_now(material, signals),
        _skill_note(material, int(signals["horizon"].iloc[0])),
    ]  # fmt: skip


def _signals_now(material: Material, signals: pd.DataFrame) -> Html:
    now = signals[(signals["session"] == material.facts.last).to_numpy()]
    by_symbol = {row.symbol: row for row in now.itertuples()}
    rows = [
        [s, {1: "up", -1: "down", 0: "–"}[r.direction], figures.percent(r.probability), figures.percent(r.expected_return, 2, signed=True),
         figures.percent(r.alpha, 3, signed=True), figures.plain(r.confidence), "yes" if r.passes_filter else "no"]
        for s, r in ((s, by_symbol[s]) for s in SYMBOLS if s in by_symbol)
    ]  # fmt: skip
    headers = [
        f"At {figures.day(material.facts.last)}",
        "Direction",
        "P(up)",
        "Forecast",
        "Alpha",
        "Confidence",
        "Passes",
    ]
    return table(headers, rows, words=(0, 1, 6))


def _skill_note(material: Material, horizon: int) -> Html:
    rows = material["ensemble_skill"]
    now = rows[((rows["session"] == material.facts.last) & (rows["horizon"] == horizon)).to_numpy()]
    if now.empty:
        return note("Alpha is the forecast shrunk by its measured skill.")
    row = now.iloc[0]
    return note(
        f"Alpha is the forecast times its measured skill, the slope of what happened on what was said: "
        f"{figures.plain(row['skill'], 3)} after {figures.count(row['observations'])} sessions."
    )


def certificates(material: Material) -> list[Html]:
    """How each optimisation ended, and the limits that bound it."""
    target = material["target_portfolio"]
    solved = target[(target["session"] == target["optimized_session"]).to_numpy()].drop_duplicates("session")
    if solved.empty:
        return [missing("No portfolio was optimised yet.")]
    ended = solved.groupby(["objective", "status", "fallback"], sort=True).agg(
        n=("session", "size"), gap=("gap", "max")
    )
    rows = [
        [objective.replace("_", " "), status, fallback.replace("_", " ") or "none", figures.count(r.n), f"{r.gap:.1e}" if np.isfinite(r.gap) else figures.DASH]
        for (objective, status, fallback), r in zip(ended.index, ended.itertuples(), strict=True)
    ]  # fmt: skip
    fallbacks = int((solved["fallback"] != "").sum())
    return [
        el("p", f"{len(solved)} optimisations, {fallbacks} of them by a fallback."),
        table(["Objective", "Status", "Fallback", "Times", "Largest gap"], rows, words=(0, 1, 2)),
        _binding(solved),
    ]


def _binding(solved: pd.DataFrame) -> Html:
    names = Counter(name for cell in solved["binding"] for name in _split(cell))
    rows = [
        [name, figures.count(n), figures.percent(n / len(solved))]
        for name, n in sorted(names.items(), key=_most)
    ]
    return (
        table(["Limit that bound", "Optimisations", "Share"], rows) if rows else note("No limit was binding.")
    )


def _split(cell: str) -> list[str]:
    return [name.strip() for name in cell.split(",") if name.strip()]


def _most(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def overlay(material: Material) -> list[Html]:
    """Exposure over the sessions, and how often each drawdown limit spoke."""
    risk = material["risk"]
    if risk.empty:
        return [missing("No risk figures yet.")]
    rows = risk.set_index("session").reindex(material.sessions)
    exposure = material["target_portfolio"].groupby("session")["exposure"].first().reindex(material.sessions)
    panels = [
        Panel([Series("exposure decided", exposure.to_numpy(dtype=float), "--strategy")], "percent", 150, "Exposure decided", limits=(0.0, 1.05)),
        Panel([Series("realized volatility a year", rows["realized_volatility"].to_numpy(dtype=float), "--k-1")], "percent", 120, "Realized volatility a year", limits=_from_zero(rows["realized_volatility"])),
        Panel([Series("value at risk, one session, 95 %", rows["value_at_risk_95"].to_numpy(dtype=float), "--k-2")], "percent", 110, "Value at risk, one session, 95 %", limits=_from_zero(rows["value_at_risk_95"])),
    ]  # fmt: skip
    counts = risk["drawdown_state"].value_counts()
    states = [[name, figures.count(counts.get(name, 0))] for name in STATES]
    title = material.facts.titled("What the risk overlay allowed")
    return [chart(title, material.sessions, panels), table(["Drawdown limit", "Sessions"], states)]


def _from_zero(values: pd.Series) -> tuple[float, float]:
    highest = float(values.max())
    return 0.0, 1.1 * highest if highest > 0 else 1.0

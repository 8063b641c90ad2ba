"""How good the forecasts were: coverage of their intervals, and their losses beside the random walk."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.charts import Panel, Series, chart
from pipelines.report.dots import Dot, dot_plot
from pipelines.report.markup import Html, el, missing, note, table
from pipelines.report.material import Material
from pipelines.report.matured import ENSEMBLE, matured
from trading.evaluation.coverage import coverage_table
from trading.evaluation.coverage_tests import coverage_spread
from trading.evaluation.relative_loss import BASELINE, relative_losses
from trading.evaluation.uncertainty import mean_estimate
from trading.frames import HORIZONS

PROMISED = 0.75
ROLLING_SESSIONS, ROLLING_LEAST = 60, 20


def calibration(material: Material) -> tuple[list[Html], list[Html]]:
    """The sections on coverage and on losses, from the same matured forecasts."""
    due = matured(material)
    clean = due[~due["contaminated"].to_numpy(dtype=bool)]
    left_out = len(due) - len(clean)
    flag = [el("p", f"{left_out:,} CONTAMINATED forecasts are left out.", class_="flag")] if left_out else []
    return [*coverage(material, clean), *flag], [*losses(material, clean), *flag]


def coverage(material: Material, due: pd.DataFrame) -> list[Html]:
    """Share of intervals that held, per horizon and model, with intervals and the test of Kupiec."""
    known = due.dropna(subset=["covered"])
    if known.empty:
        return [missing("No interval has matured yet.")]
    found = coverage_table(known, ["horizon", "model"], PROMISED)
    spread = [_clustered(known, r.horizon, r.model) for r in found.itertuples()]
    dots = [
        Dot(r.model, r.rate, low, high, material.model_colour(r.model),
            f"{figures.percent(r.rate)} of {r.observations:,}", _ahead(r.horizon))
        for r, (low, high) in zip(found.itertuples(), spread, strict=True)
    ]  # fmt: skip
    rows = [
        [str(r.horizon), r.model, figures.percent(r.rate), figures.span(low, high, 1, as_percent=True),
         f"{r.observations:,}", figures.chance(r.p_value), figures.chance(_chi_square(known, r.horizon, r.model))]
        for r, (low, high) in zip(found.itertuples(), spread, strict=True)
    ]  # fmt: skip
    title = material.facts.titled("Share of 75 % intervals that held")
    return [
        dot_plot(title, dots, target=PROMISED, label=lambda value, digits: figures.percent(value, max(0, digits - 2))),
        _rolling(material, known),
        table(["Sessions ahead", "Model", "Held", "95 % interval", "Intervals", "Kupiec p", "χ² p, bootstrap"], rows, words=(0, 1)),
        note("Whiskers count a session's symbols as one observation and know that neighbouring horizons overlap. "
             "Kupiec's p-value takes all intervals as independent, which they are not: it comes out too small. "
             "That of χ² draws blocks of sessions with all their symbols; it needs fifty sessions."),
    ]  # fmt: skip


def _clustered(known: pd.DataFrame, horizon: int, model: str) -> tuple[float, float]:
    mine = known[((known["horizon"] == horizon) & (known["model"] == model)).to_numpy()]
    estimate = mean_estimate(mine.groupby("session")["covered"].mean().to_numpy(), overlap=horizon)
    return max(estimate.low, 0.0), min(estimate.high, 1.0)


def _chi_square(known: pd.DataFrame, horizon: int, model: str) -> float:
    """Block-bootstrap p-value of the distance between what held and what was promised."""
    mine = known[((known["horizon"] == horizon) & (known["model"] == model)).to_numpy()]
    flags = mine.pivot_table(index="session", columns="symbol", values="covered").to_numpy(dtype=float)
    return coverage_spread(flags, PROMISED, mean_block=max(5.0, float(horizon))).chi_square_p


def _rolling(material: Material, known: pd.DataFrame) -> Html:
    """The ensemble's coverage over the last 60 sessions, as it went."""
    mine = known[(known["model"] == ENSEMBLE).to_numpy()]
    daily = mine.pivot_table(index="session", columns="horizon", values="covered").reindex(material.sessions)
    rolling = daily.rolling(ROLLING_SESSIONS, min_periods=ROLLING_LEAST).mean()
    if not np.isfinite(rolling.to_numpy(dtype=float)).any():
        return Html("")
    colours = dict(zip(HORIZONS, ("--k-1", "--k-2", "--k-3"), strict=True))
    lines = [Series(_ahead(h), rolling[h].to_numpy(), colours.get(h, "--cash")) for h in rolling.columns]
    title = material.facts.titled(f"The ensemble's coverage over the {ROLLING_SESSIONS} sessions before")
    return chart(title, material.sessions, [Panel(lines, "percent", 180, rule=PROMISED)])


def losses(material: Material, due: pd.DataFrame) -> list[Html]:
    """Pinball loss of each model over the random walk's, on the same forecasts."""
    found = relative_losses(due)
    if found.empty:
        return [missing("No forecast has matured beside a random walk yet.")]
    found = found.sort_values(["horizon", "relative"])
    dots = [
        Dot(r.model, r.relative, r.low, r.high, material.model_colour(r.model),
            f"{figures.plain(r.relative, 3)}, n = {r.sessions}", _ahead(r.horizon))
        for r in found.itertuples()
    ]  # fmt: skip
    title = material.facts.titled(f"Pinball loss over that of the {BASELINE.replace('_', ' ')}")
    return [
        dot_plot(title, dots, target=1.0, label=figures.plain),
        el("p", _loss_sentence(found)),
        note("Left of 1 is better than the random walk. Whiskers are 95 % intervals (Diebold and Mariano, with overlap); "
             "n counts sessions. Where a whisker crosses 1, the data do not tell the two apart."),
    ]  # fmt: skip


def _loss_sentence(found: pd.DataFrame) -> str:
    better, worse = int((found["high"] < 1).sum()), int((found["low"] > 1).sum())
    return (
        f"Of {len(found)} comparisons, {better} lie wholly below 1, {worse} wholly above, "
        f"and {len(found) - better - worse} are undecided."
    )


def ensemble_weights(material: Material) -> list[Html]:
    """The weight of each model in the ensemble over the sessions."""
    rows = material["ensemble_weights"]
    if rows.empty:
        return [missing("No ensemble weights yet.")]
    names = tuple(sorted(rows["model"].unique()))
    values = material.wide("ensemble_weights", "weight", names, key="model")
    lines = [Series(name, values[:, k], material.model_colour(name)) for k, name in enumerate(names)]
    title = material.facts.titled("Weight of each model in the ensemble")
    return [
        chart(
            title,
            material.sessions,
            [Panel(lines, "percent", 200, limits=(0.0, max(0.6, float(np.nanmax(values)) * 1.05)))],
        )
    ]


def _ahead(horizon: int) -> str:
    return "1 session ahead" if horizon == 1 else f"{horizon} sessions ahead"

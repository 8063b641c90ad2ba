"""Intervals year by year and regime by regime, and whether a probability of a rise means what it says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.dots import Dot, dot_plot
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from pipelines.report.sections.calibration import PROMISED
from trading.evaluation.interval_report import interval_report, issued_by_the_ensemble
from trading.evaluation.reliability import brier, reliability_table

_FEWEST = 100  # matured probabilities that bins need
_BINS = 8


def by_slice(material: Material) -> list[Html]:
    """Coverage, width and interval score of the ensemble's intervals, by horizon, year and regime."""
    issued = issued_by_the_ensemble(
        material["ensemble_intervals"], material["ensemble_forecast"], material["regimes"]
    )
    if issued.empty:
        return [missing("No clean interval of the ensemble has matured yet.")]
    found = interval_report(issued, PROMISED, each_symbol=False)
    body: list[list[Child]] = [
        [str(r.horizon), r.slice_kind if r.slice_kind == "all" else f"{r.slice_kind} {r.slice}", figures.percent(r.coverage),
         figures.percent(r.mean_width, 2), figures.percent(r.interval_score, 2), figures.count(r.n), figures.chance(r.kupiec_p), figures.chance(r.christoffersen_p)]
        for r in found.itertuples()
    ]  # fmt: skip
    headers = [
        "Sessions ahead",
        "Slice",
        "Held",
        "Mean width",
        "Interval score",
        "Intervals",
        "Kupiec p",
        "Clustering p",
    ]
    return [
        table(headers, body, words=(0, 1)),
        note("The interval score is the width plus 8 times what lies outside, in log returns: lower is better. Tests take every h-th session; "
             "those of a slice are looks at part of the same data, not tests that were planned."),
    ]  # fmt: skip


def probabilities(material: Material) -> list[Html]:
    """Frequencies of rises beside the probabilities that were said of them."""
    cases = matured_probabilities(material)
    if len(cases) < _FEWEST or cases["probability"].nunique() < 2:  # noqa: PLR2004 - one value makes one bin
        return [
            missing(f"A table of reliability needs {_FEWEST} matured probabilities; there are {len(cases)}.")
        ]
    horizon = int(cases["horizon"].iloc[0])
    found, score = reliability_table(cases, horizon, _BINS), brier(cases, horizon, _BINS)
    dots = [
        Dot(f"said {figures.percent(r.probability)}", r.frequency - r.probability, r.low - r.probability, r.high - r.probability,
            "--strategy", f"{figures.percent(r.frequency)}, n = {r.n:,}")
        for r in found.itertuples()
    ]  # fmt: skip
    title = material.facts.titled("How much oftener prices rose than was said")
    told = (
        f"Brier score {figures.plain(score.score.value, 4)} ({figures.span(score.score.low, score.score.high, 4)}); always saying one half scores 0.2500, "
        f"knowing the frequency in hindsight {figures.plain(score.base, 4)}. Reliability {figures.plain(score.reliability, 4)} (0 is calibrated), "
        f"resolution {figures.plain(score.resolution, 4)} (0 tells nothing). n = {len(cases):,}, {horizon} sessions ahead."
    )
    return [
        dot_plot(title, dots, target=0.0, label=lambda value, digits: figures.percent(value, max(0, digits - 2), signed=True)),
        el("p", told),
        note("Each row is a bin of about equal size. Whiskers are 95 % intervals by session."),
    ]  # fmt: skip


def matured_probabilities(material: Material) -> pd.DataFrame:
    """Probabilities of a rise of the signals that came due: session (of issue), horizon, symbol, probability, happened."""
    said = material["signals"][["session", "symbol", "horizon", "probability"]]
    met = material["ensemble_intervals"].dropna(subset=["realized"])[
        ["session", "symbol", "horizon", "realized"]
    ]
    place = pd.Series(np.arange(len(material.sessions)), index=material.sessions)
    origin = met["session"].map(place) - met["horizon"]
    met = met[(origin >= 0).to_numpy()].assign(origin=origin)
    if said.empty or met.empty:
        return pd.DataFrame(columns=["session", "horizon", "symbol", "probability", "happened"])
    met = met.assign(session=material.sessions[met["origin"].astype(int)])
    both = said.merge(met.drop(columns="origin"), on=["session", "symbol", "horizon"])
    return both.assign(happened=(both["realized"] > 0).astype(float)).drop(columns="realized")

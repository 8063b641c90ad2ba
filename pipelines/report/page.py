"""The report: one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import pandas as pd

from pipelines.report import figures
from pipelines.report.facts import ReportFacts
from pipelines.report.markup import Html, el
from pipelines.report.material import TABLES, Material
from pipelines.report.sections import (
    book,
    calibration,
    decisions,
    forecasts,
    headline,
    provenance,
    regimes,
    targets,
)
from resources.files import write_atomically
from trading import calendar
from trading.interfaces import Store

# Anchor, word in the navigation, title, and what to look at, in the order of the page.
_SECTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("headline", "In short", "In short", "What the run came to, beside equal weight of the same names."),
    ("next", "Next open", headline.NEXT_OPEN, "Orders of the last session. No later bar was read."),
    ("equity", "Equity", "Equity", "Blue is the strategy after all costs, grey equal weight without any."),
    ("weights", "Book", "The book", "What it held at each close; what is missing to one is cash."),
    ("costs", "Costs", "Costs and turnover", "Half the spread, slippage, impact, commission and fees of every fill, added up."),
    ("targets", "Targets", "The roadmap's targets", "What the roadmap hopes for, what was measured, and how far luck alone could reach."),
    ("forecasts", "Forecasts", "The newest forecasts", "The ensemble's distribution of each name's return over 1, 5 and 20 sessions."),
    ("coverage", "Coverage", "Do intervals hold?", "Of intervals that promise 75 %, three in four should hold what happens."),
    ("losses", "Skill", "Do models beat a random walk?", "The pinball loss punishes every quantile that is off; 1 is the random walk's."),
    ("ensemble", "Ensemble", "Who is listened to", "Weights follow each model's averaged loss and never fall below a floor."),
    ("regimes", "Regimes", "Regimes", "Filtered forward: every probability is what was believed on that evening."),
    ("gates", "Signals", "Signals and gates", "Size follows probability and width continuously; the roadmap's gates are only counted."),
    ("certificates", "Optimiser", "The optimiser's word", "Every portfolio carries its proof; a fallback is named where one was used."),
    ("overlay", "Risk", "Risk", "Exposure follows regime and volatility; drawdown limits cut it further."),
    ("models", "Models", "Model versions", "Who spoke from when to when, and how far each had been trained."),
    ("quarantine", "Kept out", "Kept out", "Rows that failed a check, each with its reason."),
    ("provenance", "Provenance", "Provenance", "What this report was made of."),
)  # fmt: skip
_WIDE = frozenset({"forecasts"})


def render(tables: Mapping[str, pd.DataFrame], facts: ReportFacts) -> str:
    """The report as the text of one HTML file, from tables of a home; an absent one counts as empty."""
    material = Material(tables, facts)
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", facts.titled(f"Fabline report, {facts.home}")),
        el("style", _asset("report.css")),
    )
    main = el("main", _header(facts), _sections(material))
    body = el("body", _banners(facts), _contents(), main, el("script", _asset("report.js")))
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def write_report(store: Store, path: Path, facts: ReportFacts) -> Path:
    """Render the home behind `store` into the file `path`, in one piece, and say where it is."""
    tables = {name: store.read(name, _first_read(name, facts), facts.last) for name in TABLES}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, render(tables, facts))
    return path


def _first_read(table: str, facts: ReportFacts) -> pd.Timestamp | None:
    """The burn-in stays out of a report, but for the recent past in the fans and for what was kept out."""
    if facts.inception is None or table == "quarantine":
        return None
    return (
        calendar.shift(facts.inception, -forecasts.PAST_SESSIONS) if table == "features" else facts.inception
    )


def _contents_of(material: Material) -> dict[str, Sequence[Html]]:
    """What stands under each anchor."""
    coverage, losses = calibration.calibration(material)
    return {
        "headline": headline.headline(material),
        "next": headline.pending_orders(material),
        "equity": book.equity(material),
        "weights": book.weights(material),
        "costs": book.costs(material),
        "targets": targets.targets(material),
        "forecasts": forecasts.fans(material),
        "coverage": coverage,
        "losses": losses,
        "ensemble": calibration.ensemble_weights(material),
        "regimes": regimes.regimes(material),
        "gates": decisions.gates(material),
        "certificates": decisions.certificates(material),
        "overlay": decisions.overlay(material),
        "models": provenance.model_versions(material),
        "quarantine": provenance.quarantine(material),
        "provenance": provenance.tables(material),
    }


def _sections(material: Material) -> list[Html]:
    shown = _contents_of(material)
    return [
        el(
            "section",
            el("header", el("h2", title), el("p", explained)),
            el("div", shown[anchor], class_="content"),
            id=anchor,
            class_="wide" if anchor in _WIDE else None,
        )
        for anchor, _, title, explained in _SECTIONS
    ]


def _banners(facts: ReportFacts) -> list[Html]:
    said = []
    if facts.what_if:
        said.append(facts.what_if.split(": ", 1))
    if facts.simulated:
        said.append(
            ["SIMULATED", "These prices are made up by a program. Nothing here happened on a market."]
        )
    return [
        el("div", el("b", mark), el("span", words), class_="banner", role="alert") for mark, words in said
    ]


def _header(facts: ReportFacts) -> Html:
    covered = f"{figures.day(facts.first)} to {figures.day(facts.last)}"
    parts = (
        covered,
        f"source {facts.source}",
        f"{facts.basis.replace('_', ' ')} prices",
        f"home {facts.home}",
    )
    return el(
        "header",
        el("h1", "Fabline report: WHAT-IF" if facts.what_if else "Fabline report"),
        el("p", " · ".join(parts)),
        class_="top",
    )


def _contents() -> Html:
    links = [el("a", word, href=f"#{anchor}") for anchor, word, _, _ in _SECTIONS]
    return el("nav", links, aria_label="Sections")


def _asset(name: str) -> Html:
    """Style or script of the report; both are ours and hold no closing tag."""
    return Html(resources.files("pipelines.report").joinpath(name).read_text(encoding="utf-8"))

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
    attribution,
    book,
    calibration,
    conclusions,
    decisions,
    evidence,
    forecasts,
    headline,
    losses_ahead,
    provenance,
    regimes,
    reliability,
    targets,
    tear_sheet,
)
from resources.files import write_atomically
from trading import calendar
from trading.interfaces import Store

# Anchor, word in the navigation, title, what to look at, and the tables it is made of, in the order of the page.
_SECTIONS: tuple[tuple[str, str, str, str, str], ...] = (
    ("headline", "In short", "In short", "What the run came to, beside equal weight of the same names.", "performance, fills"),
    ("conclusions", "Conclusions", "What can be concluded", "Who is speaking, beside what it stands, and what follows from it in plain words.", "performance, features, trials"),
    ("next", "Next open", headline.NEXT_OPEN, "Orders of the last session. No later bar was read.", "orders"),
    ("equity", "Equity", "Equity", "Blue is the strategy after all costs, grey equal weight without any.", "performance"),
    ("months", "Months", "Month by month", "Return of every calendar month, after costs.", "performance"),
    ("rolling", "Rolling", "Rolling figures", "What the quarter before each session looked like, and how much was invested and traded.", "performance"),
    ("distribution", "Distribution", "Distribution of returns", "How far single sessions went, beside equal weight.", "performance"),
    ("drawdowns", "Drawdowns", "Worst drawdowns", "The deepest falls, how long they took and how long the way back was.", "performance"),
    ("trades", "Trades", "Trades", "What closing positions made, how long names were held, and the distance from the market's price.", "ledger, positions, fills"),
    ("attribution", "Attribution", "Attribution", "Where the return came from: each table adds up to the cent.", "ledger, fills, positions, ensemble_weights, signals, features"),
    ("weights", "Book", "The book", "What it held at each close; what is missing to one is cash.", "positions, target_portfolio"),
    ("costs", "Costs", "Costs and turnover", "Half the spread, slippage, impact, commission and fees of every fill, added up.", "fills, performance"),
    ("targets", "Scoreboard", "The roadmap's targets", "What the roadmap hopes for, what was measured, and how far luck alone could reach.", "as the scoreboard's"),
    ("trials", "Trials", "Trials", "How often a variant was looked at: the more often, the better the best looks by luck.", "trials"),
    ("gates-of-evidence", "Checks", "Leaks and fair markets", "Whether the line claims an edge where there is none, or knows the future.", "the home's folder nulls"),
    ("forecasts", "Forecasts", "The newest forecasts", "The ensemble's distribution of each name's return over 1, 5 and 20 sessions.", "ensemble_forecast, ensemble_intervals"),
    ("coverage", "Coverage", "Do intervals hold?", "Of intervals that promise 75 %, three in four should hold what happens.", "version_intervals, ensemble_intervals"),
    ("slices", "Slices", "Intervals by year and regime", "The same promise in each year and regime, with the width that it took.", "ensemble_intervals, regimes"),
    ("reliability", "Reliability", "Do probabilities hold?", "Of rises that were given 60 %, six in ten should come.", "signals, ensemble_intervals"),
    ("losses", "Skill", "Do models beat a random walk?", "The pinball loss punishes every quantile that is off; 1 is the random walk's.", "version_losses"),
    ("ensemble", "Ensemble", "Who is listened to", "Weights follow each model's averaged loss and never fall below a floor.", "ensemble_weights"),
    ("regimes", "Regimes", "Regimes", "Filtered forward: every probability is what was believed on that evening.", "regimes, features, performance"),
    ("gates", "Signals", "Signals and gates", "Size follows probability and width continuously; the roadmap's gates are only counted.", "signals"),
    ("certificates", "Optimiser", "The optimiser's word", "Every portfolio carries its proof; a fallback is named where one was used.", "target_portfolio"),
    ("overlay", "Risk", "Risk", "Exposure follows regime and volatility; drawdown limits cut it further.", "risk, target_portfolio"),
    ("stress", "Stress", "Value at risk and stress", "Whether losses came as often as said, and what the last book would lose.", "risk, performance, stress"),
    ("models", "Models", "Model versions", "Who spoke from when to when, and how far each had been trained.", "champions, forecasts"),
    ("quality", "Data", "Data quality", "How complete the bars are, what is odd about them, and what the expectations found.", "data_quality, findings"),
    ("quarantine", "Kept out", "Kept out", "Rows that failed a check, each with its reason.", "quarantine"),
    ("limits", "Limits", "Limits of the evidence", "What none of the above can carry.", "all of them"),
    ("provenance", "Provenance", "Provenance", "What this report was made of.", "the home's facts"),
)  # fmt: skip
# Sections that begin a page on paper.
_CHAPTERS = frozenset(
    {"equity", "attribution", "targets", "forecasts", "regimes", "overlay", "models", "limits"}
)
_WIDE = frozenset({"conclusions", "forecasts", "attribution", "months"})


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
        el("style", _running_head(facts)),
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
        "conclusions": conclusions.conclusions(material),
        "next": headline.pending_orders(material),
        "equity": book.equity(material),
        "months": tear_sheet.months(material),
        "rolling": tear_sheet.rolling(material),
        "distribution": tear_sheet.distribution(material),
        "drawdowns": tear_sheet.drawdowns(material),
        "trades": tear_sheet.trades(material),
        "attribution": attribution.attribution(material),
        "weights": book.weights(material),
        "costs": book.costs(material),
        "targets": targets.targets(material),
        "trials": evidence.trials(material),
        "gates-of-evidence": evidence.gates(material),
        "forecasts": forecasts.fans(material),
        "coverage": coverage,
        "slices": reliability.by_slice(material),
        "reliability": reliability.probabilities(material),
        "losses": losses,
        "ensemble": calibration.ensemble_weights(material),
        "regimes": regimes.regimes(material),
        "gates": decisions.gates(material),
        "certificates": decisions.certificates(material),
        "overlay": decisions.overlay(material),
        "stress": losses_ahead.losses_ahead(material),
        "models": provenance.model_versions(material),
        "quarantine": provenance.quarantine(material),
        "quality": evidence.quality(material),
        "limits": evidence.limits(material),
        "provenance": provenance.tables(material),
    }


def _sections(material: Material) -> list[Html]:
    shown = _contents_of(material)
    return [
        el(
            "section",
            el(
                "header",
                el("h2", title),
                el("p", explained, " ", el("span", f"From: {made_of}.", class_="from")),
            ),
            el("div", shown[anchor], class_="content"),
            id=anchor,
            class_=_kinds(anchor),
        )
        for anchor, _, title, explained, made_of in _SECTIONS
    ]


def _kinds(anchor: str) -> str | None:
    kinds = [name for name, anchors in (("wide", _WIDE), ("chapter", _CHAPTERS)) if anchor in anchors]
    return " ".join(kinds) or None


def _running_head(facts: ReportFacts) -> Html:
    """What stands on top of each page on paper; every character that could end a string in CSS is escaped."""
    said = facts.titled(
        f"Fabline report, {facts.home}, {figures.day(facts.first)} to {figures.day(facts.last)}"
    )
    safe = "".join(c if c.isalnum() or c in " ,.-·" else f"\\{ord(c):06x}" for c in said)
    return Html(f'@page {{ @top-left {{ content: "{safe}"; }} }}')


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
    links = [el("a", word, href=f"#{anchor}") for anchor, word, *_ in _SECTIONS]
    return el("nav", links, aria_label="Sections")


def _asset(name: str) -> Html:
    """Style or script of the report; both are ours and hold no closing tag."""
    return Html(resources.files("pipelines.report").joinpath(name).read_text(encoding="utf-8"))

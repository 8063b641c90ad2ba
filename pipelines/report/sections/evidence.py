"""How often something was tried, and what the checks against fooling oneself said: leaks, fair markets, limits."""

from __future__ import annotations

import math

import pandas as pd

from pipelines.report import figures
from pipelines.report.contaminated import clean_sessions
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from trading.portfolio.covariance import SESSIONS_PER_YEAR

_MOST = 25
NOT_RUN = "not run in this home"


def trials(material: Material) -> list[Html]:
    """The newest looks at variants, from the book that every run enters itself into."""
    rows = material.tables.get("trials", material["trials"])
    if rows.empty:
        return [
            missing(
                "The book of trials is empty: fabline run enters every run. Show it with: fabline show trials"
            )
        ]
    newest = rows.sort_values(["known_at", "trial"]).tail(_MOST).iloc[::-1]
    body: list[list[Child]] = [
        [f"{r.known_at:%Y-%m-%d}", r.command, r.label, el("code", r.variant), f"{figures.day(r.first_session)} to {figures.day(r.session)}",
         figures.count(r.n), figures.plain(r.sharpe * math.sqrt(SESSIONS_PER_YEAR))]
        for r in newest.itertuples()
    ]  # fmt: skip
    headers = ["Looked at", "By", "Label", "Variant", "Sessions", "n", "Sharpe, a year"]
    said = (
        f"{len(rows):,} looks at {rows['variant'].nunique():,} variants; the newest {len(newest)} are shown."
    )
    return [el("p", said), table(headers, body, words=range(5)), note(material.facts.trials_told)]


def _times(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def gates(material: Material) -> list[Html]:
    """The last null gate that the home holds, and how to check for leaks."""
    found = material.facts.nulls
    leak = note(
        f"Leaks: {NOT_RUN}, because the analysis makes a market of its own and keeps nothing. Command: fabline leaks --mutants"
    )
    if found is None or found.empty:
        return [missing(f"Markets without an edge: {NOT_RUN}. Command: fabline nulls"), leak]
    body: list[list[Child]] = [
        [r.kind, figures.plain(r.edge), r.statistic, figures.count(r.n), figures.percent(r.share), figures.span(r.low, r.high, 1, as_percent=True),
         figures.percent(r.level), r.verdict or figures.DASH]
        for r in found.itertuples()
    ]  # fmt: skip
    headers = ["Market", "Edge", "What was claimed", "n", "Share", "95 %", "Promised", "Verdict"]
    return [
        table(headers, body, words=(0, 2, 7)),
        note("From the home's folder nulls, as fabline nulls left it."),
        leak,
    ]


def quality(material: Material) -> list[Html]:
    """Completeness of the bars, what is odd about them, and the suites of expectations."""
    return [*_completeness(material), *_findings(material), *_suites(material)]


def _completeness(material: Material) -> list[Html]:
    rows = material["data_quality"]
    if rows.empty:
        return [missing("No figures of data quality: fabline run makes them while it loads bars.")]
    newest = rows.sort_values("known_at", kind="stable").drop_duplicates(
        ["session", "timeframe", "symbol"], keep="last"
    )
    sums = newest.groupby("symbol", sort=True)[
        ["expected", "present", "quarantined", "duplicates", "revised"]
    ].sum()
    lacking = (
        newest[(newest["present"] < newest["expected"]).to_numpy()].groupby("symbol")["session"].nunique()
    )
    body: list[list[Child]] = [
        [str(r.Index), figures.count(r.expected), figures.count(r.present), figures.percent(r.present / max(r.expected, 1), 2),
         figures.count(lacking.get(r.Index, 0)), figures.count(r.quarantined), figures.count(r.duplicates), figures.count(r.revised)]
        for r in sums.itertuples()
    ]  # fmt: skip
    headers = [
        "Daily bars",
        "Expected",
        "Present",
        "Complete",
        "Sessions missing",
        "Quarantined",
        "Duplicates",
        "Revised",
    ]
    return [
        table(headers, body),
        note("Of the sessions of this report; a bar that never came is counted from the calendar."),
    ]


def _findings(material: Material) -> list[Html]:
    rows = material["findings"]
    if rows.empty:
        return [el("p", "No bar of these sessions was found odd.")]
    counts = rows.groupby(["severity", "rule"], sort=True)["session"].agg(["size", "min", "max"])
    body: list[list[Child]] = [
        [str(rule), str(severity), figures.count(size), figures.day(first), figures.day(last)]
        for (severity, rule), size, first, last in zip(counts.index, counts["size"], counts["min"], counts["max"], strict=True)
    ]  # fmt: skip
    return [
        el("h3", "What is odd about accepted bars"),
        table(["Rule", "Severity", "Findings", "First", "Last"], body, words=(0, 1)),
    ]


def _suites(material: Material) -> list[Html]:
    if not material.facts.expectations:
        return [
            note(
                "No results of expectations in this home: fabline run makes them, and fabline up shows them."
            )
        ]
    body: list[list[Child]] = [
        [one.suite, one.run, figures.count(one.evaluated), figures.count(one.failed), "passed" if one.passed else "FAILED"]
        for one in material.facts.expectations
    ]  # fmt: skip
    headers = ["Great Expectations suite", "Run", "Expectations", "Failed", "Result"]
    return [el("h3", "Expectations"), table(headers, body, words=(0, 1, 4))]


def limits(material: Material) -> list[Html]:
    """What this evidence cannot carry, in plain sentences."""
    return [el("ul", [el("li", said) for said in _limits(material)])]


def _limits(material: Material) -> list[str]:
    facts, said = material.facts, []
    if facts.simulated:
        said.append(
            "The prices are SIMULATED. They say that the line works as built, and nothing about a market."
        )
    if facts.what_if:
        said.append("The home is a what-if copy: it reads history as if later corrections had been known.")
    said += [
        "The names were chosen with hindsight: who picks today's largest companies knows that they grew. Equal weight of the same names shares this, funds do not.",
        _contamination(material),
        "Fills are those of a cost model at the open; no order of this home has met a real market unless a broker was connected, and then only its own fills tell.",
        "Statements hold for the sessions shown. Years, regimes and horizons are many looks at the same data; only the figures over all sessions were planned.",
        f"Trials outside this home's book are not known to it. {facts.trials_told}",
        _length(material),
    ]  # fmt: skip
    return [sentence for sentence in said if sentence]


def _contamination(material: Material) -> str:
    counts = clean_sessions(material)[1:] if len(material.sessions) > 1 else None
    if counts is None:
        return "Pre-trained weights may have seen the sessions that they forecast; those would be marked CONTAMINATED."
    lost = int((~counts).sum())
    if lost:
        return f"{lost} of {len(counts)} sessions rest on pre-trained weights that may have seen them (CONTAMINATED); figures leave them out."
    return "No session of this report rests on forecasts that are marked CONTAMINATED; the mark goes by what the publishers say of their training data."


def _length(material: Material) -> str:
    sessions = len(material.sessions)
    years = pd.DatetimeIndex(material.sessions).year.nunique() if sessions else 0
    return (
        f"{sessions} sessions in {years} calendar year{'s' if years != 1 else ''}: crises that are not among them were not tested."
        if sessions
        else ""
    )

"""Where the numbers come from: model versions, rows kept out, tables and runs."""

from __future__ import annotations

import pandas as pd

from pipelines.report import figures
from pipelines.report.markup import Child, Html, el, missing, table
from pipelines.report.material import Material
from trading.monitoring.bar_rules import rule_of


def model_versions(material: Material) -> list[Html]:
    """Every version that spoke or challenged, how far it was trained, and whether it may have seen its exam."""
    champions = material["champions"]
    if champions.empty:
        return [missing("No model version has spoken yet.")]
    spoke = _spoke(material["forecasts"])
    newest = champions.sort_values("session").drop_duplicates(["model", "version", "role"], keep="last")
    rows: list[list[Child]] = [
        [r.model, el("code", r.version), r.role, figures.day(r.since), figures.day(r.session), figures.day(r.trained_through),
         r.reason, _contaminated(spoke.get((r.model, r.version)))]
        for r in newest.sort_values(["model", "since", "version"]).itertuples()
    ]  # fmt: skip
    headers = ["Model", "Version", "Role", "Since", "Last", "Trained through", "Why", "Contaminated sessions"]
    return [table(headers, rows, words=range(8))]


def _spoke(forecasts: pd.DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    """Contaminated sessions and sessions of each version that spoke."""
    rows = forecasts.groupby(["model", "version", "session"])["contaminated"].any()
    counts = rows.groupby(level=["model", "version"]).agg(["sum", "size"])
    return {
        key: (int(marked), int(all_))
        for key, marked, all_ in zip(counts.index, counts["sum"], counts["size"], strict=True)
    }


def _contaminated(counts: tuple[int, int] | None) -> Child:
    if counts is None:
        return figures.DASH
    marked, sessions = counts
    return el("b", f"CONTAMINATED {marked} of {sessions}", class_="flag") if marked else f"none of {sessions}"


def quarantine(material: Material) -> list[Html]:
    """Rows that were kept out, counted by reason."""
    rows = material.tables.get("quarantine", material["quarantine"])
    if rows.empty:
        return [el("p", "No row was kept out.")]
    rules = rows.assign(reason=rows["reason"].map(rule_of))
    counts = rules.groupby(["table", "symbol", "reason"], sort=True)["session"].agg(["size", "min", "max"])
    body = [
        [*key, figures.count(size), figures.day(first), figures.day(last)]
        for key, size, first, last in zip(
            counts.index, counts["size"], counts["min"], counts["max"], strict=True
        )
    ]
    return [
        el("p", f"{len(rows):,} rows were kept out of their tables; the rest went on."),
        table(["Table", "Symbol", "Reason", "Rows", "First", "Last"], body, words=(0, 1, 2)),
    ]


def _rows_read(material: Material, table: str) -> str:
    return figures.count(len(material.tables[table])) if table in material.tables else "not read"


def tables(material: Material) -> list[Html]:
    """The facts of the home, and the version of each table that was read."""
    facts = material.facts
    runs = ", ".join(facts.run_ids) or figures.DASH
    said = [
        ("Home", facts.home), ("Source", f"{facts.source}{', SIMULATED' if facts.simulated else ''}"), ("Price basis", facts.basis),
        ("Inception", figures.day(facts.inception)), ("Sessions", f"{figures.day(facts.first)} to {figures.day(facts.last)}"),
        ("Strategy", ", ".join(material.strategies) or figures.DASH), ("Settings", facts.settings or figures.DASH),
        ("Runs", runs), ("Written", f"{facts.made_at:%Y-%m-%d %H:%M} UTC"),
    ]  # fmt: skip
    listed = [[name, _rows_read(material, name), str(v)] for name, v in sorted(facts.versions.items())]
    pairs = [(el("dt", name), el("dd", value)) for name, value in said]
    shown = (
        table(["Table", "Rows read", "Version"], listed)
        if listed
        else missing("The tables' versions are not known.")
    )
    return [el("dl", pairs), shown]

"""The comparison of models as Markdown: the whole sample by horizon, years and regimes, and what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

BASELINE = "random_walk"
BESIDE = (("direction", 1, 100.0), ("rmse", 2, 100.0), ("mape", 2, 100.0), ("pinball", 3, 1000.0))
HEADING = (
    "model",
    "n",
    "IC",
    "rank IC",
    "direction, % (always up)",
    "RMSE, % (naive)",
    "MAPE, % (naive)",
    "pinball loss × 1,000 (naive)",
    "Diebold-Mariano",
    "p in the confidence set",
)
Rows = dict[tuple[str, int, str, str], dict[str, Any]]


def rows_of(table: pd.DataFrame) -> Rows:
    """Rows by model, horizon, metric and slice."""
    return {(r["model"], r["horizon"], r["metric"], r["slice"]): r for r in table.to_dict("records")}


def number(value: float, digits: int, factor: float = 1.0) -> str:
    return "–" if pd.isna(value) else f"{factor * value:.{digits}f}".replace("-", "−")


def cell(row: Mapping[str, Any] | None, digits: int, factor: float = 1.0) -> str:
    """A figure with its interval."""
    if row is None or pd.isna(row["value"]):
        return "–"
    value, low, high = (number(row[name], digits, factor) for name in ("value", "low", "high"))
    return value if low == "–" else f"{value} ({low} to {high})"


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def whole(table: pd.DataFrame) -> str:
    """All sessions: one table a horizon."""
    rows, models, out = rows_of(table), sorted(table["model"].unique()), ""
    for horizon in sorted(table["horizon"].unique()):
        out += f"\n### {horizon} session{'s' if horizon > 1 else ''} ahead\n\n{line(list(HEADING))}{line(['---'] * len(HEADING))}"
        out += "".join(line(_figures(rows, model, horizon)) for model in models)
    return out


def _figures(rows: Rows, model: str, horizon: int) -> list[str]:
    def find(metric: str) -> dict[str, Any] | None:
        return rows.get((model, horizon, metric, "all"))

    beside = [_beside(find(metric), digits, factor) for metric, digits, factor in BESIDE]
    n = f"{rows[model, horizon, 'rmse', 'all']['n']:,}"
    tests = [cell(find("diebold_mariano"), 1), cell(find("model_confidence_set"), 3)]
    return [model, n, cell(find("ic"), 3), cell(find("rank_ic"), 3), *beside, *tests]


def _beside(row: dict[str, Any] | None, digits: int, factor: float) -> str:
    """A figure with its interval, and the naive one in brackets."""
    text = cell(row, digits, factor)
    return text if row is None or text == "–" else f"{text} ({number(row['naive'], digits, factor)})"


def slices(table: pd.DataFrame, horizon: int = 1) -> str:
    """Each year and regime over one horizon: correlation, and the loss over the random walk's with its test."""
    rows = rows_of(table)
    models = [model for model in sorted(table["model"].unique()) if model != BASELINE]
    names = [name for name in sorted(table["slice"].unique()) if name != "all"]
    out = ""
    for title, tell in (
        ("IC, next session", _ic),
        ("Pinball loss over the random walk's (Diebold-Mariano), next session", _loss),
    ):
        out += f"\n### {title}\n\n{line(['slice', 'sessions', *models])}{line(['---'] * (2 + len(models)))}"
        for name in names:
            sessions = max(rows[m, horizon, "diebold_mariano", name]["n"] for m in models)
            out += line([name, str(sessions), *(tell(rows, model, horizon, name) for model in models)])
    return out


def _ic(rows: Rows, model: str, horizon: int, name: str) -> str:
    return cell(rows.get((model, horizon, "ic", name)), 3)


def _loss(rows: Rows, model: str, horizon: int, name: str) -> str:
    loss, test = rows[model, horizon, "pinball", name], rows[model, horizon, "diebold_mariano", name]
    return f"{number(loss['value'] / loss['naive'], 3)} ({number(test['value'], 1)})"


def seconds(took: Mapping[str, Mapping[str, float]]) -> str:
    """What training and forecasting took, on a busy machine."""
    head = line(["model", "wall, s", "processor, s"]) + line(["---"] * 3)
    return "\n### Seconds\n\n" + head + "".join(_lines(took))


def _lines(took: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for model, parts in took.items():
        yield line([model, number(parts["wall_s"], 0), number(parts["processor_s"], 0)])

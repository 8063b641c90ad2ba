"""Whether an ablation finds what matters, on a SIMULATED market with a large planted edge; and a kept table as Markdown.

python benchmarks/measure_ablation.py planted --folder DIR [--edge 0.3] [--sessions 252]
python benchmarks/measure_ablation.py show FILE.csv [--by year]

`planted` is `fabline ablate` on a market whose edge is larger than that of the setting `source.edge`; FILE.csv is
what `fabline ablate --format csv` wrote.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from pipelines.ablation.study import Study
from pipelines.ablation.variants import chosen, variants_of
from pipelines.cli.ablate import table_of
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from resources.sources import SimulatedSource
from trading import calendar
from trading.ingest import ALL_SYMBOLS
from trading.testing.market import MarketOptions

LAST = calendar.session_of("2024-06-28")
ONLY = ("1D", "ridge left out", "random_walk left out", "regimes", "costs in the objective")
SHOWN = ("sharpe", "annual_return", "drawdown", "turnover", "direction", "loss")
SHARES = ("annual_return", "drawdown", "direction", "loss")


def planted(folder: Path, edge: float, sessions: int) -> pd.DataFrame:
    base = Settings(models=("random_walk", "ridge"))
    first = calendar.shift(LAST, 1 - sessions)
    source = SimulatedSource(MarketOptions(edge="planted", edge_strength=edge))
    begin = plan_of(base).first_session("bars", first)
    market = {
        "bars": source.bars(ALL_SYMBOLS, begin, LAST),
        "corporate_actions": source.actions(ALL_SYMBOLS, begin, LAST),
    }
    variants = chosen(variants_of(base), ONLY)
    return table_of(variants, Study(base, variants, first, LAST, folder).run(market))


def cell(row: pd.Series) -> str:
    scale, unit = (100, " %") if row["measure"] in SHARES else (1, "")
    if pd.isna(row["difference"]):
        return ""
    one, low, high = (f"{scale * row[name]:+.{1 if unit else 2}f}" for name in ("difference", "low", "high"))
    mark = {"better": " **better**", "worse": " **worse**"}.get(str(row["verdict"]), "")
    return f"{one}{unit}{mark}" if pd.isna(row["low"]) else f"{one}{unit} ({low} to {high}){mark}"


def markdown(table: pd.DataFrame, by: str) -> str:
    shown = table[(table["slice_kind"] == by) & table["measure"].isin(SHOWN)]
    keys = ["variant"] if by == "all" else ["variant", "slice"]
    cells = shown.assign(cell=shown.apply(cell, axis=1))
    wide = cells.pivot_table(
        index=keys, columns="measure", values="cell", aggfunc="first", sort=False
    ).fillna("")
    wide = wide[[name for name in SHOWN if name in wide]].reset_index()
    lines = [list(wide.columns), ["---"] * wide.shape[1], *wide.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("planted", "show"))
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--edge", type=float, default=0.3)
    parser.add_argument("--sessions", type=int, default=252)
    parser.add_argument("--by", choices=("all", "year", "regime"), default="all")
    asked = parser.parse_args()
    table = (
        planted(asked.folder, asked.edge, asked.sessions)
        if asked.what == "planted"
        else pd.read_csv(asked.file)
    )
    print(markdown(table, asked.by))


if __name__ == "__main__":
    main()

"""The line on real daily bars as `fabline evaluate`, `compare` and `scoreboard` see it, and a choice among simple rules.

python benchmarks/measure_evaluation.py --folder DIR [--first 2015-01-02] [--last 2025-06-30]

Makes the line in memory (random_walk and ar1, four minutes of one core) and keeps its tables in DIR/line, writes them
into a home in DIR/home, and prints what the commands say of it. The rules to choose from are momentum over 5 to 252
sessions, long or long and short, equal parts, net of linear costs: DIR/rules.csv. DIR must not be in the project.
"""

from __future__ import annotations

import argparse
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines import environment
from pipelines.cli.compare import compare
from pipelines.cli.evaluate import Asked, evaluate
from pipelines.cli.scoreboard import scoreboard
from pipelines.in_memory import run_in_memory
from pipelines.settings import Settings
from resources.open_home import source_facts
from resources.sources import open_source
from resources.store import store_at
from trading import calendar, frames
from trading.evaluation.attribution import linear_rate
from trading.evaluation.evaluation import TABLES
from trading.execution.costs import CostModel
from trading.universe import SYMBOLS

SHARED = Path(__file__).parents[2] / "shared" / "data"
KEPT = (*TABLES, "selection", "fills")
LOOK_BACKS = (5, 10, 21, 63, 126, 252)
MOST_NAMES = 3


def made(folder: Path, settings: Settings, first: str, last: str) -> dict[str, pd.DataFrame]:
    """The tables of the line, made once."""
    if not folder.exists():
        store = run_in_memory(settings, calendar.session_of(first), calendar.session_of(last))
        folder.mkdir(parents=True)
        for name in KEPT:
            store.read(name).to_parquet(folder / f"{name}.parquet")
    return {
        name: pd.read_parquet(folder / f"{name}.parquet").astype(frames.table_of(name).dtypes)
        for name in KEPT
    }


def home_of(folder: Path, tables: dict[str, pd.DataFrame], settings: Settings) -> Path:
    """A home that holds the tables, as if it had made them."""
    shutil.rmtree(folder, ignore_errors=True)
    home = environment.open_or_create(folder)
    home.fix_inception(tables["performance"]["session"].min())
    home.fix_settings(settings.digest())
    home.fix_source(source_facts(open_source("files", data=SHARED, basis="fully_adjusted")), empty=True)
    first = min(rows["session"].min() for rows in tables.values())
    last = max(rows["session"].max() for rows in tables.values())
    with closing(store_at(home.tables, home.database, home=home.facts.id)) as store:
        store.write(tables, first, last, commit={"settings": settings.digest()})
    return folder


def rules(features: pd.DataFrame, first: pd.Timestamp) -> pd.DataFrame:
    """Simple returns of each momentum rule, a column a rule, by session."""
    daily = features[features["timeframe"] == "1D"]
    wide = daily.pivot_table(index="session", columns="symbol", values="log_return")[list(SYMBOLS)]
    columns = {}
    for look_back in LOOK_BACKS:
        strength = wide.rolling(look_back, min_periods=look_back).sum().shift(1)
        rank = strength.rank(axis=1, ascending=False)
        long = (rank <= MOST_NAMES).astype(float) / MOST_NAMES
        worst = strength.rank(axis=1) <= MOST_NAMES
        columns[f"momentum_{look_back}_long"] = _net(long, wide)
        columns[f"momentum_{look_back}_both"] = _net((long - worst.astype(float) / MOST_NAMES) / 2, wide)
    frame = pd.DataFrame(columns).loc[first:]
    return frame.reset_index()


def _net(held: pd.DataFrame, returns: pd.DataFrame) -> pd.Series:
    gross = (held * np.expm1(returns).fillna(0.0)).sum(axis=1)
    return gross - linear_rate(CostModel()) * held.diff().abs().sum(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    given = parser.parse_args()
    settings = Settings().with_value("source.name", "files").with_value("source.data", str(SHARED))
    settings = settings.with_value("models", ["random_walk", "ar1"])
    tables = made(given.folder / "line", settings, given.first, given.last)
    home = home_of(given.folder / "home", tables, settings)
    evaluate(home, Asked(), "table", given.folder / "evaluation.txt")
    for other in ("equal_weight", "SPY", "QQQ", "SMH"):
        compare(home, ("swing", other), Asked(), "table", given.folder / f"swing_{other}.txt")
    scoreboard(home, "csv", given.folder / "scoreboard.csv")
    path = given.folder / "rules.csv"
    rules(tables["features"], tables["performance"]["session"].min()).to_csv(path, index=False)
    evaluate(home, Asked(variants=str(path)), "table", given.folder / "choice.txt")
    evaluate(home, Asked(held_out=True), "table", given.folder / "held_out.txt")
    for text in sorted(given.folder.glob("*.txt")):
        print(f"== {text.stem}\n{text.read_text(encoding='utf-8')}")
    print((given.folder / "scoreboard.csv").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

"""Compare forecasters on ten real names, 2015 to June 2025, each trained once a year on what was known by then.

    python benchmarks/compare_models.py --folder DIR [--models random_walk,ar1] > tables.md

Each model's forecasts of each year are kept in DIR, so a killed run goes on with the year that it was at, and
models can be added later; the table is made of all that is there. Prices are adjusted for splits and dividends.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import comparison_tables as tables
import pandas as pd

from models.forecasters.catalogue import model_spec
from pipelines.in_memory import market_of
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from trading import calendar
from trading.evaluation.comparison import compare
from trading.evaluation.walk_forward import walk_forward
from trading.history import History
from trading.line import Request, run_line
from trading.stages.models_book import MemoryModelBook
from trading.testing.memory_store import MemoryStore

SHARED = Path(__file__).parents[2] / "shared" / "data"
LEAD_SESSIONS = (
    1020  # before the first session that is forecast: the longest training window and what it needs
)


def prepared(
    folder: Path, data: Path, first: pd.Timestamp, last: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Daily features and regimes, made once."""
    kept = folder / "features.parquet", folder / "regimes.parquet"
    if all(path.exists() for path in kept):
        return pd.read_parquet(kept[0]), pd.read_parquet(kept[1])
    settings = Settings().with_value("models", "random_walk").with_value("source.name", "files")
    settings = settings.with_value("source.data", str(data)).with_value("source.basis", "fully_adjusted")
    begin = calendar.shift(first, -LEAD_SESSIONS)
    plan, store = plan_of(settings).up_to("regimes"), MemoryStore()
    market = market_of(settings, begin, last)
    store.write(market, market["bars"]["session"].min(), last, commit={})
    nobody = MemoryModelBook.of({}, ())
    run_line(plan, store, Request(begin, begin, last, nobody, _progress), lambda _: nobody)
    made = store.read("features"), store.read("regimes")
    for path, frame in zip(kept, made, strict=True):
        frame.to_parquet(path)
    return made


def _progress(stage: str, done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        sys.stderr.write(f"\r{stage}: {done} of {total}   " + ("\n" if done == total else ""))
        sys.stderr.flush()


def make(folder: Path, name: str, features: History, sessions: pd.DatetimeIndex) -> None:
    """Forecasts of one model with what came, a file a year, made unless they are there; with them the seconds they took."""
    (folder / name).mkdir(exist_ok=True)
    for year in sorted(set(sessions.year)):
        path = folder / name / f"{year}.parquet"
        if path.exists():
            continue
        wall, processor = time.perf_counter(), time.process_time()
        mine = sessions[sessions.year == year]
        told = lambda _, done, total, year=year: _progress(f"{name} {year}", done, total)  # noqa: E731
        walk = walk_forward(model_spec(name), features, mine, cadence="yearly", told=told)
        took = {"wall_s": time.perf_counter() - wall, "processor_s": time.process_time() - processor}
        path.with_suffix(".json").write_text(json.dumps(took))
        walk.cases.to_parquet(path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)


def finished(folder: Path, years: Iterable[int]) -> list[str]:
    """Models of which each of these years is there."""
    wanted = {f"{year}.parquet" for year in years}
    return sorted(d.name for d in folder.iterdir() if d.is_dir() and wanted <= {p.name for p in d.iterdir()})


def seconds(folder: Path, name: str, years: Iterable[int]) -> dict[str, float]:
    """What a model took for these years."""
    parts = [json.loads((folder / name / f"{year}.json").read_text()) for year in years]
    return {key: sum(part[key] for part in parts) for key in ("wall_s", "processor_s")}


def main() -> None:
    """Make what is not there yet, and print it as Markdown; every row goes to DIR/comparison.csv."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--models", default="random_walk,ar1")
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    parser.add_argument("--years", default="", help="only these, with commas between")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    first, last = calendar.session_of(asked.first), calendar.session_of(asked.last)
    features, regimes = prepared(asked.folder, asked.data, first, last)
    history = History.from_frame("features", features)
    sessions = calendar.sessions_between(first, last)
    if asked.years:
        sessions = sessions[sessions.year.isin([int(year) for year in asked.years.split(",")])]
    years = sorted(set(sessions.year))
    for name in asked.models.split(","):
        make(asked.folder, name, history, sessions)
    made = finished(asked.folder, years)
    cases = pd.concat(
        [pd.read_parquet(asked.folder / name / f"{year}.parquet") for name in made for year in years]
    )
    started = time.perf_counter()
    table = compare(cases, dict(zip(regimes["session"], regimes["regime"], strict=True)))
    table.to_csv(asked.folder / "comparison.csv", index=False)
    print(f"compared in {time.perf_counter() - started:.1f} s: {', '.join(made)}")
    print(
        tables.whole(table)
        + tables.slices(table)
        + tables.seconds({m: seconds(asked.folder, m, years) for m in made})
    )


if __name__ == "__main__":
    main()

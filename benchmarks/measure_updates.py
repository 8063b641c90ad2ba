"""Is a version that goes on from the one before worth what a version trained in full is, and what does each cost?

    python benchmarks/measure_updates.py --model samba --first 2021-01-04 --last 2024-12-31 [--features FILE] [--every 5]

Ten real names, adjusted; a walk with `training.update = full` and one with `incremental`, trained by the model's
own cadence, forecasting every so many sessions. FILE is the features.parquet of benchmarks/compare_models.py.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd

from models.forecasters.catalogue import ModelSpec, model_spec, model_specs
from models.training.choice import TrainingChoice
from trading import calendar
from trading.evaluation.relative_loss import relative_losses
from trading.evaluation.walk_forward import walk_forward
from trading.history import History

UPDATES = ("full", "incremental")


class Stopwatch:
    """Processor seconds between sessions of a walk; the slow ones are those with a training."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self._since = time.process_time()

    def __call__(self, _session: pd.Timestamp, _done: int, _total: int) -> None:
        """Note how long the session took."""
        self.steps.append(time.process_time() - self._since)
        self._since = time.process_time()

    def training(self, versions: int) -> float:
        """A training's mean seconds, after the first one: that compiles and has nothing to go on from."""
        typical = pd.Series(self.steps).median()
        slowest = sorted(self.steps[1:], reverse=True)[: versions - 1]
        return sum(slowest) / len(slowest) - typical


def walked(
    spec: ModelSpec, features: History, sessions: pd.DatetimeIndex, versions: int
) -> tuple[pd.DataFrame, float]:
    """Its cases, and processor seconds a training."""
    watch = Stopwatch()
    cases = walk_forward(spec, features, sessions, told=watch).cases
    return cases, watch.training(versions)


def features_of(path: Path, first: pd.Timestamp, last: pd.Timestamp) -> History:
    """What of the file trainings before `first` and outcomes after `last` need."""
    frame = pd.read_parquet(path)
    begin, end = calendar.shift(first, -1100), calendar.shift(last, 21)
    kept = frame["session"].between(begin, end)
    return History.from_frame("features", frame[kept.to_numpy()])


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="samba")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--first", default="2023-01-03")
    parser.add_argument("--last", default="2024-12-31")
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--cadence", choices=("default", "quarterly", "yearly"), default="default")
    asked = parser.parse_args()
    first, last = calendar.session_of(asked.first), calendar.session_of(asked.last)
    features = features_of(asked.features, first, last)
    sessions = calendar.sessions_between(first, last)[:: asked.every]
    naive = walk_forward(model_spec("random_walk"), features, sessions).cases
    found, spent = [naive], {}
    for update in UPDATES:
        choice = TrainingChoice(update=update, cadence=asked.cadence)  # type: ignore[arg-type]  # one of UPDATES
        (spec,) = model_specs([asked.model], training=choice)
        unit = "Y" if spec.cadence == "yearly" else "Q"
        versions = sessions.to_period(unit).nunique()
        cases, spent[update] = walked(spec, features, sessions, versions)
        found.append(cases.assign(model=update))
    print(f"{asked.model}, {spec.cadence}, {versions} versions, {len(sessions)} sessions")
    print(_table(pd.concat(found), spent))


def _table(cases: pd.DataFrame, spent: dict[str, float]) -> str:
    lines = ["| update | horizon | loss over the random walk's | 95 % | processor s a training |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    rows = [*relative_losses(cases).itertuples(), *_beside(cases)]
    for row in rows:
        cost = f"{spent[row.model]:.1f}" if row.model in spent else ""
        lines.append(
            f"| {row.model} | {row.horizon} | {row.relative:.4f} | {row.low:.4f} to {row.high:.4f} | {cost} |"
        )
    return "\n".join(lines)


def _beside(cases: pd.DataFrame) -> list[object]:
    """Incremental over full, on the same forecasts."""
    beside = relative_losses(cases, baseline="full")
    found = beside[beside["model"] == "incremental"].assign(model="incremental over full")
    return list(found.itertuples())


if __name__ == "__main__":
    main()

"""The roadmap's numeric targets beside what this home measured, made anew from all its sessions."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pandas as pd

from assets import evidence
from assets.face import RESEARCH, Face
from assets.failures import translated
from resources.memory_log import peaks_in_gigabytes
from resources.open_home import OpenHome
from resources.store import HomeStore
from resources.trial_mirror import mirror_trials
from resources.trials import RUN, record_books
from trading import frames
from trading.evaluation import scoreboard as board
from trading.evaluation.operations import bar_seconds, highest, operations
from trading.evaluation.scoreboard import Measurement
from trading.interfaces import Store
from trading.stages.layout import DAILY
from trading.stages.trading_rules import TradingRules

TABLE = "scoreboard"
NOTHING: Mapping[str, Measurement] = {}
FACE = Face(
    group="evidence",
    description="Every numeric target of the roadmap: measured value, interval, sample, what knowing nothing gives, and "
    "the verdict met, not met, undecided or not measured. Nothing depends on it.",
    owner=RESEARCH,
    kinds=("python", "numpy", "deltalake"),
)


def scoreboard_asset() -> dg.AssetsDefinition:
    """`scoreboard`: unpartitioned, because it speaks of all sessions at once."""

    @dg.asset(**evidence.declared(TABLE, FACE, board.TABLES))
    def scoreboard(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = scored(home.store, home.strategy, operated(home.store, home.home.logs))
            commit = {"run_id": context.run.run_id, "settings": home.settings_digest}
            evidence.replace_whole(home.store, TABLE, made, commit)
            show_trials(home, new=record_books(home.store, command=RUN, **commit))
        shown = evidence.facts(TABLE, made, FACE, simulated=home.source.simulated)
        return dg.MaterializeResult(metadata={**shown, "targets": dg.MetadataValue.md(_markdown(made))})

    return scoreboard


def show_trials(home: OpenHome, *, new: bool) -> None:
    """Let MLflow show a trial that is new, and what it missed before; where it cannot, tell people and go on."""
    if not mirror_trials(home.registry, home.store, new=new):
        home.notifier.notify("mlflow_mirror_failed", reason="trials", then="the next trial mirrors again")


def operated(store: HomeStore, logs: Path) -> dict[str, Measurement]:
    """What a home's commits, its live forecasts and its log say of latency, uptime and memory."""
    found = operations(store.commits())
    found["intraday_seconds"] = bar_seconds(store.read("live_forecasts"))
    found["memory_gigabytes"] = highest(peaks_in_gigabytes(logs))
    return {name: Measurement(estimate) for name, estimate in found.items() if estimate.observations}


def scored(
    store: Store, strategy: str = TradingRules.strategy, beside: Mapping[str, Measurement] = NOTHING
) -> pd.DataFrame:
    """Rows of `scoreboard` from the traded sessions of one strategy in a store; none before the first.

    Parameters
    ----------
    beside : what was measured elsewhere than in the tables of sessions
    """
    performance = store.read("performance")
    if performance.empty:
        return frames.empty(TABLE)
    inception = performance["session"].min()
    tables = {name: _daily(store, name, inception, strategy) for name in board.TABLES}
    return evidence.dated(
        TABLE, board.scoreboard({**board.measurements(tables), **beside}), performance["session"].max()
    )


def _daily(store: Store, table: str, inception: pd.Timestamp, strategy: str) -> pd.DataFrame:
    """Rows of one strategy, or of daily bars, from the first traded session on."""
    columns = frames.table_of(table).dtypes
    rows = store.read(table, inception, timeframe=DAILY if "timeframe" in columns else None)
    return rows[rows["strategy"] == strategy] if "strategy" in columns else rows


def _markdown(made: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(board.COLUMNS) + " |", "|" + " --- |" * len(board.COLUMNS)]
    for row in board.in_order(made).itertuples(index=False):
        cells = (
            ("–" if pd.isna(cell) else f"{cell:.4g}") if isinstance(cell, float) else str(cell)
            for cell in row
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)

"""`fabline scoreboard`: the roadmap's targets beside what a home measured so far."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from assets.scoreboard import operated, scored
from pipelines import settings
from pipelines.cli import rendering
from pipelines.environment import market_line, open_store
from resources.home import Home
from trading.evaluation.scoreboard import in_order


def scoreboard(home: Path, format_: str, output: Path | None) -> None:
    """Write the scoreboard of all traded sessions up to now."""
    with closing(open_store(home)) as store:
        chosen = settings.load(home).settings.main
        board = scored(store, chosen, operated(store, Home.open(home).logs))
    rows = in_order(board)
    shown = (
        rows.drop(columns="target") if format_ == "table" else rows
    )  # for people the roadmap's words will do
    rendering.write(shown, format_, output, heading=market_line(home))

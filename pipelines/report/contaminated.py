"""How many sessions of a report do not count, and which do."""

from __future__ import annotations

from pipelines.report.material import Material
from trading.evaluation import contamination
from trading.interfaces import Bools


def clean_sessions(material: Material) -> Bools:
    """(n,) whether each row of `performance` counts."""
    return contamination.clean_sessions(
        material.sessions, material["ensemble_forecast"], material["target_portfolio"]
    )


def left_out(clean: Bools) -> str:
    """How many sessions of returns do not count, in words; empty if all do. The first has no return."""
    lost, total = int((~clean[1:]).sum()), len(clean) - 1
    return f"{lost:,} of {total:,} sessions rest on CONTAMINATED forecasts and are left out." if lost else ""

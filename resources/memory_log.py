"""How much memory this process has needed at most, and what a home's log says of the runs before."""

from __future__ import annotations

import json
import resource
from pathlib import Path

from resources.logs import FILE

_GIGABYTE = 1024.0


def peak_megabytes() -> int:
    """The most memory that this process has held so far; Linux counts in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def peaks_in_gigabytes(logs: Path) -> list[float]:
    """The peak of each run that the log in the folder `logs` knows, in its order; empty without a log."""
    found: dict[str, float] = {}
    path = logs / FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        if '"peak_megabytes"' in line:
            event = json.loads(line)
            run = str(event.get("run_id", ""))
            found[run] = max(found.get(run, 0.0), float(event["peak_megabytes"]) / _GIGABYTE)
    return list(found.values())

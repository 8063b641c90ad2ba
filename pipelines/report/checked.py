"""What checks left behind in a home, beside its tables: results of expectations, and of the null gate."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from pipelines.report.facts import Expectations
from trading.evaluation.nulls import Outcome, shares


def expectations_in(home: Path) -> tuple[Expectations, ...]:
    """The newest result of each suite under `datadocs/results`, by name; one that cannot be read is left out."""
    newest: dict[str, tuple[str, Expectations]] = {}
    for path in sorted((home / "datadocs" / "results").glob("*/*/*/*.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            found, when = _read(told), str(told["meta"]["run_id"]["run_time"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written by a run that goes on
        if when >= newest.get(found.suite, ("", found))[0]:
            newest[found.suite] = when, found
    return tuple(found for _, (_, found) in sorted(newest.items()))


def _read(told: dict[str, object]) -> Expectations:
    counts, run = told["statistics"], told["meta"]["run_id"]["run_name"]  # type: ignore[index]
    return Expectations(
        suite=str(told["suite_name"]),
        run=str(run),
        evaluated=int(counts["evaluated_expectations"]),  # type: ignore[index]
        failed=int(counts["unsuccessful_expectations"]),  # type: ignore[index]
        passed=bool(told["success"]),
    )


def nulls_in(home: Path) -> pd.DataFrame | None:
    """What the null gate in the home's folder `nulls` found so far, None if there is none."""
    path = home / "nulls" / "markets.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        outcomes = [
            _outcome(line) for line in lines if line.endswith("}")
        ]  # a killed writer leaves a torn one
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return shares(outcomes) if outcomes else None


def _outcome(line: str) -> Outcome:
    told = json.loads(line)
    return Outcome(**{**told, "claims": tuple(told["claims"])})

"""`fabline optimize`: one portfolio problem from a file, its weights and their certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import typer

from pipelines.cli import rendering
from trading.errors import UsageError
from trading.portfolio.chain import optimize
from trading.portfolio.problem_file import answer_of, question_of


def solve_file(path: Path, format_: str) -> None:
    """Solve the problem in a JSON file and print it.

    Raises
    ------
    UsageError
        If the file is no JSON object, or the problem makes no sense as one.
    """
    question, goal = question_of(_read(path))
    answer = answer_of(optimize(question, goal), question)
    if format_ == "json":
        typer.echo(json.dumps(answer, indent=2))
        return
    weights = pd.DataFrame({"name": list(answer["weights"]), "weight": list(answer["weights"].values())})
    rendering.write(weights, "table", None)
    for name, value in answer["certificate"].items():
        typer.echo(f"{name}: {_told(value)}")


def _told(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{kind} by {missed:g}" for kind, missed in value.items()]
    return (", ".join(value) or "none") if isinstance(value, list) else str(value)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} must hold one JSON object")
    return content

"""What happened to the champions of a model beside the calendar: logs that only grow, a line of JSON an entry.

models/<model>/decisions.jsonl    what people decided
               triggers.jsonl     what asked for a challenger
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import pandas as pd

from resources.files import write_atomically
from trading.errors import UsageError
from trading.interfaces import ChampionDecision, TrainingTrigger

DECISIONS, TRIGGERS = "decisions.jsonl", "triggers.jsonl"
Entry = TypeVar("Entry", ChampionDecision, TrainingTrigger)
_MODEL = "model"
_SESSIONS = ("session", "effective")


def append(path: Path, entry: ChampionDecision | TrainingTrigger) -> None:
    """Add an entry to a log, whole or not at all; a killed writer leaves the log as it was."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    said = {one.name: _said(getattr(entry, one.name), one.name) for one in fields(entry)}
    del said[_MODEL]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, before + json.dumps(said, sort_keys=True) + "\n")


def lines_of(path: Path, model: str, kind: type[Entry]) -> tuple[Entry, ...]:
    """The entries of a log in their order; none if there is no log.

    Raises
    ------
    UsageError
        If it cannot be read.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    try:
        return tuple(kind(**_meant(json.loads(line), kind), model=model) for line in lines)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = path.stem
        raise UsageError(
            f"{path} is not a log of {what} ({error}); restore it from a copy of the home"
        ) from None


def copy_known(origin: Path, target: Path, as_of: pd.Timestamp) -> None:
    """Give another folder of versions what the logs of `origin` held at `as_of` (aware)."""
    for path in sorted(origin.glob(f"*/{DECISIONS}")):
        for decision in lines_of(path, path.parent.name, ChampionDecision):
            if decision.decided_at <= as_of:
                append(target / path.parent.name / DECISIONS, decision)
    for path in sorted(origin.glob(f"*/{TRIGGERS}")):
        for trigger in lines_of(path, path.parent.name, TrainingTrigger):
            if trigger.known_at <= as_of:
                append(target / path.parent.name / TRIGGERS, trigger)


def _said(value: Any, name: str) -> Any:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if name in _SESSIONS else value.isoformat()
    return value


def _meant(said: Mapping[str, Any], kind: type[Entry]) -> dict[str, Any]:
    """The fields of an entry; ValueError where a word is none of those that may stand there."""
    meant = {}
    for name, wanted in get_type_hints(kind).items():
        if name not in said:
            continue
        allowed = get_args(wanted)
        if allowed and said[name] not in allowed:
            raise ValueError(f"unknown {name} {said[name]!r}")
        if wanted is pd.Timestamp:
            stamp = pd.Timestamp(said[name])
            meant[name] = stamp.as_unit("us") if name in _SESSIONS else stamp
        else:
            meant[name] = said[name]
    return meant

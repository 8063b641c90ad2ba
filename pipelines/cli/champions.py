"""`fabline models history|promote|rollback`: who was champion when, and what a person decides about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import typer

from models.forecasters.catalogue import model_spec
from pipelines.cli import dates, rendering
from pipelines.environment import market_line, open_store
from resources import clock as wall
from resources.home import Home
from resources.version_folder import VersionFolder
from trading import calendar
from trading.errors import CheckpointError, UsageError
from trading.interfaces import ChampionDecision, ModelVersion

Action = Literal["promote", "rollback"]
COLUMNS = ["model", "version", "first_session", "last_session", "trained_through", "reason"]


def history(path: Path, name: str, as_of: str | None, format_: str, output: Path | None) -> None:
    """Write one row a reign; with `as_of` only the one that lasted then, as far as it had come.

    Raises
    ------
    UsageError
        If there is no such model, or nobody was champion then.
    """
    model_spec(name)
    rows = _champions(path, name)
    shown = _reigns(rows) if as_of is None else _reign_at(rows, name, dates.moment(as_of))
    rendering.write(shown, format_, output, heading=market_line(path))


def promote(path: Path, name: str, version: str, note: str, *, wait: bool) -> None:
    """Note that a live version is to be champion from the next session on.

    Raises
    ------
    UsageError
        If there is no such model or version, or it is not live then, or is champion already.
    CheckpointError
        If its weights are not what was logged.
    """
    model_spec(name)
    with _writing(path, "fabline models promote", wait=wait) as desk:
        chosen = desk.named(name, version)
        if chosen.version == _champion(path, name):
            raise UsageError(f"version {chosen.version} is champion of {name} already")
        desk.decide(chosen, "promote", note)


def rollback(path: Path, name: str, note: str, *, wait: bool) -> None:
    """Note that the champion before the present one is to be champion again from the next session on.

    Raises
    ------
    UsageError
        If there is no such model, or no champion before that is still live and sound.
    """
    model_spec(name)
    with _writing(path, "fabline models rollback", wait=wait) as desk:
        reigns = _reigns(_champions(path, name))
        before = [version for version in reversed(reigns["version"]) if version != reigns["version"].iloc[-1]]
        chosen = next((found for version in before if (found := desk.able(name, version))), None)
        if chosen is None:
            raise UsageError(
                f"no champion of {name} before the present one can speak at {desk.effective:%Y-%m-%d}: "
                f"{len(before)} were found; `fabline models show {name}` lists the versions and their sessions"
            )
        desk.decide(chosen, "rollback", note)


@dataclass(frozen=True)
class _Desk:
    """Where decisions are made: the versions, the moment, and the session from which a decision holds."""

    folder: VersionFolder
    now: pd.Timestamp
    effective: pd.Timestamp

    def named(self, name: str, beginning: str) -> ModelVersion:
        """The live version that begins so."""
        found = [v for v in self.folder.versions(name) if v.version.startswith(beginning)]
        if len(found) != 1:
            known = ", ".join(v.version for v in self.folder.versions(name)) or "none"
            problem = f"{len(found)} versions that begin" if found else "no version that begins"
            raise UsageError(f"model {name} has {problem} with {beginning!r}; it has {known}")
        version = found[0]
        if not version.is_live(self.effective):
            raise UsageError(f"version {version.version} of {name} {_silent(version, self.effective)}")
        if flaw := self.folder.flaw(version):
            raise CheckpointError(f"version {version.version} of {name} cannot speak: {flaw}")
        return version

    def able(self, name: str, digest: str) -> ModelVersion | None:
        """The version of a digest if it can speak then."""
        found = [v for v in self.folder.versions(name) if v.version == digest]
        return next((v for v in found if v.is_live(self.effective) and not self.folder.flaw(v)), None)

    def decide(self, version: ModelVersion, action: Action, note: str) -> None:
        """Write the decision down and say when it holds."""
        self.folder.decide(
            ChampionDecision(version.model, version.version, action, self.effective, self.now, note)
        )
        typer.echo(
            f"{action}: {version.version} is champion of {version.model} from {self.effective:%Y-%m-%d} on"
        )


def _silent(version: ModelVersion, session: pd.Timestamp) -> str:
    begins = "" if version.live_from is None else f" from {version.live_from:%Y-%m-%d}"
    ends = "" if version.retired is None else f" before {version.retired:%Y-%m-%d}"
    return f"speaks only{begins}{ends}, and the decision would hold from {session:%Y-%m-%d}"


@contextmanager
def _writing(path: Path, command: str, *, wait: bool) -> Iterator[_Desk]:
    home = Home.open(path)
    with home.writing(command, wait=wait):
        now = wall.now()
        yield _Desk(VersionFolder(home.models), now, calendar.next_to_decide(now))


def _champions(path: Path, name: str) -> pd.DataFrame:
    """Rows of the champions of a model, in the order of sessions."""
    with closing(open_store(path)) as store:
        rows = store.read("champions")
    crowned = (rows["model"] == name) & (rows["role"] == "champion")
    return rows[crowned.to_numpy()].sort_values("session", ignore_index=True)


def _champion(path: Path, name: str) -> str:
    rows = _champions(path, name)
    return str(rows["version"].iloc[-1]) if len(rows) else ""


def _reign_at(rows: pd.DataFrame, name: str, moment: pd.Timestamp) -> pd.DataFrame:
    """The reign that lasted at a moment, of which nothing is told that came later."""
    session = calendar.last_closed(moment)
    known = rows[(rows["session"] <= session).to_numpy()]
    if session not in set(known["session"]):
        raise UsageError(f"nobody was champion of {name} at {session:%Y-%m-%d} in this home")
    return _reigns(known).tail(1)


def _reigns(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each unbroken stretch of sessions of one champion."""
    reign = (rows["version"] != rows["version"].shift()).cumsum()
    grouped = rows.groupby(reign, sort=True)
    made = grouped.agg(
        model=("model", "first"),
        version=("version", "first"),
        first_session=("session", "first"),
        last_session=("session", "last"),
        trained_through=("trained_through", "first"),
        reason=("reason", "first"),
    )
    return made.reset_index(drop=True)[COLUMNS]

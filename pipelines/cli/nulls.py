"""`fabline nulls`: how often the line claims skill, or promotes by luck, where there is nothing to find."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from pipelines import nulls as work
from pipelines.cli import rendering
from pipelines.cli.power_picture import power_picture
from pipelines.cli.progress import progress_bars
from pipelines.null_journal import NullJournal
from trading.errors import UsageError
from trading.evaluation.nulls import EDGE, Outcome, is_broken, shares
from trading.testing.null_mutants import MUTANTS

ALL, PICTURE = "all", "power.svg"


@dataclass(frozen=True)
class Asked:
    """What a person asks: how many markets of which kinds, what is planted, and how it is made."""

    markets: int
    kind: str | None = None
    edges: str = "0"
    mutant: str = ""
    sessions: int = work.SESSIONS
    data: Path | None = None
    jobs: int = 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of markets; all that can be made if none is named."""
        if self.kind == ALL or (self.kind is None and self.data is not None and self.multiples == (0.0,)):
            return work.KINDS
        return (self.kind or work.FAIR,)

    @property
    def multiples(self) -> tuple[float, ...]:
        """The planted edges."""
        try:
            found = [float(text) for text in self.edges.split(",")]
        except ValueError:
            raise UsageError(
                f"--edge is a number or several with commas between, not {self.edges!r}"
            ) from None
        if not all(math.isfinite(edge) for edge in found):
            raise UsageError(f"--edge is a number from 0 to {work.LARGEST_EDGE:g}, not {self.edges!r}")
        return tuple(dict.fromkeys(found))

    @property
    def cases(self) -> list[work.Case]:
        """Every market that is asked for, in the order of its kind, its edge and its number.

        Raises
        ------
        UsageError
            If something asked for cannot be.
        """
        if self.markets < 1 or self.jobs < 1:
            raise UsageError("--markets and --jobs are 1 or more")
        if self.mutant not in MUTANTS:
            raise UsageError(f"--mutant is one of {', '.join(filter(None, MUTANTS))}, not {self.mutant!r}")
        if self.data is None and set(self.kinds) & set(work.REAL):
            raise UsageError("markets of real bars need the folder that holds them: --data DIR")
        every = product(self.kinds, self.multiples, range(self.markets))
        return [work.Case(kind, number, edge, self.mutant) for kind, edge, number in every]


def nulls(asked: Asked, folder: Path, format_: str) -> bool:
    """Make the markets that are not there yet and write how often the line was fooled; True if no level is broken.

    Raises
    ------
    UsageError
        If what is asked for cannot be.
    HomeError
        If somebody else writes to the folder, or it holds results of other settings or code.
    """
    cases = asked.cases
    terms = work.Terms(asked.sessions, asked.data)
    with NullJournal(folder, work.bound_to(terms)) as journal:
        if journal.torn:
            sys.stderr.write(
                f"a line that was not finished is dropped, its market is made again: {journal.torn[:60]}\n"
            )
        _make(cases, terms, asked.jobs, journal)
        wanted = set(cases)
        outcomes = [one for one in journal.outcomes if _case(one) in wanted]
    table = shares(outcomes)
    _write(table, format_)
    _draw(table, folder, format_)
    return not is_broken(table)


def _case(outcome: Outcome) -> work.Case:
    return work.Case(outcome.kind, outcome.market, outcome.edge, outcome.mutant)


def _make(cases: Sequence[work.Case], terms: work.Terms, jobs: int, journal: NullJournal) -> None:
    there = {_case(one) for one in journal.outcomes}
    missing = [case for case in cases if case not in there]
    if not missing:
        return
    simulated = any(case.kind == work.FAIR for case in cases)
    with progress_bars(None, simulated=simulated) as tell:
        already = len(cases) - len(missing)
        tell("markets", already, len(cases))  # so that the bar is there while the first market is made
        for done, outcome in enumerate(work.finished(missing, terms, min(jobs, len(missing))), start=1):
            journal.append(outcome)
            tell("markets", already + done, len(cases))


def _write(table: pd.DataFrame, format_: str) -> None:
    rendering.write(_for_people(table) if format_ == "table" else table, format_, None)
    if format_ != "table":
        return
    sys.stdout.flush()
    broken = table.loc[table["verdict"] == "broken", ["kind", "statistic"]]
    told = "; ".join(f"{kind}: {statistic}" for kind, statistic in broken.itertuples(index=False))
    sys.stderr.write(f"levels broken: {told or 'none'}\n")


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Shares as percentages, and what was planted or spoilt beside the kind only where something was."""
    planted = table["edge"].map(lambda edge: f", edge {edge:g}" if edge else "")
    spoilt = table["mutant"].map(lambda name: f", {name}" if name else "")
    spans = zip(table["low"], table["high"], strict=True)
    return pd.DataFrame(
        {
            "markets": table["kind"] + planted + spoilt,
            "statistic": table["statistic"],
            "seen": table["count"].astype(str) + " of " + table["n"].astype(str),
            "share": table["share"].map("{:.1%}".format),
            "95 %": [f"{low:.1%} to {high:.1%}" for low, high in spans],
            "level": table["level"].map(lambda level: "" if math.isnan(level) else f"{level:.1%}"),
            "verdict": table["verdict"],
        }
    )


def _draw(table: pd.DataFrame, folder: Path, format_: str) -> None:
    """The power curve, where there is more than one edge."""
    curve = table[(table["statistic"] == EDGE.name) & (table["kind"] == work.FAIR)].sort_values("edge")
    if curve["edge"].nunique() < 2:  # noqa: PLR2004 - one point is no curve
        return
    path = folder / PICTURE
    path.write_text(power_picture(curve), encoding="utf-8")
    if format_ == "table":
        sys.stderr.write(f"power curve: {path}\n")

"""`fabline report`: the home as one HTML file; and how a run ends on the terminal."""

from __future__ import annotations

import json
import webbrowser
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from pipelines import settings
from pipelines.environment import open_store, what_if_of
from pipelines.report.checked import expectations_in, nulls_in
from pipelines.report.facts import ReportFacts
from pipelines.report.page import write_report
from pipelines.report.pdf import browser, print_pdf, target_of
from pipelines.report.summary import SUMMARY_TABLES, summary
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.clock import now
from resources.home import Home
from resources.store import HomeStore
from resources.trials import trials_of
from trading.errors import HomeError, UsageError

NAME, PRINTED = "report.html", "report.pdf"


@dataclass(frozen=True)
class Wanted:
    """What a person asks of the report.

    Attributes
    ----------
    file : where to write it; None is the home's folder of reports
    pdf : whether to print it; browser : which program prints, empty for what is on the path
    open_in_browser : whether to show it then
    """

    file: Path | None = None
    pdf: bool = False
    browser: str = ""
    open_in_browser: bool = False


def report(home: Path, wanted: Wanted) -> None:
    """Write the report of the home at `home`, print its path, and show it if asked.

    Raises
    ------
    UsageError
        If the home has not traded yet, a PDF is asked for without a browser, or the place is none.
    HomeError
        If it cannot be written or printed.
    """
    opened = Home.open(home)
    place = target_of(wanted.file or opened.reports / (PRINTED if wanted.pdf else NAME))
    if wanted.pdf:
        browser(wanted.browser)  # before the work, not after it
    with closing(open_store(home)) as store:
        facts = facts_of(opened, store, settings.load(home).settings)
        if facts.last is None:
            raise UsageError(
                "there is nothing to report yet: this home has no traded session; run: fabline run"
            )
        written = _written(store, opened.reports / NAME if wanted.pdf else place, facts)
    path = print_pdf(written, place, named=wanted.browser) if wanted.pdf else written
    Console(highlight=False).print(str(path), soft_wrap=True)
    if wanted.open_in_browser:
        webbrowser.open(path.as_uri())


def _written(store: HomeStore, path: Path, facts: ReportFacts) -> Path:
    try:
        return write_report(store, path, facts)
    except OSError as error:
        raise HomeError(f"the report cannot be written to {path}: {error.strerror or error}") from None


def conclude(workshop: Workshop, *, run_id: str, seconds: float) -> None:
    """Write the report after a run and print the summary, the report's path and the next command."""
    home = workshop.home
    with closing(open_store(home.path)) as store:
        facts = facts_of(home, store, workshop.settings)
        path = write_report(store, home.reports / NAME, facts)
        tables = {name: store.read(name, facts.inception) for name in SUMMARY_TABLES}
    console = Console(highlight=False)
    console.print(
        summary(tables, facts, report=path, next_command=_next(tables["fills"], home)), soft_wrap=True
    )
    console.print(f"run {run_id}, {seconds:.0f} s", style="dim")


def facts_of(home: Home, store: HomeStore, chosen: Settings) -> ReportFacts:
    """What a report says of a home beside its tables."""
    source = home.facts.source
    listed = store.tables().set_index("table")
    head = listed["last_session"].get("performance")
    commits, book = store.commits(), trials_of(store)
    runs = [str(run) for run in commits["run_id"].dropna().unique() if run]
    return ReportFacts(
        home=home.path.name,
        source=source.get("name", chosen.source.name),
        simulated=source.get("simulated", "") == "true",
        basis=source.get("basis", chosen.source.basis),
        inception=home.inception,
        first=home.inception,
        last=None if head is None or pd.isna(head) else head,
        made_at=now(),
        settings=home.facts.settings or "",
        run_ids=tuple(runs),
        versions={str(name): int(version) for name, version in listed["version"].dropna().items()},
        rules=chosen.signals,
        trials=max(
            book.count if book.sharpes else 0, _settings_of(commits)
        ),  # the book is younger than some homes
        trial_sharpes=book.sharpes,
        expectations=expectations_in(home.path),
        nulls=nulls_in(home.path),
        what_if=what_if_of(home.facts),
    )


def _settings_of(commits: pd.DataFrame) -> int:
    """How many different digests of settings the commits name."""
    digests = {json.loads(facts or "{}").get("settings", "") for facts in commits["facts"].dropna().unique()}
    return len(digests - {""})


def _next(fills: pd.DataFrame, home: Home) -> str:
    """The command that looks deepest into what was just made."""
    option = "" if home.path == Path(".fabline").absolute() else f" --home {home.path}"
    return f"fabline explain last{option}" if len(fills) else f"fabline up{option}"

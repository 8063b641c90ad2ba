"""The sources of the line: bars and corporate actions, with bad rows kept apart before anything is written."""

import dagster as dg
import pandas as pd

from assets.face import DATA, Face
from assets.factory import commit_of, request_of, show_sessions, tell_made
from assets.failures import translated
from assets.tables import columns_of, facts
from resources.open_home import OpenHome
from trading import calendar
from trading.ingest import ALL_SYMBOLS, dated, require_history, require_sessions
from trading.line import Request
from trading.monitoring.bar_rules import Separation, separate_actions, separate_bars
from trading.plan import Plan

NEIGHBOURS = 10  # sessions before a range whose dividends may be listed a second time in it

FACES = {
    "bars": Face(
        group="market",
        description="Market bars as the source gives them, each with the moment at which it was known; revisions are "
        "added, never overwritten, and bad rows go to quarantine with their reason.",
        owner=DATA,
        kinds=("python", "sql"),
    ),
    "corporate_actions": Face(
        group="market",
        description="Splits and dividends with the moment at which they were known.",
        owner=DATA,
        kinds=("python", "sql"),
    ),
}


def market_assets(plan: Plan, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The two sources as assets of `partitions`."""

    @dg.asset(name="bars", **_shown("bars", partitions))
    def bars(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            request = request_of(context, home)
            separated = arrived_bars(plan, home, request)
            _write("bars", separated, home, commit_of(context, home))
        tell_made(context, home, "bars", {"bars": separated.accepted, "quarantine": separated.quarantined})
        show_sessions(context, home, "bars", separated.accepted, FACES["bars"])
        return dg.MaterializeResult(metadata=_metadata(separated, home))

    @dg.asset(name="corporate_actions", **_shown("corporate_actions", partitions))
    def corporate_actions(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            request = request_of(context, home)
            separated = arrived_actions(plan, home, request)
            _write("corporate_actions", separated, home, commit_of(context, home))
        tell_made(context, home, "corporate_actions", {"corporate_actions": separated.accepted})
        show_sessions(context, home, "corporate_actions", separated.accepted, FACES["corporate_actions"])
        return dg.MaterializeResult(metadata=_metadata(separated, home))

    return [bars, corporate_actions]


def arrived_bars(plan: Plan, home: OpenHome, request: Request) -> Separation:
    """Bars of the range, and of all that leads up to it, separated into good and bad.

    Raises
    ------
    MissingBarsError
        If the source does not reach that far, or has no bar of any stock in a session.
    """
    sessions = plan.sessions("bars", request.inception, request.first, request.last)
    require_history(home.source, sessions[0], sessions[-1], plan.lead("bars"))
    separated = separate_bars(home.source.bars(ALL_SYMBOLS, sessions[0], sessions[-1]))
    require_sessions(separated.accepted, sessions, home.source.name)
    return Separation(dated(separated.accepted, home.clock()), separated.quarantined)


def arrived_actions(plan: Plan, home: OpenHome, request: Request) -> Separation:
    """Corporate actions of the range, and of all that leads up to it, separated into good and bad."""
    sessions = plan.sessions("corporate_actions", request.inception, request.first, request.last)
    before = calendar.shift(sessions[0], -1)
    known = home.store.read("corporate_actions", calendar.shift(before, -NEIGHBOURS), before)
    return separate_actions(home.source.actions(ALL_SYMBOLS, sessions[0], sessions[-1]), known)


def _write(table: str, separated: Separation, home: OpenHome, commit: dict[str, str]) -> None:
    """Good and bad rows in one transaction. A quarantined row may lie on a date that is no session."""
    days = pd.concat([separated.accepted["session"], separated.quarantined["session"]])
    if len(days):
        tables = {table: separated.accepted, "quarantine": separated.quarantined}
        home.store.write(tables, days.min(), days.max(), commit=commit)


def _shown(table: str, partitions: dg.PartitionsDefinition[str]) -> dict[str, object]:
    face = FACES[table]
    return {
        "partitions_def": partitions,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "description": face.description,
        "group_name": face.group,
        "owners": [face.owner],
        "kinds": set(face.kinds),
        "metadata": {"dagster/column_schema": columns_of(table)},
    }


def _metadata(separated: Separation, home: OpenHome) -> dict[str, dg.MetadataValue]:
    reasons = separated.quarantined["reason"].value_counts()
    counted = {str(reason): int(count) for reason, count in reasons.items()}
    return {
        **facts(separated.accepted, simulated=home.source.simulated),
        "quarantined": dg.MetadataValue.int(len(separated.quarantined)),
        "reasons": dg.MetadataValue.json(counted),
    }

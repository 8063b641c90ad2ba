"""The sources of the line: bars and corporate actions, with bad rows kept apart before anything is written."""

import json

import dagster as dg
import pandas as pd

from assets import plots
from assets.face import DATA, Face
from assets.factory import commit_of, request_of, show_sessions, tell_made
from assets.failures import translated
from assets.tables import PLOT_FROM_SESSIONS, columns_of, facts, picture_of
from resources import arrivals
from resources.arrivals import check_same_basis, dated
from resources.open_home import OpenHome
from trading import calendar
from trading.ingest import ALL_SYMBOLS, Load, require_history, require_sessions
from trading.line import Request
from trading.monitoring.bar_rules import Separation, rule_of, separate_actions, separate_bars
from trading.plan import Plan
from trading.stages.layout import DAILY, FIVE_MINUTES
from trading.stages.windows import INTRADAY_LEAD

LIVE = "5min"
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
            sessions = plan.sessions("bars", request.inception, request.first, request.last)
            record("bars", separated, home, sessions, commit_of(context, home))
            settle_live_bars(home, sessions, commit_of(context, home))
            _record_intraday(plan, home, request, commit_of(context, home))
            home.begin(request.inception)
        tell_made(context, home, "bars", {"bars": separated.accepted, "quarantine": separated.quarantined})
        show_sessions(context, home, "bars", separated.accepted, FACES["bars"])
        show_quality(context, home, sessions)
        return dg.MaterializeResult(metadata=_metadata(separated, home))

    @dg.asset(name="corporate_actions", **_shown("corporate_actions", partitions))
    def corporate_actions(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            request = request_of(context, home)
            separated = arrived_actions(plan, home, request)
            sessions = plan.sessions("corporate_actions", request.inception, request.first, request.last)
            record("corporate_actions", separated, home, sessions, commit_of(context, home))
        tell_made(context, home, "corporate_actions", {"corporate_actions": separated.accepted})
        show_sessions(context, home, "corporate_actions", separated.accepted, FACES["corporate_actions"])
        return dg.MaterializeResult(metadata=_metadata(separated, home))

    return [bars, corporate_actions]


def show_quality(context: dg.AssetExecutionContext, home: OpenHome, sessions: pd.DatetimeIndex) -> None:
    """Show figures and findings of the loaded sessions at the newest one; a longer load with a picture."""
    quality = home.store.read("data_quality", sessions[0], sessions[-1], timeframe=DAILY)
    found = home.store.read("findings", sessions[0], sessions[-1], timeframe=DAILY)
    counted = {str(rule): int(count) for rule, count in found["rule"].value_counts().items()}
    shown: dict[str, dg.MetadataValue] = {
        "completeness": dg.MetadataValue.float(float(quality["completeness"].mean())),
        "findings": dg.MetadataValue.json(counted),
    }
    simulated = home.source.simulated
    values = home.store.read("reconciliation", sessions[0], sessions[-1])
    shown |= agreement(values, simulated=simulated)
    if len(sessions) >= PLOT_FROM_SESSIONS:
        shown["quality"] = picture_of(plots.data_quality, quality, "data quality", simulated=simulated)
    context.add_asset_metadata(shown, asset_key="bars", partition_key=context.partition_keys[-1])


def agreement(values: pd.DataFrame, *, simulated: bool) -> dict[str, dg.MetadataValue]:
    """What rows of `reconciliation` come to: counts by sides and field, and over many sessions a picture."""
    if values.empty:
        return {}
    counted = values.groupby(["timeframe", "left", "right", "field"])["agrees"].agg(["size", "sum"])
    records = [
        dg.TableRecord(
            dict(zip(("timeframe", "left", "right", "field"), map(str, key), strict=True))
            | {"compared": int(size), "disagreed": int(size - agreed)}
        )
        for key, size, agreed in counted.itertuples(name=None)
    ]
    shown: dict[str, dg.MetadataValue] = {"compared": dg.MetadataValue.table(records)}
    if values["session"].nunique() >= PLOT_FROM_SESSIONS:
        shown["agreement"] = picture_of(plots.agreement, values, "agreement", simulated=simulated)
    return shown


def arrived_bars(plan: Plan, home: OpenHome, request: Request) -> Separation:
    """Bars of the range, and of all that leads up to it, separated into good and bad.

    Raises
    ------
    MissingBarsError
        If the source does not reach that far, or has no bar of any stock in a session.
    DataError
        If its prices were adjusted anew since the sessions before the range were loaded.
    """
    sessions = plan.sessions("bars", request.inception, request.first, request.last)
    require_history(home.source, sessions[0], sessions[-1], plan.lead("bars"))
    check_same_basis(home.source, home.store, ALL_SYMBOLS, sessions[0])
    offered = home.source.bars(ALL_SYMBOLS, sessions[0], sessions[-1])
    separated = separate_bars(offered, basis=home.source.basis, now=home.clock())
    require_sessions(separated.accepted, sessions, home.source.name)
    return _dated("bars", separated, home, sessions)


def _record_intraday(plan: Plan, home: OpenHome, request: Request, commit: dict[str, str]) -> None:
    """Five-minute bars of the simulated market, if the plan reads any; a vendor's come with `fabline ingest`."""
    read = {read.timeframe for stage in plan.stages for read in stage.reads if read.table == "bars"}
    if FIVE_MINUTES not in read or not home.source.simulated:
        return
    lead = INTRADAY_LEAD if request.is_from_inception else 0
    sessions = calendar.sessions_between(calendar.shift(request.first, -lead), request.last)
    offered = home.source.bars(ALL_SYMBOLS, sessions[0], sessions[-1], FIVE_MINUTES)
    separated = separate_bars(offered, basis=home.source.basis)
    load = Load("bars", FIVE_MINUTES, ALL_SYMBOLS, sessions[0], sessions[-1], home.source.name)
    accepted = dated(load, separated.accepted, home.store, home.clock())
    arrivals.record(load, {"bars": accepted}, separated.quarantined, home.store, commit)


def arrived_actions(plan: Plan, home: OpenHome, request: Request) -> Separation:
    """Corporate actions of the range, and of all that leads up to it, separated into good and bad."""
    sessions = plan.sessions("corporate_actions", request.inception, request.first, request.last)
    before = calendar.shift(sessions[0], -1)
    known = home.store.read("corporate_actions", calendar.shift(before, -NEIGHBOURS), before)
    separated = separate_actions(home.source.actions(ALL_SYMBOLS, sessions[0], sessions[-1]), known)
    return _dated("corporate_actions", separated, home, sessions)


def _dated(table: str, separated: Separation, home: OpenHome, sessions: pd.DatetimeIndex) -> Separation:
    """The accepted rows, those that come in after the first load of their session known from now on."""
    load = _load(table, home, sessions)
    return Separation(dated(load, separated.accepted, home.store, home.clock()), separated.quarantined)


def record(
    table: str, separated: Separation, home: OpenHome, sessions: pd.DatetimeIndex, commit: dict[str, str]
) -> None:
    """Good and bad rows of the loaded sessions in one transaction, even if there are none: it says what was loaded."""
    load = _load(table, home, sessions)
    arrivals.record(load, {table: separated.accepted}, separated.quarantined, home.store, commit)


def settle_live_bars(home: OpenHome, sessions: pd.DatetimeIndex, commit: dict[str, str]) -> None:
    """Judge the five-minute bars of sessions that came live and were never judged as a whole."""
    commits = home.store.commits()
    mine = commits[
        (commits["table"].eq("bars") & commits["last"].between(sessions[0], sessions[-1])).to_numpy()
    ]
    live = [json.loads(facts).get("live") == "true" for facts in mine["facts"]]
    for session in sorted(set(mine.loc[live, "last"])):
        judged = home.store.read("data_quality", session, session, timeframe=LIVE)
        held = home.store.read("bars", session, session, timeframe=LIVE)["symbol"].unique()
        symbols = tuple(symbol for symbol in ALL_SYMBOLS if symbol in held)
        if symbols and judged.empty:
            load = Load("bars", LIVE, symbols, session, session, home.source.name)
            arrivals.assess_stored(load, home.store, commit, now=home.clock())


def _load(table: str, home: OpenHome, sessions: pd.DatetimeIndex) -> Load:
    timeframe = DAILY if table == "bars" else ""
    return Load(table, timeframe, ALL_SYMBOLS, sessions[0], sessions[-1], home.source.name)


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
    reasons = separated.quarantined["reason"].map(rule_of).value_counts()
    counted = {str(reason): int(count) for reason, count in reasons.items()}
    return {
        **facts(separated.accepted, simulated=home.source.simulated),
        "quarantined": dg.MetadataValue.int(len(separated.quarantined)),
        "reasons": dg.MetadataValue.json(counted),
    }

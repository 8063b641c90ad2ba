"""Assets from stages: the declaration gives dependencies, types and look-backs, the face the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
import pandas as pd

from assets.face import Face
from assets.failures import translated
from assets.tables import columns_of, facts, facts_by_session, table_type
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.line import Request, make_and_write, make_range, refuse_future
from trading.monitoring.staleness import READ_AT
from trading.plan import Plan
from trading.stages.stage import Stage

IO_MANAGER = "tables"


def stage_assets(
    stage: Stage, plan: Plan, faces: Mapping[str, Face], partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """The asset, or the multi-asset that is never a subset of itself, of one stage.

    A single computed table leaves through the IO manager. Where a stage makes several tables, or
    recorded ones, its body writes them all in one transaction.
    """
    (first, *others) = stage.makes
    if not others and frames.table_of(first).storage == "computed":
        return _single(stage, plan, faces[first], partitions)
    return _together(stage, plan, faces, partitions)


def _single(
    stage: Stage, plan: Plan, face: Face, partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    table = stage.makes[0]

    @dg.asset(
        name=table,
        deps=_causes(stage, table),
        dagster_type=table_type(table),
        io_manager_key=IO_MANAGER,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        **_shown(stage, table, face),
    )
    def compute(context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]) -> dg.Output[Any]:
        with translated():
            read_at = home.clock()
            request = through_head(request_of(context, home), stage, home)
            made = make_range(stage, plan, home.store, request)[table]
        tell_made(context, home, stage.name, {table: made})
        show_sessions(context, home, table, made, face)
        shown = facts(made, simulated=home.source.simulated)
        return dg.Output(made, metadata={**shown, READ_AT: dg.MetadataValue.text(read_at.isoformat())})

    return compute


def _together(
    stage: Stage, plan: Plan, faces: Mapping[str, Face], partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=stage.name,
        specs=[_spec(table, stage, faces[table]) for table in stage.makes],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def compute(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with translated():
            commit = {**commit_of(context, home), READ_AT: home.clock().isoformat()}
            request = through_head(request_of(context, home), stage, home)
            made = make_and_write(stage, plan, home.store, request, commit)
            home.after_write(made)
        tell_made(context, home, stage.name, made)
        for table, frame in made.items():
            show_sessions(context, home, table, frame, faces[table])
            shown = facts(frame, simulated=home.source.simulated)
            yield dg.MaterializeResult(asset_key=table, metadata=shown)

    return compute


def request_of(context: dg.AssetExecutionContext, home: OpenHome) -> Request:
    """The range that a run asks for, against the home's inception and the clock.

    Raises
    ------
    LookAheadError
        If the range reaches a session that has not decided yet.
    UsageError
        If it begins before the home's inception.
    """
    keys = context.partition_keys
    first, last = calendar.session_of(keys[0]), calendar.session_of(keys[-1])
    refuse_future(last, home.clock())
    inception = home.inception(first)
    return Request(inception, first, last, home.models(), home.progress)


def through_head(request: Request, stage: Stage, home: OpenHome) -> Request:
    """The range, extended to the last session that the stage has made.

    Later sessions rest on earlier ones, so a session that is made again makes those after it again.
    """
    table = next(name for name in stage.makes if not frames.table_of(name).sparse or name == stage.makes[-1])
    later = home.store.read(table, calendar.shift(request.last, 1))["session"]
    return replace(request, last=later.max()) if len(later) else request


def commit_of(context: dg.AssetExecutionContext, home: OpenHome) -> dict[str, str]:
    """What a commit says of itself: run, settings; never a part of a row."""
    return {"run_id": context.run.run_id, "settings": home.settings_digest}


def tell_made(
    context: dg.AssetExecutionContext, home: OpenHome, stage: str, made: Mapping[str, pd.DataFrame]
) -> None:
    """Log what a step has made."""
    keys = context.partition_keys
    home.tell_made(stage, (keys[0], keys[-1]), {table: len(frame) for table, frame in made.items()})


def show_sessions(
    context: dg.AssetExecutionContext, home: OpenHome, table: str, frame: pd.DataFrame, face: Face
) -> None:
    """Show at each partition of the run what is its own; what leads up to an inception has no partition."""
    keys = set(context.partition_keys)
    for key, shown in facts_by_session(frame, face, simulated=home.source.simulated):
        if key in keys:
            context.add_asset_metadata(shown, asset_key=table, partition_key=key)


def _spec(table: str, stage: Stage, face: Face) -> dg.AssetSpec:
    return dg.AssetSpec(table, deps=_causes(stage, table), **_shown(stage, table, face))


def _shown(stage: Stage, table: str, face: Face) -> dict[str, Any]:
    return {
        "description": face.description,
        "group_name": face.group,
        "owners": [face.owner],
        "kinds": set(face.kinds),
        "metadata": _declared(stage, table),
    }


def _declared(stage: Stage, table: str) -> dict[str, Any]:
    look_backs = {read.name: f"[t-{read.depth} .. t-{read.offset}]" for read in (*stage.reads, *stage.keeps)}
    return {
        "dagster/column_schema": columns_of(table),
        "look_backs": dg.MetadataValue.json(look_backs),
    }


def _causes(stage: Stage, table: str) -> list[str]:
    """Declared dependencies, all on the same session of other assets: look-backs are the store's affair.

    Dagster never runs an asset that depends on itself together with others, so a back-fill of the
    line would be two runs: a stage that lacks its own previous session says so itself.
    """
    return [*stage.causes_of(table), *(["model_versions"] if stage.uses_models else [])]

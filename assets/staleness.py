"""What is stale, as Dagster's UI shows it: one check a table that warns and names sessions, cause and remedy.

Dagster's own staleness follows data versions from a partition to the same partition of the next asset.
Here a revision of one session makes other sessions stale, those whose windows contain it, and never
itself. So a check says it, once a table, whatever the number of sessions.
"""

from collections.abc import Iterator

import dagster as dg

from assets.failures import translated
from resources.open_home import OpenHome
from resources.stale import remedy, stale_in
from trading.monitoring.staleness import StaleTable
from trading.plan import Plan

UP_TO_DATE = "up_to_date"
NAMED_SESSIONS = 100


def staleness_check(plan: Plan) -> dg.AssetChecksDefinition:
    """A check of every table of `plan`, all judged together; a sensor reports what changes between runs."""
    specs = [
        dg.AssetCheckSpec(
            UP_TO_DATE,
            asset=table,
            description="Nothing came in after the sessions were made that they should have known.",
        )
        for table in plan.makers
    ]

    @dg.multi_asset_check(name=UP_TO_DATE, specs=specs, can_subset=True)
    def up_to_date(
        context: dg.AssetCheckExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> Iterator[dg.AssetCheckResult]:
        with translated():
            found = stale_in(home.store, plan)
            stale = {one.table: one for one in found}
            command = remedy(found, home.home.inception) if found else ""
        for key in sorted(context.selected_asset_check_keys):
            table = key.asset_key.to_user_string()
            passed, description, metadata = told(stale.get(table), command)
            yield dg.AssetCheckResult(
                passed=passed,
                check_name=UP_TO_DATE,
                asset_key=key.asset_key,
                severity=dg.AssetCheckSeverity.WARN,
                description=description,
                metadata=metadata,
            )

    return up_to_date


def evaluation(table: str, stale: StaleTable | None, command: str) -> dg.AssetCheckEvaluation:
    """The same verdict as an event that no run reports."""
    passed, description, metadata = told(stale, command)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(table),
        check_name=UP_TO_DATE,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


def told(stale: StaleTable | None, command: str) -> tuple[bool, str, dict[str, dg.MetadataValue]]:
    """Whether a table is up to date, in a sentence, and with its stale sessions, their cause and the remedy."""
    if stale is None:
        return True, "every session knows what it could know", {}
    first, last, count = stale.sessions[0], stale.sessions[-1], len(stale.sessions)
    named = [f"{session:%Y-%m-%d}" for session in stale.sessions[:NAMED_SESSIONS]]
    metadata = {
        "stale_sessions": dg.MetadataValue.int(count),
        "first": dg.MetadataValue.text(f"{first:%Y-%m-%d}"),
        "last": dg.MetadataValue.text(f"{last:%Y-%m-%d}"),
        "sessions": dg.MetadataValue.json(named),
        "because": dg.MetadataValue.text(str(stale.cause)),
        "to_do": dg.MetadataValue.text(command),
    }
    sentence = f"STALE: {count} sessions from {first:%Y-%m-%d} to {last:%Y-%m-%d}; {stale.cause}"
    return False, sentence, metadata

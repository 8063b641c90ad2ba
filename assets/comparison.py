"""The comparison of all models, made anew from every forecast that has matured, and its alarm."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from assets import plots
from assets.face import RESEARCH, Face
from assets.failures import translated
from assets.tables import columns_of, picture_of
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.evaluation.alarms import suspected_leaks
from trading.evaluation.comparison import champion_cases, compare
from trading.interfaces import Store
from trading.stages.layout import DAILY

TABLE = "comparison"
NO_LEAK = "too_good_to_be_true"
LAST = "-100"  # priority: what trades comes first
FACE = Face(
    group="evidence",
    description="Every model beside the random walk: correlation, direction, errors, loss and tests, each with its "
    "interval, by year and by regime. Made anew from all matured forecasts; contaminated ones are left out.",
    owner=RESEARCH,
    kinds=("python", "numpy", "deltalake"),
    plot=plots.comparison,
)


def comparison_asset() -> dg.AssetsDefinition:
    """`comparison`: unpartitioned, because it speaks of all sessions at once."""

    @dg.asset(
        name=TABLE,
        deps=["version_losses", "forecasts", "regimes"],
        group_name=FACE.group,
        description=FACE.description,
        owners=[FACE.owner],
        kinds=set(FACE.kinds),
        metadata={"dagster/column_schema": columns_of(TABLE)},
        op_tags={"dagster/priority": LAST},
        backfill_policy=dg.BackfillPolicy.single_run(),  # `dagster asset materialize` wants it of every asset
        check_specs=[
            dg.AssetCheckSpec(
                NO_LEAK,
                asset=TABLE,
                description="No model has an IC above 0.1 or is right more than 56 times in 100 with its whole "
                "interval: that is a leak until proven otherwise.",
            )
        ],
    )
    def comparison(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> Iterator[dg.MaterializeResult[None]]:  # Dagster knows the bare class or an iterator of results
        with translated():
            made = compared(home.store)
            replace_whole(
                home.store, TABLE, made, {"run_id": context.run.run_id, "settings": home.settings_digest}
            )
        suspects = suspected_leaks(made)
        tell_suspects(home, suspects)
        yield dg.MaterializeResult(
            metadata=_facts(made, simulated=home.source.simulated), check_results=[judged(suspects)]
        )

    return comparison


def compared(store: Store) -> pd.DataFrame:
    """Rows of `comparison` from all daily forecasts that have matured in a store."""
    losses = store.read("version_losses", timeframe=DAILY)
    if losses.empty:
        return frames.empty(TABLE)
    regimes = store.read("regimes", timeframe=DAILY)
    named = dict(zip(regimes["session"], regimes["regime"], strict=True))
    table = compare(champion_cases(losses, store.read("forecasts", timeframe=DAILY)), named)
    last = losses["session"].max()
    dated = table.assign(session=last, known_at=calendar.as_of(last))
    return frames.validated(TABLE, dated.astype(frames.table_of(TABLE).dtypes))


def replace_whole(store: Store, table: str, made: pd.DataFrame, commit: dict[str, str]) -> None:
    """Write a table in place of all that was there; nothing if nothing has matured yet."""
    if made.empty:
        return
    sessions = pd.concat([store.read(table)["session"], made["session"]])
    store.write({table: made}, sessions.min(), sessions.max(), commit=commit)


def tell_suspects(home: OpenHome, suspects: pd.DataFrame) -> None:
    """Tell people of each figure that is too good."""
    for row in suspects.itertuples():
        home.notifier.notify(
            "leak_suspected",
            model=row.model,
            horizon=str(row.horizon),
            metric=row.metric,
            value=f"{row.value:.4f}",
            interval=f"{row.low:.4f} to {row.high:.4f}",
            limit=f"{row.limit}",
        )


def judged(suspects: pd.DataFrame) -> dg.AssetCheckResult:
    """The alarm as a check: it stops nothing, and it is red."""
    named = [
        f"{row.model} over {row.horizon} sessions: {row.metric} {row.value:.3f} ({row.low:.3f} to {row.high:.3f}, "
        f"limit {row.limit})"
        for row in suspects.itertuples()
    ]
    return dg.AssetCheckResult(
        check_name=NO_LEAK,
        passed=not named,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(named) + ": look for a leak (fabline leaks)"
        if named
        else "no figure is too good",
        metadata={"suspects": dg.MetadataValue.json(named)},
    )


def _facts(made: pd.DataFrame, *, simulated: bool) -> dict[str, dg.MetadataValue]:
    shown: dict[str, dg.MetadataValue] = {
        "rows": dg.MetadataValue.int(len(made)),
        "models": dg.MetadataValue.text(", ".join(sorted(made["model"].unique()))),
    }
    if simulated:
        shown["market"] = dg.MetadataValue.text("SIMULATED")
    if len(made):
        shown["last_session"] = dg.MetadataValue.text(f"{made['session'].max():%Y-%m-%d}")
        shown["plot"] = picture_of(plots.comparison, made, TABLE, simulated=simulated)
    return shown

"""The table of coverage, made anew from every interval that has matured."""

import dagster as dg
import pandas as pd

from assets import plots
from assets.comparison import LAST, replace_whole
from assets.face import RESEARCH, Face
from assets.failures import translated
from assets.tables import columns_of, picture_of
from models.intervals.adaptive import AdaptiveConformal
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.evaluation.interval_report import interval_report, issued_by_the_ensemble, issued_intervals
from trading.interfaces import Store
from trading.stages.layout import DAILY

TABLE = "coverage"
PROMISED = 1 - AdaptiveConformal.target
FACE = Face(
    group="evidence",
    description="How often the intervals of each model and of the ensemble held, how wide they were and what they "
    "cost, by symbol, horizon, year and regime, with the tests of Kupiec and Christoffersen.",
    owner=RESEARCH,
    kinds=("python", "numpy", "deltalake"),
    plot=plots.coverage_table,
)


def coverage_asset() -> dg.AssetsDefinition:
    """`coverage`: unpartitioned, because it speaks of all sessions at once."""

    @dg.asset(
        name=TABLE,
        deps=["version_losses", "forecasts", "regimes", "ensemble_forecast", "ensemble_intervals"],
        group_name=FACE.group,
        description=FACE.description,
        owners=[FACE.owner],
        kinds=set(FACE.kinds),
        metadata={"dagster/column_schema": columns_of(TABLE)},
        op_tags={"dagster/priority": LAST},
        backfill_policy=dg.BackfillPolicy.single_run(),  # `dagster asset materialize` wants it of every asset
    )
    def coverage(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = measured(home.store)
            replace_whole(
                home.store, TABLE, made, {"run_id": context.run.run_id, "settings": home.settings_digest}
            )
        return dg.MaterializeResult(metadata=_facts(made, simulated=home.source.simulated))

    return coverage


def measured(store: Store) -> pd.DataFrame:
    """Rows of `coverage` from all daily intervals that have matured in a store."""
    losses, forecasts, regimes, own, said = (
        store.read(table, timeframe=DAILY)
        for table in ("version_losses", "forecasts", "regimes", "ensemble_intervals", "ensemble_forecast")
    )
    issued = [issued_intervals(forecasts, losses, regimes), issued_by_the_ensemble(own, said, regimes)]
    known = pd.concat([part for part in issued if len(part)] or issued[:1])
    if known.empty:
        return frames.empty(TABLE)
    last = losses["session"].max()
    dated = interval_report(known, PROMISED).assign(session=last, known_at=calendar.as_of(last))
    return frames.validated(TABLE, dated.astype(frames.table_of(TABLE).dtypes))


def _facts(made: pd.DataFrame, *, simulated: bool) -> dict[str, dg.MetadataValue]:
    shown: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(len(made))}
    if simulated:
        shown["market"] = dg.MetadataValue.text("SIMULATED")
    if len(made):
        shown["last_session"] = dg.MetadataValue.text(f"{made['session'].max():%Y-%m-%d}")
        shown["plot"] = picture_of(plots.coverage_table, made, TABLE, simulated=simulated)
    return shown

"""The table of coverage, made anew from every interval that has matured."""

import dagster as dg
import pandas as pd

from assets import evidence, plots
from assets.face import RESEARCH, Face
from assets.failures import translated
from models.intervals.adaptive import AdaptiveConformal
from resources.open_home import OpenHome
from trading import frames
from trading.evaluation.interval_report import interval_report, issued_by_the_ensemble, issued_intervals
from trading.interfaces import Store
from trading.stages.layout import DAILY

TABLE = "coverage"
DEPENDS_ON = ("version_losses", "forecasts", "regimes", "ensemble_forecast", "ensemble_intervals")
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

    @dg.asset(**evidence.declared(TABLE, FACE, DEPENDS_ON))
    def coverage(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = measured(home.store)
            commit = {"run_id": context.run.run_id, "settings": home.settings_digest}
            evidence.replace_whole(home.store, TABLE, made, commit)
        return dg.MaterializeResult(
            metadata=evidence.facts(TABLE, made, FACE, simulated=home.source.simulated)
        )

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
    return evidence.dated(TABLE, interval_report(known, PROMISED), losses["session"].max())

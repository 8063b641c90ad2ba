"""The comparison of all models, made anew from every forecast that has matured, and its alarm."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from assets import evidence, plots
from assets.face import RESEARCH, Face
from assets.failures import translated
from resources.open_home import OpenHome
from trading import frames
from trading.evaluation.alarms import suspected_leaks
from trading.evaluation.comparison import champion_cases, compare
from trading.interfaces import Store
from trading.stages.layout import DAILY

TABLE = "comparison"
NO_LEAK = "too_good_to_be_true"
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
        **evidence.declared(TABLE, FACE, ("version_losses", "forecasts", "regimes")),
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
            commit = {"run_id": context.run.run_id, "settings": home.settings_digest}
            evidence.replace_whole(home.store, TABLE, made, commit)
        suspects = suspected_leaks(made)
        tell_suspects(home, suspects)
        yield dg.MaterializeResult(
            metadata=evidence.facts(TABLE, made, FACE, simulated=home.source.simulated),
            check_results=[judged(suspects)],
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
    return evidence.dated(TABLE, table, losses["session"].max())


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

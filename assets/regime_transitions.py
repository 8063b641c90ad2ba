"""What followed what: transitions between the regimes as they were named, with their uncertainty and a picture."""

import base64

import dagster as dg
import numpy as np
import pandas as pd

from assets import evidence, plots
from assets.face import RESEARCH, Face
from assets.failures import translated
from assets.regimes_plot import regimes_over_price
from resources.open_home import OpenHome
from trading import frames
from trading.evaluation.regime_report import transition_table
from trading.interfaces import Store
from trading.stages.layout import DAILY
from trading.universe import SYMBOLS

TABLE = "regime_transitions"
DEPENDS_ON = ("regimes", "features")
FACE = Face(
    group="evidence",
    description="How often each regime followed each, from one session to the next, with its credible interval; and the "
    "price of equal weight coloured by regime, with the probabilities below.",
    owner=RESEARCH,
    kinds=("python", "numpy", "deltalake"),
)


def regime_transitions_asset() -> dg.AssetsDefinition:
    """`regime_transitions`: unpartitioned, because it speaks of all sessions at once."""

    @dg.asset(**evidence.declared(TABLE, FACE, DEPENDS_ON))
    def regime_transitions(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = counted(home.store)
            commit = {"run_id": context.run.run_id, "settings": home.settings_digest}
            evidence.replace_whole(home.store, TABLE, made, commit)
            shown = evidence.facts(TABLE, made, FACE, simulated=home.source.simulated)
            pictures = {"plot": picture(home.store, simulated=home.source.simulated)} if len(made) else {}
        return dg.MaterializeResult(metadata={**shown, **pictures})

    return regime_transitions


def counted(store: Store) -> pd.DataFrame:
    """Rows of `regime_transitions` from all daily regimes of a store; none before the first."""
    rows = store.read("regimes", timeframe=DAILY).sort_values("session")
    if rows.empty:
        return frames.empty(TABLE)
    return evidence.dated(TABLE, transition_table(rows["regime"].to_numpy()), rows["session"].max())


def picture(store: Store, *, simulated: bool) -> dg.MetadataValue:
    """Price coloured by regime with the probabilities below, as a picture inside the metadata."""
    rows = store.read("regimes", timeframe=DAILY).sort_values("session")
    figure = regimes_over_price(
        rows, equal_weight(store.read("features", rows["session"].min(), timeframe=DAILY))
    )
    drawn = base64.b64encode(plots.png(figure, simulated=simulated)).decode()
    return dg.MetadataValue.md(f"![{TABLE}](data:image/png;base64,{drawn})")


def equal_weight(features: pd.DataFrame) -> pd.Series:
    """Index of the traded names held equally, 100 before its first session, by session."""
    traded = features[features["symbol"].isin(SYMBOLS).to_numpy()]
    returns = traded.groupby("session")["log_return"].mean().fillna(0.0)
    return (100 * np.exp(returns.cumsum())).rename("equal weight")

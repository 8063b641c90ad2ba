"""What each model alone was worth, and the ensemble's regret, made anew from every forecast that has matured."""

import dagster as dg
import numpy as np
import pandas as pd

from assets import evidence, plots
from assets.face import RESEARCH, Face
from assets.failures import translated
from models.ensembles.stacked import stacked_weights
from resources.open_home import OpenHome
from trading import frames
from trading.evaluation import attribution as alone
from trading.evaluation.comparison import champion_cases
from trading.evaluation.ensemble_walk import EnsembleWalk
from trading.evaluation.matured import ENSEMBLE, matured_ensemble
from trading.evaluation.uncertainty import ratio_estimate
from trading.frames import HORIZONS, QUANTILES
from trading.history import History
from trading.interfaces import Store
from trading.stages.layout import DAILY
from trading.universe import SYMBOLS

TABLE = "model_attribution"
DEPENDS_ON = ("version_losses", "forecasts", "ensemble_forecast", "ensemble_intervals")
FACE = Face(
    group="evidence",
    description="Sharpe ratio, accuracy and profit factor of what each model alone would have decided, after costs, "
    "and how much more the ensemble lost than the best fixed combination in hindsight.",
    owner=RESEARCH,
    kinds=("python", "numpy", "deltalake"),
    plot=plots.attribution,
)


def attribution_asset() -> dg.AssetsDefinition:
    """`model_attribution`: unpartitioned, because it speaks of all sessions at once."""

    @dg.asset(**evidence.declared(TABLE, FACE, DEPENDS_ON))
    def model_attribution(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = attributed(home.store)
            commit = {"run_id": context.run.run_id, "settings": home.settings_digest}
            evidence.replace_whole(home.store, TABLE, made, commit)
        return dg.MaterializeResult(
            metadata=evidence.facts(TABLE, made, FACE, simulated=home.source.simulated)
        )

    return model_attribution


def attributed(store: Store) -> pd.DataFrame:
    """Rows of `model_attribution` from all daily forecasts that have matured in a store."""
    losses, forecasts, own, said = (
        store.read(table, timeframe=DAILY)
        for table in ("version_losses", "forecasts", "ensemble_intervals", "ensemble_forecast")
    )
    if losses.empty or own["realized"].notna().sum() == 0:
        return frames.empty(TABLE)
    together = matured_ensemble(own, said)
    cases = together.drop(columns=["session", "median"]).rename(
        columns={"issued_session": "session", "matured_median": "median"}
    )
    worth = alone.attribution(pd.concat([champion_cases(losses, forecasts), cases], join="inner"))
    made = pd.concat([worth, _regret(forecasts, losses, together)])
    return evidence.dated(TABLE, made, losses["session"].max())


def _regret(forecasts: pd.DataFrame, losses: pd.DataFrame, together: pd.DataFrame) -> pd.DataFrame:
    """One row: the ensemble's loss over that of the best fixed weights in hindsight, less 1, on the same sessions."""
    walk = _walk(forecasts, losses)
    if not walk.complete.any():
        return pd.DataFrame(columns=list(alone.COLUMNS))
    count = walk.quantiles.shape[3]
    best = stacked_weights(walk.whole)
    fixed = pd.Series(walk.losses(np.broadcast_to(best, (len(walk.sessions), count))), index=walk.sessions)
    per_session = together.assign(loss=together["pinball"] / np.sqrt(together["horizon"]))
    own = per_session.pivot_table(index="issued_session", columns=["horizon", "symbol"], values="loss")
    axes = pd.MultiIndex.from_product([HORIZONS, SYMBOLS])
    cells = own.reindex(index=walk.sessions, columns=axes).to_numpy(dtype=float)
    kept = walk.complete.reshape(len(cells), -1)
    number = np.maximum(kept.sum(axis=1), 1)
    lost = np.where(kept.any(axis=1), np.where(kept, cells, 0.0).sum(axis=1) / number, np.nan)
    found = ratio_estimate(lost, fixed.to_numpy(), overlap=max(HORIZONS))
    row = (ENSEMBLE, "regret", found.value - 1, found.low - 1, found.high - 1, found.observations)
    return pd.DataFrame([row], columns=list(alone.COLUMNS))


def _walk(forecasts: pd.DataFrame, losses: pd.DataFrame) -> EnsembleWalk:
    """The champions' forecasts with their outcomes, per square root of the horizon; contaminated ones left out."""
    clean = forecasts[~forecasts["contaminated"].to_numpy()]
    sessions = pd.DatetimeIndex(forecasts["session"].unique())
    models = tuple(sorted(forecasts["model"].unique()))
    rows = History.from_frame("forecasts", clean).window(
        sessions[0], sessions[-1], forecasts["known_at"].max()
    )
    said = rows.block(QUANTILES, session=sessions, horizon=HORIZONS, symbol=SYMBOLS, model=models)
    came = losses.drop_duplicates(["issued_session", "horizon", "symbol"])
    wide = came.pivot_table(index="issued_session", columns=["horizon", "symbol"], values="realized")
    axes = pd.MultiIndex.from_product([HORIZONS, SYMBOLS])
    realized = wide.reindex(index=sessions, columns=axes).to_numpy(dtype=float)
    roots = np.sqrt(np.array(HORIZONS))[:, np.newaxis]
    return EnsembleWalk(
        sessions, said / roots[..., None, None], realized.reshape(len(sessions), len(HORIZONS), -1) / roots
    )

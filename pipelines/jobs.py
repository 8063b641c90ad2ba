"""Jobs: the whole line, the market alone, training alone."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

import dagster as dg

from pipelines.run_logs import RUN_CONFIG

LINE, MARKET, TRAIN = "line", "market", "train"
MARKET_ASSETS = ("bars", "corporate_actions", "features")
TRAINING_ASSETS = ("model_versions",)


def line_jobs(apart: Sequence[dg.AssetChecksDefinition] = ()) -> list[dg.UnresolvedAssetJobDefinition]:
    """The jobs of a home; their partitions are those of their assets. All assets run in one process: a spawned step costs seconds.

    Parameters
    ----------
    apart : checks that no job runs, because something else reports them
    """
    checks = [dg.AssetSelection.checks(check) for check in apart]
    return [
        dg.define_asset_job(
            LINE,
            config=RUN_CONFIG,
            selection=functools.reduce(operator.sub, checks, dg.AssetSelection.all()),
            description="From bars to orders, over one session or a range of sessions.",
        ),
        dg.define_asset_job(
            MARKET,
            config=RUN_CONFIG,
            selection=functools.reduce(operator.sub, checks, dg.AssetSelection.assets(*MARKET_ASSETS)),
            description="Bars, corporate actions and features alone.",
        ),
        dg.define_asset_job(
            TRAIN,
            config=RUN_CONFIG,
            selection=dg.AssetSelection.assets(*TRAINING_ASSETS),
            description="Train the model versions that the calendar asks for and that are not there yet.",
        ),
    ]

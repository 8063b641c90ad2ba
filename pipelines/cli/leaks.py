"""`fabline leaks`: who knows the future, of the assets on a SIMULATED market or of a file of features."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pipelines import leak_analysis as analysis
from pipelines.cli import feature_file, rendering
from pipelines.cli.progress import progress_bars
from trading.errors import UsageError
from trading.frames import FORECAST_PREFIX
from trading.monitoring.canary import World
from trading.plan import BURN_IN_SESSIONS


@dataclass(frozen=True)
class Asked:
    """What a person asks: of an asset, a file or everything; `time`, `price` and `symbol` are columns of a file."""

    of: str | None
    time: str | None = None
    price: str | None = None
    symbol: str | None = None
    mutants: bool = False
    warm_up: bool = False

    @property
    def is_file(self) -> bool:
        """Whether a file is meant: one that is there, or a name that ends like one."""
        return self.of is not None and (
            Path(self.of).is_file()
            or Path(self.of).suffix.lower() in (*feature_file.CSV, *feature_file.PARQUET)
        )


def leaks(asked: Asked, format_: str) -> bool:
    """Write what was asked for; True if nothing knows the future and every mutant was caught.

    Raises
    ------
    UsageError
        If options of a file and of assets are mixed, or the file or asset is none.
    """
    if asked.is_file:
        return _of_file(asked, format_)
    if asked.time or asked.price or asked.symbol:
        raise UsageError(
            "--time, --price and --symbol belong to a file of features; an asset has none of them"
        )
    settings = analysis.settings_of(_models(asked.of))
    plan = analysis.plan_up_to(settings, asked.of)
    if asked.warm_up:
        return _warm_up(asked.of, format_)
    with progress_bars(None, simulated=True) as _:
        worlds = analysis.worlds_of(settings, plan)
    return _mutants(worlds, asked.of, format_) if asked.mutants else _assets(worlds, asked.of, format_)


def _models(asset: str | None) -> tuple[str, ...]:
    """The fast models, and the one that is asked for."""
    named = (asset or "").removeprefix(FORECAST_PREFIX)
    wanted = named != asset and asset is not None and named not in analysis.FAST_MODELS
    return (*analysis.FAST_MODELS, named) if wanted else analysis.FAST_MODELS


def _of_file(asked: Asked, format_: str) -> bool:
    if asked.mutants or asked.warm_up:
        raise UsageError("--mutants and --warm-up belong to assets; a file has neither")
    if not asked.time or not asked.price:
        raise UsageError("a file of features needs --time COLUMN and --price COLUMN")
    return feature_file.judge(Path(str(asked.of)), asked.time, asked.price, asked.symbol, format_)


def _assets(worlds: tuple[World, ...], asset: str | None, format_: str) -> bool:
    judged = analysis.judged_assets(worlds, asset)
    guilty = judged.loc[judged["verdict"] != analysis.CLEAN, "asset"].nunique()
    _write(judged, format_, f"{guilty} of {judged['asset'].nunique()} assets know the future")
    return guilty == 0


def _mutants(worlds: tuple[World, ...], asset: str | None, format_: str) -> bool:
    caught = analysis.caught_mutants(worlds, analysis.mutants_of(worlds[0].plan, asset))
    honest = analysis.judged_assets(worlds, asset)
    flagged = honest.loc[honest["verdict"] != analysis.CLEAN, "asset"].nunique()
    told = f"{int(caught['caught'].sum())} of {len(caught)} mutants caught, {flagged} of {honest['asset'].nunique()} honest assets flagged"
    _write(caught, format_, told)
    return bool(caught["caught"].all()) and flagged == 0


def _warm_up(asset: str | None, format_: str) -> bool:
    """History is no guilt: whatever it is, the status says done."""
    settings = replace(analysis.settings_of(_models(asset)), burn_in_sessions=BURN_IN_SESSIONS)
    needs = analysis.warm_up(settings, asset)
    unsettled = int(needs["unsettled"].ne("").sum())
    _write(
        needs,
        format_,
        f"{unsettled} of {len(needs)} assets change with their start beyond {BURN_IN_SESSIONS} sessions",
    )
    return True


def _write(frame: pd.DataFrame, format_: str, sentence: str) -> None:
    rendering.write(frame, format_, None)
    if format_ == "table":
        sys.stdout.flush()
        sys.stderr.write(sentence + "\n")

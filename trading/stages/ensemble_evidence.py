"""What a session tells of each model: losses of its champion, and the quantiles of what it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trading.evaluation.relative_loss import BASELINE
from trading.frames import HORIZONS, QUANTILES
from trading.history import Rows
from trading.interfaces import Floats, Matured
from trading.stages.layout import DAILY
from trading.stages.maturity import LONGEST
from trading.universe import SYMBOLS

_PINBALL, _CONTAMINATED = range(2)
_ROOTS: Floats = np.sqrt(np.array(HORIZONS, dtype=np.float64))


def session_losses(rows: Rows, champions: Mapping[str, str], models: Sequence[str]) -> Floats:
    """(k, 2) mean pinball loss of each model, over all horizons and one session ahead.

    Over the forecasts that matured for all that had any; contaminated ones are left out. Losses over h
    sessions are divided by sqrt(h), so that every horizon counts.
    """
    if not len(rows) or not champions:
        return np.full((len(models), 2), np.nan)
    cells = _champion_cells(rows, champions, models)
    losses = np.where(cells[..., _CONTAMINATED] == 0, cells[..., _PINBALL], np.nan)  # (k, h, s)
    per_session = losses / _ROOTS[:, np.newaxis]
    return np.column_stack([_over_shared(per_session), _over_shared(per_session[:, :1])])


def _over_shared(losses: Floats) -> Floats:
    """(k,) mean of losses (k, h, s) over the cells that all models have that have any."""
    known = ~np.isnan(losses)
    present = known.any(axis=(1, 2))
    shared = known[present].all(axis=0)
    if not present.any() or not shared.any():
        return np.full(len(losses), np.nan)
    return np.where(present, np.where(shared, losses, 0.0).sum(axis=(1, 2)) / shared.sum(), np.nan)


def baseline_loss(losses: Floats, models: Sequence[str]) -> float:
    """The random walk's of losses (k,); without one the mean over the models, NaN if nothing matured."""
    known = losses[~np.isnan(losses)]
    if BASELINE in models:
        return float(losses[list(models).index(BASELINE)])
    return float(known.mean()) if len(known) else np.nan


def matured_cells(forecasts: Rows, outcomes: Rows, models: Sequence[str], sessions: int) -> Matured:
    """The forecasts of `models` that matured in the last `sessions` of `outcomes`, as they were issued.

    Parameters
    ----------
    forecasts : rows of `forecasts` up to the session before, `sessions` + 19 or more of them
    outcomes : rows of `version_losses` up to the session
    """
    came = outcomes.cube("realized", session=outcomes.sessions[-sessions:], horizon=HORIZONS, symbol=SYMBOLS)
    said = forecasts.block(
        (*QUANTILES, "contaminated"),
        timeframe=(DAILY,),
        session=forecasts.sessions[-(len(came) + LONGEST - 1) :],
        horizon=HORIZONS,
        symbol=SYMBOLS,
        model=models,
    )[0]
    then = np.stack([_issued(said[:, place], h, len(came)) for place, h in enumerate(HORIZONS)], axis=1)
    quantiles = np.where(then[..., -1:] == 0, then[..., :-1], np.nan) / _ROOTS[:, None, None, None]
    known = ~np.isnan(quantiles[..., 0])
    spoke = known.any(axis=(0, 1, 2))
    shared = known[..., spoke].all(axis=-1) & ~np.isnan(came) & spoke.any()
    return Matured(quantiles[shared], (came / _ROOTS[:, np.newaxis])[shared])


def _issued(said: Floats, horizon: int, count: int) -> Floats:
    """(count, ...) of what was said up to the session before, what was said `horizon` sessions before each."""
    stop = len(said) - horizon + 1
    if stop >= count:
        return said[stop - count : stop]
    missing = np.full((count - max(stop, 0), *said.shape[1:]), np.nan)
    return np.concatenate([missing, said[: max(stop, 0)]])


def _champion_cells(rows: Rows, champions: Mapping[str, str], models: Sequence[str]) -> Floats:
    """(k, h, s, 2) loss and contamination of each model's champion, NaN for a model without one."""
    versions = list(dict.fromkeys(champions.values()))
    block = rows.block(
        ("pinball", "contaminated"),
        timeframe=(DAILY,),
        model=models,
        version=versions,
        horizon=HORIZONS,
        symbol=SYMBOLS,
    )[0]
    crowned = [versions.index(champions[model]) if model in champions else -1 for model in models]
    cells = block[np.arange(len(models)), crowned]
    cells[np.array(crowned) < 0] = np.nan
    return cells

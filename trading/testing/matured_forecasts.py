"""SIMULATED forecasts that matured: what models of known quality would have said of known outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

from trading import calendar
from trading.frames import LEVELS
from trading.interfaces import Evidence, Matured
from trading.stages.maturity import pinball

SESSION = calendar.session_of("2024-06-28")


def of_losses(*losses: float, session: pd.Timestamp = SESSION) -> Evidence:
    """A session with losses (k,) and no quantiles."""
    nothing = Matured(np.empty((0, len(losses), len(LEVELS))), np.empty(0))
    return Evidence(session, np.array(losses), lambda _sessions: nothing)


def normal_cells(
    scales: Sequence[float], cells: int, seed: int = 0, biases: Sequence[float] | None = None
) -> Matured:
    """`cells` outcomes of a standard normal, and normal quantiles of k models with these scales and biases."""
    realized = np.random.default_rng(seed).standard_normal(cells)
    centers = np.zeros(len(scales)) if biases is None else np.array(biases)
    said = centers[:, np.newaxis] + np.array(scales)[:, np.newaxis] * ndtri(np.array(LEVELS))
    return Matured(np.broadcast_to(said, (cells, *said.shape)).copy(), realized)


def of_cells(cells: Matured, session: pd.Timestamp = SESSION, *, opens_month: bool = False) -> Evidence:
    """A session at which `cells` matured."""
    losses = pinball(cells.quantiles, cells.realized[:, np.newaxis]).mean(axis=0)
    return Evidence(session, losses, lambda _sessions: cells, opens_month)

"""Price coloured by regime, with the filtered probabilities below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from assets.plots import REGIME_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def regimes_over_price(regimes: pd.DataFrame, price: pd.Series) -> Figure:
    """One colour behind the price for each stay in a regime.

    Parameters
    ----------
    regimes : rows of `regimes`, ascending by session
    price : an index by session; where a session has none, the line is broken
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 2))
    sessions = regimes["session"].to_numpy()
    above.plot(sessions, price.reindex(regimes["session"]).to_numpy(), color="#222222", linewidth=1)
    for first, last, regime in _stays(regimes["regime"].to_numpy()):
        end = sessions[min(last + 1, len(sessions) - 1)]
        above.axvspan(
            sessions[first], end, color=REGIME_COLOURS[f"p_{regime.lower()}"], alpha=0.3, linewidth=0
        )
    above.set_ylabel(str(price.name))
    columns = list(REGIME_COLOURS)
    below.stackplot(
        sessions, regimes[columns].to_numpy().T, labels=columns, colors=list(REGIME_COLOURS.values())
    )
    below.set_ylim(0, 1)
    below.legend(ncols=4, loc="lower left", fontsize=8)
    return figure


def _stays(labels: np.ndarray) -> list[tuple[int, int, str]]:
    """First place, last place and name of each stay in one regime."""
    starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    ends = np.append(starts[1:], len(labels)) - 1
    return [(int(a), int(b), str(labels[a])) for a, b in zip(starts, ends, strict=True)]

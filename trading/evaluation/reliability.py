"""Whether a probability means what it says: Brier score, its parts, and the table of reliability.

The parts are Murphy's (1973): Brier = reliability - resolution + uncertainty, within bins of the probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.evaluation.uncertainty import Estimate, mean_estimate
from trading.interfaces import Floats

BINS = 10


@dataclass(frozen=True)
class Brier:
    """The score of a set of probabilities, and its parts by bin.

    Attributes
    ----------
    score : mean squared distance of the probability from what came, with the interval of its mean by session
    base : that of the constant frequency, known in hindsight: the uncertainty
    reliability : mean squared distance of the bins' frequencies from their probabilities; 0 is calibrated
    resolution : mean squared distance of the bins' frequencies from the whole's; 0 tells nothing
    better : by how much the constant 1/2 scores worse, by session
    """

    score: Estimate
    base: float
    reliability: float
    resolution: float
    better: Estimate


def bins_of(probability: Floats, count: int = BINS) -> np.ndarray:
    """(n,) which of `count` bins of about equal size each probability lies in; equal ones in the same."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, count + 1)[1:-1]))
    return np.searchsorted(edges, probability, side="right")


def reliability_table(cases: pd.DataFrame, overlap: int, count: int = BINS) -> pd.DataFrame:
    """One row a bin: bin, n, probability (mean), frequency, low, high (95 %, of the mean by session).

    Parameters
    ----------
    cases : one row a forecast that matured: session, probability, happened (0 or 1)
    overlap : sessions that neighbouring outcomes share
    """
    rows = []
    placed = cases.assign(bin=bins_of(cases["probability"].to_numpy(), count))
    for place, part in placed.groupby("bin"):
        told = mean_estimate(part.groupby("session")["happened"].mean().to_numpy(), overlap)
        mean, seen = float(part["probability"].mean()), float(part["happened"].mean())
        rows.append(
            (place, len(part), mean, seen, seen + told.low - told.value, seen + told.high - told.value)
        )
    return pd.DataFrame(rows, columns=["bin", "n", "probability", "frequency", "low", "high"])


def brier(cases: pd.DataFrame, overlap: int, count: int = BINS) -> Brier:
    """The score of `cases` as `reliability_table` takes them."""
    table = reliability_table(cases, overlap, count)
    share = table["n"].to_numpy() / len(cases)
    mean = float(cases["happened"].mean())
    squared = (cases["probability"] - cases["happened"]) ** 2
    by_session = squared.groupby(cases["session"])
    gap, apart = table["frequency"] - table["probability"], table["frequency"] - mean
    return Brier(
        score=mean_estimate(by_session.mean().to_numpy(), overlap),
        base=mean * (1 - mean),
        reliability=float((share * gap**2).sum()),
        resolution=float((share * apart**2).sum()),
        better=mean_estimate((0.25 - by_session.mean()).to_numpy(), overlap),
    )

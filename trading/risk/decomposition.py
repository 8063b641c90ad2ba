"""Where a book's risk comes from: names, groups, and what moves all of them against what is each one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.interfaces import Floats
from trading.portfolio.problem import RiskModel


def risk_shares(weights: Floats, covariance: Floats) -> Floats:
    """(s,) share of the book's variance that each name brings; they sum to 1, hedges are negative.

    Euler's rule on the deviation, which is homogeneous in the weights (Litterman 1996, "Hot Spots and Hedges").
    Zeros for a book without risk.
    """
    marginal = covariance @ weights
    variance = float(weights @ marginal)
    return np.asarray(weights * marginal / variance if variance > 0 else np.zeros_like(weights))


def group_shares(shares: Floats, labels: Sequence[str]) -> dict[str, float]:
    """Sum of the shares (s,) of each group, by label."""
    found = dict.fromkeys(labels, 0.0)
    for label, share in zip(labels, shares.tolist(), strict=True):
        found[label] += share
    return found


def factor_share(weights: Floats, model: RiskModel) -> float:
    """Share of the book's variance that comes from the factors, the rest being idiosyncratic; NaN without risk."""
    common = float(np.square(model.loadings @ weights).sum())
    own = float(np.square(model.specific * weights).sum())
    return common / (common + own) if common + own > 0 else float("nan")


@dataclass(frozen=True)
class Concentration:
    """How few names a book rests on.

    Attributes
    ----------
    names : effective number by weight, 1 / sum of squared shares of gross (Herfindahl); 0 for an empty book
    bets : effective number by risk, of absolute risk shares
    """

    names: float
    bets: float


def concentration(weights: Floats, covariance: Floats) -> Concentration:
    """Effective numbers of a book (s,) under a covariance (s, s)."""
    return Concentration(effective_number(weights), effective_number(risk_shares(weights, covariance)))


def effective_number(parts: Floats) -> float:
    """Of how many equal parts (s,) would be as concentrated: 1 / sum of squared shares; 0 for none."""
    sizes = np.abs(parts)
    total = float(sizes.sum())
    return 1.0 / float(np.square(sizes / total).sum()) if total > 0 else 0.0

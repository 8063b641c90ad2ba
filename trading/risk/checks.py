"""The book's limits, checked twice by the same rules: on the target before orders, on the book after the close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from trading.interfaces import Floats
from trading.portfolio.problem import GRID
from trading.risk.limits import RiskLimits

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Breach:
    """A limit that is broken.

    Attributes
    ----------
    limit : position, group, gross, value_at_risk or drawdown
    of : the name or group, empty for the whole book
    value, allowed : fractions of equity
    """

    limit: str
    of: str
    value: float
    allowed: float

    def __str__(self) -> str:
        return f"{self.limit}{' ' + self.of if self.of else ''} {self.value:.1%} over {self.allowed:.1%}"


@dataclass(frozen=True)
class Names:
    """The names of weights (s,) and the group of each."""

    symbols: tuple[str, ...]
    groups: tuple[str, ...]


def breaches(
    weights: Floats,
    names: Names,
    limits: RiskLimits,
    *,
    value_at_risk: float = 0.0,
    drawdown: float = 0.0,
    slack: float = 0.0,
) -> tuple[Breach, ...]:
    """Every limit that a book of weights (s,) breaks.

    Parameters
    ----------
    value_at_risk, drawdown : of the book, fractions of equity; NaN breaks nothing
    slack : part of each limit but the drawdown's by which prices may pass it before anybody trades: the band
    """
    found = [*_of_weights(weights, names, limits)]
    found.append(Breach("value_at_risk", "", value_at_risk, limits.value_at_risk_limit))
    drawn = Breach("drawdown", "", drawdown, limits.soft_drawdown)
    broken = [breach for breach in found if breach.value > breach.allowed * (1 + slack) + _ROUNDING]
    return (*broken, *([drawn] if drawdown >= limits.soft_drawdown else []))


def _of_weights(weights: Floats, names: Names, limits: RiskLimits) -> Iterator[Breach]:
    sizes = np.abs(weights).tolist()
    for symbol, size in zip(names.symbols, sizes, strict=True):
        yield Breach("position", symbol, size, limits.position_limit)
    for group, size in _grouped(sizes, names.groups).items():
        yield Breach("group", group, size, limits.group_limit)
    yield Breach("gross", "", sum(sizes), limits.gross_limit)


def _grouped(sizes: Sequence[float], labels: Sequence[str]) -> dict[str, float]:
    found = dict.fromkeys(labels, 0.0)
    for label, size in zip(labels, sizes, strict=True):
        found[label] += size
    return found


def within(weights: Floats, names: Names, limits: RiskLimits) -> tuple[Floats, tuple[Breach, ...]]:
    """Target weights (s,) cut to the limits on weights, and what cut them; untouched where none binds.

    Positions are cut first, then groups and the whole in proportion: no weight grows and none changes its
    side, so nothing that was within a limit leaves it.
    """
    cut = tuple(breach for breach in breaches(weights, names, limits))
    if not cut:
        return weights, ()
    held = np.clip(weights, -limits.position_limit, limits.position_limit)
    sums = _grouped(np.abs(held).tolist(), names.groups)
    held = held * np.array(
        [min(1.0, limits.group_limit / max(sums[group], _ROUNDING)) for group in names.groups]
    )
    held = held * min(1.0, limits.gross_limit / max(float(np.abs(held).sum()), _ROUNDING))
    return np.trunc(held / GRID + np.sign(held) * _ROUNDING) * GRID, cut


def told(found: Sequence[Breach]) -> str:
    """Breaches in words, for a table."""
    return "; ".join(map(str, found))

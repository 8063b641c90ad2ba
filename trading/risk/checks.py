"""The book's limits, checked twice by the same rules: on the target before orders, on the book after the close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trading.interfaces import Floats
from trading.portfolio.mandates import linked_pairs
from trading.portfolio.problem import GRID
from trading.risk.limits import RiskLimits

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Breach:
    """A limit that is broken.

    Attributes
    ----------
    limit : position, liquidity, correlation, group, gross, value_at_risk or drawdown
    of : the name, pair or group, empty for the whole book
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
    """What is known of the names of weights (s,) today.

    Attributes
    ----------
    symbols, groups : of each
    links : (p, 2) places of pairs whose correlation links them
    leavable : (s,) largest absolute weight that can be sold in time; None where no volume is known
    """

    symbols: tuple[str, ...]
    groups: tuple[str, ...]
    links: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    leavable: Floats | None = None

    @classmethod
    def at_close(
        cls,
        symbols: tuple[str, ...],
        groups: tuple[str, ...],
        correlation: Floats,
        liquidity: Floats,
        limits: RiskLimits,
    ) -> Names:
        """The names at a close.

        Parameters
        ----------
        correlation : (s, s) of the last 30 sessions, NaN where unknown
        liquidity : (s,) weight that an average session's volume comes to, infinite where unknown
        """
        leavable = limits.sessions_to_leave * limits.exit_participation * liquidity
        return cls(symbols, groups, linked_pairs(correlation, limits.linked_from), leavable)


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
    if names.leavable is not None:
        for symbol, size, most in zip(names.symbols, sizes, names.leavable.tolist(), strict=True):
            yield Breach("liquidity", symbol, size, most)
    for i, j in names.links.tolist():
        yield Breach(
            "correlation", f"{names.symbols[i]}-{names.symbols[j]}", sizes[i] + sizes[j], limits.pair_limit
        )
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

    Positions are cut first, then linked pairs, groups and the whole in proportion: no weight grows and none
    changes its side, so nothing that was within a limit leaves it.
    """
    cut = tuple(breach for breach in breaches(weights, names, limits))
    if not cut:
        return weights, ()
    most = (
        limits.position_limit if names.leavable is None else np.minimum(limits.position_limit, names.leavable)
    )
    held = _unlinked(np.clip(weights, -most, most), names, limits)
    sums = _grouped(np.abs(held).tolist(), names.groups)
    held = held * np.array(
        [min(1.0, limits.group_limit / max(sums[group], _ROUNDING)) for group in names.groups]
    )
    held = held * min(1.0, limits.gross_limit / max(float(np.abs(held).sum()), _ROUNDING))
    return np.trunc(held / GRID + np.sign(held) * _ROUNDING) * GRID, cut


def _unlinked(weights: Floats, names: Names, limits: RiskLimits) -> Floats:
    """Weights (s,) of which every linked pair is within its limit: each name gives what its worst pair asks for."""
    pairs = np.abs(weights)[names.links].sum(axis=1)
    part = np.ones(len(weights))
    for side in (0, 1):
        np.minimum.at(
            part, names.links[:, side], np.minimum(1.0, limits.pair_limit / np.maximum(pairs, _ROUNDING))
        )
    return weights * part


def told(found: Sequence[Breach]) -> str:
    """Breaches in words, for a table."""
    return "; ".join(map(str, found))

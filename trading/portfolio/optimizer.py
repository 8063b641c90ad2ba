"""The mix within the caps that promises the most return for its risk, with the proof that it does.

When the first choice cannot be solved, a chain of named ones follows; the one that was used is in
`Mix.fallback`, so that nobody takes it for the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trading.bounds import COUNT, FRACTION, NOT_NEGATIVE, check_bounds
from trading.errors import InfeasibleError
from trading.interfaces import Floats, Mix
from trading.universe import SYMBOLS

if TYPE_CHECKING:
    from trading.portfolio.programs import Limits, Objective, Solution

GRID = 1e-6
_UNITS = 1_000_000
_TOUCHES = 1.5 * GRID  # a limit is binding when the rounded weights are within one step of it


@dataclass(frozen=True)
class MaximumSharpe:
    """Maximum Sharpe ratio under limits on positions, groups and turnover.

    The weights sum to the invested fraction: 1, or what the caps allow where they sum to less; the
    rest is cash. The turnover limit is on the sum of absolute changes of the mix, and does not apply
    to the way in from cash. Weights lie on a grid of 1e-6.

    The chain: minimum variance where no name has a positive return; the same without the turnover
    limit; equal weight within the caps; cash.

    Attributes
    ----------
    group_cap : largest weight of a sub-industry group
    turnover : largest sum of absolute weight changes at one optimisation
    symbols : names of the rows, for the certificate
    iterations : after which the solver gives up
    """

    group_cap: float = 0.40
    turnover: float = 0.50
    symbols: tuple[str, ...] = SYMBOLS
    iterations: int = 200

    def __post_init__(self) -> None:
        check_bounds(self, group_cap=FRACTION, turnover=NOT_NEGATIVE, iterations=COUNT)

    def solve(
        self, alpha: Floats, covariance: Floats, caps: Floats, previous: Floats, groups: Sequence[str]
    ) -> Mix:
        """Weights for alpha (s,), covariance (s, s), caps (s,), previous weights (s,), group names (s,).

        Raises
        ------
        InfeasibleError
            If the inputs are not finite, or not as many as there are symbols.
        """
        self._check(alpha, covariance, caps, previous, groups)
        limits = self._limits(caps, previous, groups)
        if limits.budget == 0.0:
            return Mix(np.zeros(len(alpha)), "not_needed", np.nan, "cash", (), "cash")
        return self._first_solved(alpha, covariance, limits, groups)

    def _first_solved(self, alpha: Floats, covariance: Floats, limits: Limits, groups: Sequence[str]) -> Mix:
        from trading.portfolio.programs import Solution

        status = ""
        for objective, tried, fallback in _chain(alpha, limits):
            solution = _solve(objective, alpha, covariance, tried, self.iterations)
            if isinstance(solution, Solution):
                return self._certified(solution, (alpha, covariance), tried, groups, fallback)
            status = status or solution
        weights = rounded(equal_weight_within(limits), limits)
        binding = self._binding(weights, limits, groups)
        return Mix(weights, status, np.nan, "equal_weight", binding, "equal_weight")

    def _certified(
        self,
        solution: Solution,
        beliefs: tuple[Floats, Floats],
        limits: Limits,
        groups: Sequence[str],
        fallback: str,
    ) -> Mix:
        """The solution on the grid; its gap is that of the rounded weights, not of the solver's."""
        from trading.portfolio.programs import risk_ratio

        weights = rounded(solution.weights, limits)
        reached = risk_ratio(weights, *beliefs, solution.objective)
        gap = (reached - solution.bound) / reached
        binding = self._binding(weights, limits, groups)
        return Mix(weights, "optimal", gap, solution.objective, binding, fallback)

    def _binding(self, weights: Floats, limits: Limits, groups: Sequence[str]) -> tuple[str, ...]:
        """Names of the limits that the weights touch."""
        names = [
            f"position:{symbol}"
            for symbol, weight, cap in zip(self.symbols, weights, limits.caps, strict=True)
            if cap > 0 and weight >= cap - _TOUCHES
        ]
        names += [
            f"long_only:{symbol}"
            for symbol, weight, cap in zip(self.symbols, weights, limits.caps, strict=True)
            if cap > 0 and weight <= _TOUCHES
        ]
        totals = zip(sorted(set(groups)), limits.members @ weights, strict=True)
        names += [f"group:{name}" for name, total in totals if total >= limits.group_cap - _TOUCHES]
        moved = float(np.abs(weights - limits.previous).sum())
        if moved >= limits.turnover - len(weights) * _TOUCHES:
            names.append("turnover")
        return tuple(names)

    def _limits(self, caps: Floats, previous: Floats, groups: Sequence[str]) -> Limits:
        from trading.portfolio.programs import Limits

        on_grid = np.floor(np.clip(caps, 0.0, 1.0) * _UNITS + GRID) / _UNITS
        members = np.array([[float(name == group) for name in groups] for group in sorted(set(groups))])
        room = np.minimum(members @ on_grid, self.group_cap).sum()
        budget = min(1.0, round(float(room) * _UNITS) / _UNITS)
        turnover = self.turnover if previous.any() else np.inf
        return Limits(on_grid, members, self.group_cap, budget, previous, turnover)

    def _check(
        self, alpha: Floats, covariance: Floats, caps: Floats, previous: Floats, groups: Sequence[str]
    ) -> None:
        count = len(self.symbols)
        if covariance.shape != (count, count) or {len(alpha), len(caps), len(previous), len(groups)} != {
            count
        }:
            raise InfeasibleError(f"the optimiser is for {count} symbols, and was given {covariance.shape}")
        for name, values in (
            ("alpha", alpha),
            ("covariance", covariance),
            ("caps", caps),
            ("previous", previous),
        ):
            if not np.isfinite(values).all():
                raise InfeasibleError(f"{name} is not finite; mask a symbol by a cap of 0 instead")


def _chain(alpha: Floats, limits: Limits) -> Iterator[tuple[Objective, Limits, str]]:
    """Programs in the order in which they are tried, each with the name of the fallback that it is."""
    free = replace(limits, turnover=np.inf)
    limited = np.isfinite(limits.turnover)
    if (alpha[limits.caps > 0] > 0).any():
        yield "maximum_sharpe", limits, ""
        if limited:
            yield "maximum_sharpe", free, "turnover_waived"
    yield "minimum_variance", limits, "minimum_variance"
    if limited:
        yield "minimum_variance", free, "minimum_variance+turnover_waived"


def _solve(
    objective: Objective, alpha: Floats, covariance: Floats, limits: Limits, iterations: int
) -> Solution | str:
    from trading.portfolio import programs

    return programs.solve(objective, alpha, covariance, limits, iterations)


def equal_weight_within(limits: Limits) -> Floats:
    """(s,) weights as equal as caps and groups allow, which sum to the budget."""
    low, high = 0.0, 1.0
    for _ in range(60):
        level = (low + high) / 2
        low, high = (level, high) if _filled(level, limits).sum() < limits.budget else (low, level)
    return _filled(high, limits)


def _filled(level: float, limits: Limits) -> Floats:
    weights = np.minimum(limits.caps, level)
    excess = np.maximum(limits.members @ weights / limits.group_cap, 1.0)
    return weights / (limits.members.T @ excess)


def rounded(weights: Floats, limits: Limits) -> Floats:
    """(s,) weights on the grid that sum to the budget and stay within the caps.

    Each is rounded down; the steps that are missing go to the largest remainders, the first symbol
    first among equals.
    """
    exact = np.clip(weights, 0.0, limits.caps) * _UNITS
    units = np.floor(exact + 1e-9 * _UNITS)
    caps = np.round(limits.caps * _UNITS)
    missing = round(limits.budget * _UNITS) - int(units.sum())
    while missing > 0 and (room := np.flatnonzero(units < caps)).size:
        order = room[np.argsort(-(exact - units)[room], kind="stable")][:missing]
        units[order] += 1
        missing -= len(order)
    for place in np.argsort((exact - units), kind="stable")[: max(-missing, 0)]:
        units[place] -= 1
    return np.maximum(units, 0.0) / _UNITS

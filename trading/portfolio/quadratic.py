"""Programs of linear limits and a quadratic goal, through PIQP.

A proximal interior-point method for sparse quadratic programs (Schwan, Jiang, Kuhn, Jones, "PIQP: A Proximal
Interior-Point Quadratic Programming Solver", 2023). It takes bounds of a variable apart from other
limits, which is why they are looked for here once, in the pattern of the matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import piqp  # type: ignore[import-untyped]
from numpy.typing import NDArray

from trading.interfaces import Floats
from trading.portfolio.sparsity import Pattern


class QuadraticForm:
    """Where the rows of `A x + s = b`, s in a cone of zeros and one of what is not negative, go in PIQP.

    Parameters
    ----------
    pattern : of A
    equalities : how many rows there are in the cone of zeros, which are the first
    fixed : (n,) which entries of A are the same whatever the parameters
    """

    def __init__(self, pattern: Pattern, equalities: int, fixed: NDArray[np.bool_]) -> None:
        rows = pattern.rows
        bound = np.bincount(rows, minlength=pattern.shape[0]) == 1
        bound[rows[~fixed]] = False
        bound[:equalities] = False
        other = ~bound
        other[:equalities] = False
        self._equal = np.arange(equalities)
        self._other = np.flatnonzero(other)
        self._equalities, self._limits = pattern.only(self._equal), pattern.only(self._other)
        self._bounds = np.flatnonzero(bound[rows])
        self._bound_rows, self._bound_columns = rows[self._bounds], pattern.columns[self._bounds]
        self._size = pattern.shape[1]

    def solve(
        self, square: Any, linear: Floats, entries: Floats, offset: Floats, limits: tuple[float, int]
    ) -> tuple[Floats, float] | None:
        """The variables and the dual bound, from a cold start; nothing where PIQP gives up.

        Parameters
        ----------
        square : P, its upper triangle
        linear, entries, offset : q, the entries of A in the order of its pattern, and b
        limits : tolerance, and the most iterations
        """
        solver = piqp.SparseSolver()
        settings, (settings.eps_abs, settings.max_iter) = solver.settings, limits
        settings.eps_rel = settings.eps_duality_gap_abs = settings.eps_duality_gap_rel = settings.eps_abs
        low, high = self._bounded(entries, offset)
        equalities, others = self._equalities.of(entries), self._limits.of(entries)
        above = offset[self._other]
        solver.setup(square, linear, equalities, offset[self._equal], others, None, above, low, high)
        if solver.solve() != piqp.PIQP_SOLVED:
            return None
        return np.array(solver.result.x), float(solver.result.info.dual_obj)

    def _bounded(self, entries: Floats, offset: Floats) -> tuple[Floats, Floats]:
        """The smallest and largest value of each variable."""
        low, high = np.full(self._size, -np.inf), np.full(self._size, np.inf)
        factors, columns = entries[self._bounds], self._bound_columns
        values = offset[self._bound_rows] / factors
        np.minimum.at(high, columns[factors > 0], values[factors > 0])
        np.maximum.at(low, columns[factors < 0], values[factors < 0])
        return low, high

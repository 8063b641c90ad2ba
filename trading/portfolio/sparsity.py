"""Sparse matrices whose pattern never changes: parts of them cost one selection of their entries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from trading.interfaces import Floats

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Pattern:
    """A pattern by column, and which of somebody's entries fill it.

    Attributes
    ----------
    rows : (n,) row of each entry
    pointers : (c + 1,) where each column begins in `rows`
    shape : rows and columns
    chosen : (n,) places of the entries of this pattern among all entries that are given
    """

    rows: Places
    pointers: Places
    shape: tuple[int, int]
    chosen: Places

    @classmethod
    def whole(cls, rows: Any, pointers: Any, shape: tuple[int, int]) -> Pattern:
        """All entries, in their order."""
        return cls(np.asarray(rows), np.asarray(pointers), shape, np.arange(len(rows)))

    @property
    def columns(self) -> Places:
        """(n,) column of each entry."""
        return np.repeat(np.arange(self.shape[1]), np.diff(self.pointers))

    def only(self, wanted: Places) -> Pattern:
        """The rows `wanted`, renumbered from 0."""
        number = np.full(self.shape[0], -1)
        number[wanted] = np.arange(len(wanted))
        kept = self._kept(number[self.rows] >= 0)
        return replace(kept, rows=number[kept.rows], shape=(len(wanted), self.shape[1]))

    def upper(self) -> Pattern:
        """The entries on the diagonal and above."""
        return self._kept(self.rows <= self.columns)

    def _kept(self, mask: NDArray[np.bool_]) -> Pattern:
        places = np.flatnonzero(mask)
        pointers = np.searchsorted(places, self.pointers)
        return Pattern(self.rows[places], pointers, self.shape, self.chosen[places])

    def of(self, entries: Floats) -> Any:
        """The matrix of these numbers, a `csc_matrix`."""
        return sp.csc_matrix((entries[self.chosen], self.rows, self.pointers), shape=self.shape)

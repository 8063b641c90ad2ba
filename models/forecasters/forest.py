"""Trees that were grown elsewhere, as arrays: they are stored without a pickle and give the same bytes anywhere.

Letters of the shapes: n nodes of all trees, t trees, m sums of trees (one an output), r rows, f inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading.interfaces import Floats

SHAPES: dict[str, tuple[int | str, ...]] = {
    **dict.fromkeys(("feature", "threshold", "left", "right", "value", "unknown_left", "leaf"), ("n",)),
    "root": ("t",),
    "output": ("t",),
    "base": ("m",),
}


@dataclass(frozen=True)
class Forest:
    """Sums of regression trees; all arrays are float64, also those that count.

    Attributes
    ----------
    feature, threshold, left, right, value, unknown_left, leaf : (n,) input that a node asks for, the value up to
        which a row goes left, the children, a leaf's value, whether NaN goes left, whether it is a leaf
    root, output : (t,) first node of each tree, and the sum to which the tree belongs
    base : (m,) what each sum begins with
    """

    feature: Floats
    threshold: Floats
    left: Floats
    right: Floats
    value: Floats
    unknown_left: Floats
    leaf: Floats
    root: Floats
    output: Floats
    base: Floats

    def sums(self, inputs: Floats) -> Floats:
        """(r, m) for inputs (r, f), NaN where unknown."""
        feature, left, right = (part.astype(np.int64) for part in (self.feature, self.left, self.right))
        rows = np.arange(len(inputs))[:, None]
        node = np.broadcast_to(self.root.astype(np.int64), (len(inputs), len(self.root)))
        while not self.leaf[node].all():
            asked = inputs[rows, feature[node]]
            goes_left = np.where(np.isnan(asked), self.unknown_left[node] > 0, asked <= self.threshold[node])
            node = np.where(self.leaf[node] > 0, node, np.where(goes_left, left[node], right[node]))
        out = np.tile(self.base, (len(inputs), 1))
        for tree, place in enumerate(self.output.astype(np.int64)):  # in order: a sum's digits depend on it
            out[:, place] += self.value[node[:, tree]]
        return out


def forest_of(regressors: Sequence[Any]) -> Forest:
    """The trees of fitted `HistGradientBoostingRegressor`s without categories, one output each."""
    trees = [(place, tree) for place, one in enumerate(regressors) for (tree,) in one._predictors]  # noqa: SLF001 - shown nowhere else; the version is locked
    nodes = [tree.nodes for _, tree in trees]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in nodes])])
    shift = np.repeat(starts[:-1], [len(part) for part in nodes])
    joined = np.concatenate(nodes)
    leaf = joined["is_leaf"].astype(np.float64)
    return Forest(
        feature=joined["feature_idx"].astype(np.float64),
        threshold=np.where(leaf > 0, 0.0, np.minimum(joined["num_threshold"], np.finfo(np.float64).max)),
        left=np.where(leaf > 0, 0.0, joined["left"] + shift),
        right=np.where(leaf > 0, 0.0, joined["right"] + shift),
        value=joined["value"].astype(np.float64),
        unknown_left=joined["missing_go_to_left"].astype(np.float64),
        leaf=leaf,
        root=starts[:-1].astype(np.float64),
        output=np.array([place for place, _ in trees], dtype=np.float64),
        base=np.array([float(np.ravel(one._baseline_prediction)[0]) for one in regressors]),  # noqa: SLF001 - the same
    )

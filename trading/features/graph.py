"""The graph of correlations: which names move together, and how each one stands among the others.

Every measure takes weights (s, s): symmetric, zero on the diagonal and where two names are not linked. The
measures are those of networkx, which is their oracle in the tests, as dense numpy with a fixed number of
steps: the same weights give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.interfaces import Bools, Floats

Integers = NDArray[np.int64]

_DOUBLINGS = 14  # 2**14 steps of power iteration
_NEAREST = 1e-9  # length of a link of correlation 1: a path through it must still be longer than none
_SAME = 1e-12  # paths whose lengths differ by less, relatively, are equally short


@dataclass(frozen=True)
class GraphRules:
    """What makes a link.

    Parameters
    ----------
    window_sessions : of the correlations
    threshold : a pair is linked if its correlation is larger in size
    minimum_returns : that a symbol, and a pair together, needs in the window
    long_sessions : of the past that the forecast rests on
    long_minimum_returns : that a pair needs there
    damping : of PageRank
    """

    window_sessions: int = 30
    threshold: float = 0.3
    minimum_returns: int = 21
    long_sessions: int = 252
    long_minimum_returns: int = 126
    damping: float = 0.85


@dataclass(frozen=True)
class NodeMeasures:
    """How each name stands in the graph, arrays (s,).

    Attributes
    ----------
    degree : linked names
    strength : sum of its weights
    eigenvector : centrality by linked names' centrality, of length 1 over all (Bonacich 1972)
    betweenness : share of the pairs of others whose strongest chain leads through it (Freeman 1977)
    clustering : how strongly its linked names are linked (Onnela and others 2005)
    pagerank : share of a random walk's visits
    community : place of the first name of its community
    """

    degree: Integers
    strength: Floats
    eigenvector: Floats
    betweenness: Floats
    clustering: Floats
    pagerank: Floats
    community: Integers


def link_weights(correlation: Floats, threshold: float) -> Floats:
    """(…, s, s) size of each correlation above `threshold`; zero elsewhere, on the diagonal and where unknown."""
    size = np.abs(np.nan_to_num(correlation))
    linked = (size > threshold) & ~np.eye(correlation.shape[-1], dtype=bool)
    return np.where(linked, size, 0.0)


def node_measures(weights: Floats, damping: float = 0.85) -> NodeMeasures:
    """Every measure of the graph with `weights` (s, s)."""
    return NodeMeasures(
        degree=(weights > 0).sum(axis=1),
        strength=weights.sum(axis=1),
        eigenvector=eigenvector_centrality(weights),
        betweenness=betweenness_centrality(weights),
        clustering=clustering(weights),
        pagerank=pagerank(weights, damping),
        community=communities(weights),
    )


def eigenvector_centrality(weights: Floats) -> Floats:
    """(s,) the leading eigenvector, from equal parts by 2**14 steps: squaring the matrix doubles the steps.

    In a graph of several parts the strongest part has it all; without a link all names have the same.
    """
    powers = weights + np.eye(len(weights))  # the identity keeps two-sided graphs from swinging
    for _ in range(_DOUBLINGS):
        powers = powers @ powers
        powers = powers / powers.max(initial=1e-300)
    centrality = powers.sum(axis=1)
    return centrality / max(float(np.sqrt((centrality * centrality).sum())), 1e-300)


def pagerank(weights: Floats, damping: float = 0.85) -> Floats:
    """(s,) visits of a walk that follows a link with probability `damping`, and else goes anywhere; sums to 1."""
    count = len(weights)
    if not count:
        return np.zeros(0)
    total = weights.sum(axis=1, keepdims=True)
    steps = np.where(total > 0, weights / np.where(total > 0, total, 1.0), 1.0 / count)
    rank = np.linalg.solve(np.eye(count) - damping * steps.T, np.full(count, (1 - damping) / count))
    return rank / rank.sum()


def clustering(weights: Floats) -> Floats:
    """(s,) mean over pairs of linked names of the geometric mean of the triangle's weights, the largest being 1."""
    roots = np.cbrt(weights / max(float(weights.max(initial=0.0)), 1e-300))
    degree = (weights > 0).sum(axis=1)
    pairs = degree * (degree - 1)
    triangles = ((roots @ roots) * roots).sum(axis=1)
    return np.where(pairs > 0, triangles / np.maximum(pairs, 1), 0.0)


def betweenness_centrality(weights: Floats) -> Floats:
    """(s,) share of the pairs of other names whose shortest path passes, where a link is -log(weight) long.

    The shortest path is thus the chain whose correlations multiply to the most. Floyd's algorithm, with the
    number of equally short paths; s³ steps.
    """
    count = len(weights)
    length, paths = _all_shortest_paths(weights)
    inverse = np.where(paths > 0, 1.0 / np.maximum(paths, 1.0), 0.0)
    np.fill_diagonal(inverse, 0.0)
    passing = np.zeros(count)
    limit = length * (1 + _SAME)
    for middle in range(count):
        through = length[:, middle, None] + length[None, middle, :] <= limit
        share = np.where(through, np.outer(paths[:, middle], paths[middle]) * inverse, 0.0)
        passing[middle] = share.sum() - share[middle].sum() - share[:, middle].sum() + share[middle, middle]
    return passing / max((count - 1) * (count - 2), 1)


def _all_shortest_paths(weights: Floats) -> tuple[Floats, Floats]:
    """(s, s) lengths, infinite where there is no path, and how many paths are that short."""
    linked = weights > 0
    length = np.where(linked, np.maximum(-np.log(np.where(linked, weights, 1.0)), _NEAREST), np.inf)
    paths = linked.astype(float)
    np.fill_diagonal(length, 0.0)
    np.fill_diagonal(paths, 1.0)
    for middle in range(len(weights)):
        around = length[:, middle, None] + length[None, middle, :]
        ways = np.outer(paths[:, middle], paths[middle])
        ways[middle], ways[:, middle] = 0.0, 0.0  # a path that begins or ends in the middle is no new one
        shorter = around < length * (1 - _SAME)
        equal = ~shorter & (around <= length * (1 + _SAME)) & np.isfinite(around)
        paths = np.where(shorter, ways, np.where(equal, paths + ways, paths))
        length = np.where(shorter, around, length)
    return length, paths


def communities(weights: Floats) -> Integers:
    """(s,) place of the first name of each name's community: greedy modularity (Clauset, Newman, Moore 2004).

    The two communities whose union gains the most are joined until none gains; of equal gains that of the
    names that come first.
    """
    count, total = len(weights), float(weights.sum())
    label = np.arange(count)
    if total == 0.0:
        return label
    share = weights / total
    ends = share.sum(axis=1)
    gain = np.where(share > 0, 2 * (share - np.outer(ends, ends)), -np.inf)
    while True:
        best = int(np.argmax(gain))
        one, other = divmod(best, count)
        if not gain[one, other] > 0:
            return label
        one, other = min(one, other), max(one, other)
        label[label == other] = one
        _join(share, ends, gain, one, other)


def _join(share: Floats, ends: Floats, gain: Floats, one: int, other: int) -> None:
    """Join two communities in place: the first keeps both, the second is no more."""
    share[one] += share[other]
    share[:, one] += share[:, other]
    share[other], share[:, other] = 0.0, 0.0
    share[one, one] = 0.0  # within a community there is nothing to gain
    ends[one], ends[other] = ends[one] + ends[other], 0.0
    row = np.where(share[one] > 0, 2 * (share[one] - ends[one] * ends), -np.inf)
    gain[other], gain[:, other] = -np.inf, -np.inf
    gain[one], gain[:, one] = row, row


def edge_turnover(before: Bools, after: Bools) -> float:
    """One less the share of the links of either graph (s, s) that both have: 0 nothing changed, 1 everything."""
    either = float((before | after).sum())
    return 1.0 - float((before & after).sum()) / either if either else 0.0

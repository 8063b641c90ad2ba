"""Measures of the correlation graph: worked by hand, against networkx, and what always holds."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.features import graph
from trading.features.correlation import pairwise_correlation

SEEDS = range(6)


def random_weights(seed: int, names: int = 10, threshold: float = 0.4) -> np.ndarray:
    """A graph of a SIMULATED market: random weights, so that no two chains are equally strong."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(30, 3)) @ rng.normal(size=(3, names))
    returns = 0.6 * factors + rng.normal(size=(30, names))
    return graph.link_weights(pairwise_correlation(returns, 21), threshold)


def networkx_of(weights: np.ndarray) -> nx.Graph:
    made = nx.Graph()
    made.add_nodes_from(range(len(weights)))
    for one, other in np.argwhere(np.triu(weights)):
        weight = weights[one, other]
        made.add_edge(int(one), int(other), weight=weight, distance=-np.log(weight))
    return made


def in_order(values: dict[int, float]) -> list[float]:
    return [values[place] for place in range(len(values))]


def path(*weights: float) -> np.ndarray:
    """A chain of names, each linked with the next."""
    out = np.zeros((len(weights) + 1,) * 2)
    for place, weight in enumerate(weights):
        out[place, place + 1] = out[place + 1, place] = weight
    return out


def test_a_pair_is_linked_above_the_threshold_and_not_at_it() -> None:
    correlation = np.array([[1.0, 0.3, -0.31], [0.3, 1.0, np.nan], [-0.31, np.nan, 1.0]])

    weights = graph.link_weights(correlation, 0.3)

    assert weights.tolist() == [[0, 0, 0.31], [0, 0, 0], [0.31, 0, 0]]


def test_a_chain_of_three_worked_by_hand() -> None:
    measures = graph.node_measures(path(0.8, 0.5))

    assert measures.degree.tolist() == [1, 2, 1]
    assert measures.strength == pytest.approx([0.8, 1.3, 0.5])
    assert measures.betweenness.tolist() == [0.0, 1.0, 0.0]
    assert measures.clustering.tolist() == [0.0, 0.0, 0.0]
    norm = np.sqrt(2 * (0.8**2 + 0.5**2))  # the leading eigenvector is (a, sqrt(a² + b²), b)
    assert measures.eigenvector == pytest.approx([0.8 / norm, np.sqrt(0.5), 0.5 / norm])


def test_a_strong_detour_beats_a_weak_direct_link() -> None:
    weights = path(0.9, 0.9)
    weights[0, 2] = weights[2, 0] = 0.8  # below 0.9 * 0.9

    assert graph.betweenness_centrality(weights).tolist() == [0.0, 1.0, 0.0]
    weights[0, 2] = weights[2, 0] = 0.82
    assert graph.betweenness_centrality(weights).tolist() == [0.0, 0.0, 0.0]


def test_equally_strong_chains_share_what_passes() -> None:
    ring = path(0.5, 0.5, 0.5)
    ring[0, 3] = ring[3, 0] = 0.5

    assert graph.betweenness_centrality(ring) == pytest.approx([1 / 6] * 4)  # half of one pair of three


def test_two_groups_are_two_communities_named_by_their_first() -> None:
    weights = np.zeros((6, 6))
    weights[np.ix_([0, 2, 4], [0, 2, 4])] = 0.8
    weights[np.ix_([1, 3], [1, 3])] = 0.8
    np.fill_diagonal(weights, 0.0)

    assert graph.communities(weights).tolist() == [0, 1, 0, 1, 0, 5]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_measure_is_that_of_networkx(seed: int) -> None:
    weights = random_weights(seed)
    theirs, ours = networkx_of(weights), graph.node_measures(weights)

    assert ours.degree.tolist() == [theirs.degree(place) for place in range(10)]
    assert ours.betweenness == pytest.approx(in_order(nx.betweenness_centrality(theirs, weight="distance")))
    assert ours.clustering == pytest.approx(in_order(nx.clustering(theirs, weight="weight")))
    assert ours.pagerank == pytest.approx(in_order(nx.pagerank(theirs, tol=1e-12, max_iter=500)))


@pytest.mark.parametrize("seed", SEEDS)
def test_eigenvector_centrality_is_the_leading_eigenvector_of_the_whole_graph(seed: int) -> None:
    weights = random_weights(seed, threshold=0.1)
    _, vectors = np.linalg.eigh(weights)

    # Two steps of rounding of a double in 2**14 multiplications, which squaring makes in fourteen.
    assert graph.eigenvector_centrality(weights) == pytest.approx(np.abs(vectors[:, -1]), abs=1e-9)


@pytest.mark.parametrize("names", [10, 40])
def test_communities_are_those_of_networkx(names: int) -> None:
    for seed in SEEDS:
        weights = random_weights(seed, names, threshold=0.3)
        theirs = nx.community.greedy_modularity_communities(networkx_of(weights), weight="weight")
        label = graph.communities(weights)
        ours = {frozenset(np.flatnonzero(label == own).tolist()) for own in set(label.tolist())}
        assert ours == {frozenset(community) for community in theirs}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), names=st.integers(1, 12), threshold=st.floats(0.0, 0.95))
def test_what_holds_of_every_graph(seed: int, names: int, threshold: float) -> None:
    weights = random_weights(seed, names, threshold)

    found = graph.node_measures(weights)

    assert found.pagerank.sum() == pytest.approx(1.0)
    assert (found.eigenvector**2).sum() == pytest.approx(1.0)
    for bounded in (found.betweenness, found.clustering, found.pagerank, found.eigenvector):
        assert ((bounded >= 0) & (bounded <= 1 + 1e-12)).all()
    assert (found.degree == (weights > 0).sum(axis=0)).all()
    assert (found.community <= np.arange(names)).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_names_does_not_matter(seed: int) -> None:
    weights, order = random_weights(seed), np.random.default_rng(seed).permutation(10)

    one, other = graph.node_measures(weights), graph.node_measures(weights[np.ix_(order, order)])

    assert other.pagerank == pytest.approx(one.pagerank[order])
    assert other.betweenness == pytest.approx(one.betweenness[order])
    same = one.community[order][:, None] == one.community[order]
    assert (same == (other.community[:, None] == other.community)).all()


def test_a_graph_of_nobody_and_one_without_links_have_measures() -> None:
    assert graph.node_measures(np.zeros((0, 0))).pagerank.shape == (0,)

    alone = graph.node_measures(np.zeros((4, 4)))

    assert alone.pagerank == pytest.approx([0.25] * 4)
    assert alone.eigenvector == pytest.approx([0.5] * 4)
    assert alone.community.tolist() == [0, 1, 2, 3]


def test_perfectly_correlated_names_do_not_break_the_paths() -> None:
    weights = np.ones((3, 3)) - np.eye(3)

    assert np.isfinite(graph.betweenness_centrality(weights)).all()


def test_turnover_counts_the_links_that_only_one_graph_has() -> None:
    before, after = path(0.5, 0.5) > 0, path(0.5) > 0
    wide = np.zeros((3, 3), dtype=bool)
    wide[:2, :2] = after

    assert graph.edge_turnover(before, wide) == 0.5
    assert graph.edge_turnover(wide, wide) == 0.0
    assert graph.edge_turnover(np.zeros((3, 3), bool), np.zeros((3, 3), bool)) == 0.0

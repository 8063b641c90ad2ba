"""The faces of the correlation graph."""

from __future__ import annotations

from assets.face import RESEARCH, Face
from assets.graph_plot import correlation_graph

FACES = {
    "graph_edges": Face(
        group="features",
        description="Features become a graph: two names are linked if their daily returns of the last 30 sessions "
        "correlate by more than 0.3 in size. The picture shows the newest session.",
        owner=RESEARCH,
        kinds=("python", "numpy", "deltalake"),
        plot=correlation_graph,
    ),
    "graph_nodes": Face(
        group="features",
        description="How each name stands in the graph: degree, centrality, clustering, PageRank, community.",
        owner=RESEARCH,
        kinds=("python", "numpy", "deltalake"),
    ),
    "graph_ahead": Face(
        group="features",
        description="The graph of the next 30 sessions as it is expected: correlation and probability of a link.",
        owner=RESEARCH,
        kinds=("python", "numpy", "deltalake"),
    ),
}

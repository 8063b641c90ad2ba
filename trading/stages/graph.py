"""The stage `graph`: features become the graph of correlations, its measures, and the graph of the next window."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd

from trading.features.correlation import CorrelationAhead, pairwise_correlation
from trading.features.graph import GraphRules, NodeMeasures, link_weights, node_measures
from trading.history import Rows
from trading.interfaces import Bools, Floats
from trading.stages.layout import DAILY, Column, labelled, same
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS


def graph_stage(rules: GraphRules | None = None, ahead: CorrelationAhead | None = None) -> Stage:
    """Links, measures and expected links of the traded names, from a window that ends at the session.

    A name takes part if it has a bar at the session and enough returns in the window: one that lists late
    comes in some weeks after, one without a bar is out for the session.
    """
    chosen, forecast = rules or GraphRules(), ahead or CorrelationAhead()

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        returns, symbols = _returns(inputs["features"], moment.session, chosen)
        recent = pairwise_correlation(returns[-chosen.window_sessions :], chosen.minimum_returns)
        long = pairwise_correlation(returns, chosen.long_minimum_returns)
        weights = link_weights(recent, chosen.threshold)
        expected = forecast.forecast(recent, long)
        pairs = np.isfinite(expected) & ~np.eye(len(symbols), dtype=bool)
        likely = forecast.probability_of_link(expected[pairs], chosen.threshold)
        return {
            "graph_edges": _ends(symbols, weights > 0) | {"correlation": recent[weights > 0]},
            "graph_nodes": _nodes(symbols, node_measures(weights, chosen.damping)),
            "graph_ahead": _ends(symbols, pairs)
            | {"expected_correlation": expected[pairs], "link_probability": likely},
        }

    return Stage(
        name="graph",
        reads=(Read("features", lookback=chosen.long_sessions - 1, timeframe=DAILY),),
        makes=("graph_edges", "graph_nodes", "graph_ahead"),
        make=make,
        starts="window",
    )


def _returns(features: Rows, session: pd.Timestamp, rules: GraphRules) -> tuple[Floats, Column]:
    """(w, n) log returns of the n names that take part, and their symbols."""
    sessions = features.sessions[-rules.long_sessions :]
    returns = features.cube("log_return", timeframe=(DAILY,), session=sessions, symbol=SYMBOLS)[0]
    recent = np.isfinite(returns[-rules.window_sessions :]).sum(axis=0) >= rules.minimum_returns
    today = features.at(session)
    present = set(today["symbol"][today["timeframe"] == DAILY])
    part = recent & np.array([symbol in present for symbol in SYMBOLS])
    return np.ascontiguousarray(returns[:, part]), labelled(SYMBOLS)[part]


def _ends(symbols: Column, chosen: Bools) -> dict[str, Column]:
    """Both ends of the chosen pairs (n, n), row by row."""
    one, other = np.nonzero(chosen)
    return {"symbol": symbols[one], "neighbour": symbols[other], **same(len(one), timeframe=DAILY)}


def _nodes(symbols: Column, measures: NodeMeasures) -> dict[str, Column]:
    """A row a name."""
    found = {item.name: getattr(measures, item.name) for item in fields(measures)}
    bounded = {
        name: np.clip(found[name], 0.0, 1.0)
        for name in ("eigenvector", "betweenness", "clustering", "pagerank")
    }
    named = {"symbol": symbols, "community": symbols[measures.community]}
    return found | bounded | named | same(len(symbols), timeframe=DAILY)

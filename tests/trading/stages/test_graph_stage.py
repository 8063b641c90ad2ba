"""The stage `graph`: valid rows of whoever takes part, the same for a session alone or in a range."""

import time

import numpy as np
import pandas as pd
import pytest

from trading import calendar
from trading.features.correlation import pairwise_correlation
from trading.features.graph import GraphRules, link_weights, node_measures
from trading.stages.graph import graph_stage
from trading.testing.feature_history import feature_history
from trading.testing.stage_rows import frame_of, made_by
from trading.universe import SYMBOLS

LAST = "2024-06-28"
T = calendar.session_of(LAST)
STAGE = graph_stage()
ARM = SYMBOLS.index("ARM")


def returns(seed: int = 5, sessions: int = 300) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.015 * (rng.normal(size=(sessions, 1)) + rng.normal(size=(sessions, len(SYMBOLS))))


def made(values: np.ndarray, table: str, session: pd.Timestamp = T) -> pd.DataFrame:
    outputs = made_by(STAGE, session, {"features": feature_history(values, LAST)})
    return frame_of(outputs, table, session)


def test_it_reads_one_window_of_fixed_length_and_keeps_nothing() -> None:
    (read,) = STAGE.reads
    assert (read.table, read.depth, read.timeframe) == ("features", 251, "1D")
    assert (STAGE.keeps, STAGE.starts) == ((), "window")


def test_links_are_the_correlations_of_thirty_sessions_above_the_threshold() -> None:
    values = returns()
    correlation = np.corrcoef(values[-30:].T)

    edges = made(values, "graph_edges")

    wanted = {
        (SYMBOLS[one], SYMBOLS[other]): correlation[one, other]
        for one, other in np.argwhere(link_weights(correlation, 0.3))
    }
    found = dict(
        zip(zip(edges["symbol"], edges["neighbour"], strict=True), edges["correlation"], strict=True)
    )
    assert found == pytest.approx(wanted)
    assert 0 < len(wanted) < 90  # some pairs are linked and some are not, or this would say nothing


def test_every_link_is_there_from_both_ends() -> None:
    edges = made(returns(), "graph_edges")
    one, other = (
        set(zip(edges[a], edges[b], strict=True))
        for a, b in (("symbol", "neighbour"), ("neighbour", "symbol"))
    )
    assert one == other


def test_measures_are_those_of_the_links_and_a_community_is_named_by_its_first() -> None:
    values = returns()
    measures = node_measures(link_weights(pairwise_correlation(values[-30:], 21), 0.3))

    nodes = made(values, "graph_nodes").set_index("symbol").loc[list(SYMBOLS)]

    assert nodes["degree"].tolist() == measures.degree.tolist()
    assert nodes["pagerank"].to_numpy() == pytest.approx(measures.pagerank)
    assert nodes["community"].tolist() == [SYMBOLS[place] for place in measures.community]


def test_a_name_comes_in_with_its_twenty_first_return_and_leaves_when_it_has_no_bar() -> None:
    values = returns()
    values[:-21, ARM] = np.nan
    assert "ARM" in set(made(values, "graph_nodes")["symbol"])

    values[-21, ARM] = np.nan
    assert "ARM" not in set(made(values, "graph_nodes")["symbol"])

    halted = returns()
    halted[-1, ARM] = np.nan
    for table in STAGE.makes:
        assert "ARM" not in set(made(halted, table)["symbol"])


def test_the_graph_ahead_has_every_pair_of_its_names_with_a_newcomer_at_the_level() -> None:
    values = returns()
    values[:-25, ARM] = np.nan

    ahead = made(values, "graph_ahead")

    assert len(ahead) == len(SYMBOLS) * (len(SYMBOLS) - 1)
    assert np.ptp(ahead.loc[ahead["symbol"] == "ARM", "expected_correlation"]) == 0


def test_the_window_ends_at_the_session_and_begins_where_it_is_declared() -> None:
    values = returns()
    longer = np.concatenate([np.full((40, len(SYMBOLS)), 0.5), values[-252:]])

    for table in STAGE.makes:
        pd.testing.assert_frame_equal(made(longer, table), made(values, table), check_exact=True)


def test_the_future_changes_nothing() -> None:
    values = returns()
    changed = values.copy()
    changed[-3:] = 7.0
    before = calendar.shift(T, -3)

    for table in STAGE.makes:
        pd.testing.assert_frame_equal(
            made(changed, table, before), made(values, table, before), check_exact=True
        )


def test_a_market_that_has_just_begun_has_no_graph_and_no_error() -> None:
    assert all(made(returns(sessions=10), table).empty for table in STAGE.makes)


def test_without_a_link_there_are_nodes_and_no_edges() -> None:
    strict = graph_stage(GraphRules(threshold=0.999))
    outputs = made_by(strict, T, {"features": feature_history(returns(), LAST)})

    assert frame_of(outputs, "graph_edges", T).empty
    assert frame_of(outputs, "graph_nodes", T)["degree"].tolist() == [0] * len(SYMBOLS)


def test_a_session_takes_milliseconds() -> None:
    histories = {"features": feature_history(returns(), LAST)}
    made_by(STAGE, T, histories)
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        made_by(STAGE, T, histories)
        taken.append(time.perf_counter() - began)
    # About 1.3 ms alone; the best of several on a shared machine, with room for a slower one.
    assert min(taken) < 0.010

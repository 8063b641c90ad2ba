"""The Dagster graph: what it declares, and that it is the line."""

from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from pipelines.definitions import definitions_of
from pipelines.in_memory import run_in_memory
from pipelines.wiring import Workshop
from resources.home import Home
from tests.e2e.homes import FIRST, LAST, SMALL, arrow_tables, same_bytes
from trading import frames

GROUPS = {
    "market", "features", "forecasts", "intervals", "ensemble", "regimes", "signals",
    "portfolio", "execution", "performance", "training", "evidence",
}  # fmt: skip

WITHOUT_SESSIONS = {
    "model_versions", "comparison", "coverage", "model_attribution", "regime_transitions", "scoreboard", "frontier",
    "stress", "training_triggers",
}  # fmt: skip


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop.of(Home.open_or_create(tmp_path_factory.mktemp("graph") / "home"), SMALL)


@pytest.fixture(scope="module")
def graph(workshop: Workshop) -> AssetGraph:
    return definitions_of(workshop).resolve_asset_graph()


def parents(graph: AssetGraph) -> dict[str, set[str]]:
    keys = graph.get_all_asset_keys()
    found = {key.to_user_string(): {p.to_user_string() for p in graph.get(key).parent_keys} for key in keys}
    return {name: causes - {name} for name, causes in found.items()}


def test_the_graph_can_be_sorted_so_that_causes_come_first(graph: AssetGraph) -> None:
    order = list(TopologicalSorter(parents(graph)).static_order())
    assert order.index("bars") < order.index("features") < order.index("forecasts")
    assert order.index("signals") < order.index("target_portfolio") < order.index("orders")
    assert order.index("fills") < order.index("positions") < order.index("performance")


def test_every_table_of_the_plan_is_an_asset_and_training_and_the_evidence_come_on_top(
    graph: AssetGraph, workshop: Workshop
) -> None:
    assert set(parents(graph)) == {*workshop.plan.tables, *WITHOUT_SESSIONS}


def test_no_asset_depends_on_itself_because_a_back_fill_would_then_be_two_runs(graph: AssetGraph) -> None:
    assert not [k for k in graph.get_all_asset_keys() if k in graph.get(k).parent_keys]


def test_every_mapping_between_assets_is_to_the_same_session(graph: AssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert not [parent for parent in node.parent_keys if node.partition_mappings.get(parent)]


def test_only_training_and_the_evidence_have_no_session_partitions(graph: AssetGraph) -> None:
    unpartitioned = {
        k.to_user_string() for k in graph.get_all_asset_keys() if not graph.get(k).is_partitioned
    }
    assert unpartitioned == WITHOUT_SESSIONS


def test_every_asset_takes_a_range_in_one_run(graph: AssetGraph) -> None:
    partitioned = [graph.get(k) for k in graph.get_all_asset_keys() if graph.get(k).is_partitioned]
    assert {node.backfill_policy for node in partitioned} == {dg.BackfillPolicy.single_run()}


def test_every_asset_says_what_it_is_who_owns_it_and_where_it_belongs(graph: AssetGraph) -> None:
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert {node.group_name for node in nodes} == GROUPS
    assert all(node.owners and node.kinds and len(node.description or "") > 40 for node in nodes)


def test_the_groups_read_from_left_to_right(graph: AssetGraph) -> None:
    group = {key.to_user_string(): graph.get(key).group_name for key in graph.get_all_asset_keys()}
    before: dict[str, set[str]] = {name: set() for name in GROUPS}
    for name, causes in parents(graph).items():
        before[group[name]] |= {group[cause] for cause in causes} - {group[name]}
    order = list(TopologicalSorter(before).static_order())  # a circle of groups could not be sorted
    sentence = [
        "market",
        "features",
        "training",
        "forecasts",
        "intervals",
        "ensemble",
        "signals",
        "portfolio",
    ]
    assert [name for name in order if name in sentence] == sentence
    assert order.index("execution") < order.index("performance") < order.index("portfolio")


def test_over_a_simulated_market_every_asset_says_so(graph: AssetGraph) -> None:
    assert {graph.get(key).tags["market"] for key in graph.get_all_asset_keys()} == {"SIMULATED"}


def test_over_another_market_no_asset_claims_to_be_simulated(workshop: Workshop) -> None:
    real = Workshop.of(workshop.home, SMALL.with_value("source.name", "files"))
    graph = definitions_of(real).resolve_asset_graph()
    assert not any("market" in graph.get(key).tags for key in graph.get_all_asset_keys())


def test_the_trading_session_is_never_taken_apart(graph: AssetGraph) -> None:
    keys = {key.to_user_string() for key in graph.get(dg.AssetKey("fills")).execution_set_asset_keys}
    assert {"fills", "ledger", "positions", "performance", "risk", "target_portfolio", "orders"} <= keys


def test_outputs_have_the_types_of_their_tables(workshop: Workshop) -> None:
    definitions = definitions_of(workshop)
    assert (
        definitions.resolve_assets_def("features").node_def.output_defs[0].dagster_type.unique_name
        == "features_frame"
    )


def test_graph_and_line_give_the_same_bytes(tables_of_range: dict[str, pa.Table]) -> None:
    store = run_in_memory(SMALL, FIRST, LAST)
    line = arrow_tables(store, tuple(tables_of_range))
    different = [name for name in line if not same_bytes(line[name], tables_of_range[name])]
    assert different == []
    assert all(table.num_rows for name, table in line.items() if not frames.table_of(name).sparse)


def test_definitions_load_from_the_workspace_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABLINE_HOME", str(tmp_path / "home"))
    from pipelines import definitions

    loaded = definitions.defs()
    assert {job.name for job in loaded.resolve_all_job_defs()} >= {"line", "market", "train"}

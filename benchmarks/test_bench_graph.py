"""The correlation graph and SAMBA for 10 and 500 names: processor time, and how far memory grows.

`pytest benchmarks/test_bench_graph.py -s`. One thread; the least of several. Beside the graph stand networkx (the
same measures; for 500 dense names it takes minutes and is left out) and the floor, numpy's corrcoef. Memory is how
far the resident set of a process of its own rises at most above where it was (Linux).
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch

from models.forecasters.samba import Samba
from models.forecasters.samba_network import FULL, SMALL, SambaNetwork
from models.training.losses import pinball
from trading.features.correlation import CorrelationAhead, pairwise_correlation
from trading.features.graph import link_weights, node_measures

LIMIT_SECONDS = 5.0  # the roadmap's, for the operations on a graph
PROFILES = {"small": SMALL, "full": FULL}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def market(names: int, sessions: int = 252) -> np.ndarray:
    rng = np.random.default_rng(names)
    return 0.014 * (rng.normal(size=(sessions, 1)) + rng.normal(size=(sessions, names)))


def graph_of(returns: np.ndarray) -> None:
    """All that the stage does of a session."""
    recent, long = pairwise_correlation(returns[-30:], 21), pairwise_correlation(returns, 126)
    node_measures(link_weights(recent, 0.3))
    ahead = CorrelationAhead()
    ahead.probability_of_link(ahead.forecast(recent, long), 0.3)


def networkx_of(returns: np.ndarray) -> None:
    weights = link_weights(np.corrcoef(returns[-30:].T), 0.3)
    graph = nx.from_numpy_array(weights)
    for _, _, facts in graph.edges(data=True):
        facts["distance"] = -np.log(facts["weight"])
    nx.betweenness_centrality(graph, weight="distance")
    nx.eigenvector_centrality(graph, weight="weight", max_iter=10_000)
    nx.clustering(graph, weight="weight")
    nx.pagerank(graph)
    nx.community.greedy_modularity_communities(graph, weight="weight")


def least(run: Callable[[], object], rounds: int) -> float:
    """The least processor time of several rounds after one to warm up, seconds."""
    run()
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize(("names", "rounds"), [(10, 50), (500, 2)])
def test_operations_on_the_graph(names: int, rounds: int) -> None:
    returns = market(names)

    ours = least(lambda: graph_of(returns), rounds)
    floor = least(lambda: np.corrcoef(returns[-30:].T), rounds)

    print(f"\ngraph of {names}: {ours * 1e3:.2f} ms, corrcoef {floor * 1e3:.3f} ms")
    if names == 10:
        print(f"  networkx {least(lambda: networkx_of(returns), 5) * 1e3:.1f} ms")
    assert ours < LIMIT_SECONDS


def step_of(profile: str, names: int, sessions: int) -> Callable[[], None]:
    """One training step: forward, loss, backward, AdamW."""
    torch.manual_seed(0)
    model, network = Samba(profile=profile), SambaNetwork(PROFILES[profile], names)
    contexts = np.stack([market(names, model.context_sessions)] * sessions)
    inputs = model.inputs(contexts, np.ones((sessions, names), dtype=bool))
    tensors = [torch.from_numpy(of) for of in (*inputs, np.tile(np.arange(names), (sessions, 1)))]
    optimizer, targets = torch.optim.AdamW(network.parameters()), torch.randn(sessions, names, 3)

    def step() -> None:
        optimizer.zero_grad()
        pinball(network(*tensors), targets).mean().backward()
        optimizer.step()

    return step


CASES = [("small", 10, 32), ("full", 10, 32), ("small", 500, 1)]


@pytest.mark.parametrize(("profile", "names", "sessions"), CASES)
def test_training_step(profile: str, names: int, sessions: int) -> None:
    taken = least(step_of(profile, names, sessions), 3)
    print(f"\ntraining step, {profile}, {names} names, {sessions} sessions: {taken * 1e3:.0f} ms")


@pytest.mark.parametrize(
    ("profile", "names", "batch"), [("small", 10, 32), ("full", 10, 32), ("small", 500, 512)]
)
def test_forecast_of_a_session(profile: str, names: int, batch: int) -> None:
    model, network = Samba(profile=profile, batch=batch), SambaNetwork(PROFILES[profile], names).eval()
    present = np.zeros((1, batch), dtype=bool)
    present[0, :names] = True
    padding = np.zeros((1, model.context_sessions, batch))
    padding[0, :, :names] = market(names, model.context_sessions)
    places = torch.arange(batch).where(torch.arange(batch) < names, -1)[None]

    def forecast() -> None:
        with torch.inference_mode():
            network(*map(torch.from_numpy, model.inputs(padding, present)), places)

    taken = least(forecast, 5)
    print(f"\nforecast of a session, {profile}, {names} names in a graph of {batch}: {taken * 1e3:.1f} ms")


MEMORY = """
import sys
from pathlib import Path
sys.path.insert(0, "benchmarks")
import test_bench_graph as bench
import torch

def held(name):
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(name)))

torch.set_num_threads(1)
bench.step_of("small", 4, 2)()
Path("/proc/self/clear_refs").write_text("5")  # the highest mark begins anew
before = held("VmRSS")
{run}
print((held("VmHWM") - before) / 1024)
"""
RUNS = {
    **{
        f"training step, {p}, {n} names, {s} sessions": f"bench.step_of({p!r}, {n}, {s})()"
        for p, n, s in CASES
    },
    "graph of 500 names": "bench.graph_of(bench.market(500))",
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", RUNS)
def test_peak_memory(name: str) -> None:
    code = MEMORY.format(run=RUNS[name])
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"\npeak memory of {name}: {float(done.stdout):.0f} MB more")

"""1,000 variants x 39,312 SIMULATED bars x 10 symbols: the kernel beside a numpy loop and vectorbt.

FABLINE_VECTORBT=PYTHON .venv/bin/python -m pytest benchmarks/test_bench_sweep.py -q -s -p no:cacheprovider

PYTHON is the interpreter of an environment that has vectorbt; without one, that part is skipped. The rule:
a tenth of the equity in a name while its price lies more than a threshold above its slow mean. The numpy loop
steps through the bars with all variants at once and lets buys be cut by no cash; it runs on the first bars
only, as does vectorbt, and what is compared is bar-assets a second.
"""

import json
import os
import resource
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from trading.digest import generator
from trading.execution.costs import CostModel
from trading.execution.sweep import Account, Market, sweep_rule, sweep_weights

PEER, VARIABLE = Path(__file__).parent / "peer_vectorbt.py", "FABLINE_VECTORBT"
VARIANTS, BARS, SYMBOLS, GOAL = 1000, 39_312, 10, 300e6
ACCOUNT = Account(costs=CostModel(regulatory_fees=False))
FEW, SHORT, ROUNDS = 20, 2000, 3
FLOOR = 50e6  # a crowded machine at its worst; the goal is told beside the figure, not asserted


@njit
def above(t, features, parameters, out) -> None:  # noqa: ANN001 - compiled
    for s in range(out.shape[0]):
        for lane in range(out.shape[1]):
            out[s, lane] = 0.1 if features[t, s, 0] > parameters[0, lane] else 0.0


@pytest.fixture(scope="module")
def simulated() -> tuple[Market, np.ndarray, np.ndarray]:
    """SIMULATED five-minute bars of two years, distances from the slow mean, thresholds."""
    steps = generator("sweep bench").normal(0, 0.0015, (2 * BARS, SYMBOLS)).cumsum(axis=0)
    prices = np.round(100 * np.exp(steps - steps.mean(axis=0)), 2)
    market, logs = Market(prices[::2], prices[1::2]), np.log(prices[1::2])
    slow = np.zeros(SYMBOLS)
    distance = np.empty((BARS, SYMBOLS, 1))
    for t in range(BARS):
        slow += (logs[t] - slow) / min(t + 1, 2000)
        distance[t, :, 0] = logs[t] - slow
    return market, distance, np.linspace(-0.1, 0.1, VARIANTS)[None]


def test_the_kernel_beside_the_goal_of_three_hundred_million_bar_assets_a_second(simulated) -> None:  # noqa: ANN001
    market, distance, thresholds = simulated
    first = Market(market.open[:100], market.close[:100])
    sweep_rule(above, thresholds, distance[:100], first, ACCOUNT)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for workers in (1, 2):
        seconds = []
        for _ in range(ROUNDS):
            wall, cores = time.perf_counter(), time.process_time()
            swept = sweep_rule(above, thresholds, distance, market, ACCOUNT, workers=workers)
            seconds.append((time.perf_counter() - wall, time.process_time() - cores))
        rate, core = (VARIANTS * BARS * SYMBOLS / min(one) for one in zip(*seconds, strict=True))
        print(
            f"\nkernel, {workers} threads, best of {ROUNDS}: {rate / 1e6:.0f} M bar-assets a second by the clock, "
            f"{core / 1e6:.0f} M a second of a core; {swept.fills.mean():.0f} fills a variant; goal {GOAL / 1e6:.0f} M"
        )
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"peak memory grew by {grown:.0f} MiB")
    assert grown < 200
    assert core > FLOOR


def test_the_numpy_loop_and_given_weights(simulated) -> None:  # noqa: ANN001
    market, distance, thresholds = simulated
    short = Market(market.open[:SHORT], market.close[:SHORT])
    start = time.perf_counter()
    equity = numpy_loop(short, distance[:SHORT, :, 0], thresholds[0])
    took = time.perf_counter() - start
    print(f"\nnumpy loop: {VARIANTS * SHORT * SYMBOLS / took / 1e6:.0f} M bar-assets a second")
    swept = sweep_rule(above, thresholds, distance[:SHORT], short, ACCOUNT)
    apart = np.abs(swept.equity_cents - equity).max()
    print(f"numpy loop and kernel end at most {apart / 100:.2f} USD apart")
    assert apart < 100_00  # of 100,000 USD: the loop rounds nothing to cents and pays with cash that it lacks
    weights = np.where(distance[None, :SHORT, :, 0] > thresholds[0, :100, None, None], 0.1, 0.0)
    sweep_weights(weights[:1], short, ACCOUNT)
    start = time.perf_counter()
    sweep_weights(weights, short, ACCOUNT)
    print(
        f"given weights: {weights.size / (time.perf_counter() - start) / 1e6:.0f} M bar-assets a second, 1 thread"
    )


def numpy_loop(market: Market, distance: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(v,) equity in cents: all variants at once, one bar after the other."""
    cash = np.full(len(thresholds), ACCOUNT.cash_cents / 100)
    shares, wanted = np.zeros((2, len(thresholds), SYMBOLS))
    for t in range(len(distance)):
        price = market.open[t]
        rate = ACCOUNT.costs.linear_rate(price)
        cash -= (wanted * price + np.abs(wanted) * price * rate).sum(axis=1)
        shares += wanted
        equity = cash + shares @ market.close[t]
        goal = 0.1 * (distance[t] > thresholds[:, None]) * equity[:, None]
        value = shares * market.close[t]
        outside = np.abs(value - goal) > ACCOUNT.rebalance_band * goal
        wanted = np.where(outside, np.floor(goal / market.close[t]) - shares, 0.0)
    return 100 * equity


def test_vectorbt_in_its_own_environment(simulated, tmp_path: Path) -> None:  # noqa: ANN001
    python = os.environ.get(VARIABLE)
    if not python:
        pytest.skip(f"{VARIABLE} names no interpreter of an environment with vectorbt")
    market, distance, thresholds = simulated
    few = thresholds[0, :: VARIANTS // FEW][:FEW, None, None]
    weights = np.where(distance[None, :SHORT, :, 0] > few, 0.1, 0.0)
    np.savez(tmp_path / "sweep.npz", weights=weights, open=market.open[:SHORT])
    said = subprocess.run([python, PEER, tmp_path / "sweep.npz"], capture_output=True, text=True, check=True)
    peer = json.loads(said.stdout.splitlines()[-1])
    print(f"\nvectorbt: {peer['bar_assets'] / peer['seconds'] / 1e6:.2f} M bar-assets a second")

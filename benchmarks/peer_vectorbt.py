"""The sweep of `test_bench_sweep.py` in vectorbt; runs in an environment of its own.

PYTHON benchmarks/peer_vectorbt.py SWEEP.npz: prints one line of JSON. Target percents with shared cash, whole
shares and proportional fees: no rebalance band and no cents, so it decides nearly, not exactly, the same.
"""

import json
import sys
import time

import numpy as np
import vectorbt as vbt


def run(weights: np.ndarray, opens: np.ndarray) -> float:
    variants, bars, symbols = weights.shape
    target = np.full((bars, variants * symbols), np.nan)
    flat = weights.transpose(1, 0, 2).reshape(bars, -1)
    target[1:] = np.where(np.diff(flat, axis=0, prepend=0.0) != 0, flat, np.nan)[:-1]  # decided a bar before
    start = time.perf_counter()
    portfolio = vbt.Portfolio.from_orders(
        np.tile(opens, variants),
        size=target,
        size_type="targetpercent",
        group_by=np.repeat(np.arange(variants), symbols),
        cash_sharing=True,
        call_seq="auto",
        fees=5e-4,
        size_granularity=1.0,
        init_cash=100_000.0,
    )
    portfolio.final_value()
    return time.perf_counter() - start


data = np.load(sys.argv[1])
run(data["weights"][:2, :50], data["open"][:50])
took = run(data["weights"], data["open"])
print(json.dumps({"seconds": took, "bar_assets": int(data["weights"].size)}))

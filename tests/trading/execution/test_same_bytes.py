"""Orders, fills and ledger are the same bytes in another process, with another hash seed and thread count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("traded_script.py")


def digest_of(seed: str, threads: str) -> str:
    setting = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "OMP_NUM_THREADS": threads,
        "PYTHONPATH": str(SCRIPT.parents[3]),
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=setting, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(("seed", "threads"), [("7", "1"), ("99", "4")])
def test_another_process_makes_the_same_orders_fills_and_ledger(seed: str, threads: str) -> None:
    first = digest_of("0", "2")

    assert len(first) == 64
    assert digest_of(seed, threads) == first

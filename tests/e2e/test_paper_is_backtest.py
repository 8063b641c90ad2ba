"""Paper is backtest: the same decisions and bars make the same records, in another process and over HTTP."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.alpaca_broker import AlpacaAccount
from tests.peers.trading_desk import CASH_CENTS, DECIDED, OPENED, QUOTES, decision, desk_over, remote

pytest.importorskip("alpaca", reason="needs the extra `brokers`")
from tests.e2e.paper_account import place_of, trade

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests/e2e/paper_account.py"


def elsewhere(*arguments: str, seed: str, threads: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_orders_fills_and_ledger_are_the_same_bytes_in_process_and_over_http_elsewhere(
    tmp_path: Path,
) -> None:
    with place_of("in_process") as place:
        here = trade(place, tmp_path / "here")
    other = elsewhere("http", str(tmp_path / "there"), seed="4711", threads="2")
    said, _ = other.communicate(timeout=120)

    assert json.loads(said) == here
    assert here["account"] == here["backtest"]
    assert int(here["backtest"].split()[0]) > 12  # otherwise little was traded


def test_a_process_that_is_killed_while_the_venue_takes_its_order_sends_nothing_twice(tmp_path: Path) -> None:
    account = AlpacaAccount(CASH_CENTS)
    with remote(account) as there:
        victim = elsewhere("once", str(tmp_path), there.peer.url, seed="1", threads="1")
        account.on_order = lambda: len(account.posted) < 2 or os.kill(victim.pid, signal.SIGKILL)
        victim.communicate(timeout=120)
        account.on_order = lambda: None

        done = desk_over(there.broker, tmp_path).trade(DECIDED, decision(NVDA=10, AMD=5, TSM=7))
        account.open_session(OPENED, QUOTES)

    assert victim.returncode == -signal.SIGKILL
    assert len(account.posted) == len(set(account.posted)) == 3
    assert (done.known, len(done.sent)) == (2, 1)
    assert account.broker.positions() == {"AMD": 5, "NVDA": 10, "TSM": 7}

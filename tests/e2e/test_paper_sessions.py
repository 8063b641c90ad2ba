"""Sessions of paper trading on a virtual clock, with restarts: the account ends as the ledger, and both as the backtest.

Each evening a process takes in the bars that are known by then, makes the line and sends the orders to an account
that speaks Alpaca's protocol; each morning the account opens on what the market did. Some evenings are killed by
SIGKILL, in the middle of the line or while the venue takes an order, and made again by a new process.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("alpaca", reason="needs the extra `brokers`")

from pipelines import environment
from pipelines.in_memory import run_in_memory
from pipelines.settings import Settings, set_values
from pipelines.wiring import plan_of
from resources.sources.alpaca_keys import KEY_ID, SECRET_KEY
from resources.store import store_at
from tests.e2e.homes import arrow_tables, same_bytes
from tests.peers.alpaca_broker import AlpacaAccount
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.http_peer import HttpPeer
from trading import calendar
from trading.execution.lifecycle import WORKING
from trading.interfaces import Store
from trading.stages import trading_session
from trading.stages.trading_state import CASH, RECEIVABLE

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests/e2e/paper_evenings.py"
DATA = ROOT.parent / "shared" / "data"
SMALL = {"models": ["random_walk"], "burn_in_sessions": 30, "regimes.hmm.starts": 1}
BOOK = ("fills", "ledger", "positions", "performance", "orders", "target_portfolio")


@dataclass
class Market:
    """What the venue sees of each session, recorded while the backtest runs."""

    backtest: Store
    opens: Mapping[pd.Timestamp, tuple[object, object]]


@dataclass
class Trader:
    """The process of the evenings, started again whenever it is gone."""

    home: Path
    program: subprocess.Popen[str] | None = None
    starts: int = 0
    log: list[dict[str, object]] = field(default_factory=list)

    def evening(self, session: pd.Timestamp, stage: str = "") -> bool:
        """Whether the evening came to its end."""
        if self.program is None or self.program.poll() is not None:
            self.program = self._started()
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(f"{session:%Y-%m-%d} {stage}\n")
        self.program.stdin.flush()
        told = self.program.stdout.readline()
        if told:
            self.log.append(json.loads(told))
        else:
            assert self.program.wait(60) == -signal.SIGKILL, self._said()
            self.program.communicate()
        return bool(told)

    def _said(self) -> str:
        return (self.home.parent / "trader.log").read_text()[-2000:]

    def _started(self) -> subprocess.Popen[str]:
        self.starts += 1
        command = [sys.executable, "-W", "ignore", str(SCRIPT), str(self.home)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        keys = {KEY_ID: KEY, SECRET_KEY: SECRET, "PYTHONPATH": str(ROOT)}
        with (self.home.parent / "trader.log").open("a") as log:
            pipe = subprocess.PIPE
            return subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=log, text=True, env={**os.environ, **threads, **keys}
            )

    def kill(self) -> None:
        assert self.program is not None
        self.program.kill()

    def stop(self) -> None:
        if self.program is not None and self.program.poll() is None:
            self.program.kill()
            self.program.communicate(timeout=60)


def settings_of(values: Mapping[str, object]) -> Settings:
    settings = Settings()
    for name, value in values.items():
        settings = settings.with_value(name, value)
    return settings


def backtest_of(settings: Settings, sessions: pd.DatetimeIndex, monkeypatch: pytest.MonkeyPatch) -> Market:
    """The range in one go, in memory, and what its trading saw of each session."""
    opens: dict[pd.Timestamp, tuple[object, object]] = {}
    plainly = trading_session.trade_day

    def noting(book, orders, actions, quotes, *, venue, session):  # noqa: ANN001, ANN202 - as what it stands for
        opens[session] = (quotes, tuple(actions))
        return plainly(book, orders, actions, quotes, venue=venue, session=session)

    monkeypatch.setattr(trading_session, "trade_day", noting)
    backtest = run_in_memory(settings, sessions[0], sessions[-1])
    monkeypatch.undo()
    return Market(backtest, opens)


@contextmanager
def account_of(settings: Settings) -> Iterator[tuple[AlpacaAccount, str]]:
    account = AlpacaAccount(round(settings.trading.initial_cash_usd * 100), settings.trading.venue)
    with HttpPeer(account) as peer:
        yield account, peer.url


def trade_through(
    folder: Path,
    values: Mapping[str, object],
    sessions: pd.DatetimeIndex,
    deaths: Mapping[int, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All sessions, dying in those that `deaths` names: at a stage, or at the n-th `order` of the evening."""
    settings, home = settings_of(values), environment.open_or_create(folder / "home")
    market = backtest_of(settings, sessions, monkeypatch)
    with account_of(settings) as (account, url):
        set_values(home.path, {**values, "broker.name": "alpaca", "broker.url": url})
        trader = Trader(home.path)
        try:
            for place, session in enumerate(sessions):
                if session in market.opens:
                    account.open_session(session, *market.opens[session])
                one_session(trader, account, session, deaths.get(place, ""))
        finally:
            trader.stop()
    assert trader.starts == 1 + len(deaths)
    check_the_end(trader, account, market, settings)


def one_session(trader: Trader, account: AlpacaAccount, session: pd.Timestamp, death: str) -> None:
    """An evening that ends well, after one that does not if there is a `death`."""
    if death:
        if death == "order":
            account.on_order = trader.kill  # taken by the venue, and never answered
        assert not trader.evening(session, "" if death == "order" else death)
        account.on_order = lambda: None
    assert trader.evening(session)


def check_the_end(trader: Trader, account: AlpacaAccount, market: Market, settings: Settings) -> None:
    store = store_at(trader.home / "tables", trader.home / "fabline.db")
    ours, backtest = (arrow_tables(one, plan_of(settings).tables) for one in (store, market.backtest))
    orders, fills, positions = (store.read(name) for name in ("orders", "fills", "positions"))
    store.close()
    assert [name for name in ours if not same_bytes(ours[name], backtest[name])] == []

    assert {tuple(one["differences"]) for one in trader.log} == {(0, 0, 0)}
    assert all(one["cash"][0] == one["cash"][1] for one in trader.log)
    asked = set(orders["order_id"][orders["status"].isin(WORKING)])
    assert set(account.broker.orders) == asked
    assert len(account.posted) == len(set(account.posted)) == len(asked)
    told = account.broker.fills(pd.Timestamp("1990-01-01", tz="UTC"))
    assert sorted(told["fill_id"]) == sorted(fills["fill_id"])
    assert len(fills) > len(trader.log)  # otherwise little was traded
    last = positions[(positions["session"] == positions["session"].max()).to_numpy()]
    held = {row.symbol: int(row.quantity) for row in last.itertuples() if row.quantity}
    shares = {symbol: count for symbol, count in held.items() if symbol not in {CASH, RECEIVABLE}}
    assert account.broker.positions() == shares


def test_six_sessions_one_of_them_killed_end_as_the_backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a SIMULATED market."""
    sessions = calendar.sessions_between(pd.Timestamp("2024-05-30"), pd.Timestamp("2024-06-06"))
    trade_through(tmp_path, SMALL, sessions, {2: "order"}, monkeypatch)


@pytest.mark.nightly
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data, real bars that are not in the project")
def test_thirty_sessions_on_real_bars_with_restarts_end_as_the_backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NVDA splits within them. Some minutes of processor, so by night."""
    sessions = calendar.sessions_between(pd.Timestamp("2024-05-20"), pd.Timestamp("2024-07-02"))[:30]
    values = {**SMALL, "models": ["random_walk", "ar1"], "source.name": "files", "source.data": str(DATA)}
    deaths = {
        5: "order",
        9: "features",
        14: "order",
        15: "trading_session",
        22: "ensemble_weights",
        27: "order",
    }
    trade_through(tmp_path, values, sessions, deaths, monkeypatch)

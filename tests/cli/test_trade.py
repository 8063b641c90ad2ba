"""`fabline trade`, `halt`, `resume` and `reconcile --broker` on homes with made-up books."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipelines import environment, settings
from pipelines.cli import follow, trade
from pipelines.cli.main import status_of
from resources.halt import HaltSwitch
from resources.home import Home
from resources.sources.alpaca_keys import KEY_ID, SECRET_KEY
from resources.store import store_at
from tests.peers.alpaca_broker import AlpacaAccount
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.alpaca_updates import AlpacaUpdatesPeer
from tests.peers.http_peer import HttpPeer
from tests.peers.trading_desk import CASH_CENTS, QUOTES
from trading import calendar, frames
from trading.errors import HomeError, ReconciliationError, UsageError
from trading.execution.account import Book, Order
from trading.execution.ledger import deposit
from trading.execution.orders import order_id
from trading.execution.simulator import Execution, Venue
from trading.execution.trading_day import trade_day
from trading.stages import trading_tables

FIRST, LAST = pd.Timestamp("2024-06-06"), pd.Timestamp("2024-06-07")


def stamped(table: str, session: pd.Timestamp, rows: Iterable[trading_tables.Row]) -> pd.DataFrame:
    """Rows as the line writes them at the evening of `session`."""
    frame = pd.DataFrame(dict(trading_tables.columns(table, "swing", rows)))
    frame = frame.assign(session=session, known_at=calendar.as_of(session))
    if "ts" in frame:
        frame["ts"] = frame["ts"].dt.tz_localize("UTC")
    return frame.astype(frames.table_of(table).dtypes)[frames.columns(table)]


def written(session: pd.Timestamp, done: Execution, orders: tuple[Order, ...]) -> dict[str, pd.DataFrame]:
    """One session's tables of the book."""
    rows = {
        "positions": trading_tables.position_rows(done.book),
        "ledger": trading_tables.ledger_rows(done.bookings),
        "fills": trading_tables.fill_rows(done.fills, session),
        "orders": trading_tables.order_rows(orders),
    }
    return {table: stamped(table, session, listed) for table, listed in rows.items()}


def order_to(session: pd.Timestamp, symbol: str, quantity: int) -> Order:
    return Order(order_id("paper/swing", session, symbol, quantity), symbol, session, quantity, 100.0)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of two sessions: a deposit, then a purchase; the last one has two orders to send."""
    for name in (KEY_ID, SECRET_KEY, "FABLINE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    home = environment.open_or_create(tmp_path / "home")
    home.fix_inception(FIRST)
    started = Execution(Book(cash_cents=CASH_CENTS), (), (deposit(CASH_CENTS),), ())
    bought = order_to(FIRST, "NVDA", 10)
    traded = trade_day(started.book, [bought], (), QUOTES, venue=Venue(), session=LAST)
    store = store_at(home.tables, home.database)
    store.write(written(FIRST, started, (bought,)), FIRST, FIRST, commit={})
    new = (order_to(LAST, "AMD", 5), order_to(LAST, "NVDA", -4))
    store.write(written(LAST, traded, (*traded.orders, *new)), LAST, LAST, commit={})
    store.close()
    return home.path


@pytest.fixture
def alpaca_book(book: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, AlpacaAccount]]:
    """The same home, with an account at a peer."""
    pytest.importorskip("alpaca", reason="needs the extra `brokers`")
    monkeypatch.setenv(KEY_ID, KEY)
    monkeypatch.setenv(SECRET_KEY, SECRET)
    account = AlpacaAccount(1_000_000_00)
    with HttpPeer(account) as peer:
        settings.set_values(book, {"broker.name": "alpaca", "broker.url": peer.url})
        yield book, account


def evening() -> pd.Timestamp:
    return calendar.as_of(LAST)


def test_the_default_broker_takes_the_orders_and_says_that_the_line_fills_them(
    book: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["trade", "--home", str(book)]) == 0

    said = capfd.readouterr().out
    assert "SIMULATED: the line fills them" in said
    assert "2 now, 0 before" in said
    assert not (book / "broker").exists()


def test_a_dry_run_says_each_order_and_leaves_no_trace(book: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings.set_value(book, "broker.name", "dry_run")

    trade.trade(book, None, "json", wait=False)

    rows = json.loads(capfd.readouterr().out)
    assert [row["reason"].startswith("dry run, not sent: ") for row in rows] == [True, True]
    assert not (book / "broker").exists()


def test_orders_go_to_alpaca_once_and_no_key_is_written_down(alpaca_book: tuple[Path, AlpacaAccount]) -> None:
    home, account = alpaca_book

    for _ in range(2):
        trade.trade(home, None, "json", wait=False, clock=evening)

    assert len(account.posted) == 2
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert KEY.encode() not in written
    assert SECRET.encode() not in written


def test_what_went_to_the_broker_and_came_back_can_be_shown(
    alpaca_book: tuple[Path, AlpacaAccount], capfd: pytest.CaptureFixture[str]
) -> None:
    home, _ = alpaca_book
    assert status_of(["show", "broker_orders", "--home", str(home)]) == 2
    assert "nothing of it ever went to a broker" in capfd.readouterr().err
    trade.trade(home, None, "table", wait=False, clock=evening)
    capfd.readouterr()

    assert (
        status_of(["show", "broker_orders", "--symbol", "AMD", "--format", "json", "--home", str(home)]) == 0
    )

    (row,) = json.loads(capfd.readouterr().out)
    assert (row["symbol"], row["quantity"], row["accepted"]) == ("AMD", 5, 1)


def test_orders_whose_open_has_passed_are_not_sent(alpaca_book: tuple[Path, AlpacaAccount]) -> None:
    home, account = alpaca_book
    late = calendar.session_open(calendar.shift(LAST, 1))

    with pytest.raises(UsageError, match="make the session that is due"):
        trade.trade(home, None, "table", wait=False, clock=lambda: late)

    assert account.posted == []


def test_a_clock_that_went_back_sends_nothing_before_the_decision(
    alpaca_book: tuple[Path, AlpacaAccount],
) -> None:
    home, account = alpaca_book

    with pytest.raises(UsageError, match="can be sent from"):
        trade.trade(home, None, "table", wait=False, clock=lambda: evening() - pd.Timedelta(days=30))

    assert account.posted == []


def test_two_at_once_that_wait_send_each_order_once(alpaca_book: tuple[Path, AlpacaAccount]) -> None:
    home, account = alpaca_book
    at_once = [
        threading.Thread(
            target=trade.trade, args=(home, None, "json"), kwargs={"wait": True, "clock": evening}
        )
        for _ in range(2)
    ]

    for one in at_once:
        one.start()
    for one in at_once:
        one.join(timeout=60)

    assert len(account.posted) == 2
    assert not HaltSwitch(home).state()


def test_one_that_does_not_wait_names_who_is_sending_and_sends_nothing(
    alpaca_book: tuple[Path, AlpacaAccount],
) -> None:
    home, account = alpaca_book

    with (
        Home.open(home).writing("fabline trade"),
        pytest.raises(HomeError, match="being written by `fabline trade`"),
    ):
        trade.trade(home, None, "table", wait=False, clock=evening)

    assert account.posted == []


def test_orders_of_a_simulated_market_never_go_to_an_account(book: Path) -> None:
    Home.open(book).fix_source({"name": "simulated", "simulated": "true"})
    settings.set_value(book, "broker.name", "alpaca")

    with pytest.raises(UsageError, match="SIMULATED market"):
        trade.trade(book, None, "table", wait=False, clock=evening)


def test_halting_cancels_what_works_shows_in_the_status_and_holds_until_it_is_resumed(
    alpaca_book: tuple[Path, AlpacaAccount], capfd: pytest.CaptureFixture[str]
) -> None:
    home, account = alpaca_book
    trade.trade(home, None, "table", wait=False, clock=evening)

    assert status_of(["halt", "--reason", "news", "--home", str(home)]) == 0
    assert status_of(["trade", "--home", str(home)]) == 1
    assert "news; nothing is sent until `fabline resume`" in capfd.readouterr().err
    assert status_of(["status", "--home", str(home)]) == 0
    assert "HALTED        since" in capfd.readouterr().out
    assert set(account.broker.order_states()["status"]) == {"cancelled"}
    assert status_of(["resume", "--home", str(home)]) == 0
    assert "trading goes on" in capfd.readouterr().out
    assert "trading_halted" in "".join(path.read_text() for path in (home / "logs").glob("*"))


def test_a_halt_stands_even_if_the_broker_cannot_be_reached(
    alpaca_book: tuple[Path, AlpacaAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = alpaca_book
    trade.trade(home, None, "table", wait=False, clock=evening)
    monkeypatch.delenv(KEY_ID)

    assert status_of(["halt", "--home", str(home)]) == 1
    assert (home / "halt.json").exists()


def test_reconciling_names_a_position_that_nothing_explains_and_halts(
    alpaca_book: tuple[Path, AlpacaAccount],
) -> None:
    home, account = alpaca_book
    trade.trade(home, None, "table", wait=False, clock=evening)
    account.extra_cash_cents = -7_00

    with pytest.raises(ReconciliationError, match="cash USD"):
        trade.reconcile(home, "table", wait=False, clock=evening)

    assert (home / "halt.json").exists()


def test_reconciling_the_simulated_broker_holds_the_ledger_against_the_positions(
    book: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["reconcile", "--broker", "--home", str(book)]) == 0
    assert "simulated at 2024-06-07: 0 differences" in capfd.readouterr().out

    with closing(environment.open_store(book)) as store:
        ledger = store.read("ledger", LAST, LAST)
        store.write({"ledger": ledger[ledger["kind"] != "commission"]}, LAST, LAST, commit={})

    assert status_of(["reconcile", "--broker", "--home", str(book)]) == 1
    assert "cash USD" in capfd.readouterr().err


def test_reconcile_wants_to_know_what_with(book: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status_of(["reconcile", "--home", str(book)]) == 2
    assert "--against VENDOR for bars, or --broker" in capfd.readouterr().err


def test_only_a_broker_that_tells_can_be_followed(book: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status_of(["trade", "--follow", "--home", str(book)]) == 2
    said = capfd.readouterr()
    assert "has no updates to follow" in said.err
    assert said.out == ""  # nothing was sent either


def test_following_records_each_fill_and_one_event_after_a_halt_everything_is_cancelled(
    alpaca_book: tuple[Path, AlpacaAccount], capfd: pytest.CaptureFixture[str]
) -> None:
    home, account = alpaca_book
    with AlpacaUpdatesPeer() as peer:
        settings.set_value(home, "broker.stream_url", peer.url)
        trade.trade(home, None, "table", wait=False, clock=evening)
        staying = threading.Thread(target=follow.follow, args=(home, None), kwargs={"clock": evening})
        staying.start()
        _until(lambda: bool(peer.listening))
        bought = account.broker.order_states().query("symbol == 'AMD'")["order_id"].iloc[0]
        _until(lambda: "connected" in capfd.readouterr().out)
        HaltSwitch(home).halt("news", "a person", evening())
        peer.tell("new", id=bought)  # one event, of whatever kind
        staying.join(timeout=20)

    assert not staying.is_alive()
    assert set(account.broker.order_states()["status"]) == {"cancelled"}
    assert "trading is halted: news" in capfd.readouterr().out


def _until(so: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)

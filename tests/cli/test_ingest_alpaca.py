"""`fabline ingest` from Alpaca and from a stream, as a person runs it; what is secret stays in the environment."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from pipelines.cli.main import status_of
from pipelines.environment import open_store
from tests.peers.alpaca_http import AlpacaHistory, bars_as_written
from tests.peers.alpaca_stream import KEY, SECRET, AlpacaStreamPeer
from tests.peers.http_peer import HttpPeer
from tests.peers.minutes import minute_bars
from trading import calendar
from trading.testing.market import SimulatedMarket

FIRST, LAST = calendar.session_of("2024-07-01"), calendar.session_of("2024-07-03")
SYMBOLS = ("NVDA", "AMD")
REPLAY = ["--source", "simulated", "--from", "2024-07-03", "--to", "2024-07-03", "--symbols", "NVDA,AMD"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)


@pytest.fixture
def vendor() -> Iterator[HttpPeer]:
    market = SimulatedMarket()
    bars = {"1Day": bars_as_written(market.bars(SYMBOLS, FIRST, LAST)), "1Min": []}
    with HttpPeer(AlpacaHistory(bars)) as peer:
        yield peer


def home_of(folder: Path, **settings: str) -> Path:
    for name, value in {"name": "alpaca", **settings}.items():
        assert status_of(["config", "set", f"source.{name}", value, "--home", str(folder)]) == 0
    return folder


def assert_no_secret_in(folder: Path, *said: str) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert KEY.encode() not in content, file
            assert SECRET.encode() not in content, file
    assert not any(KEY in text or SECRET in text for text in said)


def test_history_is_loaded_and_no_file_of_the_home_holds_a_secret(
    tmp_path: Path, vendor: HttpPeer, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = home_of(tmp_path / "home", url=vendor.url)
    asked = ["ingest", "--from", "2024-07-01", "--to", "2024-07-03", "--symbols", "NVDA,AMD"]
    capsysbinary.readouterr()

    assert status_of([*asked, "--format", "json", "--home", str(home)]) == 0

    said = capsysbinary.readouterr()
    counted = {row["table"]: row["accepted"] for row in json.loads(said.out)}
    assert counted["bars"] == 6
    assert_no_secret_in(home, said.out.decode(), said.err.decode())


def test_who_loads_the_universe_hears_that_alpaca_has_no_vix_and_takes_it_from_files_by_a_setting(
    tmp_path: Path, vendor: HttpPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    daily = tmp_path / "files/daily"
    daily.mkdir(parents=True)
    for name, symbols in (("panel_adjusted", ("NVDA",)), ("vix", ("VIX",))):
        rows = SimulatedMarket().bars(symbols, FIRST, LAST)
        rows[["symbol", "session", "open", "high", "low", "close", "volume"]].to_parquet(
            daily / f"{name}.parquet"
        )
    asked = ["ingest", "--from", "2024-07-01", "--to", "2024-07-03"]
    without = home_of(tmp_path / "without", url=vendor.url)
    borrowing = home_of(tmp_path / "with", url=vendor.url, indices=str(tmp_path / "files"))
    capsys.readouterr()

    assert status_of([*asked, "--home", str(without)]) == 0
    assert "note: alpaca has no indices, so no VIX" in capsys.readouterr().err
    assert status_of([*asked, "--symbols", "NVDA,VIX", "--home", str(borrowing)]) == 0
    assert "note" not in capsys.readouterr().err

    held = {path: open_store(path).read("bars") for path in (without, borrowing)}
    assert set(held[without]["symbol"]) == set(SYMBOLS)
    vix = held[borrowing][held[borrowing]["symbol"].eq("VIX")]
    assert (len(vix), set(vix["basis"]), set(vix["source"])) == (3, {"raw"}, {"files"})


def test_credentials_that_are_refused_are_a_line_without_them(
    tmp_path: Path, vendor: HttpPeer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APCA_API_SECRET_KEY", "wrong-but-still-secret")
    home = home_of(tmp_path / "home", url=vendor.url)

    assert status_of(["ingest", "--from", "2024-07-01", "--to", "2024-07-03", "--home", str(home)]) == 1

    said = capsys.readouterr()
    assert "APCA_API_KEY_ID" in said.err
    assert "wrong-but-still-secret" not in said.out + said.err
    assert_no_secret_in(home, said.out, said.err)


def test_a_replay_is_stored_once_and_counted(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    arguments = ["ingest", "--live", *REPLAY, "--format", "json", "--home", str(tmp_path)]

    statuses = [status_of(arguments), status_of(arguments)]

    said = capsysbinary.readouterr()
    lines = [row for row in said.out.decode().splitlines() if '"bars"' in row]
    counts = [json.loads(line.strip("[],")) for line in lines]
    assert statuses == [0, 0]
    assert [(row["accepted"], row["duplicates"]) for row in counts] == [(84, 0), (0, 84)]
    assert b"SIMULATED" in said.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--source", "yahoo"], "has no stream"),
        (["--source", "alpaca", "--speed", "2"], "alpaca is live"),
        (["--source", "simulated", "--speed", "0"], "above 0"),
        (["--source", "simulated", "--refresh"], "for history"),
        (["--source", "simulated", "--symbols", ","], "names none"),
    ],
)
def test_wrong_use_is_said_before_a_home_is_made(
    arguments: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["ingest", "--live", *arguments, "--home", str(tmp_path / "home")]) == 2

    assert word in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_a_stream_that_refuses_is_one_line_and_what_came_before_is_stored(
    tmp_path: Path, vendor: HttpPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    with AlpacaStreamPeer() as peer:
        home = home_of(tmp_path / "home", url=vendor.url, stream_url=peer.url)

        def play_and_refuse() -> None:
            peer.wait_for_listeners(60)
            peer.play(minute_bars(SYMBOLS, LAST, 10))
            peer.refuse(409, "insufficient subscription")

        playing = threading.Thread(target=play_and_refuse)
        playing.start()
        status = status_of(["ingest", "--live", "--home", str(home)])
        playing.join()

    said = capsys.readouterr()
    assert status == 1
    assert "insufficient subscription" in said.err
    store = open_store(home)
    rows = store.read("bars", timeframe="5min")
    store.close()
    assert len(rows) == 4
    assert (rows["known_at"] > pd.Timestamp("2024-07-03 14:00", tz="UTC")).all()
    assert_no_secret_in(home, said.out, said.err)

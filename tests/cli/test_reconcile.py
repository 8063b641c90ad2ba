"""`fabline reconcile`: a second vendor is asked, compared and told of, and nothing of it becomes a bar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines import environment
from pipelines.cli.main import status_of
from resources import clock, sources
from resources.home import Home
from resources.store import store_at
from tests.peers.alpaca_http import AlpacaHistory, actions_as_written, bars_as_written
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.http_peer import HttpPeer
from tests.peers.patience import impatient
from tests.peers.yahoo import YahooPeer
from trading import calendar
from trading.testing.market import SimulatedMarket

SYMBOLS = ("NVDA", "AMD")
FIRST, LAST = calendar.session_of("2024-06-03"), calendar.session_of("2024-06-28")
ASKED = ("--from", "2024-06-03", "--to", "2024-06-28", "--symbols", "NVDA,AMD")
WRONG = calendar.session_of("2024-06-18")
PRICES = ["open", "high", "low", "close"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FABLINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    monkeypatch.setattr(sources, "transport_of", lambda vendor, _policy: impatient(vendor))
    return tmp_path / "home"


def alpaca_of(bars: pd.DataFrame) -> AlpacaHistory:
    actions = actions_as_written(SimulatedMarket().actions(SYMBOLS, FIRST, LAST))
    return AlpacaHistory({"1Day": bars_as_written(bars)}, actions)


def one_close_wrong(bars: pd.DataFrame) -> pd.DataFrame:
    hit = (bars["symbol"].eq("AMD") & bars["session"].eq(WRONG)).to_numpy()
    return bars.assign(close=np.where(hit, bars["low"] * 1.0001, bars["close"]))


@pytest.fixture
def vendors(capfd: pytest.CaptureFixture[str]) -> Iterator[HttpPeer]:
    """A home of SIMULATED bars as Yahoo tells them, and an Alpaca that says otherwise of one close."""
    market = SimulatedMarket()
    with YahooPeer(now=clock.now) as yahoo:
        said = alpaca_of(one_close_wrong(market.bars(SYMBOLS, FIRST, LAST)))
        with HttpPeer(said) as alpaca:
            for name, value in (("url", yahoo.url), ("against_url", alpaca.url), ("feed", "sip")):
                assert status_of(["config", "set", f"source.{name}", value]) == 0
            assert status_of(["ingest", "--source", "yahoo", *ASKED]) == 0
            capfd.readouterr()
            yield alpaca


def answer(capfd: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert status_of(["reconcile", *options, "--format", "json"]) == 0
    told: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    return told


def table(home: Path, name: str) -> pd.DataFrame:
    store = store_at(home / "tables", home / "fabline.db", create=False)
    try:
        return store.read(name, revisions=True)
    finally:
        store.close()


@pytest.mark.usefixtures("vendors")
def test_alpaca_is_asked_about_the_bars_of_yahoo_and_the_one_wrong_close_is_found(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = table(home, "bars"), table(home, "data_quality")

    told = answer(capfd, "--against", "alpaca")

    assert [(row["symbol"], row["compared_by"], row["bars"], row["disagreed"]) for row in told] == [
        ("NVDA", "prices", 19, 0),
        ("AMD", "prices", 19, 1),
    ]
    rows, findings = table(home, "reconciliation"), table(home, "findings")
    assert set(zip(rows["left"], rows["right"], strict=True)) == {("yahoo", "alpaca")}
    bad = rows[~rows["agrees"]]
    assert (bad["session"].tolist(), bad["field"].tolist()) == ([WRONG], ["close"])
    said = findings[findings["rule"].eq("disagreement")]
    assert said["session"].tolist() == [WRONG]
    assert "close: yahoo" in said["detail"].iloc[0]
    pd.testing.assert_frame_equal(table(home, "bars"), before[0])
    quality = table(home, "data_quality").drop_duplicates(["session", "symbol"], keep="last")
    assert before[1]["accuracy"].isna().all()
    assert quality.set_index(["symbol", "session"]).loc[("AMD", WRONG), "accuracy"] == 0.8
    assert quality["accuracy"].eq(1.0).sum() == 37


@pytest.mark.usefixtures("vendors")
def test_asked_again_it_writes_nothing_new_and_the_ui_shows_what_was_found(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer(capfd, "--against", "alpaca")
    before = {name: table(home, name) for name in ("reconciliation", "findings", "data_quality")}

    answer(capfd, "--against", "alpaca")

    for name, rows in before.items():
        pd.testing.assert_frame_equal(table(home, name), rows)
    with environment.dagster_of(Home.open(home)) as instance:
        import dagster as dg

        seen = instance.fetch_observations(dg.AssetKey("bars"), limit=5).records
    metadata = seen[0].asset_observation.metadata if seen[0].asset_observation else {}
    assert len(seen) == 2
    assert "compared" in metadata


def adjusted_folder(folder: Path) -> Path:
    """The market as a file holds it that a vendor adjusted by its actions, as pandas does it row by row."""
    market = SimulatedMarket()
    bars = market.bars(SYMBOLS, FIRST, LAST)
    for action in market.actions(SYMBOLS, FIRST, LAST).itertuples():
        early = bars["symbol"].eq(action.symbol) & bars["session"].lt(action.session)
        closes = bars.loc[early, "close"]
        by = 1 / action.ratio if action.kind == "split" else 1 - action.amount / closes.iloc[-1]
        bars.loc[early, PRICES] *= by
    (folder / "daily").mkdir(parents=True)
    columns = ["symbol", "session", *PRICES, "volume"]
    bars[columns].to_parquet(folder / "daily/panel_adjusted.parquet", index=False)
    vix = market.bars(("VIX",), FIRST, LAST)
    vix[columns[:-1]].to_parquet(folder / "daily/vix.parquet", index=False)
    return folder


@pytest.mark.usefixtures("vendors")
def test_a_folder_of_adjusted_bars_is_no_other_opinion_than_raw_ones(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = answer(capfd, "--against", "files", "--data", str(adjusted_folder(tmp_path / "files")))

    assert {(row["right"], row["compared_by"]) for row in told} == {("files", "shape and returns")}
    assert [row["disagreed"] for row in told] == [0, 0]
    assert all(row["values"] == 19 * 3 + 18 * 2 for row in told)


@pytest.mark.usefixtures("vendors")
@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--against", "yahoo"], 2, "the home's own source"),
        (["--against", "files"], 2, "--data DIR"),
        (["--against", "alpaca", "--basis", "raw"], 2, "are of --against files"),
        (["--against", "alpaca", "--symbols", "MU"], 2, "held are NVDA, AMD"),
        (["--against", "alpaca", "--timeframe", "5min"], 1, "holds no 5min bars"),
        (["--against", "alpaca", "--from", "2024-08-01"], 1, "2024-06-03 to 2024-06-28, none of those asked"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    capfd: pytest.CaptureFixture[str], options: list[str], status: int, said: str
) -> None:
    assert status_of(["reconcile", *options]) == status

    error = capfd.readouterr().err.strip()
    assert said in error
    assert len(error.splitlines()) == 1


def test_a_vendor_that_does_not_answer_is_named_and_the_status_is_bad(
    home: Path, vendors: HttpPeer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APCA_API_SECRET_KEY", "wrong")

    assert status_of(["reconcile", "--against", "alpaca"]) == 1

    said = capfd.readouterr()
    assert "failed: 1D bars of NVDA, 2024-06-03 to 2024-06-28: alpaca" in said.err
    assert "0 values compared" in said.out
    assert table(home, "reconciliation").empty
    assert vendors.url not in said.err


@pytest.mark.usefixtures("vendors")
def test_without_credentials_it_is_wrong_use_and_nobody_is_asked(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APCA_API_KEY_ID")

    assert status_of(["reconcile", "--against", "alpaca"]) == 2

    said = capfd.readouterr()
    assert said.out == ""
    assert "needs credentials" in said.err.splitlines()[-1]


def test_a_simulated_home_has_no_second_vendor(capfd: pytest.CaptureFixture[str]) -> None:
    assert status_of(["reconcile", "--against", "yahoo"]) == 1
    assert "no home" in capfd.readouterr().err
    assert status_of(["ingest", "--source", "simulated", *ASKED]) == 0

    assert status_of(["reconcile", "--against", "yahoo"]) == 1
    assert "SIMULATED" in capfd.readouterr().err

"""The line from Yahoo, against a peer: the same trades as from the market itself, and one line without a network."""

from pathlib import Path

import pandas as pd
import pytest

from pipelines import settings
from pipelines.cli.main import FAILED, status_of
from pipelines.wiring import Workshop
from resources import clock, sources
from tests.e2e.homes import FIRST, LAST, SMALL, SMALL_FILE, materialise, workshop_at
from tests.peers.patience import impatient
from tests.peers.yahoo import YahooPeer


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "transport_of", lambda vendor, _policy: impatient(vendor))


def table_of(workshop: Workshop, name: str) -> pd.DataFrame:
    opened = workshop.open()
    try:
        return opened.store.read(name, FIRST, LAST)
    finally:
        opened.store.close()


def test_a_run_from_yahoo_trades_as_one_from_the_market_itself(
    made_in_one_run: Workshop, tmp_path: Path
) -> None:
    """Splits between then and now divide Yahoo's past, so only raw bars can give the same fills."""
    with YahooPeer(now=clock.now) as peer:
        chosen = SMALL.with_value("source.name", "yahoo").with_value("source.url", peer.url)
        workshop = workshop_at(tmp_path / "home", chosen)
        materialise(workshop, FIRST, LAST)

    values = ["session", "symbol", "open", "high", "low", "close", "volume"]
    assert table_of(workshop, "bars")[values].equals(table_of(made_in_one_run, "bars")[values])
    fills = table_of(workshop, "fills")
    assert len(fills)
    assert fills.drop(columns="known_at").equals(table_of(made_in_one_run, "fills").drop(columns="known_at"))


@pytest.mark.parametrize("command", ["run", "ingest"])
def test_without_a_network_a_command_says_so_in_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with YahooPeer(now=clock.now) as peer:
        address = peer.url  # nobody listens there afterwards
    settings.set_values(tmp_path, SMALL_FILE | {"source.url": address})

    status = status_of([command, "--source", "yahoo", "--to", "2024-04-05", "--home", str(tmp_path)])

    told = capsys.readouterr()
    assert (status, told.out) == (FAILED, "")
    assert told.err.startswith("error: yahoo gives no first session: the connection was refused or lost")
    assert told.err.count("\n") == 1

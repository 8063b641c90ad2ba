"""A home in which a challenger trades on paper beside the main strategy, made by the graph."""

from pathlib import Path

import pytest

from pipelines import environment, settings
from pipelines.cli.main import status_of
from pipelines.in_memory import run_in_memory
from pipelines.wiring import Workshop
from resources.arrow_frames import to_arrow
from tests.e2e.homes import FIRST, SMALL, SMALL_FILE, materialise, same_bytes, workshop_at
from trading import calendar
from trading.execution.lifecycle import WORKING

Told = pytest.CaptureFixture[str]
OVERRIDES = {"trading.limits.volatility_target": 0.4, "signals.selection": "tilt"}
LAST = calendar.shift(FIRST, 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A home of two sessions, with its settings in its file."""
    path, challenger = tmp_path_factory.mktemp("two") / "home", {}
    given = SMALL
    for name, value in OVERRIDES.items():
        challenger[f"strategies.b.{name}"] = value
        given = given.with_value(f"strategies.b.{name}", value)
    environment.open_or_create(path)
    settings.set_values(path, {**SMALL_FILE, **challenger})
    workshop = workshop_at(path, given)
    materialise(workshop, FIRST, LAST)
    return workshop


@pytest.fixture
def path(made: Workshop) -> Path:
    return made.home.path


def test_the_graph_and_the_line_in_memory_make_the_same_bytes(made: Workshop) -> None:
    opened = made.open()
    market = {table: opened.store.read(table) for table in ("bars", "corporate_actions")}
    line = run_in_memory(made.settings, FIRST, LAST, market=market)
    pairs = {table: (opened.store.read(table), line.read(table)) for table in made.plan.makers}
    opened.store.close()
    assert [
        table for table, (a, b) in pairs.items() if not same_bytes(to_arrow(table, a), to_arrow(table, b))
    ] == []
    assert set(pairs["performance"][0]["strategy"]) == {"b", "swing"}


def test_both_are_shown(path: Path, capfd: Told) -> None:
    assert status_of(["show", "performance", "--format", "csv", "--home", str(path)]) == 0
    rows = [line.split(",")[1] for line in capfd.readouterr().out.splitlines()[1:]]
    assert sorted(rows) == ["b", "b", "swing", "swing"]


def test_the_last_fill_is_the_main_strategys(path: Path, capfd: Told) -> None:
    assert status_of(["explain", "last", "--format", "json", "--home", str(path)]) == 0
    assert '"swing"' in capfd.readouterr().out


def test_the_report_says_which_is_which(path: Path, capfd: Told) -> None:
    assert status_of(["report", "--home", str(path)]) == 0
    page = next(path.glob("reports/*.html")).read_text()
    capfd.readouterr()
    assert "about the strategy swing, the only one that is ever sent to a broker" in page
    assert "fabline compare swing b" in page


@pytest.mark.parametrize(
    ("name", "said"),
    [("b", "b is a challenger and trades on paper only"), ("c", "no strategy 'c'; it has swing, b")],
)
def test_a_challenger_is_never_sent_to_a_broker(path: Path, name: str, said: str, capfd: Told) -> None:
    assert status_of(["trade", "--strategy", name, "--home", str(path)]) == 2
    assert said in capfd.readouterr().err


def test_only_the_main_strategys_orders_are_sent(path: Path, made: Workshop, capfd: Told) -> None:
    assert status_of(["trade", "--format", "json", "--home", str(path)]) == 0
    out = capfd.readouterr().out
    opened = made.open()
    rows = opened.store.read("orders")
    opened.store.close()
    orders = rows.groupby("strategy")["order_id"].agg(set)
    last = rows[(rows["session"] == LAST) & (rows["strategy"] == "swing") & rows["status"].isin(WORKING)]
    assert all(name in out for name in last["order_id"])
    assert len(orders["b"])
    assert not any(name in out for name in orders["b"])

"""The universe is a file: what it may hold, and that a name more needs nothing but a row more."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trading.errors import SchemaError, UsageError
from trading.universe import (
    BENCHMARKS,
    CONTEXT_SYMBOLS,
    INSTRUMENTS,
    SYMBOLS,
    groups,
    instrument,
    parsed,
)

ROOT = Path(__file__).parents[2]
HEAD = "symbol,name,role,group,gics_code,gics,listed,exchange"
MRVL = "MRVL,Marvell Technology,stock,networking,45301020,Semiconductors,2000-06-27,XNAS"


def test_the_ten_names_and_their_context_are_in_the_order_of_the_file() -> None:
    assert SYMBOLS == ("NVDA", "AMD", "ASML", "TSM", "INTC", "QCOM", "AVGO", "MU", "SMCI", "ARM")
    assert CONTEXT_SYMBOLS == ("SPY", "QQQ", "SMH", "VIX")
    assert [i.role for i in BENCHMARKS] == ["benchmark"] * 3 + ["index"]


def test_each_company_has_its_place_in_gics_and_the_limit_of_a_group() -> None:
    codes = {i.symbol: i.gics_code for i in INSTRUMENTS if i.role == "stock"}

    assert {code[:4] for code in codes.values()} == {"4530", "4520"}  # semiconductors, hardware
    assert codes["ASML"] == "45301010"
    assert codes["SMCI"] == "45202030"
    assert groups()["TSM"] == "foundry"
    assert instrument("VIX").gics_code == ""


def test_an_unknown_symbol_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="unknown symbol 'MRVL'; the universe holds NVDA, AMD"):
        instrument("MRVL")


def test_a_row_more_is_an_instrument_more() -> None:
    (made,) = parsed(f"{HEAD}\n{MRVL}\n")

    assert (made.symbol, made.group, made.exchange) == ("MRVL", "networking", "XNAS")
    assert not made.trades_on(made.listed.replace(year=1999))
    assert made.trades_on(made.listed)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("symbol,name\nMRVL,Marvell\n", "must begin with the line symbol,name,role"),
        ("", "must begin with the line"),
        (f"{HEAD}\n{MRVL}\n{MRVL}\n", "line 3: MRVL is there already"),
        (f"{HEAD}\n{MRVL.replace('networking', '')}\n", "line 2: group is empty"),
        (f"{HEAD}\nMRVL,Marvell\n", "line 2: role, group, gics, listed, exchange is empty"),
        (f"{HEAD}\n{MRVL},more\n", "line 2: too many cells"),
        (f"{HEAD}\n{MRVL.replace('stock', 'bond')}\n", "the role 'bond' is not one of stock"),
        (f"{HEAD}\n{MRVL.replace('2000-06-27', '27.6.2000')}\n", "'27.6.2000' is no date"),
    ],
)
def test_a_row_that_is_none_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        parsed(text)


SHORT_LINE = """
import json
import pandas as pd
from pipelines.in_memory import run_in_memory
from pipelines.settings import Settings
from trading import calendar
from trading.universe import SYMBOLS, groups
first = calendar.session_of("2024-01-02")
store = run_in_memory(Settings(burn_in_sessions=30), first, calendar.shift(first, 2))
held = {name: sorted(store.read(name)["symbol"].unique()) for name in ("bars", "features", "target_portfolio")}
print(json.dumps({"symbols": SYMBOLS, "group": groups().get("MRVL"), "held": held}))
"""


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    """The program with an eleventh name in its file; every other byte is the same."""
    for room in ("models", "resources", "assets", "pipelines"):
        (tmp_path / room).symlink_to(ROOT / room)
    shutil.copytree(ROOT / "trading", tmp_path / "trading", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "trading" / "universe.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:11], MRVL, *lines[11:]]) + "\n")
    return tmp_path


def test_an_eleventh_name_in_the_file_goes_through_the_whole_line(grown: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(grown), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SHORT_LINE],
        cwd=grown,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["symbols"] == [*SYMBOLS, "MRVL"]
    assert told["group"] == "networking"
    assert all("MRVL" in held for held in told["held"].values())

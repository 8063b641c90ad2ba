"""The core takes values and gives values: no clock, no environment, no network, whatever the import rules miss."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = sorted(path for room in ("trading", "models") for path in (ROOT / room).rglob("*.py"))
IMPURE_MODULES = {"os", "time", "socket", "subprocess", "urllib", "requests", "httpx", "logging", "tempfile"}
IMPURE_CALLS = {"now", "utcnow", "today", "getenv", "urlopen", "input", "print"}


def impurities(source: str) -> list[str]:
    """What a module imports or calls that makes its results depend on more than its arguments."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in IMPURE_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in IMPURE_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found += [name] if name in IMPURE_CALLS else []
    return found


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_of_the_core_asks_nobody_but_its_arguments(path: Path) -> None:
    assert impurities(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import os\nfolder = os.environ['HOME']",
        "from time import monotonic",
        "import pandas as pd\nmoment = pd.Timestamp.now('UTC')",
        "import datetime as dt\nday = dt.date.today()",
        "from urllib.request import urlopen",
    ],
)
def test_a_clock_an_environment_or_a_network_is_found(source: str) -> None:
    assert impurities(source) != []

"""A version's name follows from its code: what counts as a change, and what does not."""

import importlib
import sys
import textwrap
from pathlib import Path

import pytest

from models.forecasters.catalogue import CATALOGUE, model_spec
from resources import source_digest
from resources.source_digest import code_of, statements_of, with_code
from trading.stages.training import made_of

PLAIN = """
def double(x: float) -> float:
    return 2 * x
"""


def test_comments_docstrings_and_layout_do_not_count() -> None:
    told = '''
"""What this is for."""

def double(
    x: float,
) -> float:
    """Twice as much."""
    # said again
    return (2
            * x)
'''
    assert statements_of(told) == statements_of(PLAIN)


@pytest.mark.parametrize(
    ("old", "new"), [("2", "3"), ("2", "2.0"), ("*", "+"), ("x: float", "x: float = 1"), ("return", "yield")]
)
def test_every_statement_and_number_counts(old: str, new: str) -> None:
    assert statements_of(PLAIN.replace(old, new)) != statements_of(PLAIN)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A room of three modules: one imports the next inside of a function, and that one a third."""
    folder = tmp_path / "made_room"
    folder.mkdir()
    written = {
        "__init__": "",
        "outer": "def f():\n    from made_room import middle\n    return middle.g()",
        "middle": "from made_room.inner import h\ndef g():\n    return h()",
        "inner": "def h():\n    return 1",
        "aside": "VALUE = 1",
    }
    for name, text in written.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(source_digest, "ROOM", "made_room")
    yield folder
    for name in [name for name in sys.modules if name.startswith("made_room")]:
        del sys.modules[name]


def digest_now(room: Path, name: str, text: str) -> str:
    (room / f"{name}.py").write_text(textwrap.dedent(text))
    importlib.invalidate_caches()
    code_of.cache_clear()
    source_digest._told.cache_clear()
    return code_of("made_room.outer")


def test_what_is_imported_counts_however_deep_and_nothing_else(room: Path) -> None:
    before = digest_now(room, "aside", "VALUE = 1")

    assert digest_now(room, "aside", "VALUE = 2") == before
    assert digest_now(room, "inner", "# the same\ndef h():\n    return 1") == before
    assert digest_now(room, "inner", "def h():\n    return 2") != before


def test_a_model_rests_on_the_modules_that_it_loads_late() -> None:
    """TSMamba's module imports the scan and the training loop inside of functions only."""
    read: list[str] = []
    kept = source_digest._source
    source_digest._source = lambda name: read.append(name) or kept(name)
    try:
        source_digest._told.cache_clear()
        code_of.__wrapped__("models.forecasters.tsmamba")
    finally:
        source_digest._source = kept
    assert {"models.layers.selective_scan", "models.layers.scan_kernels", "models.training.loop"} <= set(read)


def test_the_models_of_a_home_have_their_code_in_what_they_are_made_of() -> None:
    spec = model_spec("ridge")

    assert with_code(spec).code_version.startswith("1.")
    assert made_of(with_code(spec)) != made_of(spec)
    assert (
        len({with_code(spec).code_version for spec in CATALOGUE}) >= len(CATALOGUE) - 2
    )  # some share a module

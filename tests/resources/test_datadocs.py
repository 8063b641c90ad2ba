"""Data Docs: whole pages that need nothing from elsewhere, whoever writes them and whenever one is killed."""

import json
import multiprocessing
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from resources import expectations
from resources.expectations import Verdict, write_data_docs
from trading.errors import HomeError
from trading.testing.market_frames import bars_frame
from trading.universe import SYMBOLS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def good() -> Verdict:
    return expectations.validate_bars(bars_frame({symbol: [100.0] for symbol in SYMBOLS}, "2024-07-05"))


@pytest.fixture(scope="module")
def bad() -> Verdict:
    bars = bars_frame({symbol: np.full(2, 100.0) for symbol in SYMBOLS}, "2024-07-05")
    bars.loc[(bars["symbol"] == "TSM") & (bars["session"] == "2024-07-03"), "volume"] = -7.0
    return expectations.validate_bars(bars)


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def linked(folder: Path) -> set[Path]:
    """Result pages to which the first page has a link."""
    links = re.findall(r'href="(validations/[^"]+)"', (folder / "index.html").read_text())
    return {folder / link for link in links}


def whole(folder: Path) -> bool:
    """Whether every page and every result can be read to its end, and the first page knows all of them."""
    for path in folder.rglob("*.json"):
        json.loads(path.read_text())
    ends = all(path.read_text().rstrip().endswith("</html>") for path in pages(folder))
    return ends and linked(folder) == set((folder / "validations").rglob("*.html"))


def test_the_first_page_lists_each_suite_with_what_became_of_it(
    tmp_path: Path, good: Verdict, bad: Verdict
) -> None:
    page = write_data_docs([good, bad], tmp_path, run="2024-07-03_2024-07-05")
    text = page.read_text()
    assert page == tmp_path / "index.html"
    assert all(suite in text for suite in ("bars", "bar_sessions", "bar_arrivals"))
    assert text.count("2024-07-03_2024-07-05</a>") == len(linked(tmp_path)) == 6
    assert text.count("fa-times") - text.count(".fa-times") == 1  # one of the six results was not met


def test_a_failed_result_names_symbol_session_and_value(tmp_path: Path, bad: Verdict) -> None:
    write_data_docs([bad], tmp_path, run="bad")
    (page,) = [path for path in linked(tmp_path) if "/bars/" in str(path)]
    text = page.read_text()
    assert "volume is not negative" in text
    assert all(said in text for said in ("-7.0", "TSM", "2024-07-03"))


def test_no_page_needs_anything_from_elsewhere(tmp_path: Path, good: Verdict) -> None:
    write_data_docs([good], tmp_path, run="good")
    loaded = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=|url\(|@import")
    assert not [path for path in pages(tmp_path) if loaded.search(path.read_text())]


def test_every_link_within_the_site_leads_somewhere(tmp_path: Path, good: Verdict) -> None:
    write_data_docs([good], tmp_path, run="good")
    for page in pages(tmp_path):
        for link in re.findall(r'href="([^"#]+)', page.read_text()):
            assert link.startswith("https://greatexpectations.io") or (page.parent / link).resolve().is_file()


def test_every_page_of_a_simulated_market_says_so_and_none_of_a_real_one(
    tmp_path: Path, good: Verdict
) -> None:
    for name, simulated in (("made_up", True), ("real", False)):
        write_data_docs([good], tmp_path / name, run="good", simulated=simulated)

    assert all("SIMULATED" in path.read_text() for path in pages(tmp_path / "made_up"))
    assert not [path for path in pages(tmp_path / "real") if "SIMULATED" in path.read_text()]


def test_writing_the_same_again_changes_nothing(tmp_path: Path, good: Verdict) -> None:
    write_data_docs([good], tmp_path, run="good")
    before = pages(tmp_path)
    write_data_docs([good], tmp_path, run="good")
    assert pages(tmp_path) == before


def test_only_the_newest_results_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: Verdict, bad: Verdict
) -> None:
    from resources import datadocs

    monkeypatch.setattr(datadocs, "KEPT_RESULTS", 1)
    write_data_docs([good], tmp_path, run="older")
    write_data_docs([bad], tmp_path, run="newer")
    assert whole(tmp_path)
    assert {path.parts[-3] for path in linked(tmp_path)} == {"newer"}
    assert {path.parts[-3] for path in (tmp_path / "results").rglob("*.json")} == {"newer"}


def _write(folder: Path, verdict: Verdict, run: str) -> None:
    write_data_docs([verdict], folder, run=run)


WRITER = """
import pathlib, pickle, sys
from resources.expectations import write_data_docs

folder, verdict, run = sys.argv[1:]
write_data_docs([pickle.loads(pathlib.Path(verdict).read_bytes())], pathlib.Path(folder), run=run)
"""


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path, good: Verdict) -> None:
    docs, kept = tmp_path / "docs", tmp_path / "verdict"
    kept.write_bytes(pickle.dumps(good))
    write_data_docs([good], docs, run="first")
    runs = [f"writer_{number}" for number in range(2)]
    command = [sys.executable, "-W", "ignore", "-c", WRITER, str(docs), str(kept)]
    writers = [subprocess.Popen([*command, run], cwd=ROOT) for run in runs]
    assert [writer.wait(120) for writer in writers] == [0] * len(runs)
    assert whole(docs)
    assert {path.parts[-3] for path in linked(docs)} == {"first", *runs}


def _write(folder: Path, verdict: Verdict, run: str) -> None:
    write_data_docs([verdict], folder, run=run)


def test_a_writer_waits_for_its_turn(tmp_path: Path, good: Verdict) -> None:
    from resources import datadocs

    writer = multiprocessing.get_context("fork").Process(target=_write, args=(tmp_path, good, "second"))
    with datadocs._alone(tmp_path):
        writer.start()
        writer.join(1.5)  # writing takes half a second
        assert writer.is_alive()
        assert not pages(tmp_path)
    writer.join(60)
    assert whole(tmp_path)
    assert linked(tmp_path)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("survives", [0, 1, 3, 5, 8])
def test_a_writer_that_is_killed_leaves_whole_pages_and_the_next_one_mends_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: Verdict, bad: Verdict, survives: int
) -> None:
    from resources import datadocs

    write_data_docs([good], tmp_path, run="before")
    with monkeypatch.context() as patch:
        patch.setattr(datadocs, "write_atomically", dying(survives))
        with pytest.raises(Killed):
            write_data_docs([bad], tmp_path, run="killed")
    assert all(path.read_text().rstrip().endswith("</html>") for path in pages(tmp_path))
    write_data_docs([bad], tmp_path, run="after")
    assert whole(tmp_path)
    assert {"before", "after"} <= {path.parts[-3] for path in linked(tmp_path)}


def dying(survives: int) -> Callable[[Path, bytes], None]:
    """A writer of files that ends in the middle of one, after `survives` whole ones."""
    from resources.files import write_atomically

    def write(path: Path, content: bytes) -> None:
        nonlocal survives
        if not survives:
            path.with_name(f".{path.name}.1").write_bytes(content[: len(content) // 2])
            raise Killed
        survives -= 1
        write_atomically(path, content)

    return write


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, good: Verdict) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(HomeError, match=r"Data Docs cannot be written to .*taken"):
        write_data_docs([good], tmp_path / "taken", run="good")

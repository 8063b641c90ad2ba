"""The report on paper: what the browser prints, and what becomes of browsers that cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.report.pdf import browser, print_pdf, target_of
from trading.errors import HomeError, UsageError

PAGE = (
    "<!doctype html><title>SIMULATED report</title><style>@page { size: A4; @bottom-right { content: counter(page); } }"
    "p { break-before: page; }</style><h1>First</h1><p>Second</p><p>Third</p><svg><path d='M0 0L9 9'/></svg>"
)
needs_browser = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("chromium", "google-chrome")), reason="needs headless Chromium"
)


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for what is temporary, so that a test sees what is left."""
    place = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))  # short: a browser's sockets live in it
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(PAGE)
    return path


def program(tmp_path: Path, script: str) -> str:
    """A stand-in for a browser: a shell script; `$out` is where the PDF is wanted."""
    path = tmp_path / "browser.sh"
    path.write_text(
        f'#!/bin/sh\nfor a in "$@"; do case $a in --print-to-pdf=*) out=${{a#*=}};; esac; done\n{script}\n'
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.browser
@needs_browser
def test_a_page_is_printed_with_its_breaks_its_title_and_nothing_left_behind(
    page: Path, scratch: Path
) -> None:
    path = print_pdf(page, page.with_name("report.pdf"), seconds=110)
    raw = path.read_bytes()

    assert raw.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", raw)) == 3
    assert b"(SIMULATED report)" in raw
    assert b"/Subtype /Image" not in raw
    assert list(scratch.iterdir()) == []
    assert sorted(p.name for p in path.parent.iterdir()) == ["report.html", "report.pdf"]


def test_a_browser_that_hangs_is_killed_with_what_it_started(
    tmp_path: Path, page: Path, scratch: Path
) -> None:
    told = tmp_path / "child"
    hanging = program(tmp_path, f"sleep 300 & echo $! > {told}; wait")

    with pytest.raises(HomeError, match="had not printed the report after 1 s"):
        print_pdf(page, tmp_path / "a.pdf", named=hanging, seconds=1)

    assert not runs(int(told.read_text()))
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "a.pdf").exists()


def runs(pid: int) -> bool:
    """Whether a process is still there after a moment; one that waits to be reaped is not."""
    for _ in range(50):
        listed = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        if listed.stdout.strip()[:1] in ("", "Z"):
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize(
    "script", ["echo cannot open display >&2; exit 1", "exit 0", 'printf "%%PDF-1.7 and no more" > "$out"']
)
def test_what_is_no_whole_pdf_never_replaces_one(
    tmp_path: Path, page: Path, scratch: Path, script: str
) -> None:
    old = tmp_path / "a.pdf"
    old.write_bytes(b"old")

    with pytest.raises(HomeError, match="made no PDF") as caught:
        print_pdf(page, old, named=program(tmp_path, script))

    assert old.read_bytes() == b"old"
    assert ("cannot open display" in str(caught.value)) == ("display" in script)
    assert list(scratch.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_the_old_file(
    tmp_path: Path, page: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    whole = program(tmp_path, 'printf "%%PDF-1.7\\n%%%%EOF\\n" > "$out"')
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(HomeError, match="No space left on device"):
        print_pdf(page, tmp_path / "a.pdf", named=whole)

    assert sorted(p.name for p in tmp_path.iterdir()) == ["browser.sh", "report.html"]
    assert list(scratch.iterdir()) == []


def test_the_last_of_two_that_print_at_once_is_whole(tmp_path: Path, page: Path) -> None:
    whole = program(tmp_path, 'printf "%%PDF-1.7 $$\\n%%%%EOF\\n" > "$out"')
    command = f"from pathlib import Path; from pipelines.report.pdf import print_pdf; print_pdf(Path({str(page)!r}), Path({str(tmp_path / 'a.pdf')!r}), named={whole!r})"
    other = subprocess.Popen([sys.executable, "-c", command])
    while other.poll() is None:
        print_pdf(page, tmp_path / "a.pdf", named=whole)

    assert other.returncode == 0
    assert re.fullmatch(rb"%PDF-1.7 \d+\n%%EOF\n", (tmp_path / "a.pdf").read_bytes())


def test_a_long_path_of_temporary_files_is_avoided(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    told = program(
        tmp_path, f'echo "$TMPDIR" > {tmp_path / "where"}; printf "%%PDF-1.7\\n%%%%EOF\\n" > "$out"'
    )

    print_pdf(page, tmp_path / "a.pdf", named=told)

    where = (tmp_path / "where").read_text().strip()
    assert len(where) < 60
    assert not Path(where).exists()


def test_a_place_must_be_a_file_in_a_folder_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder: name a file"):
        target_of(tmp_path)
    with pytest.raises(UsageError, match="is not there: make it"):
        target_of(tmp_path / "no" / "report.pdf")


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)

    with pytest.raises(UsageError, match="apt-get install chromium"):
        browser()
    with pytest.raises(UsageError, match=r"there is no browser at .*/none"):
        browser(str(tmp_path / "none"))

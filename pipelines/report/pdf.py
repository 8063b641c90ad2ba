"""The report on paper: its HTML file printed by a headless browser.

Charts are drawn in the file itself, so that nothing is left to wait for once it is loaded. Page numbers are in
the style sheet (margin boxes of CSS), not in the browser's own header, which would print the file's path.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from resources.files import write_atomically
from trading.errors import HomeError, UsageError

BROWSERS: tuple[str, ...] = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge",
)  # fmt: skip
TIMEOUT_SECONDS = 120.0
_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
_QUIET: tuple[str, ...] = (
    "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
    "--no-pdf-header-footer", "--generate-pdf-document-outline",
)  # fmt: skip
_WORDS_OF_BROWSER = 300
_BRIEF, _SHORT = "/tmp", 32  # noqa: S108 - a folder of its own is made in it, with a name that nobody can guess


def browser(named: str = "") -> str:
    """The browser that prints: the one that is named, or the first of `BROWSERS` on the path.

    Raises
    ------
    UsageError
        If there is none, saying what to install.
    """
    if named:
        found = shutil.which(named)
        if found is None:
            raise UsageError(f"there is no browser at {named}: name a Chromium or Chrome that can be run")
        return found
    for name in (*BROWSERS, _MAC):
        if found := shutil.which(name):
            return found
    raise UsageError(
        "a PDF needs a browser, and there is none on the path: install one (Debian: apt-get install chromium), "
        "or name it with --browser or FABLINE_BROWSER; fabline report writes the HTML without one"
    )


def target_of(path: Path) -> Path:
    """`path` made absolute, if a file can be put there.

    Raises
    ------
    UsageError
        If it is a folder, or its folder is not there.
    """
    absolute = path.expanduser().absolute()
    if absolute.is_dir():
        raise UsageError(f"{absolute} is a folder: name a file, such as {absolute / 'report.pdf'}")
    if not absolute.parent.is_dir():
        raise UsageError(f"the folder {absolute.parent} is not there: make it, or name another file")
    return absolute


def print_pdf(page: Path, path: Path, *, named: str = "", seconds: float = TIMEOUT_SECONDS) -> Path:
    """Print the HTML file `page` into the PDF file `path`, in one piece, and say where it is.

    Parameters
    ----------
    named : the browser; empty takes what is on the path
    seconds : after which a browser that hangs is killed with all that it started

    Raises
    ------
    UsageError
        If there is no browser or no such place.
    HomeError
        If the browser hangs or makes no PDF, or the file cannot be written.
    """
    program, place = browser(named), target_of(path)
    try:
        with _scratch() as scratch:
            printed = Path(scratch) / "report.pdf"
            said = _print(program, page, printed, seconds)
            write_atomically(place, _whole(printed, program, said))
    except OSError as error:
        raise HomeError(f"the PDF cannot be written to {place}: {error.strerror or error}") from None
    return place


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for the browser, whose sockets live in it: their paths may have no more than 107 characters."""
    usual = tempfile.gettempdir()
    place = usual if len(usual) <= _SHORT or not os.access(_BRIEF, os.W_OK) else _BRIEF
    return tempfile.TemporaryDirectory(
        prefix=f"fabline-pdf-{os.getpid()}-", dir=place, ignore_cleanup_errors=True
    )


def _print(program: str, page: Path, printed: Path, seconds: float) -> str:
    """What the browser had to say."""
    own = printed.parent
    command = [
        program, *_QUIET, *(["--no-sandbox"] if _is_root() else []),
        f"--user-data-dir={own / 'profile'}", f"--print-to-pdf={printed}", page.absolute().as_uri(),
    ]  # fmt: skip
    log = own / "browser.log"
    with log.open("wb") as words:
        if not _ended(command, _environment(own), words.fileno(), seconds):
            raise HomeError(
                f"{program} had not printed the report after {seconds:g} s and was ended; try again"
            )
    lines = log.read_text(errors="replace").strip().splitlines()
    fatal = [line for line in lines if "FATAL" in line] or lines
    return "; ".join(fatal)[-_WORDS_OF_BROWSER:]


def _ended(command: Sequence[str], environment: Mapping[str, str], words: int, seconds: float) -> bool:
    """Whether the command came to an end by itself; if not, it and its children are killed."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, env=dict(environment), start_new_session=True
    ) as running:  # fmt: skip
        try:
            running.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        finally:  # also on Ctrl-C; children of an ended browser may be there still
            _kill_group(running.pid)
    return True


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # all gone


def _environment(own: Path) -> dict[str, str]:
    """Ours, but for the places where a browser would leave files behind."""
    places = {name: str(own) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR")}
    return {**os.environ, **places}


def _is_root() -> bool:
    """A browser refuses its sandbox to root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _whole(printed: Path, program: str, said: str) -> bytes:
    raw = printed.read_bytes() if printed.exists() else b""
    if raw.startswith(b"%PDF") and raw.rstrip().endswith(b"%%EOF"):
        return raw
    raise HomeError(f"{program} made no PDF of the report; it said: {said or 'nothing'}")

"""Where the trace of an unexpected failure goes, so that the terminal needs only one line."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

LOG = "errors.log"


def keep(error: BaseException, arguments: Sequence[str]) -> Path:
    """Append the trace of `error` to the home's error log, and say where that is.

    A home that does not exist is not made for it: the trace then goes to the folder for temporary
    files, as it does where the home cannot be written.
    """
    stamp = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    text = "".join([f"--- {stamp} fabline {' '.join(arguments)}\n", *traceback.format_exception(error), "\n"])
    home = _home_of(arguments)
    if home.is_dir():
        try:
            return _append(home / "logs" / LOG, text)
        except OSError:
            pass
    return _append(Path(tempfile.gettempdir()) / f"fabline-{os.getuid()}-{LOG}", text)


def _home_of(arguments: Sequence[str]) -> Path:
    for option, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if option == "--home":
            return Path(value)
        if option.startswith("--home="):
            return Path(option.removeprefix("--home="))
    return Path(os.environ.get("FABLINE_HOME") or ".fabline")


def _append(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        log.write(text)
    return path

"""Folders that are worked in until the result is moved to its place; those of killed programs are swept."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_SUFFIX, _LOCK = ".draft", "lock"


@contextmanager
def draft_beside(target: Path) -> Iterator[Path]:
    """An empty folder on the disk of `target`, gone afterwards; its lock says that somebody works in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    folder = target.with_name(f".{target.name}.{os.getpid()}{_SUFFIX}")
    lock = _made(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _made(folder: Path) -> IO[str]:
    """The lock of the folder, made new; again where somebody swept it before it was locked."""
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        lock = (folder / _LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return lock
        lock.close()


def _sweep(target: Path) -> None:
    """Remove what killed programs left: the operating system has let go of their locks."""
    for left in target.parent.glob(f".{target.name}.*{_SUFFIX}"):
        with suppress(FileNotFoundError, BlockingIOError), (left / _LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)

"""Long-running programs started together, watched, and stopped without leftovers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import Literal

from trading.errors import HomeError, SourceUnavailableError

HOST = "127.0.0.1"
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 10.0
START_SECONDS = 180.0
PORTS_TRIED = 100
LOG_LINES = 12
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Service:
    """A program to run.

    Attributes
    ----------
    name : of the service and of its log file
    command : program and arguments
    probe : a URL that answers 200 when the service is ready, `tcp:PORT`, or empty if there is nothing to ask
    stop : `leader` sends SIGINT to the program, which stops its children; `group` SIGTERM to all of them
    """

    name: str
    command: tuple[str, ...]
    probe: str = ""
    stop: Literal["leader", "group"] = "leader"

    def is_ready(self) -> bool:
        """Whether the probe answers now."""
        if not self.probe:
            return True
        if self.probe.startswith("tcp:"):
            return _accepts(int(self.probe.removeprefix("tcp:")))
        try:
            with urllib.request.urlopen(self.probe, timeout=5) as answer:  # noqa: S310 - our own http address
                return bool(answer.status == HTTPStatus.OK)
        except (urllib.error.URLError, OSError):
            return False


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def free_port(preferred: int) -> int:
    """`preferred`, or the next port above it that nothing listens on.

    Raises
    ------
    SourceUnavailableError
        If a hundred ports in a row are busy.
    """
    for port in range(preferred, preferred + PORTS_TRIED):
        with socket.socket() as candidate:
            # As servers do: a port whose last connection is still closing counts as free.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                candidate.bind((HOST, port))
                return port
    raise SourceUnavailableError(
        f"the ports {preferred} to {preferred + PORTS_TRIED - 1} are all busy; free one"
    )


class Supervisor:
    """Starts services, each in a process group of its own, and stops all of them.

    Parameters
    ----------
    logs : folder for one log file a service
    environment : variables of the services, all of them
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._running: list[tuple[Service, subprocess.Popen[bytes]]] = []

    def start(self, services: Sequence[Service]) -> None:
        """Start `services` without waiting for them."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for service in services:
            with self.log_of(service).open("wb") as log:
                program = subprocess.Popen(
                    service.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    start_new_session=True,
                    preexec_fn=_in_the_child,  # noqa: PLW1509 - two system calls, no lock taken
                )
            self._running.append((service, program))

    def log_of(self, service: Service) -> Path:
        """The file that holds what `service` prints."""
        return self._logs / f"{service.name}.log"

    def wait_until_ready(
        self, services: Sequence[Service], stopping: Event, seconds: float = START_SECONDS
    ) -> bool:
        """Wait until each of `services` answers; False if `stopping` was set before.

        Raises
        ------
        HomeError
            If a service ends by itself or does not answer in time, with the end of its log.
        """
        deadline = time.monotonic() + seconds
        waiting = list(services)
        while waiting and not stopping.wait(POLL_SECONDS):
            self.check()
            waiting = [service for service in waiting if not service.is_ready()]
            if waiting and time.monotonic() > deadline:
                raise HomeError(self._explain(waiting[0], f"did not answer within {seconds:.0f} s"))
        return not stopping.is_set()

    def check(self) -> None:
        """Raise HomeError if a service has ended by itself."""
        for service, program in self._running:
            if program.poll() is not None:
                raise HomeError(self._explain(service, f"ended with status {program.returncode}"))

    def watch(self, stopping: Event) -> None:
        """Wait until `stopping` is set; HomeError if a service ends before that."""
        while not stopping.wait(POLL_SECONDS):
            self.check()

    def stop(self, patience: float = PATIENCE_SECONDS) -> None:
        """Stop everything: each in its own way first, then SIGTERM, then SIGKILL to whole groups."""
        for service, program in self._running:
            if service.stop == "leader":
                _send(program.pid, signal.SIGINT, group=False)
            else:
                _send(program.pid, signal.SIGTERM)
        for last_word in (signal.SIGTERM, signal.SIGKILL):
            self._wait_for_groups(patience)
            for _, program in self._running:
                _send(program.pid, last_word)
        self._wait_for_groups(patience)
        self._running.clear()

    def _wait_for_groups(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._any_left() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS / 4)

    def _any_left(self) -> bool:
        ended = [program.poll() is not None for _, program in self._running]  # polling also buries the dead
        return not all(ended) or any(_group_lives(program.pid) for _, program in self._running)

    def _explain(self, service: Service, what: str) -> str:
        log = self.log_of(service)
        lines = log.read_text(errors="replace").strip().splitlines()
        return (
            f"{service.name} {what}; its log {log} ends with: {' | '.join(lines[-LOG_LINES:]) or '(nothing)'}"
        )


def _in_the_child() -> None:
    """Listen to SIGINT, which a shell switches off for what it starts in the background.

    On Linux, also be told to stop when the supervisor is killed and cannot say so itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _send(pid: int, what: signal.Signals, *, group: bool = True) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, what)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers so for a group of zombies
        return False
    return True

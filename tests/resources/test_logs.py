"""Logs and notices: JSON lines that carry their facts and never a secret."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources import logs
from resources.logs import BLOT, FILE, log_to, redacted
from resources.notifier import LogNotifier

SECRET = "hunter2"


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines()]


def test_every_line_carries_run_and_session(tmp_path: Path) -> None:
    log = log_to(tmp_path / "logs", run_id="r1", session="2024-03-01")
    log.info("stage_made", stage="features", rows=10)
    log.warning("fallback", stage="optimizer")
    first, second = lines(tmp_path / "logs")
    assert (first["event"], first["run_id"], first["session"], first["rows"]) == (
        "stage_made",
        "r1",
        "2024-03-01",
        10,
    )
    assert (second["level"], first["level"]) == ("warning", "info")
    assert str(first["timestamp"]).endswith("Z")


def test_an_exception_is_one_line_with_its_cause(tmp_path: Path) -> None:
    try:
        int("no bars")
    except ValueError:
        log_to(tmp_path).exception("stage_failed")
    (line,) = lines(tmp_path)
    assert "ValueError: invalid literal" in str(line["exception"])


@pytest.mark.parametrize(
    "facts",
    [
        {"api_key": SECRET},
        {"ALPACA_SECRET": SECRET},
        {"url": f"postgresql://fabline:{SECRET}@host/db"},
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        {"tries": [{"token": SECRET}, f"redis://:{SECRET}@h"]},
    ],
)
def test_secrets_are_blotted_out_wherever_they_are(facts: dict[str, object], tmp_path: Path) -> None:
    log_to(tmp_path).info("connected", **facts)
    text = (tmp_path / FILE).read_text()
    assert SECRET not in text
    assert BLOT in text


@given(st.dictionaries(st.sampled_from(["stage", "rows", "cause"]), st.text() | st.integers()))
def test_what_is_no_secret_stays_as_it_is(facts: dict[str, object]) -> None:
    harmless = {name: value for name, value in facts.items() if "@" not in str(value)}
    assert redacted(None, "info", dict(harmless)) == harmless


def test_a_full_file_is_turned_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LARGEST_BYTES", 300)
    log = log_to(tmp_path)
    for number in range(10):
        log.info("event", number=number)
    assert (tmp_path / "fabline.old.jsonl").exists()
    assert lines(tmp_path)[-1]["number"] == 9


def test_a_notice_of_a_failure_is_an_error_in_the_log(tmp_path: Path) -> None:
    notifier = LogNotifier(tmp_path)
    notifier.notify("run_failed", run_id="r1", cause="no bars of NVDA")
    notifier.notify("run_finished", run_id="r2")
    failed, finished = lines(tmp_path)
    assert (failed["level"], failed["cause"]) == ("error", "no bars of NVDA")
    assert finished["level"] == "info"


def test_a_notice_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    notifier = LogNotifier(tmp_path)
    (tmp_path / FILE).mkdir()
    notifier.notify("run_failed", run_id="r1")
    assert list((tmp_path / FILE).iterdir()) == []

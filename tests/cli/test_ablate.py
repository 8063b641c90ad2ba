"""`fabline ablate`: a table of differences, kept as it grows, and every line a trial."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines import environment
from pipelines.ablation import study
from pipelines.ablation.variants import BASE
from pipelines.cli.main import status_of
from pipelines.settings import Settings
from trading import calendar
from trading.digest import generator
from trading.errors import ExecutionError

Told = pytest.CaptureFixture[str]
RANGE = ("--from", "2023-06-01", "--to", "2023-07-31")
SMALL = ("--models", "random_walk,ar1")
SESSIONS = calendar.sessions_between(calendar.session_of("2023-06-02"), calendar.session_of("2023-07-31"))


class Workbench:
    """Lines that are made in no time: returns that depend on the settings alone."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.broken = ""

    def line(self, settings: Settings, *_: object) -> Settings:
        return settings

    def variant(self, _base: Settings, settings: Settings, _progress: object) -> Settings:
        if settings.digest() == self.broken:
            raise ExecutionError("the account is ruined")
        return settings

    def sessions(self, line: Settings) -> pd.DataFrame:
        self.made.append(line.digest())
        noise = generator("ablate").normal(0.0005, 0.01, len(SESSIONS))
        gain = 0.002 if not line.trading.regime_scaling else 0.0
        frame = pd.DataFrame({"net_return": noise + gain}, index=pd.DatetimeIndex(SESSIONS, name="session"))
        zero = dict.fromkeys(("turnover", "calls", "hits", "cases", "loss"), 0.0)
        others = {"equal_return": noise, "exposure": 0.5, "regime": np.where(noise > 0, "Bull", "Bear")}
        return frame.assign(**zero, **others)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """The work itself is tested beside the line (`tests/pipelines/ablation`); here it is instant."""
    made = Workbench()
    monkeypatch.setattr(study, "made_line", made.line)
    monkeypatch.setattr(study, "made_variant", made.variant)
    monkeypatch.setattr(study, "sessions_of", made.sessions)
    monkeypatch.setattr(study, "market_of", lambda *_: {"bars": pd.DataFrame({"close": [1.0]})})
    return made


def asked(home: Path, *more: str) -> list[str]:
    return ["ablate", *SMALL, *RANGE, "--home", str(home), *more]


def rows(home: Path, capfd: Told, *more: str) -> pd.DataFrame:
    assert status_of(asked(home, "--format", "json", *more)) == 0
    return pd.DataFrame(json.loads(capfd.readouterr().out))


@pytest.mark.usefixtures("bench")
def test_each_component_has_a_row_for_each_slice_and_measure(tmp_path: Path, capfd: Told) -> None:
    table = rows(tmp_path, capfd, "--only", "regimes,ar1 left out,graph,adaptive weights,1D")
    regimes = table[(table["variant"] == "regimes off") & (table["measure"] == "annual_return")]
    assert regimes["slice"].tolist() == ["all", "2023", "Bear", "Bull"]
    assert regimes["difference"].tolist() == pytest.approx([0.002 * 252] * 4)
    assert regimes["verdict"].tolist() == ["better", "", "", ""]
    assert table["variant"].drop_duplicates().tolist() == [
        "regimes off", "adaptive weights off", "graph off", "ar1 left out", "1D left out",
    ]  # fmt: skip


@pytest.mark.usefixtures("bench")
def test_a_person_sees_a_row_a_variant_and_what_a_verdict_means(tmp_path: Path, capfd: Told) -> None:
    assert status_of(asked(tmp_path, "--only", "regimes, Kelly off")) == 0
    told = capfd.readouterr()
    assert [line.split("  ")[0].strip() for line in told.out.splitlines()[1:3]]
    assert "regimes off" in told.out
    assert "+50.4% [+50.4%, +50.4%]" in told.out
    assert "(Holm, 5 %)" in told.err
    assert "SIMULATED" in told.err


def test_what_was_made_is_not_made_again(tmp_path: Path, bench: Workbench, capfd: Told) -> None:
    first = rows(tmp_path, capfd, "--only", "regimes")
    made = list(bench.made)
    again = rows(tmp_path, capfd, "--only", "regimes")
    assert bench.made == made
    assert len(made) == 2
    pd.testing.assert_frame_equal(first, again)


def test_a_study_that_was_killed_goes_on_after_what_it_had_made(
    tmp_path: Path, bench: Workbench, capfd: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(line: Settings) -> pd.DataFrame:
        if len(bench.made) == 2:
            raise KeyboardInterrupt
        return bench.sessions(line)

    with monkeypatch.context() as patched:
        patched.setattr(study, "sessions_of", killed)
        assert status_of(asked(tmp_path, "--only", "regimes,links,Kelly")) == 130
    capfd.readouterr()
    assert rows(tmp_path, capfd, "--only", "regimes,links,Kelly")["variant"].nunique() == 3
    assert len(bench.made) == 2 + 3  # the base is made again, because the others are made from it
    assert len(set(bench.made)) == 4


@pytest.mark.usefixtures("bench")
def test_every_line_is_a_trial_once_however_often_it_is_looked_at(tmp_path: Path, capfd: Told) -> None:
    for _ in range(2):
        rows(tmp_path, capfd, "--only", "regimes,links")
    store = environment.open_store(tmp_path)
    trials = store.read("trials")
    store.close()
    assert sorted(trials["label"]) == sorted([BASE, "regimes off", "links off"])
    assert set(trials["command"]) == {"ablate"}


def test_a_variant_that_cannot_be_made_is_told_and_left_out(
    tmp_path: Path, bench: Workbench, capfd: Told
) -> None:
    home = Settings(models=("random_walk", "ar1"))
    bench.broken = home.with_value("trading.optimizer.linked_from", 1.0).digest()
    assert status_of(asked(tmp_path, "--only", "regimes,links", "--format", "csv")) == 0
    told = capfd.readouterr()
    assert "links off was left out: the account is ruined" in told.err
    assert "links off" not in told.out


@pytest.mark.usefixtures("bench")
def test_the_roadmaps_comparisons_are_answered_one_by_one(tmp_path: Path, capfd: Told) -> None:
    table = rows(tmp_path, capfd, "--comparisons").set_index(["question", "measure"])
    regimes = table.loc[("Do regimes help the book?", "annual_return")]
    assert (regimes["a"], regimes["b"], regimes["verdict"]) == (BASE, "regimes off", "worse")
    stages = table[table["roadmap"] == "each phase"].reset_index()
    assert stages["question"].drop_duplicates().tolist() == [
        "Is stage 2 better than stage 1?", "Is stage 2.1 better than stage 2?",
        "Is stage 2.2 better than stage 2.1?", "Is stage 2.3 better than stage 2.2?",
    ]  # fmt: skip
    graph = table.loc[("Do forecasts on a graph beat naive ones?", "")]
    assert (graph["verdict"], graph["note"]) == (
        "not measured", "the line has no model of a graph (samba) beside another",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--only", "nonsense"), "there is no variant 'nonsense'; there are regimes off, selection on"),
        (("--only", "regimes", "--comparisons"), "--comparisons makes the variants that it needs"),
        (("--from", "2023-07-31"), "one session, 2023-07-31, holds the deposit"),
        (("--models", "oracle"), "unknown model 'oracle'"),
        (("--data", "/nowhere"), "/nowhere"),
    ],
)
def test_a_wrong_use_is_told_before_anything_is_made(
    tmp_path: Path, bench: Workbench, more: tuple[str, ...], said: str, capfd: Told
) -> None:
    assert status_of(asked(tmp_path, *more)) != 0
    assert said in capfd.readouterr().err
    assert bench.made == []

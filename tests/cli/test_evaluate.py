"""`fabline evaluate` and `fabline compare`: what people and machines get, what is refused, and what is counted."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines import environment
from pipelines.cli import evaluate as command
from pipelines.cli.main import DONE, FAILED, WRONG_USE, status_of
from resources.home import Home
from resources.registry import MlflowRegistry
from trading.digest import generator
from trading.evaluation.evaluation import TABLES
from trading.evaluation.figures import COLUMNS, table_of
from trading.evaluation.paired import COLUMNS as PAIRED
from trading.testing.finished_home import finished_home

SESSIONS = 130
MADE = finished_home(SESSIONS)
FIRST, LAST = MADE["performance"]["session"].iloc[[0, -1]]
TAIL = MADE["performance"]["session"].iloc[-63]
Homes = Callable[..., Path]
Capture = pytest.CaptureFixture[bytes]


@pytest.fixture(autouse=True)
def without_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow takes seconds; the mirror has tests of its own."""
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)

    def shown(_registry: MlflowRegistry, _store: object, *, new: bool) -> bool:
        return new or True

    monkeypatch.setattr(command, "mirror_trials", shown)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work out no figure, where only what is counted matters."""
    monkeypatch.setattr(command.work, "evaluation", lambda *_args, **_options: table_of([]))


@pytest.fixture
def home_of(tmp_path: Path) -> Homes:
    """Makes homes that have traded; `edge` is added to each session's return."""

    def make(name: str, edge: float = 0.0) -> Path:
        made = environment.open_or_create(tmp_path / name)
        made.fix_inception(FIRST)
        made.fix_settings(f"settings of {name}")
        made.fix_source({"name": "simulated", "simulated": "true"}, empty=True)
        tables = {table: MADE[table] for table in TABLES if table in MADE}
        rows = tables["performance"]
        tables["performance"] = rows.assign(log_return=rows["log_return"] + edge)
        with closing(environment.store_at(made.tables, made.database, home=made.facts.id)) as store:
            store.write(tables, FIRST, LAST, commit={})
        return made.path

    return make


@pytest.fixture
def home(home_of: Homes) -> Path:
    return home_of("home")


def trials(home: Path) -> pd.DataFrame:
    with closing(environment.open_store(home)) as store:
        return store.read("trials")


def test_a_machine_gets_every_slice_and_the_look_is_entered(home: Path, capsysbinary: Capture) -> None:
    assert status_of(["evaluate", "--format", "json", "--home", str(home)]) == DONE

    rows = json.loads(capsysbinary.readouterr().out)
    assert {tuple(row) for row in rows} == {COLUMNS}
    assert {row["part"] for row in rows} == {"book", "names", "forecasts"}
    assert trials(home)[["command", "settings", "cut"]].values.tolist() == [
        ["evaluate", "settings of home", ""]
    ]


def test_people_are_told_what_is_kept_apart_what_walked_forward_and_of_which_market(
    home: Path, capsysbinary: Capture
) -> None:
    status_of(["evaluate", "--home", str(home)])

    said = capsysbinary.readouterr().out.decode()
    assert "SIMULATED" in said
    assert f"held out       {TAIL:%Y-%m-%d} to {LAST:%Y-%m-%d}: in no figure here" in said
    assert "0 of which spoke of what they had learned" in said
    assert "trials         1 in the book" in said
    assert "hindsight" in said


@pytest.mark.usefixtures("quickly")
def test_looking_at_the_tail_is_a_trial_of_its_own_and_looking_again_is_not(
    home: Path, capsysbinary: Capture
) -> None:
    for options in ([], ["--held-out"], ["--held-out"]):
        assert status_of(["evaluate", *options, "--format", "csv", "--home", str(home)]) == DONE

    assert sorted(trials(home)["cut"]) == ["", f"held out from {TAIL:%Y-%m-%d}"]
    assert capsysbinary.readouterr().out.startswith(b"part,subject")


@pytest.mark.usefixtures("quickly")
def test_a_range_of_one_s_own_is_a_trial(home: Path, capsysbinary: Capture) -> None:
    day = f"{MADE['performance']['session'].iloc[40]:%Y-%m-%d}"
    status_of(["evaluate", "--to", day, "--format", "csv", "--home", str(home)])

    capsysbinary.readouterr()
    assert sorted(trials(home)["cut"]) == ["", f"inception to {day}"]
    assert trials(home).set_index("cut")["n"].to_dict() == {"": SESSIONS - 1, f"inception to {day}": 40}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--from", "2030-01-02"], "has traded from"),
        (["--from", f"{TAIL:%Y-%m-%d}"], "are held out"),
        (["--to", "2024-02-01", "--held-out"], "must reach into them"),
        (["--from", "2024-03-01", "--to", "2024-02-01"], "exchange them"),
        (["--variants", "nowhere.csv"], "nowhere.csv is not"),
        (["--variants", "models"], "a choice is judged"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_entered(
    home: Path, capsys: pytest.CaptureFixture[str], options: list[str], why: str
) -> None:
    assert status_of(["evaluate", *options, "--home", str(home)]) == WRONG_USE
    assert why in capsys.readouterr().err
    assert trials(home).empty


def test_a_home_that_has_not_traded_is_told_to_run(
    new_home: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["evaluate", "--home", str(new_home("empty", "bars"))]) == WRONG_USE
    assert "fabline run" in capsys.readouterr().err
    assert status_of(["evaluate", "--home", "nowhere"]) == FAILED


def variants_file(path: Path, columns: int = 2) -> Path:
    sessions = MADE["performance"]["session"]
    drawn = generator("variants").normal(0, 0.01, (len(sessions), columns))
    frame = pd.DataFrame(drawn, columns=[f"v{n}" for n in range(columns)])
    frame.assign(session=sessions.dt.strftime("%Y-%m-%d")).to_csv(path, index=False)
    return path


def test_every_variant_of_a_file_is_a_trial(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.evaluation.choosing.FEWEST_SESSIONS", 10)
    monkeypatch.setattr("trading.evaluation.choosing.choice_figures", lambda _v, _t: iter(()))
    monkeypatch.setattr("pipelines.variants.choice_figures", lambda _v, _t: iter(()))
    path = variants_file(tmp_path / "variants.csv", 3)

    for _ in range(2):
        assert status_of(["evaluate", "--variants", str(path), "--home", str(home)]) == DONE

    assert sorted(trials(home)["label"]) == ["variant v0", "variant v1", "variant v2"]
    assert trials(home)["session"].max() < TAIL
    capsys.readouterr()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda f: f.rename(columns={"session": "day"}), "needs a column `session`"),
        (lambda f: f.assign(v0="a lot"), "returns fractions"),
        (lambda f: f.assign(session="soon"), "sessions are YYYY-MM-DD"),
        (lambda f: pd.concat([f, f]), "a session twice"),
        (lambda f: f.assign(v0=-1.0), "-100 %"),
    ],
)
def test_a_file_that_is_no_file_of_returns_says_why(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[pd.DataFrame], pd.DataFrame],
    why: str,
) -> None:
    path = variants_file(tmp_path / "variants.csv")
    change(pd.read_csv(path)).to_csv(path, index=False)

    assert status_of(["evaluate", "--variants", str(path), "--home", str(home)]) == WRONG_USE
    assert why in capsys.readouterr().err


def test_a_book_is_compared_with_equal_weight_over_what_is_not_held_out(
    home: Path, capsysbinary: Capture
) -> None:
    status = status_of(["compare", "swing", "equal_weight", "--format", "json", "--home", str(home)])

    rows = json.loads(capsysbinary.readouterr().out)
    returns = MADE["performance"].iloc[1:-63]
    apart = np.expm1(returns["log_return"]) - np.expm1(returns["equal_weight_log_return"])
    assert status == DONE
    assert set(rows[0]) == set(PAIRED)
    assert rows[0]["difference"] == pytest.approx(252 * apart.mean())
    assert rows[0]["n"] == SESSIONS - 1 - 63


def test_two_homes_are_compared_and_share_their_trials(
    home: Path, home_of: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    better = home_of("better", edge=0.004)
    command.looked(Home.open(better), environment.open_store(better), command.Asked(), None)  # type: ignore[arg-type]

    assert status_of(["compare", str(better), "swing", "--home", str(home)]) == DONE

    said = capsys.readouterr().out
    assert "A is better" in said
    assert "only the first line was planned" in said
    assert set(trials(home)["settings"]) == {"settings of home", "settings of better"}


def test_a_fund_without_bars_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["compare", "swing", "SPY", "--home", str(home)]) == WRONG_USE
    assert "no bars of SPY" in capsys.readouterr().err


def test_what_cannot_be_compared_is_told_what_can(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["compare", "swing", "DOGE", "--home", str(home)]) == WRONG_USE
    assert "swing, equal_weight, SPY, QQQ, SMH" in capsys.readouterr().err


def test_who_looked_is_no_difference_between_two_homes(
    home_of: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, unseen = home_of("one"), home_of("two")
    with closing(environment.open_store(seen)) as store:
        command.record_books(store, command="evaluate", settings="one")

    assert status_of(["diff", str(seen), str(unseen)]) == DONE
    assert "byte for byte" in capsys.readouterr().out

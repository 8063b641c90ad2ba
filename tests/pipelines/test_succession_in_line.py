"""Who is champion along a line of sessions: after a planted degradation, with damaged artefacts, and in a replay."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import structlog
from safetensors.numpy import save

from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import ModelSpec, train_book
from models.forecasters.random_walk import RandomWalk
from resources.prediction_cache import LiveForecaster
from resources.registry_book import RegistryBook
from resources.version_folder import FACTS, WEIGHTS, VersionFolder, _checksum
from trading import calendar
from trading.frames import HORIZONS
from trading.history import History
from trading.interfaces import ChampionDecision, Forecast, ModelVersion, TrainingTrigger
from trading.line import Request, make_and_write
from trading.plan import Plan
from trading.stages.champions import champions_stage
from trading.stages.features import features_stage
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import ModelBook
from trading.stages.training import Trained
from trading.stages.version_losses import version_losses_stage
from trading.testing.example_rows import example
from trading.testing.memory_store import MemoryStore

AR1 = ModelSpec("ar1", PooledAR1, "quarterly", enabled=True, min_history=22, training_sessions=120)
FIRST, LAST = calendar.session_of("2024-03-20"), calendar.session_of("2024-04-16")
CHANGE = calendar.session_of("2024-04-01")
MADE = ("champions", "forecast_ar1", "version_losses")


def features(last: pd.Timestamp) -> pd.DataFrame:
    """SIMULATED returns of two per cent a session."""
    rows = example("features", calendar.shift(last, -520), last)
    returns = np.random.default_rng(3).normal(0, 0.02, len(rows))
    return rows.assign(timeframe="1D", log_return=returns, volatility_21=0.3)


FEATURES = features(LAST)


def begun(spec: ModelSpec = AR1, rows: pd.DataFrame = FEATURES) -> tuple[Plan, MemoryStore]:
    stages = [features_stage(), spec.stage, version_losses_stage([spec.name]), champions_stage([spec.name])]
    store = MemoryStore()
    store.write({"features": rows}, rows["session"].min(), rows["session"].max(), commit={})
    return Plan.of(stages, 0), store


def made(plan: Plan, store: MemoryStore, request: Request) -> None:
    for stage in plan.stages:
        if stage.name != "features":  # they are given
            make_and_write(stage, plan, store, request)


@dataclass(frozen=True)
class Spoilt(RandomWalk):
    """A random walk that has been far too sure of itself from a session on."""

    since: str = "2999-01-01"

    def predict(self, window, *, horizons=HORIZONS) -> Forecast:  # noqa: ANN001
        said = super().predict(window, horizons=horizons)
        spoilt = window.sessions[-1] >= np.datetime64(self.since)
        return replace(said, quantiles=said.quantiles * 4) if spoilt else said


def test_a_champion_that_degrades_is_rolled_back_in_the_session_of_the_evidence() -> None:
    first, spoils = calendar.session_of("2023-07-03"), calendar.session_of("2023-10-02")
    last = calendar.shift(spoils, 40)
    days = (pd.Timestamp("2023-06-30"), first, first, pd.Timestamp("2024-12-31"))
    old = ModelVersion("ar1", "old", pd.Timestamp("2023-03-31"), first, pd.Timestamp("2023-01-03"), days[3])
    new = ModelVersion("ar1", "new", *days)

    class Book(MemoryModelBook):
        def records(self, *_: object, **__: object) -> tuple[ModelVersion, ...]:
            return new, old

    trained = (Trained(old, RandomWalk(decay=0.9), {}), Trained(new, Spoilt(since=f"{spoils:%Y-%m-%d}"), {}))
    plan, store = begun(rows=features(last))
    made(plan, store, Request(first, first, last, Book({"ar1": "quarterly"}, trained)))

    rows = store.read("champions")
    crowned = rows[(rows["role"] == "champion").to_numpy()].set_index("session")["version"]
    rolled = crowned.index[(crowned == "old").to_numpy()][0]
    evidence = rows[(rows["version"] == "old").to_numpy()].set_index("session")
    assert set(crowned[crowned.index < spoils]) == {"new"}
    # No evidence the session before, and the session that has it crowns: nothing waits. Figures in docs/results/triggers.md.
    assert evidence.loc[: calendar.shift(rolled, -1), "log_evidence"].max() < math.log(20)
    assert evidence.loc[rolled, "reason"].startswith("evidence: e-value ")
    assert "over new after" in evidence.loc[rolled, "reason"]
    assert calendar.position(rolled) - calendar.position(spoils) <= 25


def registered(folder: Path) -> tuple[VersionFolder, RegistryBook, list[str]]:
    """Versions of three quarters in a folder, and the book that the line would have of them."""
    kept, told = VersionFolder(folder), []
    for one in train_book([AR1], History.from_frame("features", FEATURES), FIRST, LAST).trained:
        kept.log(one.version, one.forecaster, {})
    log = structlog.get_logger()
    book = RegistryBook(
        kept,
        [AR1],
        lambda version, load: LiveForecaster(version, load, PooledAR1(), log),
        lambda version, flaw: told.append(f"{version.version}: {flaw}"),
    )
    return kept, book, told


def damage(folder: Path, how: str) -> None:
    if how == "missing":
        (folder / WEIGHTS).unlink()
    if how == "corrupt":
        (folder / WEIGHTS).write_bytes(b"\0" + (folder / WEIGHTS).read_bytes()[1:])
    if how == "of another signature":  # and logged so: its checksum is right
        weights = save({"coefficients": np.zeros((3, 2))})
        (folder / WEIGHTS).write_bytes(weights)
        facts = json.loads((folder / FACTS).read_text())
        (folder / FACTS).write_text(json.dumps({**facts, "checksum": _checksum(weights)}))


@pytest.mark.parametrize("how", ["missing", "corrupt", "of another signature"])
def test_a_bad_artefact_is_never_champion_and_every_session_is_forecast(how: str, tmp_path: Path) -> None:
    kept, book, _ = registered(tmp_path)
    (heir,) = [version for version in kept.versions("ar1") if version.champion_from == CHANGE]
    damage(tmp_path / "ar1" / heir.version, how)
    plan, store = begun()

    made(plan, store, Request(FIRST, FIRST, LAST, book))

    champions = store.read("champions")
    champions = champions[(champions["role"] == "champion").to_numpy()]
    sessions = calendar.sessions_between(FIRST, LAST)
    assert champions["session"].tolist() == sessions.tolist()
    assert heir.version not in set(champions["version"])
    spoken = store.read("forecast_ar1").groupby("session")["version"].agg(set)
    assert all(
        champion in spoken[day]
        for day, champion in zip(champions["session"], champions["version"], strict=True)
    )


def decided(version: str, session: pd.Timestamp, action: str) -> ChampionDecision:
    return ChampionDecision("ar1", version, action, session, calendar.as_of(calendar.shift(session, -1)))  # type: ignore[arg-type]


def logs() -> tuple[list[ChampionDecision], list[TrainingTrigger]]:
    """A trigger, a promotion of what it trained, and its rollback."""
    seen = calendar.shift(FIRST, 2)
    trigger = TrainingTrigger("ar1", "drift", seen, calendar.shift(seen, 1), 0.4, 0.3, calendar.as_of(seen))
    book = train_book([AR1], History.from_frame("features", FEATURES), FIRST, LAST, [trigger])
    extra = next(one.version for one in book.trained if one.version.trained_through == seen)
    before = [one.version for one in book.trained if one.version.is_champion(FIRST)][-1]
    turns = [
        decided(extra.version, calendar.shift(FIRST, 5), "promote"),
        decided(before.version, calendar.shift(FIRST, 11), "rollback"),
    ]
    return turns, [trigger]


def known(
    decisions: Sequence[ChampionDecision], triggers: Sequence[TrainingTrigger], session: pd.Timestamp
) -> ModelBook:
    """The book as it was before `session` was made."""
    told = [one for one in triggers if one.effective <= session]
    seen = FEATURES[(FEATURES["session"] < session).to_numpy()]
    book = train_book([AR1], History.from_frame("features", seen), FIRST, session, told)
    return replace(book, decisions=tuple(one for one in decisions if one.effective <= session))


def test_a_replay_of_the_logs_has_the_champions_of_the_evenings_to_the_byte() -> None:
    decisions, triggers = logs()
    plan, evenings = begun()
    for session in calendar.sessions_between(FIRST, LAST):
        made(plan, evenings, Request(FIRST, session, session, known(decisions, triggers, session)))
    _, replay = begun()

    book = known(decisions, triggers, calendar.shift(LAST, 1))
    made(plan, replay, Request(FIRST, FIRST, LAST, book))

    for table in MADE:
        pd.testing.assert_frame_equal(evenings.read(table), replay.read(table), check_exact=True)
    reasons = " ".join(replay.read("champions")["reason"])
    assert "promote by hand" in reasons
    assert "rollback by hand" in reasons
    assert replay.read("forecast_ar1").groupby("session")["version"].nunique().max() == 4


def test_without_the_log_of_triggers_the_calendar_alone_trains() -> None:
    decisions, _ = logs()
    plan, store = begun()

    made(plan, store, Request(FIRST, FIRST, LAST, known(decisions[:0], (), calendar.shift(LAST, 1))))

    assert store.read("forecast_ar1").groupby("session")["version"].nunique().max() == 3

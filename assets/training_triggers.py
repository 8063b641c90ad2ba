"""What asks for a challenger before the calendar does: looked at after each run, at the newest session."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
import numpy as np
import pandas as pd

from assets import evidence
from assets.face import RESEARCH, Face
from assets.failures import translated
from models.forecasters.catalogue import ModelSpec
from resources.open_home import OpenHome
from trading import calendar, frames
from trading.errors import MissingBarsError
from trading.evaluation.comparison import champion_cases
from trading.history import History
from trading.interfaces import Floats, ModelRegistry, Store, TrainingTrigger
from trading.monitoring.training_triggers import (
    REFERENCE_SESSIONS,
    Reading,
    TriggerRules,
    accuracy_reading,
    age_reading,
    drift_reading,
    first_to_fire,
)
from trading.stages.layout import DAILY
from trading.stages.training import training_window, window_at

TABLE = "training_triggers"
READS = ("features", "version_losses", "forecasts", "champions")
FACE = Face(
    group="evidence",
    description="Whether a model should have a challenger before the calendar trains one: its accuracy has dropped, its inputs "
    "have drifted, or its training is long ago. Looked at when the newest session has just been made; with the setting "
    "triggers.act what fires is noted in the registry's log and trained, and a replay reads that log.",
    owner=RESEARCH,
    kinds=("python", "numpy"),
)


@dataclass(frozen=True)
class Seen:
    """What all rules see of one model; `since` is how many sessions ago its newest version learned."""

    model: str
    readings: tuple[Reading, ...]
    since: int


def triggers_asset(specs: Iterable[ModelSpec], rules: TriggerRules) -> dg.AssetsDefinition:
    """`training_triggers`: unpartitioned, because only the newest session is looked at, and only once."""
    learning = tuple(spec for spec in specs if spec.cadence != "zero_shot")

    @dg.asset(**evidence.declared(TABLE, FACE, READS))
    def training_triggers(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.MaterializeResult[None]:
        with translated():
            made = looked(
                home, learning, rules, {"run_id": context.run.run_id, "settings": home.settings_digest}
            )
        shown = evidence.facts(TABLE, made, FACE, simulated=home.source.simulated)
        asked = ", ".join(sorted(made.loc[made["acted"], "model"])) or "none"
        return dg.MaterializeResult(metadata={**shown, "challengers_asked_for": dg.MetadataValue.text(asked)})

    return training_triggers


def looked(
    home: OpenHome, specs: Sequence[ModelSpec], rules: TriggerRules, commit: dict[str, str]
) -> pd.DataFrame:
    """Look at the newest session once, write down what was seen, and note what asks for a challenger.

    A session counts as live while none has closed after it: a range that was made later asks for nothing.
    """
    session, now = _newest(home.store), home.clock()
    if session is None or session != calendar.last_closed(now) or _has(home.store, session):
        return frames.empty(TABLE)
    rows: list[dict[str, object]] = []
    for seen in seen_at(home.store, home.registry, specs, session, rules):
        chosen = first_to_fire(seen.readings, seen.since, rules) if rules.act else None
        if chosen is not None:
            _ask(home, seen.model, chosen, session, now)
        rows += [_row(seen.model, one, acted=one is chosen) for one in seen.readings]
    if not rows:
        return frames.empty(TABLE)
    made = pd.DataFrame(rows).assign(session=session, known_at=pd.Timestamp(now).as_unit("us"))
    made = frames.validated(TABLE, made.astype(frames.table_of(TABLE).dtypes))
    home.store.write({TABLE: made}, session, session, commit=commit)
    return made


def seen_at(
    store: Store,
    registry: ModelRegistry,
    specs: Sequence[ModelSpec],
    session: pd.Timestamp,
    rules: TriggerRules,
) -> Iterator[Seen]:
    """What the rules see at `session` of each model that has learned."""
    first = calendar.shift(session, -(REFERENCE_SESSIONS + rules.window_sessions))
    losses = store.read("version_losses", first, session, timeframe=DAILY)
    cases = champion_cases(losses, store.read("forecasts", first, session, timeframe=DAILY))
    for spec in specs:
        learned = [one.trained_through for one in registry.versions(spec.name) if one.timeframe == DAILY]
        through = max((day for day in learned if day is not None and day <= session), default=None)
        if through is None:
            continue
        since = calendar.position(session) - calendar.position(through)
        found = accuracy_reading(_accuracy(cases[(cases["model"] == spec.name).to_numpy()]), rules)
        drift = _drift(store, spec, through, session, rules)
        known = tuple(one for one in (found, drift, age_reading(since, rules)) if one is not None)
        yield Seen(spec.name, known, since)


def _accuracy(cases: pd.DataFrame) -> Floats:
    """(n,) share of names whose direction one session ahead was right, session by session."""
    due = cases[((cases["horizon"] == 1) & (cases["realized"] != 0)).to_numpy()]
    right = np.sign(due["median"]) == np.sign(due["realized"])
    return np.asarray(right.groupby(due["session"]).mean().to_numpy(), dtype=np.float64)


def _drift(
    store: Store, spec: ModelSpec, through: pd.Timestamp, session: pd.Timestamp, rules: TriggerRules
) -> Reading | None:
    """Drift of the model's inputs; None where the features of its training are not there."""
    first = calendar.shift(through, -spec.training_sessions)
    features = History.from_frame("features", store.read("features", first, session, timeframe=DAILY))
    begin = calendar.shift(session, 1 - rules.window_sessions)
    try:
        training = training_window(features, spec, through).panel
    except MissingBarsError:
        return None
    rows = features.window(begin, session, calendar.as_of(session))
    recent = window_at(rows, session, rules.window_sessions, spec.view).panel
    return drift_reading(training, recent, spec.channels, rules)


def _ask(home: OpenHome, model: str, chosen: Reading, session: pd.Timestamp, now: pd.Timestamp) -> None:
    """Note a trigger in the registry's log, and tell people."""
    asked = TrainingTrigger(
        model=model,
        kind=chosen.kind,
        session=session,
        effective=calendar.next_to_decide(now),
        value=chosen.value,
        threshold=chosen.threshold,
        known_at=now,
        reason=chosen.reason,
    )
    home.registry.trigger(asked)
    home.notifier.notify(
        "challenger_asked_for",
        model=model,
        kind=chosen.kind,
        reason=chosen.reason,
        speaks_from=f"{asked.effective:%Y-%m-%d}",
    )


def _row(model: str, reading: Reading, *, acted: bool) -> dict[str, object]:
    finite = [value if np.isfinite(value) else np.nan for value in (reading.threshold, reading.plain)]
    return {
        "model": model,
        "timeframe": DAILY,
        "kind": reading.kind,
        "value": reading.value,
        "threshold": finite[0],
        "plain": finite[1],
        "fires": reading.fires,
        "acted": acted,
        "about": reading.about,
    }


def _newest(store: Store) -> pd.Timestamp | None:
    """The session up to which everything is made that is looked at."""
    heads = store.tables().set_index("table")["last_session"]
    found = [heads.get(table) for table in READS]
    return None if any(head is None or pd.isna(head) for head in found) else min(found)


def _has(store: Store, session: pd.Timestamp) -> bool:
    return len(store.read(TABLE, session, session)) > 0

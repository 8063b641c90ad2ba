"""A line over a real home (SQLite and Delta) on a virtual clock, struck by faults that are caused for real.

    line = FaultyLine(folder, settings)
    outcomes = line.run(sessions, fault_schedule(7, sessions))

Each session is tried at its decision and then every ten minutes, as the sensor `overdue` does, until it is made.
Dagster is not in it: what it adds is tried elsewhere. Virtual time passes only between the attempts.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines import environment
from pipelines.in_memory import trained_in_memory
from pipelines.settings import Settings
from pipelines.wiring import plan_of, source_of
from resources.home import Home
from resources.logs import log_to
from resources.prediction_cache import LiveForecaster
from resources.sql_dialects import SqliteDialect
from resources.sql_store import SqlStore
from resources.store import HomeStore, store_at
from tests.peers.full_disk import no_file_above
from trading import calendar
from trading.errors import FablineError, SourceUnavailableError
from trading.evaluation.uptime import MINUTE, SessionOutcome
from trading.ingest import ALL_SYMBOLS, require_sessions
from trading.interfaces import Forecast, Forecaster, Store, Window
from trading.line import Progress, Request, refuse_future, run_line
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import ModelBook
from trading.testing.fault_schedule import Fault
from trading.universe import SYMBOLS

RETRY, MAKING = 10 * MINUTE, MINUTE
DAY = pd.Timedelta(days=1)
HALF = SYMBOLS[::2]


class KilledError(BaseException):
    """Stands for SIGKILL, which other tests send for real: nothing catches it."""


@dataclass
class Failing:
    """A forecaster that raises, or says no number for one symbol."""

    inner: Forecaster
    how: str

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def predict(self, window: Window, **options: object) -> Forecast:
        if self.how == "model raises":
            raise ZeroDivisionError("division by zero")
        said = self.inner.predict(window, **options)
        quantiles = said.quantiles.copy()
        quantiles[int(np.flatnonzero(window.mask)[0])] = np.nan
        return replace(said, quantiles=quantiles)


class FaultyLine:
    """One home and what strikes it."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings = settings
        self.home = environment.open_or_create(folder)
        self.models: ModelBook | None = None
        self.told: dict[str, set[str]] = {}  # the errors of each kind of fault

    def run(self, sessions: pd.DatetimeIndex, faults: Sequence[Fault]) -> list[SessionOutcome]:
        """Every session in turn, none before the one before it is made."""
        now, outcomes = calendar.as_of(sessions[0]), []
        for session in sessions:
            now = max(now, calendar.as_of(session))
            attempts, struck = 0, set()
            made = False
            while not made:
                active = sorted({fault.kind for fault in faults if fault.is_on(now)})
                struck |= set(active)
                attempts += 1
                made = self.attempt(session, sessions[0], now, active)
                now += MAKING if made else RETRY
            outcomes.append(SessionOutcome(session, now, attempts, tuple(sorted(struck))))
        return outcomes

    def attempt(
        self, session: pd.Timestamp, inception: pd.Timestamp, now: pd.Timestamp, active: Sequence[str]
    ) -> bool:
        """Whether the session was made; an error of ours is noted under what was active."""
        with ExitStack() as harm:
            try:
                for kind in active:
                    harm.enter_context(self._harm(kind))
                self._evening(session, inception, now, active)
            except FablineError as error:
                for kind in active:
                    self.told.setdefault(kind, set()).add(f"{type(error).__name__}: {error}")
                if not active:
                    raise
                return False
            except KilledError:
                self.told.setdefault("killed", set()).add("SIGKILL")
                return False
        return True

    def _harm(self, kind: str) -> AbstractContextManager[object]:
        """What is wrong outside of the line while a fault lasts."""
        match kind:
            case "database locked":
                return self._locked()
            case "database gone":
                return self._gone()
            case "disk full":
                return no_file_above(4096)
            case "second run":
                return Home.open(self.home.path).writing("fabline run", run_id="another")
        return nullcontext()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Of the same driver: a second copy of SQLite in one process does not see the locks of the first.
        other = SqlStore(self.home.database)
        with closing(other), other._transaction():
            yield

    @contextmanager
    def _gone(self) -> Iterator[None]:
        away = self.home.database.with_name("away.db")
        self.home.database.rename(away)
        yield
        away.rename(self.home.database)

    def _evening(
        self, session: pd.Timestamp, inception: pd.Timestamp, now: pd.Timestamp, active: Sequence[str]
    ) -> None:
        said = now + DAY * (("clock ahead" in active) - ("clock behind" in active))
        asked = calendar.last_closed(said) if "clock ahead" in active else session
        refuse_future(asked, said)
        plan = plan_of(self._settings(active))
        request = Request(inception, session, session, self._book(active), _progress(active, session))
        with self.home.writing("an evening"), closing(self._store(session == inception)) as store:
            self.home.fix_inception(inception)
            self._take_in(store, asked, inception, now, active)
            run_line(plan, store, request, lambda held: self._train(held, inception, session, active))

    def _settings(self, active: Sequence[str]) -> Settings:
        return (
            self.settings.with_value("trading.optimizer.iterations", 1)
            if "solver fails" in active
            else self.settings
        )

    def _store(self, create: bool) -> HomeStore:  # noqa: FBT001 - said at once
        store = store_at(self.home.tables, self.home.database, create=create, home=self.home.facts.id)
        store.sql.dialect = SqliteDialect(self.home.database, create=create, busy_seconds=0.05)
        return store

    def _take_in(
        self,
        store: HomeStore,
        session: pd.Timestamp,
        inception: pd.Timestamp,
        now: pd.Timestamp,
        active: Sequence[str],
    ) -> None:
        """What the vendor has at the moment; rows of a session that it has none of are no session."""
        if "vendor down" in active:
            raise SourceUnavailableError("the vendor does not answer; try again")
        source = source_of(self.settings)
        sessions = plan_of(self.settings).sessions("bars", inception, session, session)
        bars = separate_bars(source.bars(ALL_SYMBOLS, sessions[0], session), basis=source.basis).accepted
        there = bars["known_at"] <= (now - 2 * DAY if "bars late" in active else now)
        if "half the symbols" in active:
            there &= ~((bars["session"] == session) & bars["symbol"].isin(HALF))
        bars = bars[there.to_numpy()]
        require_sessions(bars, sessions, source.name)
        actions = separate_actions(source.actions(ALL_SYMBOLS, sessions[0], session)).accepted
        store.write({"bars": bars, "corporate_actions": actions}, sessions[0], session, commit={})

    def _train(
        self, store: Store, inception: pd.Timestamp, session: pd.Timestamp, active: Sequence[str]
    ) -> ModelBook:
        if self.models is None:
            last = calendar.shift(
                session, 60
            )  # versions of the whole schedule: what they learn from is before it
            self.models = trained_in_memory(self.settings, plan_of(self.settings), store, inception, last)
        return self._book(active)

    def _book(self, active: Sequence[str]) -> ModelBook:
        """The versions, those of ar1 failing while they do."""
        how = [kind for kind in active if kind.startswith("model")]
        if not how or self.models is None:
            return self.models  # type: ignore[return-value]
        log, book = log_to(self.home.logs), self.models
        assert isinstance(book, MemoryModelBook)
        speaking = tuple(
            replace(one, forecaster=_live(one.version, Failing(one.forecaster, how[0]), log))
            if one.version.model == "ar1"
            else one
            for one in book.trained
        )
        return replace(book, trained=speaking)


def _live(version, failing: Failing, log) -> LiveForecaster:  # noqa: ANN001 - as LiveForecaster
    return LiveForecaster(version, lambda: failing, failing.inner, log)  # type: ignore[arg-type]


def _progress(active: Sequence[str], session: pd.Timestamp) -> Progress:
    """Told after each stage; a kill comes after one of them that the session decides."""
    stages = ("features", "version_losses", "regimes", "signals", "trading_session")
    deadly = stages[session.day % len(stages)] if "killed" in active else ""

    def tell(stage: str, _: int, __: int) -> None:
        if stage == deadly:
            raise KilledError

    return tell

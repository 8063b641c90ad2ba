"""Evenings of a home that trades with an account at a peer, one a line of standard input, on a virtual clock.

`python tests/e2e/paper_evenings.py HOME` reads `SESSION [STAGE]`: takes in the bars that are known a quarter of an
hour after the close of SESSION, makes the line, holds the account against the records, sends the orders, and answers
with JSON. With a STAGE it dies by SIGKILL when that stage is made.
"""

import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd

from pipelines import environment
from pipelines.brokerage import decided, ledger_against_positions, line_against_broker, open_desk
from pipelines.cli import trade
from pipelines.in_memory import trained_in_memory
from pipelines.settings import Settings, load
from pipelines.wiring import plan_of, source_of
from resources.home import Home
from resources.store import HomeStore
from trading import calendar
from trading.ingest import ALL_SYMBOLS
from trading.interfaces import Store
from trading.line import Progress, Request, run_line
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.plan import Plan
from trading.stages.stage import ModelBook

MINUTE = pd.Timedelta(minutes=1)


class Evenings:
    """A process that stays warm from evening to evening."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings: Settings = load(path).settings
        self.plan: Plan = plan_of(self.settings)
        self.models: ModelBook | None = None
        self.quarter = 0

    def make(self, session: pd.Timestamp, stage: str) -> dict[str, object]:
        """One evening, and what the account was found to be."""
        home = Home.open(self.path)
        with closing(environment_store(home)) as store, home.writing("an evening"):
            inception = home.fix_inception(session)
            self._take_in(store, session, inception)
            run_line(
                self.plan, store, self._request(inception, session, stage), self._train(inception, session)
            )
        self._send(session)
        return self._found(home, session)

    def _take_in(self, store: HomeStore, session: pd.Timestamp, inception: pd.Timestamp) -> None:
        """What the source has by the evening of `session` and no store holds yet; a row of tomorrow is none."""
        first = self.plan.first_session("bars", session) if session == inception else session
        source = source_of(self.settings)
        bars = separate_bars(source.bars(ALL_SYMBOLS, first, session), basis=source.basis).accepted
        actions = separate_actions(source.actions(ALL_SYMBOLS, first, session)).accepted
        known = {"bars": bars, "corporate_actions": actions}
        told = {
            name: rows[(rows["known_at"] <= calendar.as_of(session)).to_numpy()]
            for name, rows in known.items()
        }
        store.write(told, first, session, commit={})

    def _request(self, inception: pd.Timestamp, session: pd.Timestamp, stage: str) -> Request:
        return Request(inception, session, session, self.models, _dying_at(stage))  # type: ignore[arg-type]

    def _train(self, inception: pd.Timestamp, session: pd.Timestamp):  # noqa: ANN202 - run_line's callback
        def train(store: Store) -> ModelBook:
            if self.models is None or self.quarter != session.quarter:  # models are trained by the quarter
                self.quarter = session.quarter
                self.models = trained_in_memory(self.settings, self.plan, store, inception, session)
            return self.models

        return train

    def _send(self, session: pd.Timestamp) -> None:
        """`fabline trade`, a minute after the decision."""
        trade.trade(
            self.path,
            f"{session:%Y-%m-%d}",
            "json",
            wait=False,
            clock=lambda: calendar.as_of(session) + MINUTE,
        )

    def _found(self, home: Home, session: pd.Timestamp) -> dict[str, object]:
        """How many differences there are: ledger against positions, records against account, line against account."""
        with closing(environment_store(home)) as store:
            line = decided(store, self.settings, session)
            own = ledger_against_positions(store, self.settings, line)
            with open_desk(home, self.settings, line, lambda: calendar.as_of(session) + MINUTE) as desk:
                counts = [len(own), len(desk.reconcile(session)), len(line_against_broker(line, desk))]
                cash = desk.broker.cash()
        return {"session": f"{session:%Y-%m-%d}", "differences": counts, "cash": [line.cash_cents, cash]}


def environment_store(home: Home) -> HomeStore:
    """The home's store, made if need be."""
    from resources.store import store_at

    return store_at(home.tables, environment.database_of(home), home=home.facts.id)


def _dying_at(stage: str) -> Progress:
    def tell(name: str, _: int, __: int) -> None:
        if name == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    return tell


def main() -> None:
    """One evening a line, answered on a pipe of its own because `trade` prints."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    evenings = Evenings(Path(sys.argv[1]))
    for line in sys.stdin:
        session, _, stage = line.strip().partition(" ")
        print(json.dumps(evenings.make(calendar.session_of(session), stage)), file=answers, flush=True)


if __name__ == "__main__":
    main()

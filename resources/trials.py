"""The book of trials of a home: whoever looks at what a variant was worth enters it here, once and for good.

The book is a recorded table that only grows; MLflow's experiment `trials` is its mirror, and deleting a run there
makes nobody forget.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from resources import clock as wall
from resources.store import HomeStore
from trading.digest import digest
from trading.evaluation.trials import TABLE, Look, Trials, trial_row
from trading.interfaces import Clock, Store
from trading.signals.rules import SignalRules

RUN = "run"
MAIN = SignalRules().strategy
_ROOMS = ("trading", "models")
_NO_NUMBERS = ("testing",)  # not `evaluation`: champions, losses and returns of the book are made there


def record_trial(
    store: Store,
    returns: pd.Series[float],
    *,
    command: str,
    label: str,
    settings: str,
    code: str | None = None,
    cut: str = "",
    run_id: str = "",
    clock: Clock = wall.now,
) -> bool:
    """Enter a look at simple `returns` (indexed by session) into the book; True if the variant is new to it.

    The same look again changes nothing. Nothing is entered where there is no return.

    Parameters
    ----------
    command : that looked, such as `ablate`; label : the variant in a few words
    settings : digest of the settings that made the returns (`Settings.digest()`), or of what stands for them
    code : digest of the code that made them; that of this installation by default
    cut : sessions that a person chose, such as `2020-01-02 to 2020-12-31`; empty for all that there are
    """
    look = Look(command, label, settings, code_of_the_line() if code is None else code, cut)
    row = trial_row(look, returns, clock())
    if row.empty:
        return False
    known = store.read(TABLE)
    if row["trial"].iloc[0] not in set(known["trial"]):
        session = row["session"].iloc[0]
        store.write({TABLE: row}, session, session, commit={"run_id": run_id, "command": command})
    return look.variant not in set(known["variant"])


def record_books(
    store: Store,
    *,
    command: str,
    settings: str,
    cut: str = "",
    between: tuple[pd.Timestamp, pd.Timestamp] | None = None,
    run_id: str = "",
) -> bool:
    """Enter a look at the recorded book of each strategy of a home; True if a variant is new.

    Every session with a return counts, also one that rests on CONTAMINATED forecasts: it was looked at.

    Parameters
    ----------
    between : first and last session that was looked at, all by default
    """
    performance, book = store.read("performance"), store.read(TABLE)
    new = []
    alone = len(performance["strategy"].unique()) == 1
    for strategy, rows in performance.groupby("strategy", sort=True):
        returns = np.expm1(rows.sort_values("session").set_index("session")["log_return"].iloc[1:])
        seen = returns if between is None else returns.loc[between[0] : between[1]]
        made_of = settings if alone or strategy == MAIN else digest(settings, str(strategy))
        new.append(
            record_trial(
                store,
                seen,
                command=command,
                label=str(strategy),
                settings=made_of,
                cut=cut,
                run_id=run_id,
                code=None if command == RUN else _code_behind(book, made_of),
            )
        )
    return any(new)


def _code_behind(book: pd.DataFrame, settings: str) -> str | None:
    """The code of the last run with these settings: who looks at a record later looks at what that code made."""
    runs = book[((book["settings"] == settings) & (book["command"] == RUN)).to_numpy()].sort_values(
        "known_at"
    )
    return str(runs["code"].iloc[-1]) if len(runs) else None


def adopt_trials(store: Store, other: Store) -> int:
    """Take over the looks in the book of `other` that this one lacks; returns how many those were.

    Who compares two homes chooses among all that was tried in either.
    """
    known, theirs = store.read(TABLE), other.read(TABLE)
    lacking = theirs[~theirs["trial"].isin(known["trial"])]
    if len(lacking):
        store.write(
            {TABLE: lacking}, lacking["session"].min(), lacking["session"].max(), commit={"command": "adopt"}
        )
    return len(lacking)


def trials_of(store: HomeStore) -> Trials:
    """How many variants the home's book has, and how their Sharpe ratios spread.

    Each entry is a commit of the store, too, so rows that somebody has deleted in the database still count.
    """
    commits = store.commits()
    entered = int(commits.loc[(commits["table"] == TABLE).to_numpy(), "rows"].sum())
    return Trials.of(store.read(TABLE), entered)


@functools.cache
def code_of_the_line() -> str:
    """Digest of the code that decides what a book earns: of its files as they are, so that no change is missed."""
    root = Path(__file__).resolve().parents[1]
    files = sorted(
        path for room in _ROOMS for path in (root / room).rglob("*") if path.suffix in (".py", ".csv")
    )
    counted = [path.relative_to(root) for path in files]
    return digest(
        {
            str(path): digest((root / path).read_bytes())
            for path in counted
            if not set(path.parts) & set(_NO_NUMBERS)
        }
    )

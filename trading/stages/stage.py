"""The stage: what it reads, what it makes, what it keeps, and a pure function.

Everything else follows from the declaration: the Dagster asset, the in-memory line, how much
history a home needs, the leak canary, and `explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import pandas as pd
from numpy.typing import NDArray

from trading import frames
from trading.history import Rows
from trading.interfaces import ChampionDecision, Forecaster, ModelVersion
from trading.stages.layout import DAILY

Starts = Literal["window", "burn_in", "inception"]


@dataclass(frozen=True)
class Read:
    """A look-back: the sessions [t - offset - lookback .. t - offset] of a table, of one `timeframe` or of all."""

    table: str
    lookback: int = 0
    offset: int = 0
    timeframe: str | None = None

    @property
    def depth(self) -> int:
        """How many sessions before t the oldest row lies."""
        return self.lookback + self.offset

    @property
    def name(self) -> str:
        """Under which a stage finds the rows among its inputs: the table, and the timeframe if not daily."""
        return self.table if self.timeframe in (None, DAILY) else f"{self.table} {self.timeframe}"

    @property
    def is_required(self) -> bool:
        """Whether every session must have rows: weeks end on some only, and of old sessions there are no fine bars."""
        return not frames.table_of(self.table).sparse and self.timeframe in (None, DAILY)


class ModelBook(Protocol):
    """The model versions that may speak at a session."""

    def live(
        self, model: str, session: pd.Timestamp, timeframe: str = DAILY
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        """Live versions of `model`, ordered by version; VersionMissingError if the calendar wants one that is not there.

        Of bars that are not daily they are those that learned from such bars, the daily ones where there are none.
        """
        ...

    def records(self, model: str, session: pd.Timestamp, timeframe: str = DAILY) -> tuple[ModelVersion, ...]:
        """The same without loading weights."""
        ...

    def decided(self, model: str, session: pd.Timestamp) -> ChampionDecision | None:
        """What a person decided last about `model` with effect from `session`; None if nobody did."""
        ...


@dataclass(frozen=True)
class Moment:
    """Where on the line a stage stands: its session, what it may know, and who may forecast.

    `is_first` is True only in the first session that the stage makes in this home: then, and only
    then, its own previous rows may be absent.
    """

    session: pd.Timestamp
    as_of: pd.Timestamp
    inception: pd.Timestamp
    is_first: bool
    models: ModelBook


Inputs = Mapping[str, Rows]
Outputs = Mapping[str, Mapping[str, NDArray[Any]]]


@dataclass(frozen=True)
class Stage:
    """One station of the line.

    Attributes
    ----------
    name : of the stage; a stage that makes one table is named like it
    reads : tables of other stages
    makes : tables, in the order of their causes
    make : (Moment, inputs by `Read.name`) -> columns of each table, without `session` and `known_at`
    keeps : own tables of earlier sessions (offset at least 1), given among the inputs under the same name
    starts : from when the stage is made. `window`: early enough that every consumer's window is full;
        `burn_in`: the burn-in before inception; `inception`: the first traded session.
    uses_models : names of the models whose versions it asks for
    causes : which tables each made table follows from, where that is narrower than all that is read
    """

    name: str
    reads: tuple[Read, ...]
    makes: tuple[str, ...]
    make: Callable[[Moment, Inputs], Outputs]
    keeps: tuple[Read, ...] = ()
    starts: Starts = "burn_in"
    uses_models: tuple[str, ...] = ()
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def causes_of(self, table: str) -> tuple[str, ...]:
        """Tables of the same session from which `table` follows."""
        return self.causes.get(table, tuple(dict.fromkeys(read.table for read in self.reads)))

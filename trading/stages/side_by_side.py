"""Several strategies in one home, side by side: one stage that makes what the stage of each makes.

Each strategy has signals, cash, positions and a ledger of its own, under its name in the column `strategy`. What is
given to each is what it would be given alone, so none can tell that there are others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from trading import calendar
from trading.errors import UsageError
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage


def side_by_side(stages: Sequence[Stage]) -> Stage:
    """The stage that makes the tables of all `stages`, which are one stage told different settings.

    A stage that is alone is itself.

    Raises
    ------
    UsageError
        If the stages do not make the same tables.
    """
    first = stages[0]
    if len(stages) == 1:
        return first
    if {(stage.name, stage.makes, stage.starts) for stage in stages} != {
        (first.name, first.makes, first.starts)
    }:
        raise UsageError(
            f"only stages that make the same tables stand side by side, not those of {first.name}"
        )

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        made = [stage.make(moment, _own(stage, moment.session, inputs)) for stage in stages]
        return {
            table: {name: np.concatenate([one[table][name] for one in made]) for name in made[0][table]}
            for table in first.makes
        }

    reads, keeps = (_widest(read for stage in stages for read in of(stage)) for of in (_reads, _keeps))
    return replace(first, reads=reads, keeps=keeps, make=make)


def _reads(stage: Stage) -> tuple[Read, ...]:
    return stage.reads


def _keeps(stage: Stage) -> tuple[Read, ...]:
    return stage.keeps


def _widest(reads: Iterable[Read]) -> tuple[Read, ...]:
    """One look-back a table, as deep as the deepest."""
    widest: dict[str, Read] = {}
    for read in reads:
        known = widest.get(read.name)
        if known is not None and known.offset != read.offset:
            raise UsageError(f"{read.table} is read with an offset of {known.offset} and of {read.offset}")
        if known is None or read.lookback > known.lookback:
            widest[read.name] = read
    return tuple(widest.values())


def _own(stage: Stage, session: pd.Timestamp, inputs: Inputs) -> Inputs:
    """What the stage would be given if it were alone."""
    own = {}
    for read in (*stage.reads, *stage.keeps):
        begins = calendar.shift(session, -read.depth)
        rows = inputs[read.name]
        own[read.name] = rows if rows.first >= begins else rows.since(begins)
    return own

"""What a report says of its home, beside the numbers in the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from trading.signals.rules import SignalRules


@dataclass(frozen=True)
class Expectations:
    """What the last run of a suite of expectations found."""

    suite: str
    run: str
    evaluated: int
    failed: int
    passed: bool


@dataclass(frozen=True)
class ReportFacts:
    """Facts of a home and its runs, all given: a report reads neither clock nor environment.

    Attributes
    ----------
    home : name of the home
    source : name of the market data's source; `simulated` : whether it is made up
    basis : price basis of the bars
    inception : first traded session, None in a home that has not run
    first, last : first and last session that the report covers
    made_at : moment of writing (UTC)
    settings : digest of the settings that change numbers
    run_ids : runs that wrote the tables, newest last
    versions : version of each table, as `Store.tables` counts them
    rules : of the signals, whose gates are counted
    trials : variants in the home's book of trials, 0 if it has none
    trial_sharpes : the ratio of a session of each that has one
    expectations : the last result of each suite that the home holds
    nulls : rows of `trading.evaluation.nulls.shares` of the null gate that the home holds, None if it holds none
    what_if : what a what-if copy is of, beginning with WHAT-IF; empty in any other home
    """

    home: str
    source: str
    simulated: bool
    basis: str
    inception: pd.Timestamp | None
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    made_at: pd.Timestamp
    settings: str = ""
    run_ids: tuple[str, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    rules: SignalRules = field(default_factory=SignalRules)
    trials: int = 0
    trial_sharpes: tuple[float, ...] = ()
    expectations: tuple[Expectations, ...] = ()
    nulls: pd.DataFrame | None = None
    what_if: str = ""

    @property
    def trials_told(self) -> str:
        """How often one may have tried until something looked good, as far as the home knows."""
        if not self.trials:
            return "Trials: the home's book of trials is empty."
        variants = "1 variant was" if self.trials == 1 else f"{self.trials:,} variants were"
        return f"Trials: {variants} looked at, by the home's book (fabline show trials); other homes are not counted."

    def titled(self, title: str) -> str:
        """`title`, with WHAT-IF and SIMULATED before it where that is so."""
        marks = ["WHAT-IF"] * bool(self.what_if) + ["SIMULATED"] * self.simulated
        return " · ".join([*marks, title])

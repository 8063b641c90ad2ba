"""The tables of a home as a report needs them: traded sessions, one strategy, daily rows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.report.facts import ReportFacts
from trading import frames
from trading.interfaces import Floats
from trading.universe import SYMBOLS

TABLES: tuple[str, ...] = (
    "quarantine", "features", "version_losses", "version_intervals", "champions", "forecasts",
    "ensemble_weights", "ensemble_forecast", "ensemble_intervals", "ensemble_skill", "regimes", "signals",
    "orders", "fills", "ledger", "positions", "performance", "risk", "target_portfolio",
    "stress", "model_attribution", "trials", "findings", "data_quality",
)  # fmt: skip
DAILY = "1D"
_MODEL_COLOURS = {"random_walk": "--m-naive", "ensemble": "--strategy"}
_COLOURED = frozenset(
    {"NVDA", "AMD", "ASML", "TSM", "INTC", "QCOM", "AVGO", "MU", "SMCI", "ARM"}
)  # in report.css
_OTHERS = ("--m-1", "--m-2", "--m-3", "--m-4", "--m-5")


@dataclass(frozen=True)
class Material:
    """Tables by name and the facts; a table that is not given is empty."""

    tables: Mapping[str, pd.DataFrame]
    facts: ReportFacts

    def __getitem__(self, table: str) -> pd.DataFrame:
        """Rows from inception to the last session, of the strategy, daily."""
        return self._chosen[table] if table in self._chosen else self._choose(table)

    @functools.cached_property
    def _chosen(self) -> dict[str, pd.DataFrame]:
        return {}

    def _choose(self, table: str) -> pd.DataFrame:
        rows = self.tables.get(table, frames.empty(table))
        keep = np.ones(len(rows), dtype=bool)
        if self.facts.inception is not None:
            keep &= (rows["session"] >= self.facts.inception).to_numpy()
        if self.facts.last is not None:
            keep &= (rows["session"] <= self.facts.last).to_numpy()
        for column, wanted in (("strategy", self.strategy), ("timeframe", DAILY)):
            if column in rows:
                keep &= (rows[column] == wanted).to_numpy()
        self._chosen[table] = rows[keep].reset_index(drop=True)
        return self._chosen[table]

    @functools.cached_property
    def strategies(self) -> tuple[str, ...]:
        """Names of all strategies that the home books, sorted."""
        performance = self.tables.get("performance", frames.empty("performance"))
        return tuple(sorted(performance["strategy"].unique()))

    @property
    def strategy(self) -> str:
        """The strategy that the report is about: the main one, whose rules the facts hold, of those that there are."""
        main = self.facts.rules.strategy
        return main if main in self.strategies or not self.strategies else self.strategies[0]

    @property
    def challengers(self) -> tuple[str, ...]:
        """Names of the strategies that trade beside it on paper."""
        return tuple(name for name in self.strategies if name != self.strategy)

    @functools.cached_property
    def sessions(self) -> pd.DatetimeIndex:
        """(n,) the sessions that have performance."""
        return pd.DatetimeIndex(self["performance"]["session"])

    @functools.cached_property
    def models(self) -> tuple[str, ...]:
        """Names of the models that forecast, sorted."""
        return tuple(sorted(self["forecasts"]["model"].unique()))

    def wide(self, table: str, column: str, names: tuple[str, ...], key: str = "symbol") -> Floats:
        """(n, k) `column` of a table over the report's sessions and the values `names` of `key`, NaN where absent."""
        rows = self[table]
        pivoted = rows.pivot_table(index="session", columns=key, values=column, aggfunc="last")
        return pivoted.reindex(index=self.sessions, columns=list(names)).to_numpy(dtype=float)

    def symbol_colour(self, symbol: str) -> str:
        """CSS property of a symbol's colour."""
        if symbol in _COLOURED:
            return f"--c-{symbol.lower()}"
        return _OTHERS[SYMBOLS.index(symbol) % len(_OTHERS)] if symbol in SYMBOLS else "--cash"

    def model_colour(self, model: str) -> str:
        """CSS property of a model's colour, the same in every chart of the report."""
        others = [name for name in self.models if name not in _MODEL_COLOURS]
        if model in _MODEL_COLOURS or model not in others:
            return _MODEL_COLOURS.get(model, "--cash")
        return _OTHERS[others.index(model) % len(_OTHERS)]

"""What one line leaves behind for a comparison: a row a session, and the file that keeps it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.ablation.sharing import Line
from pipelines.in_memory import Market
from pipelines.settings import Settings
from resources.trials import code_of_the_line
from trading.digest import digest
from trading.evaluation.ablation import HORIZON, SESSION_COLUMNS
from trading.evaluation.matured import matured_ensemble
from trading.stages.layout import DAILY

EQUAL_WEIGHT, EQUAL_AT_EXPOSURE = "equal weight", "equal weight at the line's exposure"
_FORECASTS = ("calls", "hits", "cases", "loss")


def sessions_of(line: Line) -> pd.DataFrame:
    """One row a session after the first, indexed by it.

    Returns
    -------
    `SESSION_COLUMNS`, the simple return of equal weight (`equal_return`), the part of equity that was held since the
    session before (`exposure`), and the regime as it was named then, when the orders were decided.
    """
    store = line.made.store
    book = store.read("performance").set_index("session").sort_index()
    regimes = store.read("regimes", timeframe=DAILY).set_index("session")["regime"]
    frame = pd.DataFrame(
        {
            "net_return": np.expm1(book["log_return"]),
            "turnover": book["turnover"],
            "equal_return": np.expm1(book["equal_weight_log_return"]),
            "exposure": book["gross_exposure"].shift(1),
            "regime": regimes.shift(1).reindex(book.index).astype("str"),
        }
    )
    said = _forecasts(line).reindex(book.index)
    return frame.join(said.fillna(0.0))[1:]


def _forecasts(line: Line) -> pd.DataFrame:
    """Calls, hits, cases and summed losses of the ensemble's clean forecasts over the horizon, by session of issue."""
    tables = (
        line.made.store.read(name, timeframe=DAILY) for name in ("ensemble_intervals", "ensemble_forecast")
    )
    met = matured_ensemble(*(rows[rows["horizon"] == HORIZON] for rows in tables))
    met = met[~met["contaminated"]]
    median, realized = met["q500"].to_numpy(), met["realized"].to_numpy()
    called = (median != 0) & (realized != 0)
    rows = pd.DataFrame(
        {
            "calls": called.astype(float),
            "hits": (called & ((median > 0) == (realized > 0))).astype(float),
            "cases": 1.0,
            "loss": met["pinball"].to_numpy(),
        },
        index=pd.DatetimeIndex(met["issued_session"]),
    )
    return rows.groupby(level=0)[list(_FORECASTS)].sum()


def benchmarks_of(base: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Sides that need no line: equal weight of the same names without costs, whole and at the line's exposure."""
    whole, part = base["equal_return"], base["equal_return"] * base["exposure"]
    return {
        EQUAL_WEIGHT: base.assign(net_return=whole, turnover=0.0),
        EQUAL_AT_EXPOSURE: base.assign(net_return=part, turnover=0.0),
    }


@dataclass(frozen=True)
class ResultFolder:
    """A folder of results, each named by all that it follows from: settings, market, range and code.

    Attributes
    ----------
    market : digest of it
    """

    path: Path
    market: str
    first: pd.Timestamp
    last: pd.Timestamp

    def read(self, settings: Settings) -> pd.DataFrame | None:
        """What a line of `settings` left, None if it was not made yet."""
        path = self._file(settings)
        if not path.exists():
            return None
        return pd.read_parquet(path).set_index("session")

    def write(self, settings: Settings, sessions: pd.DataFrame) -> None:
        """Keep what a line left, whole or not at all."""
        path = self._file(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.draft")
        sessions.reset_index().to_parquet(draft, index=False)
        draft.replace(path)

    def _file(self, settings: Settings) -> Path:
        span = (str(self.first), str(self.last))
        return self.path / f"{digest(settings.digest(), self.market, *span, code_of_the_line())}.parquet"


def digest_of(market: Market) -> str:
    """Digest of every row of a market."""
    hashes = {
        name: pd.util.hash_pandas_object(rows.reset_index(drop=True), index=False).to_numpy()
        for name, rows in market.items()
    }
    return digest(*hashes, *hashes.values())


__all__ = [
    "EQUAL_AT_EXPOSURE",
    "EQUAL_WEIGHT",
    "SESSION_COLUMNS",
    "ResultFolder",
    "benchmarks_of",
    "digest_of",
    "sessions_of",
]

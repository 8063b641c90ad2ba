"""Small bars and corporate actions for tests, and one stage made at one session from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames
from trading.history import History
from trading.interfaces import Floats, Forecaster, ModelVersion
from trading.stages.layout import DAILY
from trading.stages.stage import Moment, Outputs, Stage
from trading.testing.stage_rows import of_timeframe

DELAY = pd.Timedelta(minutes=10)


class NoModels:
    """A model book without a single version."""

    def live(
        self,
        model: str,  # noqa: ARG002
        session: pd.Timestamp,  # noqa: ARG002
        timeframe: str = DAILY,  # noqa: ARG002
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        """Nothing."""
        return ()

    def records(
        self,
        model: str,  # noqa: ARG002
        session: pd.Timestamp,  # noqa: ARG002
        timeframe: str = DAILY,  # noqa: ARG002
    ) -> tuple[ModelVersion, ...]:
        """Nothing."""
        return ()

    def decided(self, model: str, session: pd.Timestamp) -> None:
        """Nobody decided anything."""


def moment(session: str | pd.Timestamp, *, is_first: bool = False) -> Moment:
    """The moment of `session` in a home that began with it, without models."""
    label = calendar.session_of(session)
    return Moment(label, calendar.as_of(label), label, is_first, NoModels())


def bars_frame(
    closes: Mapping[str, Sequence[float] | Floats], last: str | pd.Timestamp, *, basis: str = "raw"
) -> pd.DataFrame:
    """Daily bars that end at `last`, from the closes of each symbol; NaN is a session without a bar.

    A bar opens at its close, spans 1 % to each side and trades a million shares.
    """
    return frames.validated("bars", pd.concat([_symbol(s, c, last, basis) for s, c in closes.items()]))


def _symbol(
    symbol: str, closes: Sequence[float] | Floats, last: str | pd.Timestamp, basis: str
) -> pd.DataFrame:
    close = np.asarray(closes, dtype=np.float64)
    end = calendar.session_of(last)
    present: NDArray[np.bool_] = ~np.isnan(close)
    sessions = calendar.sessions_between(calendar.shift(end, 1 - len(close)), end)[present]
    close = close[present]
    frame = pd.DataFrame(
        {
            "session": sessions,
            "timeframe": "1D",
            "ts": calendar.open_each(sessions),
            "symbol": symbol,
            "known_at": calendar.as_of_each(sessions, DELAY),
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": 1e6,
            "basis": basis,
            "source": "test",
        }
    )
    return frame.astype(frames.table_of("bars").dtypes)


def actions_frame(*actions: tuple[str, str, str, float]) -> pd.DataFrame:
    """Corporate actions from (session, symbol, kind, ratio or amount), known and paid as they take effect."""
    if not actions:
        return frames.empty("corporate_actions")
    sessions = pd.DatetimeIndex([calendar.session_of(action[0]) for action in actions])
    splits = np.array([action[2] == "split" for action in actions])
    sizes = np.array([action[3] for action in actions])
    frame = pd.DataFrame(
        {
            "session": sessions,
            "symbol": [action[1] for action in actions],
            "kind": [action[2] for action in actions],
            "known_at": calendar.open_each(sessions),
            "ratio": np.where(splits, sizes, 1.0),
            "amount": np.where(splits, 0.0, sizes),
            "pay_session": sessions,
            "source": "test",
        }
    )
    return frames.validated("corporate_actions", frame.astype(frames.table_of("corporate_actions").dtypes))


def make_at(stage: Stage, session: str | pd.Timestamp, tables: Mapping[str, pd.DataFrame]) -> Outputs:
    """What `stage` makes at `session` from frames of the tables that it reads, cut to its look-backs."""
    now = moment(session)
    inputs = {}
    for read in stage.reads:
        last = calendar.shift(now.session, -read.offset)
        rows = of_timeframe(History.from_frame(read.table, tables[read.table]), read.timeframe)
        inputs[read.name] = rows.window(calendar.shift(last, -read.lookback), last, now.as_of)
    return stage.make(now, inputs)

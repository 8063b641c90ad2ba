"""The resident process speaks when a bar is complete, says what the evening says, and never stops the bars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from models.forecasters.catalogue import model_spec
from models.forecasters.random_walk import RandomWalk
from pipelines.ingest.live_forecasts import TABLE, LiveForecasts, _complete, _Session
from trading import calendar
from trading.frames import QUANTILES
from trading.history import History
from trading.interfaces import ModelVersion
from trading.stages.models_book import MemoryModelBook
from trading.stages.training import Trained
from trading.stages.windows import INTRADAY_SESSIONS, intraday_windows
from trading.testing.intraday_history import VALUES, intraday_history
from trading.testing.memory_store import MemoryStore
from trading.universe import SYMBOLS

SESSION = calendar.session_of("2024-07-09")
BEFORE = calendar.shift(SESSION, -1)
STARTS = pd.date_range(calendar.session_open(SESSION), periods=78, freq="5min")
SPEC = model_spec("random_walk")
Bars = dict[tuple[str, pd.Timestamp], tuple[float, ...]]


@dataclass
class Told:
    """A notifier that remembers."""

    events: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def notify(self, event: str, /, **facts: str) -> None:
        self.events.append((event, facts))


def framed(rows: History, first: pd.Timestamp) -> pd.DataFrame:
    frame = rows.window(first, SESSION, calendar.as_of(SESSION)).frame
    stamps = {name for name in ("ts", "known_at") if name in frame}
    return frame.assign(**{name: frame[name].dt.tz_localize("UTC") for name in stamps})


def home_with(features_to: pd.Timestamp) -> SimpleNamespace:
    """A home whose tables are in memory, made up to a session."""
    store = MemoryStore()
    for table, rows in intraday_history(SESSION).items():
        frame = framed(rows, calendar.shift(SESSION, -20))
        kept = frame[(frame["session"] <= (features_to if table == "features" else BEFORE)).to_numpy()]
        if len(kept):
            store.write({table: kept}, kept["session"].min(), kept["session"].max(), commit={})
    version = ModelVersion("random_walk", "a", None, None, None, None)
    book = MemoryModelBook.of({"random_walk": "zero_shot"}, [Trained(version, RandomWalk(), {})])
    log = SimpleNamespace(info=lambda *_, **__: None)
    return SimpleNamespace(store=store, models=lambda: book, notifier=Told(), log=log, settings_digest="d")


def bars_up_to(count: int) -> Bars:
    rows = framed(intraday_history(SESSION)["bars"], SESSION)
    early = rows[rows["ts"].isin(STARTS[:count]) & rows["symbol"].isin(SYMBOLS)]
    keys = zip(early["symbol"], early["ts"], strict=True)
    return dict(zip(keys, early[VALUES].itertuples(index=False, name=None), strict=True))


def evening(place: int) -> np.ndarray:
    """(s, h, q) what the evening's run says at the end of a bar."""
    first = calendar.shift(SESSION, 1 - INTRADAY_SESSIONS)
    rows = intraday_history(SESSION)["features"].window(first, SESSION, calendar.as_of(SESSION))
    windows = intraday_windows(rows, SESSION, RandomWalk().context_sessions, SPEC.view)
    return RandomWalk().predict(windows.bars[place][1]).quantiles


def test_each_bar_is_said_once_and_as_the_evening_says_it() -> None:
    home, shown = home_with(BEFORE), []
    forecasts = LiveForecasts(home, [SPEC], SYMBOLS, shown.append)

    for count in (1, 1, 3):  # two bars come together, and the first one twice
        forecasts.take(SESSION, bars_up_to(count), STARTS[count])
    made = home.store.read(TABLE).sort_values(["ts", "horizon", "symbol"])

    assert [line.split(": ")[1].split(",")[0] for line in shown] == [
        "1 versions stand at the open",
        *["1 versions"] * 3,
    ]
    assert made["ts"].drop_duplicates().tolist() == list(STARTS[:3])
    for place, (_, rows) in enumerate(made.groupby("ts")):
        cube = rows[list(QUANTILES)].to_numpy().reshape(3, len(SYMBOLS), 7).transpose(1, 0, 2)
        order = np.argsort(SYMBOLS)
        assert np.ascontiguousarray(cube).tobytes() == np.ascontiguousarray(evening(place)[order]).tobytes()
    assert (made["latency_ms"] > 0).all()


def test_a_home_that_was_not_run_up_to_the_day_before_is_told_of_once() -> None:
    home, shown = home_with(calendar.shift(BEFORE, -1)), []
    forecasts = LiveForecasts(home, [SPEC], SYMBOLS, shown.append)

    forecasts.take(SESSION, bars_up_to(1), STARTS[1])

    assert not forecasts.is_due(SESSION, bars_up_to(2), STARTS[2])
    assert [event for event, _ in home.notifier.events] == ["live_forecast_refused"]
    assert "not with 2024-07-08; `fabline run --to 2024-07-08`" in shown[0]


def complete(bars: Bars, seconds: float | None) -> list[int]:
    """Places of the bars that are complete so many seconds after the end of the first; None: more is to be stored."""
    lasting = _Session(SESSION, STARTS, {"AMD", "NVDA"}, [])
    now = None if seconds is None else STARTS[1] + pd.Timedelta(seconds=seconds)
    return [STARTS.get_loc(start) for start in _complete(lasting, bars, now)]


def bars(*places: tuple[str, int]) -> Bars:
    return {(symbol, STARTS[place]): (1.0,) * 5 for symbol, place in places}


def test_a_bar_is_complete_when_every_name_that_had_one_has_it() -> None:
    assert complete(bars(("AMD", 0)), 1) == []
    assert complete(bars(("AMD", 0), ("NVDA", 0)), 1) == [0]


@pytest.mark.parametrize(("seconds", "places"), [(19, []), (20, [0]), (None, [])])
def test_a_halted_name_holds_the_others_up_for_a_while_only(seconds: float | None, places: list[int]) -> None:
    assert complete(bars(("AMD", 0)), seconds) == places


def test_a_bar_that_nobody_had_is_passed_over_once_a_later_one_is_there() -> None:
    assert complete(bars(("AMD", 1), ("NVDA", 1)), 321) == [1]

"""Kept forecasts: the same bytes as made ones, never those of another window, and no trust in a file."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.logs import FILE, log_to
from resources.prediction_cache import LiveForecaster, PredictionCache, name_of
from trading.errors import ModelError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Forecast, Forecaster, ModelVersion, TrainingJournal, Window
from trading.testing.feature_history import window_of

ROOT = Path(__file__).parents[2]
VERSION = ModelVersion("counted", "v1", None, None, None, None)
RETURNS = np.random.default_rng(4).normal(0, 0.02, (20, 3))
PLENTY = 1 << 20


@dataclass
class Counted:
    """Forecasts a digest of the window, as slow models do, and counts how often it is asked."""

    name: ClassVar[str] = "counted"
    context_sessions: int = 20
    fallback: str = ""
    asked: list[Window] = field(default_factory=list)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:
        del window, journal
        return self

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        self.asked.append(window)
        shape = (len(window.symbols), len(horizons), len(LEVELS))
        quantiles = np.random.default_rng(int(np.nansum(window.panel) * 1e6) % 997).normal(size=shape)
        quantiles[~window.mask] = np.nan
        return Forecast(window.symbols, tuple(horizons), quantiles, fallback=self.fallback)

    def to_bytes(self) -> bytes:
        return b"weights"

    def from_bytes(self, payload: bytes) -> Self:
        del payload
        return self


def cache(home: Path, most: int = PLENTY) -> PredictionCache:
    return PredictionCache(home / "cache", most, log_to(home / "logs"))


def live(
    home: Path, model: Counted, version: ModelVersion = VERSION, kept: PredictionCache | None = None
) -> LiveForecaster:
    return LiveForecaster(version, lambda: model, model, log_to(home / "logs"), kept or cache(home))


def events(home: Path) -> list[dict[str, Any]]:
    path = home / "logs" / FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def entries(home: Path) -> list[Path]:
    return sorted((home / "cache").rglob("*.forecast"))


def test_a_second_look_gives_the_same_bytes_without_the_model_even_in_another_process(tmp_path: Path) -> None:
    model = Counted()
    window = window_of(RETURNS, mask=[True, False, True])

    first = live(tmp_path, model).predict(window)
    unloaded = LiveForecaster(VERSION, _never, model, log_to(tmp_path / "logs"), cache(tmp_path))
    again = unloaded.predict(window)

    assert again.quantiles.tobytes() == first.quantiles.tobytes()
    assert (again.symbols, again.horizons, again.levels) == (first.symbols, first.horizons, first.levels)
    assert len(model.asked) == 1


def _never() -> Forecaster:
    raise AssertionError("the weights were loaded for a forecast that was kept")


OTHERS: dict[str, Callable[[Window], Window]] = {
    "a restated return": lambda w: replace(w, panel=np.where(w.panel == w.panel[3, 1, 0], 1e-9, w.panel)),
    "another mask": lambda w: replace(w, mask=np.array([True, True, False])),
    "another session": lambda w: replace(w, sessions=w.sessions + np.timedelta64(1, "D")),
    "other names": lambda w: replace(w, symbols=("A", "B", "C")),
    "another channel": lambda w: replace(w, channels=("held_return",)),
    "another basis": lambda w: replace(w, basis="raw"),
    "another timeframe": lambda w: replace(w, timeframe="1W"),
    "something beside": lambda w: replace(w, context_symbols=("SPY",), context=np.zeros((20, 1, 1))),
}


@pytest.mark.parametrize("other", OTHERS)
def test_anything_else_in_the_window_is_another_forecast(other: str, tmp_path: Path) -> None:
    model = Counted()
    speaking = live(tmp_path, model)
    window = window_of(RETURNS)
    speaking.predict(window)

    speaking.predict(OTHERS[other](window))

    assert len(model.asked) == 2
    assert len(entries(tmp_path)) == 2


def test_another_version_and_other_horizons_are_other_forecasts(tmp_path: Path) -> None:
    model = Counted()
    live(tmp_path, model).predict(window_of(RETURNS))

    live(tmp_path, model, replace(VERSION, version="v2")).predict(window_of(RETURNS))
    live(tmp_path, model).predict(window_of(RETURNS), horizons=(1,))

    assert len(model.asked) == 3


@given(place=st.integers(0, 59), by=st.floats(1e-300, 1.0))
@settings(max_examples=50, deadline=None)
def test_any_changed_value_changes_the_name(place: int, by: float) -> None:
    window, changed = window_of(RETURNS), RETURNS.copy()
    changed.flat[place] += by
    same = changed.tobytes() == RETURNS.tobytes()

    assert (name_of(VERSION, window_of(changed), HORIZONS) == name_of(VERSION, window, HORIZONS)) is same


@pytest.mark.parametrize(
    "damage",
    [lambda raw: raw[:-8], lambda raw: raw[:40] + b"?" + raw[41:], lambda _: b"", lambda raw: raw + b"\0"],
    ids=["cut off", "another byte", "empty", "longer"],
)
def test_a_damaged_file_is_made_again_and_the_log_says_so(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    model = Counted()
    first = live(tmp_path, model).predict(window_of(RETURNS))
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))

    again = live(tmp_path, model).predict(window_of(RETURNS))

    assert again.quantiles.tobytes() == first.quantiles.tobytes()
    assert entry.read_bytes() == whole
    (event,) = events(tmp_path)
    assert (event["event"], event["file"], event["level"]) == (
        "prediction_cache_damaged",
        str(entry),
        "warning",
    )


def test_a_whole_file_under_a_wrong_name_is_not_believed(tmp_path: Path) -> None:
    model = Counted()
    live(tmp_path, model).predict(window_of(RETURNS))
    (entry,) = entries(tmp_path)
    other = window_of(2 * RETURNS)
    entry.rename(entry.with_name(f"{name_of(VERSION, other, HORIZONS)}.forecast"))

    live(tmp_path, model).predict(other)

    assert len(model.asked) == 2


def test_a_forecast_that_fell_back_is_logged_and_not_kept(tmp_path: Path) -> None:
    model = Counted(fallback="cuda ran out of memory with 32 rows: cpu with 32 rows")

    live(tmp_path, model).predict(window_of(RETURNS))

    assert entries(tmp_path) == []
    (event,) = events(tmp_path)
    assert (event["event"], event["model"], event["version"], event["session"]) == (
        "forecast_fallback",
        "counted",
        "v1",
        "2024-06-28",
    )
    assert event["fallback"] == model.fallback


def test_the_folder_never_grows_beyond_its_bound_and_the_longest_unused_goes_first(tmp_path: Path) -> None:
    model = Counted()
    size = 32 + 8 * 3 * len(HORIZONS) * len(LEVELS)
    kept = cache(tmp_path, most=10 * size)
    speaking = live(tmp_path, model, kept=kept)
    windows = [window_of(RETURNS * scale) for scale in range(1, 12)]
    for place, window in enumerate(windows[:10]):
        speaking.predict(window)
        newest = max(entries(tmp_path), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (place, place))
    speaking.predict(windows[0])  # used again: no longer the oldest

    speaking.predict(windows[10])

    assert sum(path.stat().st_size for path in entries(tmp_path)) <= 10 * size
    assert len(entries(tmp_path)) == 8
    asked = len(model.asked)
    speaking.predict(windows[0])
    assert len(model.asked) == asked
    speaking.predict(windows[1])
    assert len(model.asked) == asked + 1


def test_a_disk_that_keeps_nothing_costs_no_forecast(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    model = Counted()

    made = live(tmp_path, model).predict(window_of(RETURNS))

    assert np.isfinite(made.quantiles).all()
    assert {event["event"] for event in events(tmp_path)} == {
        "prediction_cache_unreadable",
        "prediction_not_cached",
    }


WRITER = """
import runpy, sys
from pathlib import Path
from trading.testing.feature_history import window_of
test = runpy.run_path("tests/resources/test_prediction_cache.py")
home = Path(sys.argv[1])
speaking = test["live"](home, test["Counted"]())
for scale in range(1, 10**6):
    speaking.predict(window_of(test["RETURNS"] * scale))
    print(scale, flush=True)
"""


def test_a_killed_writer_leaves_whole_entries_and_what_it_left_is_swept(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    for _ in range(20):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    left, of_another = (tmp_path / "cache" / "predictions" / "counted" / f"{name}.1.1.draft" for name in "xy")
    for draft in (left, of_another):
        draft.write_bytes(b"half")
    os.utime(left, (0, 0))

    model, count = Counted(), len(entries(tmp_path))
    for scale in range(1, count + 1):
        live(tmp_path, model).predict(window_of(RETURNS * scale))
    live(tmp_path, model).predict(window_of(RETURNS * -1))

    assert count >= 20
    assert len(model.asked) == 1
    assert events(tmp_path) == []
    assert not left.exists()
    assert of_another.exists()  # its writer may be at it


def test_without_a_cache_the_model_is_asked_every_time_and_its_weights_are_loaded_once(
    tmp_path: Path,
) -> None:
    model, loads = Counted(), []

    def load() -> Forecaster:
        loads.append(1)
        return model

    speaking = LiveForecaster(VERSION, load, model, log_to(tmp_path / "logs"))
    quantiles = [speaking.predict(window_of(RETURNS)).quantiles.tobytes() for _ in range(2)]

    assert quantiles[0] == quantiles[1]
    assert (len(model.asked), len(loads)) == (2, 1)
    assert isinstance(speaking, Forecaster)
    assert (speaking.name, speaking.context_sessions, speaking.to_bytes()) == ("counted", 20, b"weights")


class Recurrent(Counted):
    """Goes on from a state."""

    def streaming(self, window: Window) -> "Recurrent":
        self.asked.append(window)
        return self

    def step(self, window: Window) -> Forecast:
        return self.predict(window)


def test_a_version_streams_if_its_model_does_and_what_it_says_is_not_kept(tmp_path: Path) -> None:
    window = window_of(RETURNS)
    stream = live(tmp_path, Recurrent()).streaming(window)
    assert stream is not None
    assert np.isfinite(stream.step(window).quantiles).all()
    assert entries(tmp_path) == []
    assert live(tmp_path, Counted()).streaming(window) is None


@dataclass
class Failing(Counted):
    """Fails as it is told to."""

    how: Callable[[Window], object] = lambda _: None

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        self.how(window)
        made = super().predict(window, horizons=horizons)
        made.quantiles[1, 0, 3] = np.nan
        return made


def raising(_: Window) -> object:
    raise ZeroDivisionError("division by zero")


FAILURES = {
    "raises": (raising, "ZeroDivisionError: division by zero; mend it"),
    "hangs": (lambda _: time.sleep(1.0), "DeadlineError: no answer within 0.1 s"),
    "no number": (lambda _: None, "gave no number for "),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_model_that_fails_is_an_error_of_the_model_and_told_once(failure: str, tmp_path: Path) -> None:
    how, complaint = FAILURES[failure]
    speaking = LiveForecaster(
        VERSION, lambda: Failing(how=how), Counted(), log_to(tmp_path / "logs"), cache(tmp_path), seconds=0.1
    )
    for _ in range(2):
        with pytest.raises(ModelError, match=complaint):
            speaking.predict(window_of(RETURNS))

    told = [json.loads(line) for line in (tmp_path / "logs" / FILE).read_text().splitlines()]
    assert [one["event"] for one in told] == ["version_cannot_speak"]
    assert not list((tmp_path / "cache").rglob("*.forecast"))  # what failed is not kept

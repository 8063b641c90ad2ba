"""Several inferences at once: throughput, latency, memory and equal results at 1, 2 and 4 callers, per model.

python benchmarks/measure_inference.py                          # every model of the catalogue
python benchmarks/measure_inference.py --models timesfm --callers 1,4 --seconds 10
python benchmarks/measure_inference.py --cache                  # what a kept forecast saves

Each model and number of callers has a process of its own, whose peak memory is told beside what the
process held before its first forecast. Callers are threads of it that ask one version, as a server's would,
each call for a session of ten names in the default batch. Trained models learn for one epoch: speed does
not depend on what was learned. Returns are SIMULATED noise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from models.forecasters.catalogue import CATALOGUE, model_spec
from resources.logs import log_to
from resources.prediction_cache import LiveForecaster, PredictionCache
from trading.interfaces import Forecaster, ModelVersion, Window
from trading.testing.feature_history import full_window
from trading.universe import SYMBOLS

WINDOWS, SESSIONS = 16, 512
MOST_TRAINING_SESSIONS = 512
VERSION = "measured"


def windows_of(name: str) -> list[Window]:
    """Windows of different sessions, as long as the model looks back."""
    spec = model_spec(name)
    rng = np.random.default_rng(1)
    length = max(spec.prototype().context_sessions, SESSIONS)
    noise = [rng.normal(0, 0.02, (length, len(SYMBOLS))) for _ in range(WINDOWS)]
    return [full_window(returns, spec.channels, context=spec.context) for returns in noise]


def fitted(name: str) -> Forecaster:
    """The model, trained quickly if it needs training."""
    prototype = model_spec(name).prototype()
    given = {field.name: getattr(prototype, field.name) for field in fields(prototype)}  # type: ignore[arg-type]
    less = {key: replace(value, epochs=1) for key, value in given.items() if hasattr(value, "epochs")}
    quick: Forecaster = replace(prototype, **less)  # type: ignore[type-var]
    return quick.fit(windows_of(name)[0])


def measure(name: str, callers: int, seconds: float) -> dict[str, object]:
    """One row: calls a second, latency, memory, and whether each call gave what one caller alone gets."""
    model, windows = fitted(name), windows_of(name)
    before = _peak()
    alone = [_digest(model, window) for window in windows]
    latencies, wrong = _asked(lambda place: _digest(model, windows[place]), alone, callers, seconds)
    return {
        "model": name,
        "callers": callers,
        "calls": len(latencies),
        "calls_per_second": len(latencies) / seconds,
        "p50_ms": 1000 * float(np.percentile(latencies, 50)),
        "p99_ms": 1000 * float(np.percentile(latencies, 99)),
        "peak_mb": _peak(),
        "peak_before_mb": before,
        "equal": wrong == 0,
    }


def _asked(
    ask: Callable[[int], str], expected: list[str], callers: int, seconds: float
) -> tuple[list[float], int]:
    """Seconds of each call of `callers` threads within `seconds`, and how many answers were others."""
    end = time.perf_counter() + seconds

    def one_caller(start: int) -> list[tuple[float, bool]]:
        calls, place = [], start
        while (begun := time.perf_counter()) < end:
            answer = ask(place % len(expected))
            calls.append((time.perf_counter() - begun, answer == expected[place % len(expected)]))
            place += 1
        return calls

    with ThreadPoolExecutor(callers) as pool:
        calls = [call for each in pool.map(one_caller, range(callers)) for call in each]
    return [seconds for seconds, _ in calls], sum(not same for _, same in calls)


def _digest(model: Forecaster, window: Window) -> str:
    return hashlib.sha256(model.predict(window).quantiles.tobytes()).hexdigest()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_cache(name: str) -> dict[str, object]:
    """One row: a forecast that must be made and kept, one that is found, and the model without a cache."""
    windows, model = windows_of(name), fitted(name)
    model.predict(windows[0])
    with tempfile.TemporaryDirectory() as folder:
        log = log_to(Path(folder))
        cache = PredictionCache(Path(folder), 1 << 30, log)
        version = ModelVersion(name, VERSION, None, None, None, None)
        kept = LiveForecaster(version, lambda: model, model, log, cache)
        plain, miss, hit = (_median_ms(who, windows) for who in (model, kept, kept))
        same = all(_digest(kept, window) == _digest(model, window) for window in windows)
    row = {"model": name, "plain_ms": plain, "miss_ms": miss, "hit_ms": hit, "equal": same}
    return {**row, "times_faster": plain / hit}


def _median_ms(model: Forecaster, windows: list[Window]) -> float:
    seconds = []
    for window in windows:
        begun = time.perf_counter()
        model.predict(window)
        seconds.append(time.perf_counter() - begun)
    return 1000 * float(np.median(seconds))


def _elsewhere(*arguments: str) -> dict[str, object]:
    """One row, measured in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    row = ran.stdout.splitlines()[-1]
    print(row, file=sys.stderr)
    return dict(json.loads(row))


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default=",".join(spec.name for spec in CATALOGUE))
    parser.add_argument("--callers", default="1,2,4")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--cache", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        row = (
            measure_cache(asked.one) if asked.cache else measure(asked.one, int(asked.callers), asked.seconds)
        )
        print(json.dumps(row))
        return
    names = asked.models.split(",")
    if asked.cache:
        rows = [_elsewhere("--cache", "--one", name) for name in names]
    else:
        rows = [
            _elsewhere("--one", name, "--callers", callers, "--seconds", str(asked.seconds))
            for name in names
            for callers in asked.callers.split(",")
        ]
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda value: f"{value:.2f}"))


if __name__ == "__main__":
    main()

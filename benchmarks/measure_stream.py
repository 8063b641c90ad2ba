"""Milliseconds from a five-minute bar of the ten names to its forecast, beside the evening's run over the same bars.

python benchmarks/measure_stream.py --models random_walk,ar1,timesfm
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from models.forecasters.catalogue import ModelSpec, model_specs
from trading import calendar
from trading.interfaces import Forecaster
from trading.stages.intraday_stream import IntradayStream
from trading.stages.windows import INTRADAY_BARS, INTRADAY_SESSIONS, intraday_windows, stream_of
from trading.testing.intraday_history import bars_of, intraday_history

DAY = calendar.session_of("2024-07-09")


def forecaster_of(spec: ModelSpec) -> Forecaster:
    """The model's prototype; AR(1) with coefficients, which cost the same whatever they are."""
    from models.forecasters.ar1 import PooledAR1

    prototype = spec.prototype()
    return PooledAR1(coefficients_=np.array([0.0, 0.05])) if spec.name == "ar1" else prototype


def measured(spec: ModelSpec) -> dict[str, object]:
    """One session of one model."""
    forecaster, history = forecaster_of(spec), intraday_history(DAY)
    started = time.perf_counter()
    stream = IntradayStream.prefill(forecaster, spec.view, DAY, history)
    prefill = time.perf_counter() - started
    wall, cpu, said = [], [], []
    for start, values in bars_of(history["bars"], DAY, stream.symbols).items():
        before, used = time.perf_counter(), time.process_time()
        said.append(stream.push(start, values).quantiles)
        wall.append(time.perf_counter() - before)
        cpu.append(time.process_time() - used)
    apart = np.nanmax(np.abs(np.stack(said) - np.stack(evening(forecaster, spec))))
    return {
        "model": spec.name,
        "bars": len(said),
        "prefill_ms": prefill * 1e3,
        "p50_ms": np.median(wall) * 1e3,
        "p99_ms": np.quantile(wall, 0.99) * 1e3,
        "p50_cpu_ms": np.median(cpu) * 1e3,
        "most_apart": apart,
    }


def evening(forecaster: Forecaster, spec: ModelSpec) -> list[np.ndarray]:
    """What the evening's run says of the same bars."""
    first = calendar.shift(DAY, 1 - INTRADAY_SESSIONS)
    rows = intraday_history(DAY)["features"].window(first, DAY, calendar.as_of(DAY))
    found = intraday_windows(rows, DAY, min(forecaster.context_sessions, INTRADAY_BARS), spec.view)
    stream = stream_of(forecaster, found.before)
    speak = forecaster.predict if stream is None else stream.step
    return [speak(window).quantiles for _, window in found.bars]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="random_walk,ar1,timesfm")
    specs = model_specs(parser.parse_args().models.split(","))
    print(f"SIMULATED, ten names, {DAY:%Y-%m-%d}")
    print(pd.DataFrame([measured(spec) for spec in specs]).round(3).to_string(index=False))


if __name__ == "__main__":
    main()

"""What every model of the catalogue must do; a new model passes here or is not one."""

import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from models.forecasters.catalogue import CATALOGUE, default_models, model_spec, model_specs
from trading.errors import CheckpointError, UsageError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import Forecaster, Window
from trading.stages.layout import FIVE_MINUTES, WEEKLY
from trading.testing.feature_history import full_window
from trading.universe import SYMBOLS

NAMES = [spec.name for spec in CATALOGUE]
ALONE = [spec.name for spec in CATALOGUE if not spec.joint]
ROOT = Path(__file__).parents[2]
LATE = SYMBOLS.index("ARM")
# Learning these again, or in another process, takes most of a minute: every night, and the others every day.
HEAVY = [spec.name for spec in CATALOGUE if spec.slow and spec.cadence != "zero_shot"]
LIGHT = [name for name in NAMES if name not in HEAVY]
each_model = pytest.mark.parametrize("name", NAMES)
each_model_the_heavy_ones_nightly = pytest.mark.parametrize(
    "name", [*LIGHT, *(pytest.param(name, marks=pytest.mark.nightly) for name in HEAVY)]
)
each_that_looks_at_one_name = pytest.mark.parametrize("name", ALONE)


def returns(seed: int = 11) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = rng.standard_t(5, (512, len(SYMBOLS))) * np.linspace(0.005, 0.03, len(SYMBOLS))
    out[:300, LATE] = np.nan
    out[400:402, 2] = np.nan
    return out


def shown(name: str, values: np.ndarray, mask: Sequence[bool] | None = None) -> Window:
    """A window of these returns as the model of that name sees it."""
    spec = model_spec(name)
    return full_window(values, spec.channels, context=spec.context, mask=mask)


def window(name: str, *masked: int, scale: float = 1.0, seed: int = 11) -> Window:
    mask = [place not in masked for place in range(len(SYMBOLS))]
    return shown(name, scale * returns(seed), mask)


def quick(prototype: Forecaster) -> Forecaster:
    """The same model with little learning and a small batch: what is asked of it here needs no more."""
    given = {field.name: getattr(prototype, field.name) for field in fields(prototype)}  # type: ignore[arg-type]
    less = {name: replace(chosen, epochs=1) for name, chosen in given.items() if hasattr(chosen, "epochs")}
    less |= {name: small for name, small in {"trees": 4, "batch": 12}.items() if name in given}
    return replace(prototype, **less)  # type: ignore[type-var]  # forecasters are dataclasses


@functools.cache
def fitted(name: str, scale: float = 1.0) -> Forecaster:
    return quick(model_spec(name).prototype()).fit(window(name, scale=scale))


@functools.cache
def usual(name: str) -> np.ndarray:
    return fitted(name).predict(window(name)).quantiles


def digests(names: Sequence[str]) -> dict[str, str]:
    """What each model says, trained in this process."""
    return {name: hashlib.sha256(usual(name).tobytes()).hexdigest() for name in names}


@functools.cache
def digests_elsewhere(names: tuple[str, ...]) -> dict[str, str]:
    """The same of a process with another hash seed and another number of threads."""
    code = (
        "import json, runpy, torch; torch.set_num_threads(3); "
        f"print(json.dumps(runpy.run_path('tests/contracts/test_forecasters.py')['digests']({names})))"
    )
    other = {
        "PYTHONHASHSEED": "99",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "3",
        "NUMBA_NUM_THREADS": "2",
    }
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | other,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(run.stdout))


@each_model
def test_it_is_a_forecaster_of_the_catalogue_s_name(name: str) -> None:
    prototype = model_spec(name).prototype()

    assert isinstance(prototype, Forecaster)
    assert prototype.name == name
    assert model_spec(name).min_history <= prototype.context_sessions


@each_model
def test_it_gives_quantiles_of_every_symbol_that_do_not_cross(name: str) -> None:
    forecast = fitted(name).predict(window(name))

    assert forecast.quantiles.shape == (len(SYMBOLS), len(HORIZONS), len(LEVELS))
    assert forecast.quantiles.dtype == np.float64
    assert np.isfinite(forecast.quantiles).all()
    assert not (np.diff(forecast.quantiles, axis=2) < 0).any()


def in_bars(given: Window, timeframe: str, bars: int) -> Window:
    """The newest `bars` rows as bars of another timeframe; of weeks, what needs more than a year of them is unknown."""
    panel = given.panel[-bars:].copy()
    if timeframe == WEEKLY:
        unknown = [
            place for place, name in enumerate(given.channels) if name.endswith(("_63", "_126", "_252"))
        ]
        panel[:, :, unknown] = np.nan
    beside = None if given.context is None else given.context[-bars:]
    return replace(given, timeframe=timeframe, panel=panel, sessions=given.sessions[-bars:], context=beside)


@each_model
@pytest.mark.parametrize(("timeframe", "bars"), [(WEEKLY, 104), (FIVE_MINUTES, 512)])
def test_a_version_that_learned_from_days_speaks_on_other_bars(name: str, timeframe: str, bars: int) -> None:
    quantiles = fitted(name).predict(in_bars(window(name), timeframe, bars)).quantiles

    assert quantiles.shape == (len(SYMBOLS), len(HORIZONS), len(LEVELS))
    assert np.isfinite(quantiles).all()
    assert not (np.diff(quantiles, axis=2) < 0).any()


@each_model
def test_widths_grow_with_the_horizon_and_with_volatility(name: str) -> None:
    width = usual(name)[:, :, -1] - usual(name)[:, :, 0]

    assert (np.diff(width, axis=1) > 0).all()
    assert np.corrcoef(width[:, 0], np.linspace(0.005, 0.03, len(SYMBOLS)))[0, 1] > 0.5


@each_model_the_heavy_ones_nightly
def test_twice_the_returns_give_twice_the_quantiles(name: str) -> None:
    doubled = fitted(name, 2.0).predict(window(name, scale=2.0)).quantiles

    assert doubled == pytest.approx(
        2 * usual(name), rel=2e-3, abs=1e-4
    )  # networks compute in single precision


@each_model
def test_the_same_window_gives_the_same_bytes_again(name: str) -> None:
    model = fitted(name)
    model.predict(window(name, seed=12))

    assert model.predict(window(name)).quantiles.tobytes() == usual(name).tobytes()


@each_model
def test_masked_symbols_have_no_forecast_and_change_nobody_else_s_unless_the_model_is_joint(
    name: str,
) -> None:
    others = fitted(name).predict(window(name, 0, LATE)).quantiles

    assert np.isnan(others[[0, LATE]]).all()
    assert (others[1:LATE].tobytes() == usual(name)[1:LATE].tobytes()) != model_spec(name).joint


@each_that_looks_at_one_name
def test_what_another_symbol_did_changes_nothing_unless_the_model_is_joint(name: str) -> None:
    changed = window(name)
    changed.panel[:, 0] = np.nan

    quantiles = fitted(name).predict(changed).quantiles

    assert (quantiles[1:].tobytes() == usual(name)[1:].tobytes()) != model_spec(name).joint


@each_model
def test_sessions_before_the_context_change_nothing(name: str) -> None:
    context = fitted(name).context_sessions
    longer = window(name)
    longer.panel[:-context] = 7.0
    if longer.context is not None:
        longer.context[:-context] = 7.0
    shorter = window(name)
    shorter.panel[:-context] = np.nan

    predict = fitted(name).predict
    assert predict(longer).quantiles.tobytes() == predict(shorter).quantiles.tobytes()


@each_model
def test_its_state_survives_a_round_trip_byte_for_byte(name: str) -> None:
    payload = fitted(name).to_bytes()

    loaded = model_spec(name).prototype().from_bytes(payload)

    assert loaded.to_bytes() == payload == fitted(name).to_bytes()
    assert loaded.predict(window(name)).quantiles.tobytes() == usual(name).tobytes()


@each_model
@pytest.mark.parametrize("payload", [b"", b"\x80\x04\x95pickled", b"\x08" + b"\0" * 7 + b'{"a":1} '])
def test_a_payload_that_is_no_state_is_refused(name: str, payload: bytes) -> None:
    with pytest.raises(CheckpointError):
        model_spec(name).prototype().from_bytes(payload)


@each_model_the_heavy_ones_nightly
def test_fitting_leaves_the_prototype_as_it_was(name: str) -> None:
    prototype = quick(model_spec(name).prototype())
    before = prototype.to_bytes()

    prototype.fit(window(name))

    assert prototype.to_bytes() == before


@each_model_the_heavy_ones_nightly
def test_another_process_with_another_hash_seed_and_thread_count_gives_the_same_bytes(name: str) -> None:
    alike = tuple(HEAVY if name in HEAVY else LIGHT)
    assert digests_elsewhere(alike)[name] == hashlib.sha256(usual(name).tobytes()).hexdigest()


@each_model
def test_several_callers_at_once_get_what_one_alone_gets(name: str) -> None:
    model, seeds = fitted(name), (11, 12, 12, 11)
    alone = {seed: model.predict(window(name, seed=seed)).quantiles.tobytes() for seed in set(seeds)}

    with ThreadPoolExecutor(len(seeds)) as callers:
        at_once = list(callers.map(lambda seed: model.predict(window(name, seed=seed)), seeds))

    assert [forecast.quantiles.tobytes() for forecast in at_once] == [alone[seed] for seed in seeds]


@each_model
def test_the_shortest_history_that_it_asks_for_is_enough(name: str) -> None:
    short = returns()
    short[: -model_spec(name).min_history] = np.nan

    quantiles = fitted(name).predict(shown(name, short)).quantiles

    assert np.isfinite(quantiles).all()


@each_model
def test_a_window_that_is_shorter_than_its_context_is_as_good_as_one_that_begins_with_nothing(
    name: str,
) -> None:
    begins = returns()
    begins[:-100] = np.nan
    padded, cut = shown(name, begins), shown(name, begins[-100:])
    cut.panel[:] = padded.panel[-100:]
    if padded.context is not None and cut.context is not None:
        padded.context[:-100], cut.context[:] = np.nan, padded.context[-100:]

    one, other = fitted(name).predict(cut), fitted(name).predict(padded)

    assert one.quantiles.tobytes() == other.quantiles.tobytes()


@each_model
def test_the_catalogue_finds_it_and_knows_no_other(name: str) -> None:
    assert model_specs([name])[0].name == name
    assert (name in default_models()) == model_spec(name).enabled
    with pytest.raises(UsageError, match=f"unknown model '{name}x'; the catalogue holds random_walk"):
        model_specs([name, f"{name}x"])

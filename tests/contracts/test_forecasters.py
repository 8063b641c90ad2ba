"""What every model of the catalogue must do; a new model passes here or is not one."""

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.forecasters.catalogue import CATALOGUE, default_models, model_spec, model_specs
from trading.errors import CheckpointError, UsageError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import Forecaster, Window
from trading.testing.feature_history import window_of
from trading.universe import SYMBOLS

NAMES = [spec.name for spec in CATALOGUE]
ROOT = Path(__file__).parents[2]
LATE = SYMBOLS.index("ARM")


def returns(seed: int = 11) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = rng.standard_t(5, (512, len(SYMBOLS))) * np.linspace(0.005, 0.03, len(SYMBOLS))
    out[:300, LATE] = np.nan
    out[400:402, 2] = np.nan
    return out


def window(*masked: int, scale: float = 1.0, seed: int = 11) -> Window:
    return window_of(scale * returns(seed), mask=[place not in masked for place in range(len(SYMBOLS))])


@functools.cache
def fitted(name: str, scale: float = 1.0) -> Forecaster:
    return model_spec(name).prototype().fit(window(scale=scale))


@functools.cache
def usual(name: str) -> np.ndarray:
    return fitted(name).predict(window()).quantiles


pytestmark = pytest.mark.parametrize("name", NAMES)


def test_it_is_a_forecaster_of_the_catalogue_s_name(name: str) -> None:
    prototype = model_spec(name).prototype()

    assert isinstance(prototype, Forecaster)
    assert prototype.name == name
    assert model_spec(name).min_history <= prototype.context_sessions


def test_it_gives_quantiles_of_every_symbol_that_do_not_cross(name: str) -> None:
    forecast = fitted(name).predict(window())

    assert forecast.quantiles.shape == (len(SYMBOLS), len(HORIZONS), len(LEVELS))
    assert forecast.quantiles.dtype == np.float64
    assert np.isfinite(forecast.quantiles).all()
    assert not (np.diff(forecast.quantiles, axis=2) < 0).any()


def test_widths_grow_with_the_horizon_and_with_volatility(name: str) -> None:
    width = usual(name)[:, :, -1] - usual(name)[:, :, 0]

    assert (np.diff(width, axis=1) > 0).all()
    assert np.corrcoef(width[:, 0], np.linspace(0.005, 0.03, len(SYMBOLS)))[0, 1] > 0.5


def test_twice_the_returns_give_twice_the_quantiles(name: str) -> None:
    doubled = fitted(name, 2.0).predict(window(scale=2.0)).quantiles

    assert doubled == pytest.approx(
        2 * usual(name), rel=2e-3, abs=1e-4
    )  # networks compute in single precision


def test_the_same_window_gives_the_same_bytes_again(name: str) -> None:
    model = fitted(name)
    model.predict(window(seed=12))

    assert model.predict(window()).quantiles.tobytes() == usual(name).tobytes()


def test_masked_symbols_have_no_forecast_and_change_nobody_else_s_unless_the_model_is_joint(name: str) -> None:
    others = fitted(name).predict(window(0, LATE)).quantiles

    assert np.isnan(others[[0, LATE]]).all()
    assert (others[1:LATE].tobytes() == usual(name)[1:LATE].tobytes()) != model_spec(name).joint


def test_what_another_symbol_did_changes_nothing_unless_the_model_is_joint(name: str) -> None:
    changed = window()
    changed.panel[:, 0] = np.nan

    quantiles = fitted(name).predict(changed).quantiles

    assert (quantiles[1:].tobytes() == usual(name)[1:].tobytes()) != model_spec(name).joint


def test_sessions_before_the_context_change_nothing(name: str) -> None:
    longer = np.concatenate([np.full((40, len(SYMBOLS)), 7.0), returns()[-fitted(name).context_sessions :]])

    assert fitted(name).predict(window_of(longer)).quantiles.tobytes() == usual(name).tobytes()


def test_its_state_survives_a_round_trip_byte_for_byte(name: str) -> None:
    payload = fitted(name).to_bytes()

    loaded = model_spec(name).prototype().from_bytes(payload)

    assert loaded.to_bytes() == payload == fitted(name).to_bytes()
    assert loaded.predict(window()).quantiles.tobytes() == usual(name).tobytes()


@pytest.mark.parametrize("payload", [b"", b"\x80\x04\x95pickled", b"\x08" + b"\0" * 7 + b'{"a":1} '])
def test_a_payload_that_is_no_state_is_refused(name: str, payload: bytes) -> None:
    with pytest.raises(CheckpointError):
        model_spec(name).prototype().from_bytes(payload)


def test_fitting_leaves_the_prototype_as_it_was(name: str) -> None:
    prototype = model_spec(name).prototype()
    before = prototype.to_bytes()

    prototype.fit(window())

    assert prototype.to_bytes() == before


def test_another_process_with_another_hash_seed_gives_the_same_bytes(name: str) -> None:
    code = (
        "import hashlib, runpy; t = runpy.run_path('tests/contracts/test_forecasters.py'); "
        f"print(hashlib.sha256(t['usual']('{name}').tobytes()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "99", "PYTHONPATH": str(ROOT)}

    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == hashlib.sha256(usual(name).tobytes()).hexdigest()


def test_the_catalogue_finds_it_and_knows_no_other(name: str) -> None:
    assert model_specs([name])[0].name == name
    assert (name in default_models()) == model_spec(name).enabled
    with pytest.raises(UsageError, match=f"unknown model '{name}x'; the catalogue holds random_walk"):
        model_specs([name, f"{name}x"])

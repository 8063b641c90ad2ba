"""Rows for regressions: nothing from after the session in the inputs, nothing but the future in the targets."""

from dataclasses import replace

import numpy as np
import pytest

from models.forecasters.tabular import (
    CONTEXT_SESSIONS,
    LAGS,
    VOLATILITY_SESSIONS,
    input_names,
    latest_inputs,
    trailing_volatility,
    training_rows,
)
from models.forecasters.volatility import ewma_volatility
from trading.errors import ModelError
from trading.interfaces import Window
from trading.testing.feature_history import window_of

HORIZONS = (1, 5)


def returns(sessions: int = 200, symbols: int = 3) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.02, (sessions, symbols))


def with_channel(values: np.ndarray, other: np.ndarray) -> Window:
    panel = np.stack([values, other], axis=2)
    return replace(window_of(values), panel=panel, channels=("log_return", "rsi_14"))


def test_a_row_holds_the_last_returns_in_units_of_volatility_and_the_other_channels() -> None:
    values = returns()
    window = with_channel(values, 100 * values)

    inputs, unit = latest_inputs(window)

    assert input_names(window.channels)[LAGS:] == ("rsi_14",)
    assert unit == pytest.approx(ewma_volatility(values[-VOLATILITY_SESSIONS:], 0.94))
    assert inputs[:, :LAGS] == pytest.approx((values[: -LAGS - 1 : -1] / unit).T)
    assert inputs[:, LAGS] == pytest.approx(100 * values[-1])


def test_the_last_row_of_training_is_what_prediction_sees() -> None:
    values = returns()
    rows = training_rows(window_of(values), HORIZONS, "a model", 1)

    inputs, _ = latest_inputs(window_of(values[:-1]))

    last = rows.session == len(values) - 2  # the last session of all has no return ahead
    assert rows.inputs[last] == pytest.approx(inputs)


def test_targets_are_the_returns_ahead_over_volatility_and_the_root_of_the_horizon() -> None:
    values = returns(symbols=1)

    rows = training_rows(window_of(values), HORIZONS, "a model", 1)

    origin = 100
    unit = trailing_volatility(values)[origin, 0]
    found = rows.targets[rows.session == origin][0]
    ahead = values[origin + 1 : origin + 6, 0].sum() / np.sqrt(5)
    assert found * unit == pytest.approx([values[origin + 1, 0], ahead])


def test_a_target_beyond_the_window_or_over_a_gap_is_unknown() -> None:
    values = returns(symbols=1)
    values[150] = np.nan

    rows = training_rows(window_of(values), HORIZONS, "a model", 1)

    assert set(rows.session.tolist()).isdisjoint({149, 150, len(values) - 1})
    unknown = rows.session[np.isnan(rows.targets[:, 1])]
    assert unknown.tolist() == [145, 146, 147, 148, *range(len(values) - 5, len(values) - 1)]


def test_changing_the_future_changes_no_input() -> None:
    values = returns()
    changed = values.copy()
    changed[120:] *= -3

    one, other = (training_rows(window_of(v), HORIZONS, "a model", 1) for v in (values, changed))

    early = one.session < 120
    assert one.inputs[early].tobytes() == other.inputs[other.session < 120].tobytes()


def test_the_split_leaves_no_target_of_the_earlier_rows_in_the_later_ones() -> None:
    rows = training_rows(window_of(returns()), HORIZONS, "a model", 1)

    earlier, later = rows.split(embargo=5)

    assert earlier.session.max() + 5 < later.session.min()
    assert 0.15 < len(later.session) / len(rows.session) < 0.25


def test_a_symbol_that_never_moved_has_no_rows_and_no_unit() -> None:
    values = returns()
    values[:, 1] = 0.0

    _, unit = latest_inputs(window_of(values))
    rows = training_rows(window_of(values), HORIZONS, "a model", 1)

    assert np.isnan(unit[1])
    assert len(rows.session) == 2 * (len(values) - VOLATILITY_SESSIONS)


def test_too_few_rows_are_told_with_the_session_and_what_to_do() -> None:
    with pytest.raises(
        ModelError, match=r"a model cannot be fitted through 2024-06-28: 30 rows .* 31 are needed"
    ):
        training_rows(window_of(returns(CONTEXT_SESSIONS + 5)), HORIZONS, "a model", 31)

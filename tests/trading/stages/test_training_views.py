"""What a model says of itself reaches its windows, its calendar and the names of its versions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import ModelSpec, on_device, train
from models.forecasters.fracast import Fracast
from trading import calendar
from trading.errors import ModelError, VersionMissingError
from trading.history import History
from trading.interfaces import Window
from trading.stages.models_book import MemoryModelBook
from trading.stages.training import (
    CHAMPION_AGE_SESSIONS,
    CHANNELS,
    Due,
    Start,
    View,
    due_versions,
    live_versions,
    look_back,
    made_of,
    train_version,
    training_window,
    window_at,
)
from trading.testing.feature_history import feature_history, window_of
from trading.testing.stepwise import Stepwise
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

ALL = (*SYMBOLS, *CONTEXT_SYMBOLS)
DAY = calendar.session_of("2024-06-28")
RETURNS = np.random.default_rng(8).normal(0, 0.02, (80, len(ALL)))
SESSIONS = list(calendar.sessions_between(pd.Timestamp("2019-01-01"), pd.Timestamp("2024-12-31")))
SPEC = ModelSpec("ar1", PooledAR1, "yearly", enabled=True, min_history=22, training_sessions=70)


def features() -> History:
    """Eighty sessions of the names and of what stands beside them."""
    return feature_history(RETURNS, "2024-06-28", ALL)


def window(view: View, sessions: int = 30) -> Window:
    rows = features().window(calendar.shift(DAY, -79), DAY, calendar.as_of(DAY))
    return window_at(rows, DAY, sessions, view)


def test_a_window_holds_what_stands_beside_the_names_only_if_it_is_asked_for() -> None:
    plain, wide = window(View()), window(View(context=True))

    assert plain.context is None
    assert wide.context_symbols == CONTEXT_SYMBOLS
    for place, symbol in enumerate(CONTEXT_SYMBOLS):
        expected = RETURNS[-30:, len(SYMBOLS) + place]
        assert wide.beside(symbol, "log_return").tobytes() == expected.tobytes()
    assert wide.panel.tobytes() == plain.panel.tobytes()
    assert (wide.timeframe, wide.channels) == ("1D", CHANNELS)


def test_channels_come_in_the_order_in_which_they_are_asked_for() -> None:
    turned = window(View(channels=("volatility_21", "log_return"), min_history=30))

    assert turned.channel("log_return").tobytes() == RETURNS[-30:, : len(SYMBOLS)].tobytes()
    assert (turned.channel("volatility_21") == 0.3).all()
    assert turned.mask.all()


@pytest.mark.parametrize(("symbol", "channel"), [("NVDA", "log_return"), ("SPY", "rsi_14")])
def test_what_the_window_does_not_hold_is_named_with_the_remedy(symbol: str, channel: str) -> None:
    with pytest.raises(ModelError, match=rf"no {channel} of {symbol}.*SPY, QQQ.*ModelSpec"):
        window(View(context=True)).beside(symbol, channel)
    with pytest.raises(ModelError, match="it holds nothing"):
        window_of(RETURNS[:, :3]).beside("SPY", "log_return")


def test_what_stands_beside_is_training_data_too() -> None:
    spec = replace(SPEC, context=True)
    changed = RETURNS.copy()
    changed[-10, -1] += 0.001
    due = Due(trained_through=DAY)

    names = [
        train(spec, feature_history(values, "2024-06-28", ALL), due).version for values in (RETURNS, changed)
    ]

    assert names[0].version != names[1].version
    assert names[0].facts["beside"] == ",".join(CONTEXT_SYMBOLS)
    assert training_window(features(), spec, DAY).context is not None
    assert training_window(features(), SPEC, DAY).context is None


@pytest.mark.parametrize(
    "other",
    [
        {"channels": ("log_return", "rsi_14")},
        {"context": True},
        {"update": "incremental"},
        {"cadence": "quarterly"},
    ],
    ids=["channels", "context", "update", "cadence"],
)
def test_a_model_that_sees_or_learns_otherwise_makes_other_versions(other: dict[str, object]) -> None:
    assert made_of(replace(SPEC, **other)) != made_of(SPEC)  # type: ignore[arg-type]


def test_a_version_s_name_is_what_it_was_before_these_choices_were_there() -> None:
    spec = replace(SPEC, cadence="quarterly", training_sessions=378)

    assert made_of(spec) == "76862343c7ce"


@settings(deadline=None)
@given(st.sampled_from(SESSIONS))
def test_a_yearly_model_has_three_live_versions_that_learned_before_they_speak(day: pd.Timestamp) -> None:
    dues = due_versions("yearly", day, day)
    book = MemoryModelBook.of({"ar1": "yearly"}, [train_version(SPEC, due, None) for due in dues])

    live = sorted(book.records("ar1", day), key=lambda version: version.trained_through)
    predecessor, champion, challenger = live

    assert [version.is_champion(day) for version in live] == [True, True, False]
    assert challenger.trained_through < challenger.live_from <= day < challenger.retired
    assert challenger.live_from.year == day.year == champion.live_from.year + 1
    assert calendar.distance(predecessor.trained_through, day) <= CHAMPION_AGE_SESSIONS["yearly"]


def test_a_yearly_version_that_is_missing_is_named_by_its_year() -> None:
    with pytest.raises(VersionMissingError, match="version for year 2022, trained through 2021-12-31"):
        live_versions("ar1", "yearly", [], DAY)


def test_the_look_back_of_a_yearly_model_reaches_what_its_champion_learned_from() -> None:
    last = calendar.session_of("2024-12-31")
    oldest = due_versions("yearly", last, last)[0].trained_through

    assert oldest is not None
    assert calendar.shift(last, -look_back(SPEC, 64)) <= calendar.shift(oldest, 1 - SPEC.training_sessions)


def test_an_update_of_a_model_that_learns_from_nothing_takes_no_account_of_the_version_before() -> None:
    spec = ModelSpec("stepwise", Stepwise, "quarterly", enabled=False, min_history=2, training_sessions=70)
    before, due = Start("v0", Stepwise(weight_=9.0).to_bytes()), Due(trained_through=DAY)

    full = train(spec, features(), due, start=before)
    updated = train(replace(spec, update="incremental"), features(), due, start=before)

    assert full.forecaster == train(spec, features(), due).forecaster
    assert updated.forecaster != full.forecaster
    assert updated.version.facts["started_from"] == "v0"


def test_only_models_that_can_choose_are_moved_to_a_device() -> None:
    movable = ModelSpec("fracast", Fracast, "zero_shot", enabled=False, min_history=64)

    assert on_device(SPEC, "cuda") is SPEC
    assert on_device(movable, "cpu") is movable
    assert on_device(movable, "cuda").prototype() == Fracast(device="cuda")
    assert made_of(on_device(movable, "cuda")) != made_of(movable)

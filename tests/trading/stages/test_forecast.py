"""The forecast stage: which rows each live version makes, and that they fit the table."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from models.forecasters.catalogue import ModelSpec, train_book
from models.forecasters.random_walk import RandomWalk
from trading import calendar, frames, history
from trading.errors import CheckpointError, ModelError, VersionMissingError
from trading.frames import HORIZONS, QUANTILES
from trading.interfaces import Forecast, ModelVersion
from trading.line import stamped
from trading.stages.forecast import _fallback, forecast_stage
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import Moment
from trading.stages.training import Trained, View
from trading.testing.feature_history import feature_history
from trading.universe import SYMBOLS

DAY = calendar.session_of("2024-06-28")
RETURNS = np.random.default_rng(5).normal(0, 0.02, (100, len(SYMBOLS)))
RETURNS[:-10, SYMBOLS.index("ARM")] = np.nan
FEATURES = feature_history(RETURNS, "2024-06-28")
STAGE = forecast_stage("random_walk", 63, View(min_history=21))


@dataclass(frozen=True)
class Fixed(RandomWalk):
    """Always the same quantiles."""

    low: float = -1.0

    def predict(self, window, *, horizons=HORIZONS) -> Forecast:  # noqa: ANN001
        quantiles = np.tile(np.linspace(self.low, 1.0, 7), (len(window.symbols), len(horizons), 1))
        return Forecast(window.symbols, tuple(horizons), quantiles)


def version(name: str, data_through: str | None = None) -> ModelVersion:
    through = None if data_through is None else pd.Timestamp(data_through)
    return ModelVersion("random_walk", name, None, None, None, None, data_through=through)


def book(*entries: Trained) -> MemoryModelBook:
    return MemoryModelBook.of({"random_walk": "zero_shot"}, entries)


class TwoVersions:
    """A book in which a champion and a challenger speak."""

    model: ClassVar[str] = "random_walk"

    def live(self, _model: str, _session: pd.Timestamp, _timeframe: str = "1D") -> tuple:
        return (version("a"), RandomWalk()), (version("b", "2024-06-28"), RandomWalk(decay=0.9))

    def records(self, _model: str, _session: pd.Timestamp, _timeframe: str = "1D") -> tuple:
        return version("a"), version("b", "2024-06-28")


def made(models: object, features: history.History = FEATURES) -> pd.DataFrame:
    moment = Moment(DAY, calendar.as_of(DAY), DAY, is_first=True, models=models)
    rows = features.window(calendar.shift(DAY, -STAGE.reads[0].lookback), DAY, moment.as_of)
    columns = STAGE.make(moment, {"features": rows})["forecast_random_walk"]
    return history.to_frame("forecast_random_walk", [stamped(columns, moment)])


def test_each_live_version_forecasts_each_symbol_at_each_horizon() -> None:
    frame = made(TwoVersions())

    assert len(frame) == 2 * len(HORIZONS) * 9
    assert set(frame["symbol"]) == set(SYMBOLS) - {"ARM"}
    assert list(frame.columns) == frames.columns("forecast_random_walk")


def test_rows_hold_what_the_model_said() -> None:
    frame = made(TwoVersions()).set_index(["version", "horizon", "symbol"])
    recent = RETURNS[-63:]
    from trading.testing.feature_history import window_of

    expected = (
        RandomWalk(decay=0.9).predict(window_of(recent)).quantiles[SYMBOLS.index("MU"), HORIZONS.index(5)]
    )

    assert frame.loc[("b", 5, "MU"), list(QUANTILES)].tolist() == expected.tolist()


def test_weights_that_may_have_seen_the_session_are_marked() -> None:
    marked = made(TwoVersions()).groupby("version")["contaminated"].unique()

    assert marked["a"].tolist() == [False]
    assert marked["b"].tolist() == [True]


def test_a_session_in_which_nobody_can_be_forecast_has_no_rows() -> None:
    short = feature_history(RETURNS[-5:], "2024-06-28")

    assert made(TwoVersions(), short).empty


def test_crossing_quantiles_are_refused_with_the_symbol() -> None:
    crossing = book(Trained(version("a"), Fixed(low=2.0), {}))

    with pytest.raises(ModelError, match="crossing quantiles for NVDA at 2024-06-28"):
        made(crossing)


def test_a_version_that_cannot_speak_is_silent_while_another_can() -> None:
    crossing, sound = Trained(version("a"), Fixed(low=2.0), {}), Trained(version("b"), Fixed(), {})

    class Both(TwoVersions):
        def live(self, _model: str, _session: pd.Timestamp, _timeframe: str = "1D") -> tuple:
            return tuple((one.version, one.forecaster) for one in (crossing, sound))

    assert set(made(Both())["version"]) == {"b"}


class Nobody(TwoVersions):
    """A book whose artefacts are all damaged."""

    def live(self, _model: str, _session: pd.Timestamp, _timeframe: str = "1D") -> tuple:
        raise CheckpointError("damaged")


class Untrained(TwoVersions):
    """A book that lacks what the calendar wants."""

    def live(self, _model: str, _session: pd.Timestamp, _timeframe: str = "1D") -> tuple:
        raise VersionMissingError("nobody trained it")


def stood_in(models: object) -> pd.DataFrame:
    stage = forecast_stage("random_walk", 63, View(min_history=21), stand_in=RandomWalk)
    moment = Moment(DAY, calendar.as_of(DAY), DAY, is_first=True, models=models)
    rows = FEATURES.window(calendar.shift(DAY, -stage.reads[0].lookback), DAY, moment.as_of)
    columns = stage.make(moment, {"features": rows})["forecast_random_walk"]
    return history.to_frame("forecast_random_walk", [stamped(columns, moment)])


def test_where_no_version_can_speak_the_stand_in_does_and_the_table_says_so() -> None:
    frame = stood_in(Nobody())

    assert set(frame["fallback"]) == {"random_walk instead: CheckpointError"}
    assert set(frame["version"]) == {"b"}  # the last of them
    expected = made(book(Trained(version("a"), RandomWalk(), {})))
    np.testing.assert_array_equal(frame[list(QUANTILES)], expected[list(QUANTILES)])


def test_where_the_only_version_crosses_its_quantiles_the_stand_in_speaks() -> None:
    crossing = book(Trained(version("a"), Fixed(low=2.0), {}))

    assert set(stood_in(crossing)["fallback"]) == {"random_walk instead: ModelError"}


def test_a_version_that_nobody_trained_is_an_error_and_no_matter_for_a_stand_in() -> None:
    with pytest.raises(VersionMissingError):
        stood_in(Untrained())


def test_the_stage_declares_how_far_back_it_reads() -> None:
    spec = ModelSpec("random_walk", RandomWalk, "zero_shot", enabled=True, min_history=21)

    assert STAGE.reads[0].lookback == spec.stage.reads[0].lookback == 62
    assert replace(spec, cadence="quarterly", training_sessions=378).stage.reads[0].lookback == 569
    assert STAGE.starts == "burn_in"


def test_a_trained_book_drives_the_stage() -> None:
    spec = ModelSpec("random_walk", RandomWalk, "zero_shot", enabled=True, min_history=21)

    frame = made(train_book([spec], FEATURES, DAY, DAY))

    assert len(set(frame["version"])) == 1
    assert len(frame) == len(HORIZONS) * 9


@dataclass(frozen=True)
class OutOfMemory(RandomWalk):
    """Speaks, but not where it was asked to."""

    def predict(self, window, *, horizons=HORIZONS) -> Forecast:  # noqa: ANN001
        return replace(super().predict(window, horizons=horizons), fallback="cpu: out of memory")


def test_a_forecast_says_how_it_was_made_if_not_as_it_was_asked_for() -> None:
    assert set(made(book(Trained(version("a"), OutOfMemory(), {})))["fallback"]) == {"cpu: out of memory"}
    assert set(made(book(Trained(version("a"), RandomWalk(), {})))["fallback"]) == {""}


def test_a_version_that_learned_from_other_bars_is_marked_and_a_zero_shot_one_is_not() -> None:
    learned = replace(version("a"), trained_through=DAY, facts={"timeframe": "1W"})
    zero_shot = replace(learned, trained_through=None)

    said = Forecast(SYMBOLS, HORIZONS, np.zeros((len(SYMBOLS), len(HORIZONS), 7)))

    def marks(speaking: ModelVersion) -> set[str]:
        return {_fallback(speaking, one, "1D") for one in (said, replace(said, fallback="cpu"))}

    assert marks(learned) == {"learned from 1W bars", "learned from 1W bars; cpu"}
    assert marks(zero_shot) == {"", "cpu"}

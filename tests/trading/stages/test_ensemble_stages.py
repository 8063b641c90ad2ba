import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ensembles.softmax import SoftmaxWeighting
from trading import calendar
from trading.errors import DataError
from trading.frames import QUANTILES
from trading.history import History
from trading.stages.ensemble_forecast import ensemble_forecast_stage
from trading.stages.ensemble_weights import ensemble_weights_stage
from trading.testing.stage_rows import fan, frame_of, history_of, made_by

T = calendar.session_of("2024-06-28")
MODELS = ("a", "b", "c")
WEIGHTS = ensemble_weights_stage(MODELS, SoftmaxWeighting(half_life_sessions=1.0))


def champions(*models: str) -> History:
    named = {"model": list(models), "version": [f"{m}1" for m in models], "role": "champion"}
    return history_of("champions", [calendar.shift(T, -1)] * len(models), **named)


def losses(*rows: tuple[str, int, str, float], contaminated: bool = False) -> History:
    """Rows of version, horizon, symbol and pinball loss; the model is the version's first letter."""
    version, horizon, symbol, pinball = (list(column) for column in zip(*rows, strict=True))
    named = {"model": [v[0] for v in version], "version": version, "horizon": horizon, "symbol": symbol}
    return history_of("version_losses", [T] * len(rows), pinball=pinball, contaminated=contaminated, **named)


def weights(**histories: History) -> pd.DataFrame:
    made = made_by(WEIGHTS, T, {"champions": champions("a", "b"), **histories})
    return frame_of(made, "ensemble_weights", T).set_index("model")


def test_before_anything_matured_all_models_weigh_the_same() -> None:
    made = weights()
    assert made["weight"].tolist() == [0.333334, 0.333333, 0.333333]
    assert made["observations"].tolist() == [0, 0, 0]


def test_a_session_s_losses_are_relative_to_their_mean() -> None:
    made = weights(version_losses=losses(("a1", 1, "NVDA", 0.01), ("b1", 1, "NVDA", 0.03)))
    # half-way from 1 to 0.5 and to 1.5; c has no champion
    assert made["average_loss"].tolist()[:2] == pytest.approx([0.75, 1.25])
    assert np.isnan(made["average_loss"].tolist()[2])
    assert made["weight"]["a"] > made["weight"]["c"] > made["weight"]["b"]


def test_only_forecasts_that_matured_for_all_are_compared() -> None:
    shared = [("a1", 1, "NVDA", 0.01), ("b1", 1, "NVDA", 0.03)]
    alone = [("a1", 20, "NVDA", 9.0), ("a1", 1, "AMD", 9.0)]
    with_more, without = (weights(version_losses=losses(*rows)) for rows in ([*shared, *alone], shared))
    pd.testing.assert_frame_equal(with_more, without)


def test_horizons_count_alike_per_root_of_session() -> None:
    rows = [("a1", 1, "NVDA", 0.01), ("b1", 1, "NVDA", 0.02), ("a1", 5, "NVDA", 0.02 * 5**0.5)]
    made = weights(version_losses=losses(*rows, ("b1", 5, "NVDA", 0.01 * 5**0.5)))
    assert made["average_loss"].tolist()[:2] == pytest.approx([1.0, 1.0])


def test_a_challenger_s_losses_do_not_count() -> None:
    rows = losses(("a2", 1, "NVDA", 0.01), ("b2", 1, "NVDA", 0.03))
    assert weights(version_losses=rows)["observations"].tolist() == [0, 0, 0]


def test_contaminated_losses_are_left_out_of_the_comparison() -> None:
    rows = losses(("a1", 1, "NVDA", 0.01), ("b1", 1, "NVDA", 0.03), contaminated=True)
    assert weights(version_losses=rows)["observations"].tolist() == [0, 0, 0]


def test_weights_go_on_from_the_session_before() -> None:
    own = {
        "model": ["a", "b"],
        "average_loss": [0.8, 1.2],
        "observations": [7, 7],
        "weight": 0.5,
        "score": 0.0,
    }
    before = history_of("ensemble_weights", [calendar.shift(T, -1)] * 2, **own)
    made = weights(
        ensemble_weights=before, version_losses=losses(("a1", 1, "NVDA", 1.0), ("b1", 1, "NVDA", 1.0))
    )
    assert made["average_loss"].tolist()[:2] == pytest.approx([0.9, 1.1])
    assert made["observations"].tolist() == [8, 8, 0]


def ensemble(
    weight: dict[str, float], *forecasts: tuple[str, float, float], **columns: object
) -> pd.DataFrame:
    """The ensemble of forecasts (model, median, half-width) of NVDA one session ahead."""
    fans = [fan(median, half) for _, median, half in forecasts]
    named = {"model": [model for model, *_ in forecasts], "symbol": "NVDA", "horizon": 1} | columns
    quantiles = {name: [row[name] for row in fans] for name in QUANTILES}
    histories = {
        "forecasts": history_of("forecasts", [T] * len(fans), **named, **quantiles),
        "ensemble_weights": history_of(
            "ensemble_weights", [T] * len(weight), model=list(weight), weight=list(weight.values())
        ),
    }
    return frame_of(made_by(ensemble_forecast_stage(), T, histories), "ensemble_forecast", T)


def test_quantiles_are_averaged_level_by_level() -> None:
    row = ensemble({"a": 0.75, "b": 0.25}, ("a", 0.0, 0.01), ("b", 0.04, 0.03)).iloc[0]
    assert (row["q125"], row["q500"], row["q875"]) == pytest.approx((-0.005, 0.01, 0.025))
    # medians 0 and 0.04 with weights 3/4 and 1/4 around 0.01
    assert row["between_models"] == pytest.approx(np.sqrt(0.75 * 0.01**2 + 0.25 * 0.03**2))
    assert row["models"] == 2


def test_weights_of_the_models_that_speak_are_scaled_to_one() -> None:
    row = ensemble({"a": 0.25, "b": 0.25, "c": 0.5}, ("a", 0.0, 0.01), ("b", 0.04, 0.01)).iloc[0]
    assert row["q500"] == pytest.approx(0.02)
    assert row["models"] == 2


def test_one_contaminated_model_contaminates_the_ensemble() -> None:
    both = (("a", 0.0, 0.01), ("b", 0.0, 0.01))
    assert ensemble({"a": 0.5, "b": 0.5}, *both, contaminated=[False, True])["contaminated"].all()
    assert not ensemble({"a": 0.5, "b": 0.5}, *both)["contaminated"].any()


def test_symbols_are_averaged_over_those_who_forecast_them() -> None:
    made = ensemble({"a": 0.9, "b": 0.1}, ("a", 0.0, 0.01), ("b", 0.04, 0.01), symbol=["NVDA", "AMD"])
    assert made["symbol"].tolist() == ["AMD", "NVDA"]
    assert made["q500"].tolist() == pytest.approx([0.04, 0.0])


def test_no_forecast_with_a_weight_is_an_error() -> None:
    with pytest.raises(DataError, match="no model that has a weight has a forecast at 2024-06-28"):
        ensemble({"b": 1.0}, ("a", 0.0, 0.01))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=3), st.integers(0, 1000))
def test_averages_never_cross_and_stay_within_the_models(weight: list[float], seed: int) -> None:
    draws = np.random.default_rng(seed).uniform(0.001, 0.05, (len(weight), 2))
    forecasts = [(MODELS[place], *draw) for place, draw in enumerate(draws.tolist())]
    scaled = dict(zip(MODELS, (w / sum(weight) for w in weight), strict=False))
    row = ensemble(scaled, *forecasts)[list(QUANTILES)].to_numpy()[0]
    assert (np.diff(row) >= 0).all()
    medians = [median for _, median, _ in forecasts]
    assert min(medians) - 1e-15 <= row[3] <= max(medians) + 1e-15

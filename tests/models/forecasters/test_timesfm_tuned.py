"""TimesFM that goes on learning: from where it begins, what it learns, and that covariates carry what is planted."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from models.forecasters.timesfm import TimesFM
from models.forecasters.timesfm_covariates import Covariate, covariates_of
from models.forecasters.timesfm_tuned import TunedTimesFM, Tuning
from trading.errors import ModelError
from trading.interfaces import Window
from trading.testing.feature_history import full_window, window_of

RETURNS = np.random.default_rng(2).normal(0, 0.02, (330, 5))
CHANNELS = ("log_return", "log_volume_zscore_63")
BRIEF = Tuning(epochs=1, steps=2, fewest=50)


def window(returns: np.ndarray = RETURNS) -> Window:
    return full_window(returns, CHANNELS, context=True)


def brief(*covariates: Covariate) -> TunedTimesFM:
    return TunedTimesFM(context_sessions=64, covariates=covariates, tuning=BRIEF)


class Kept:
    """A journal that remembers what it was told and what it was given."""

    def __init__(self, left: bytes | None = None) -> None:
        self.left, self.metrics = left, []

    def resume(self) -> bytes | None:
        return self.left

    def epoch(self, _number: int, _of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        self.metrics.append(metrics)
        self.left = state()


class Killing(Kept):
    """The same, but the process dies after the first epoch."""

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        super().epoch(number, of, metrics, state)
        raise InterruptedError


def test_before_its_first_step_a_widened_network_forecasts_what_the_checkpoint_does() -> None:
    still = replace(brief("vix", "volume"), tuning=replace(BRIEF, epochs=0))

    begun = still.fit(window())

    base = TimesFM(context_sessions=64, symmetric=False)
    assert begun.network.reads_covariates
    assert begun.predict(window()).quantiles == pytest.approx(
        base.predict(window()).quantiles, abs=1e-6
    )  # the same numbers in matrices of other shapes


def learnable() -> Window:
    """A window that holds something to learn, so that the checkpoint's own weights are not the best."""
    returns, volume = planted(5, edge=0.9)
    return shown(returns, volume, 0, 330)


def test_tuning_twice_gives_the_same_bytes_and_another_seed_others() -> None:
    model = replace(brief("volume"), tuning=replace(BRIEF, steps=8))

    once, twice = (model.fit(learnable()).to_bytes() for _ in range(2))

    assert once == twice
    assert replace(model, seed=1).fit(learnable()).to_bytes() != once


def test_a_killed_training_goes_on_to_the_same_bytes() -> None:
    model, killed = replace(brief("volume"), tuning=replace(BRIEF, epochs=2, steps=6)), Killing()
    whole = Kept()
    expected = model.fit(learnable(), journal=whole).to_bytes()

    with pytest.raises(InterruptedError):
        model.fit(learnable(), journal=killed)

    rest = Kept(killed.left)
    assert model.fit(learnable(), journal=rest).to_bytes() == expected
    assert rest.metrics == whole.metrics[1:]


def test_it_goes_on_from_the_weights_that_it_was_loaded_with() -> None:
    first = brief("volume").fit(window())
    still = replace(first, tuning=replace(BRIEF, epochs=0))

    assert still.fit(window()).to_bytes() == first.to_bytes()


def test_the_weights_survive_a_round_trip_with_their_covariates() -> None:
    tuned = brief("vix", "volume").fit(window())

    loaded = brief("vix", "volume").from_bytes(tuned.to_bytes())

    assert loaded.predict(window()).quantiles.tobytes() == tuned.predict(window()).quantiles.tobytes()


def test_an_architecture_2p5_is_tuned_without_covariates_and_refuses_them() -> None:
    small = replace(brief(), checkpoint="timesfm_2p5_small")

    assert small.fit(window()).network.architecture == "2.5"
    with pytest.raises(ModelError, match="reads no covariates"):
        replace(small, covariates=("volume",)).fit(window())


def planted(seed: int, edge: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """SIMULATED: the volume of a session tells part of the next return, and nothing else does."""
    rng = np.random.default_rng(seed)
    volume, noise = rng.normal(size=(2, 760, 8))
    returns = np.zeros((760, 8))
    returns[1:] = 0.02 * (edge * volume[:-1] + np.sqrt(1 - edge**2) * noise[1:])
    return returns, volume


def shown(returns: np.ndarray, volume: np.ndarray, first: int, last: int) -> Window:
    plain = window_of(returns[first:last])
    return replace(plain, channels=CHANNELS, panel=np.stack([returns, volume], axis=2)[first:last])


def information(covariates: tuple[Covariate, ...], tuning: Tuning) -> float:
    """Correlation of the median with the next return, on sessions after those learned from."""
    returns, volume = planted(3)
    model = TunedTimesFM(context_sessions=64, symmetric=False, covariates=covariates, tuning=tuning)
    fitted = model.fit(shown(returns, volume, 0, 660))
    origins = range(660, 760, 2)
    said = [fitted.predict(shown(returns, volume, at - 64, at)).quantiles[:, 0, 3] for at in origins]
    return float(np.corrcoef(np.ravel(said), returns[list(origins)].ravel())[0, 1])


def test_a_covariate_that_carries_an_edge_is_used_and_without_it_there_is_none() -> None:
    tuning = Tuning(epochs=3, steps=16, patience=3)

    assert information(("volume",), tuning) > 0.25  # half of the best there is, 0.5
    assert abs(information((), replace(tuning, epochs=1))) < 0.15  # three standard errors of 400 pairs


def test_weights_that_read_one_path_refuse_covariates() -> None:
    with pytest.raises(ModelError, match="train `timesfm_tuned`"):
        TimesFM(covariates=("vix",)).predict(window())


@pytest.mark.parametrize(("name", "named"), [("vix", "VIX"), ("sector", "SMH"), ("volume", "log_volume")])
def test_a_window_without_the_covariate_is_refused(name: Covariate, named: str) -> None:
    with pytest.raises(ModelError, match=named):
        covariates_of(window_of(RETURNS), (name,), 64, 20)


def test_an_unknown_covariate_is_named() -> None:
    with pytest.raises(ModelError, match="moon"):
        covariates_of(window(), ("moon",), 64, 20)  # type: ignore[arg-type]


def test_the_calendar_is_refused_of_bars_that_are_not_daily() -> None:
    with pytest.raises(ModelError, match="daily"):
        covariates_of(replace(window(), timeframe="5min"), ("calendar",), 64, 20)


def test_paths_end_at_zero_unknown_bars_are_masked_and_the_calendar_goes_on() -> None:
    given = window()
    given.context[-3, 3] = np.nan  # VIX
    made = covariates_of(given, ("vix", "volume", "calendar"), 64, 20)

    values, unknown, ahead, ahead_unknown = made.at(np.array([329, 10]), np.array([0, 4]))

    assert values.shape == (2, 2, 64)
    assert values[:, 0, -1].tolist() == [0.0, 0.0]
    assert unknown[0, 0].nonzero()[0].tolist() == [61]
    assert unknown[1, :, :53].all()
    assert not unknown[1, :, 53:].any()
    assert ahead.shape == (2, 2, 84)
    assert not ahead_unknown[0].any()
    assert sorted(set(ahead[0, 0].tolist())) == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_nothing_after_an_origin_is_looked_at_but_the_calendar() -> None:
    early, changed = window(), window()
    changed.panel[201:] = 9.0
    changed.context[201:] = 9.0

    one, other = (
        covariates_of(of, ("vix", "sector", "volume", "calendar"), 64, 20).at(np.array([200]), np.array([1]))
        for of in (early, changed)
    )

    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))

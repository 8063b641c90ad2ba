"""The two stages that made the shipped TSMamba, in miniature; and series with a pattern in them."""

from pathlib import Path

import numpy as np
import pytest

from models.forecasters.tsmamba import pack_network
from pipelines.training.synthetic_paths import SyntheticMarket
from pipelines.training.synthetic_patterns import SyntheticPatterns
from pipelines.training.train_tsmamba import CONTEXT, Course, Series, measured, train_course
from trading.frames import HORIZONS

MINIATURE = Course(series=48, first_epochs=1, epochs=1, steps=2, batch=8, origins=2)


def test_the_same_course_gives_the_same_bytes() -> None:
    told: list[str] = []

    first, second = (train_course(MINIATURE, told.append)[0] for _ in range(2))

    assert pack_network(first) == pack_network(second)
    assert sum("patches 1/1" in line for line in told) == sum("quantiles 1/1" in line for line in told) == 2


def test_a_killed_course_goes_on_to_the_same_bytes_and_the_same_validation_loss(tmp_path: Path) -> None:
    def killed(line: str) -> None:
        if line.startswith("patches"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_course(MINIATURE, killed, journal=tmp_path)
    told: list[str] = []
    resumed, losses = train_course(MINIATURE, told.append, journal=tmp_path)
    usual, its_losses = train_course(MINIATURE, lambda _: None)

    assert not any(line.startswith("patches") for line in told)  # that stage was done
    assert pack_network(resumed) == pack_network(usual)
    assert losses == its_losses


def test_the_second_stage_leaves_the_first_one_s_heads_alone() -> None:
    taught = dict(train_course(MINIATURE, lambda _: None)[0].named_parameters())

    still = {name for name, of in taught.items() if not of.requires_grad}
    assert still == {
        f"{head}.{part}" for head in ("next_patch", "previous_patch") for part in ("weight", "bias")
    }


def test_targets_are_what_came_after_each_origin() -> None:
    series = Series.made(np.random.default_rng(1), 40, 0.5, origins=3, patch=8)
    again = Series.made(np.random.default_rng(1), 40, 0.5, origins=1, patch=8)

    assert series.returns.shape == (40, CONTEXT)
    assert series.targets.shape == (40, 3, len(HORIZONS))
    assert np.array_equal(series.targets[:, -1:], again.targets, equal_nan=True)
    row = int(np.flatnonzero(np.isfinite(series.targets[:, 0, 0]))[0])
    unit = series.returns[row, CONTEXT - 16] / series.targets[row, 0, 0]  # the bar after the first origin
    assert 0 < unit < 0.5
    assert np.isnan(series.returns).any()  # some are listed late


def test_an_untrained_network_is_as_good_as_the_floor() -> None:
    from models.forecasters.tsmamba_network import TSMambaNetwork

    found = measured(TSMambaNetwork().eval(), seed=3, patterned=0.5, count=64)

    assert found["model"] == pytest.approx(found["floor"])
    assert set(found["floor"]) == {"h1", "h5", "h20"}


def test_loud_patterns_can_be_foreseen_and_plain_series_cannot() -> None:
    loud = SyntheticPatterns(SyntheticMarket(autocorrelation=0.0, trend=0.0), loudness=(1.0, 1.0))
    rng = np.random.default_rng(2)

    def memory(returns: np.ndarray) -> float:
        """Mean size of the correlation of neighbouring returns."""
        return float(np.mean([abs(np.corrcoef(row[:-1], row[1:])[0, 1]) for row in returns]))

    patterned, plain = loud.returns(rng, 64, 400), loud.market.returns(rng, 64, 400)

    assert patterned.shape == (64, 400)
    assert np.isfinite(patterned).all()
    assert memory(patterned) > 0.2
    assert memory(plain) < 0.1  # a twentieth by chance, as the root of 400 has it, and more with fat tails


def test_patterns_are_the_same_for_a_seed() -> None:
    first, second = (SyntheticPatterns().returns(np.random.default_rng(5), 8, 60) for _ in range(2))

    assert first.tobytes() == second.tobytes()

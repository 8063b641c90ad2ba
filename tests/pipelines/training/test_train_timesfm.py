"""Training of the shipped checkpoint in miniature: where it starts, what it minimises, what it writes."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from models.forecasters.inference import fixed_threads
from models.forecasters.random_walk import RandomWalk
from models.forecasters.timesfm import TimesFM
from models.forecasters.timesfm_checkpoints import CHECKPOINTS
from pipelines.training.measure_timesfm import measure
from pipelines.training.small_networks import Architecture, Trainee, trainee
from pipelines.training.synthetic_mix import SyntheticMix
from pipelines.training.synthetic_paths import SyntheticMarket
from pipelines.training.train_timesfm import (
    Course,
    Paths,
    Schedule,
    batches,
    relative_pinball,
    save,
    simulate,
    train,
    validate,
)
from trading.frames import LEVELS

TINY = Schedule(steps=2, batch=8, pool=16, held_out=16, warm_up=1)
STOCKS = SyntheticMarket()
ARCHITECTURES: tuple[Architecture, ...] = ("3.0", "2.5")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_rate_warms_up_and_then_falls_to_two_percent() -> None:
    schedule = Schedule(steps=1000, warm_up=100)

    rates = [schedule.rate(step) for step in (0, 99, 100, 550, 1000)]

    assert rates == pytest.approx([0.01, 1.0, 1.0, 0.51, 0.02])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_network_begins_as_a_random_walk(architecture: Architecture) -> None:
    import torch

    paths = simulate(STOCKS, np.random.default_rng(0), 4, late_share=0.0)
    with fixed_threads(1), torch.no_grad():
        context = torch.from_numpy(paths.values[:, :512]).reshape(4, 16, 32)
        levels = trainee(architecture).levels(context, torch.zeros_like(context, dtype=torch.bool))

    median = levels[:, -1, 0, LEVELS.index(0.5)].numpy()
    size = paths.values[:, :512].std(axis=1)
    assert np.abs(median - paths.values[:, 511]).max() < 0.5 * size.max()


def test_a_2p5_begins_with_the_loss_of_a_random_walk_that_knows_volatility() -> None:
    paths = simulate(STOCKS, np.random.default_rng(0), 256, late_share=0.0)

    begun = validate(trainee("2.5"), paths)["h5"]

    assert begun < 0.30  # a normal of the right width has 0.24; one of twice or half the width more than 0.30


def test_the_loss_is_the_pinball_loss_in_units_of_volatility() -> None:
    import torch

    def zero(values: torch.Tensor, _masks: torch.Tensor) -> torch.Tensor:
        return torch.zeros(*values.shape[:2], 32, len(LEVELS))

    values = np.zeros((1, 544), dtype=np.float32)
    values[:, 512] = 0.02
    paths = Paths(values, np.zeros((1, 512), bool), np.full((1, 512), 0.01, np.float32))

    loss, counts = relative_pinball(Trainee(None, zero, {}), paths)

    assert loss[0, -1, 0].numpy() == pytest.approx(2 * np.array(LEVELS), rel=1e-6)
    assert loss[0, -1, 1:].abs().max() == 0
    assert counts[0, :, 0, 0].tolist() == [False] + [True] * 15  # 64 sessions of history come first


def test_late_listings_are_masked_before_they_start() -> None:
    paths = simulate(STOCKS, np.random.default_rng(0), 200, late_share=1.0)

    assert not paths.masked[:, -128:].any()
    assert (np.diff(paths.masked.astype(int), axis=1) <= 0).all()
    assert paths.masked.any(axis=1).mean() > 0.9


def test_every_step_sees_new_series() -> None:
    drawn = [
        paths.values.tobytes() for paths, _ in zip(batches(Course(TINY, STOCKS)), range(4), strict=False)
    ]

    assert len(set(drawn)) == 4


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_training_twice_gives_the_same_bytes_and_a_folder_that_loads(
    architecture: Architecture, tmp_path: Path
) -> None:
    lines: list[str] = []

    for name in ("once", "twice"):
        save(train(trainee(architecture), Course(TINY, STOCKS), lines.append), tmp_path / name, {})

    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("once", "twice")]
    assert weights[0] == weights[1]
    assert TimesFM(checkpoint=str(tmp_path / "once")).network.architecture == architecture
    assert lines[0].startswith("step 0 loss")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_miniature_of_the_training_reaches_a_lower_loss_on_series_that_it_never_saw(
    architecture: Architecture,
) -> None:
    course = Course(Schedule(16, 16, 3e-4, warm_up=2, average=0.5, pool=128, held_out=16), STOCKS)
    unseen = simulate(STOCKS, np.random.default_rng(1), 256)
    before = validate(trainee(architecture), unseen)["h20"]

    after = validate(train(trainee(architecture), course, lambda _: None), unseen)["h20"]

    assert after < before


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_shipped_checkpoint_is_of_this_network_and_schedule(architecture: Architecture) -> None:
    folder = CHECKPOINTS / {"3.0": "timesfm_small", "2.5": "timesfm_2p5_small"}[architecture]
    facts = json.loads((folder / "training.json").read_text())

    assert json.loads((folder / "config.json").read_text()) == trainee(architecture).config
    assert asdict(Schedule()).keys() >= facts["schedule"].keys()
    market = facts["market"] if architecture == "3.0" else facts["source"]["SyntheticMix"]["market"]
    assert market == json.loads(json.dumps(asdict(STOCKS)))
    if architecture == "2.5":
        assert facts["schedule"] == asdict(Schedule())
        assert facts["source"]["SyntheticMix"] == json.loads(json.dumps(asdict(SyntheticMix())))


@pytest.mark.parametrize("checkpoint", ["timesfm_small", "timesfm_2p5_small"])
def test_a_shipped_checkpoint_is_no_worse_than_the_random_walk_on_series_it_never_saw(
    checkpoint: str,
) -> None:
    returns = STOCKS.returns(np.random.default_rng(99), 512, 532)

    scores = measure({"floor": RandomWalk(), "timesfm": TimesFM(checkpoint, batch=512)}, returns)

    for horizon in (1, 5, 20):
        score = scores["timesfm", horizon]
        assert score.against_floor < 3 * score.standard_error
        assert score.coverage == pytest.approx(0.75, abs=0.06)  # three standard errors of 512 series


def test_a_forecaster_beside_itself_differs_by_nothing() -> None:
    returns = SyntheticMarket().returns(np.random.default_rng(99), 16, 532)

    score = measure({"floor": RandomWalk(), "same": RandomWalk()}, returns)["same", 5]

    assert (score.against_floor, score.standard_error) == (0.0, 0.0)


def test_held_out_scores_name_each_horizon() -> None:
    scores = validate(trainee("3.0"), simulate(STOCKS, np.random.default_rng(0), 8))

    assert list(scores) == ["h1", "h5", "h20"]

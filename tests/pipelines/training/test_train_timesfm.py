"""Training of the shipped checkpoint in miniature: where it starts, what it minimises, what it writes."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from models.forecasters.inference import fixed_threads
from models.forecasters.random_walk import RandomWalk
from models.forecasters.timesfm import CHECKPOINTS, TimesFM
from pipelines.training.measure_timesfm import measure
from pipelines.training.synthetic_paths import SyntheticMarket
from pipelines.training.train_timesfm import (
    NETWORK,
    Paths,
    Schedule,
    batches,
    build_network,
    relative_pinball,
    save,
    simulate,
    train,
    validate,
)
from trading.frames import LEVELS

TINY = Schedule(steps=2, batch=8, pool=16, held_out=16, warm_up=1)


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


def test_the_network_begins_as_a_random_walk() -> None:
    paths = simulate(np.random.default_rng(0), 4, late_share=0.0)
    network = build_network()
    import torch

    with fixed_threads(1), torch.no_grad():
        context = torch.from_numpy(paths.values[:, :512]).reshape(4, 1, -1, 32)
        inputs = {"values": context, "masks": torch.zeros_like(context, dtype=torch.bool)}
        logits = network(inputs | {"patch_is_target": torch.ones(4, 1, 16, dtype=torch.bool)})["logits"]

    median = logits[:, 0, -1, 0, LEVELS.index(0.5)].numpy()
    size = paths.values[:, :512].std(axis=1)
    assert np.abs(median - paths.values[:, 511]).max() < 0.5 * size.max()


def test_the_loss_is_the_pinball_loss_in_units_of_volatility() -> None:
    import torch

    class Zero(torch.nn.Module):
        def forward(self, inputs: dict) -> dict:
            return {"logits": torch.zeros(*inputs["values"].shape[:3], 32, len(LEVELS))}

    values = np.zeros((1, 544), dtype=np.float32)
    values[:, 512] = 0.02
    paths = Paths(values, np.zeros((1, 512), bool), np.full((1, 512), 0.01, np.float32))

    loss, counts = relative_pinball(Zero(), paths)

    assert loss[0, -1, 0].numpy() == pytest.approx(2 * np.array(LEVELS), rel=1e-6)
    assert loss[0, -1, 1:].abs().max() == 0
    assert counts[0, :, 0, 0].tolist() == [False] + [True] * 15  # 64 sessions of history come first


def test_late_listings_are_masked_before_they_start() -> None:
    paths = simulate(np.random.default_rng(0), 200, late_share=1.0)

    assert not paths.masked[:, -128:].any()
    assert (np.diff(paths.masked.astype(int), axis=1) <= 0).all()
    assert paths.masked.any(axis=1).mean() > 0.9


def test_every_step_sees_new_series() -> None:
    drawn = [paths.values.tobytes() for paths, _ in zip(batches(TINY), range(4), strict=False)]

    assert len(set(drawn)) == 4


def test_training_twice_gives_the_same_bytes_and_a_folder_that_loads(tmp_path: Path) -> None:
    lines: list[str] = []

    for name in ("once", "twice"):
        save(train(TINY, lines.append), tmp_path / name, {})

    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("once", "twice")]
    assert weights[0] == weights[1]
    assert TimesFM(checkpoint=str(tmp_path / "once")).network.input_patch_len == 32
    assert lines[0].startswith("step 0 loss")


def test_the_shipped_checkpoint_is_of_this_network_and_schedule() -> None:
    facts = json.loads((CHECKPOINTS / "timesfm_small" / "training.json").read_text())

    assert json.loads((CHECKPOINTS / "timesfm_small" / "config.json").read_text()) == NETWORK
    assert asdict(Schedule()).items() >= facts["schedule"].items()
    assert facts["market"] == json.loads(json.dumps(asdict(SyntheticMarket())))


def test_the_shipped_checkpoint_is_no_worse_than_the_random_walk_on_series_it_never_saw() -> None:
    returns = SyntheticMarket().returns(np.random.default_rng(99), 512, 532)

    scores = measure({"floor": RandomWalk(), "timesfm": TimesFM(batch=512)}, returns)

    for horizon in (1, 5, 20):
        score = scores["timesfm", horizon]
        assert score.against_floor < 3 * score.standard_error
        assert score.coverage == pytest.approx(0.75, abs=0.06)  # three standard errors of 512 series


def test_a_forecaster_beside_itself_differs_by_nothing() -> None:
    returns = SyntheticMarket().returns(np.random.default_rng(99), 16, 532)

    score = measure({"floor": RandomWalk(), "same": RandomWalk()}, returns)["same", 5]

    assert (score.against_floor, score.standard_error) == (0.0, 0.0)


def test_held_out_scores_name_each_horizon() -> None:
    scores = validate(build_network(), simulate(np.random.default_rng(0), 8))

    assert list(scores) == ["h1", "h5", "h20"]

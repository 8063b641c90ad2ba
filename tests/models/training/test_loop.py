"""One loop for all networks: the same bytes for a seed, also after a kill, and never worse than it began."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.training.loop import Loss, Progress, Schedule, seeded, train
from models.training.samples import Rows, Split
from trading.errors import CheckpointError, ModelError
from trading.interfaces import SILENT, TrainingJournal

SPLIT = Split(np.arange(200), np.arange(220, 300))
SCHEDULE = Schedule(epochs=6, batch=16, learning_rate=0.03)


class KilledError(Exception):
    """The process is gone."""


@dataclass
class Notebook:
    """Keeps every state; kills the training after an epoch."""

    killed_after: int = 0
    kept: bytes | None = None
    told: list[Mapping[str, float]] = field(default_factory=list)

    def resume(self) -> bytes | None:
        return self.kept

    def epoch(self, number: int, of: int, metrics: Mapping[str, float], state: Callable[[], bytes]) -> None:
        assert of == SCHEDULE.epochs
        self.told.append(metrics)
        self.kept = state()
        if number == self.killed_after:
            raise KilledError


def line(dropout: float = 0.2) -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))


def squares(network: nn.Module, slope: float = 1.0) -> Loss:
    inputs = torch.randn(300, 3, generator=torch.Generator().manual_seed(1))
    targets = slope * inputs.sum(1)

    def loss(rows: Rows) -> Tensor:
        return (network(inputs[rows])[:, 0] - targets[rows]).square()

    return loss


def trained(
    network: nn.Module, journal: TrainingJournal = SILENT, seed: int = 0, threads: int = 1
) -> tuple[Progress, bytes]:
    progress = train(
        network, squares(network), SPLIT, SCHEDULE, name="line", seed=seed, threads=threads, journal=journal
    )
    return progress, b"".join(of.numpy().tobytes() for of in network.state_dict().values())


def test_training_learns() -> None:
    progress, _ = trained(line(0.0))

    assert progress.best_loss < 0.3  # a tenth of the variance of the targets
    assert len(progress.curve) == 6


def test_a_seed_gives_the_same_bytes_whatever_torch_drew_before() -> None:
    first, (_, torn), second = trained(line()), (0, torch.rand(7)), trained(line())

    assert torn.shape == (7,)
    assert first == second
    assert trained(line(), seed=1) != first


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_a_killed_training_goes_on_to_the_same_bytes(epoch: int) -> None:
    undisturbed, notebook = trained(line()), Notebook(killed_after=epoch)
    with pytest.raises(KilledError):
        trained(line(), notebook)
    told = len(notebook.told)

    resumed = trained(line(), Notebook(kept=notebook.kept))

    assert told == epoch
    assert resumed == undisturbed


def test_the_journal_hears_of_every_epoch() -> None:
    notebook = Notebook()

    progress, _ = trained(line(), notebook)

    losses = [(each["training_loss"], each["validation_loss"]) for each in notebook.told]
    assert tuple(losses) == progress.curve


def test_weights_that_cannot_get_better_stay_as_they_were() -> None:
    network = line(0.0)
    before = {name: of.clone() for name, of in network.state_dict().items()}
    noise = torch.randn(300, generator=torch.Generator().manual_seed(2))
    parameter = next(network.parameters())

    def worse(rows: Rows) -> Tensor:  # training pulls away from where validation is best
        pull = parameter.sum() if network.training else (parameter - before["0.weight"]).square().sum()
        return noise[rows] * 0 + pull

    progress = train(network, worse, SPLIT, SCHEDULE, name="line")

    assert progress.best_epoch == 0
    assert len(progress.curve) == SCHEDULE.patience
    assert all(torch.equal(of, before[name]) for name, of in network.state_dict().items())


def test_a_parameter_may_learn_at_a_share_of_the_rate_and_keep_its_size() -> None:
    network = line(0.0)
    before = network[0].weight.detach().clone()
    network[0].weight.rate_share = 0.0

    trained(network)

    assert torch.equal(network[0].weight, before)
    assert not torch.equal(network[3].weight, line(0.0)[3].weight)


def test_torch_is_left_as_it_was() -> None:
    torch.manual_seed(9)
    state, threads = torch.get_rng_state(), torch.get_num_threads()

    with seeded("line", 0, threads + 1):
        inside = torch.get_num_threads(), torch.rand(1)

    assert inside[0] == threads + 1
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_the_rate_rises_and_falls() -> None:
    shares = [SCHEDULE.share(done) for done in np.linspace(0, 1, 101)]

    assert shares[0] < 0.05
    assert max(shares) == pytest.approx(1.0)
    assert shares[-1] == pytest.approx(0.02)
    assert np.diff(shares[6:]).max() <= 0


def test_what_another_network_left_is_refused() -> None:
    notebook = Notebook(killed_after=1)
    with pytest.raises(KilledError):
        trained(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)), notebook)

    for kept in (notebook.kept, b"torn", b""):
        with pytest.raises(CheckpointError, match="does not fit this network"):
            trained(line(), Notebook(kept=kept))


def test_an_infinite_loss_is_refused() -> None:
    network = line()

    with pytest.raises(ModelError, match="not finite"):
        train(network, squares(network, slope=float("inf")), SPLIT, SCHEDULE, name="line")

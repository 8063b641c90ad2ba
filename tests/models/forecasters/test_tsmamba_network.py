"""The network: what it may see, what its parts do, and where it begins."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from models.forecasters.tsmamba_network import FULL, NetworkShape, TSMambaNetwork
from trading.frames import LEVELS

TINY = NetworkShape(d_model=16, d_state=4, layers=1, patch=4, backward=3)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(8)
    yield
    torch.set_num_threads(before)


def network(shape: NetworkShape = TINY) -> TSMambaNetwork:
    made = TSMambaNetwork(shape).eval()
    torch.nn.init.normal_(made.head.weight, std=0.1)
    return made


def test_the_full_profile_has_the_sizes_of_the_roadmap() -> None:
    sizes = (FULL.d_model, FULL.d_state, FULL.d_conv, FULL.expand)

    assert sizes == (256, 16, 4, 2)
    assert TSMambaNetwork(FULL).forward_encoder.layers[0].mixer.in_proj.weight.shape == (1024, 256)


def test_an_untrained_network_is_a_random_walk() -> None:
    with torch.no_grad():
        quantiles = TSMambaNetwork(TINY)(torch.randn(2, 40, 3))

    expected = stats.t(6, scale=np.sqrt(4 / 6)).ppf(LEVELS)
    assert quantiles.shape == (2, 1, 3, 7)
    assert quantiles.numpy() == pytest.approx(np.broadcast_to(expected, quantiles.shape), abs=1e-6)


def test_quantiles_do_not_cross() -> None:
    with torch.no_grad():
        quantiles = network()(10 * torch.randn(8, 40, 3), 5)

    assert (quantiles.diff(dim=-1) >= 0).all()


def test_earlier_origins_say_what_they_said_then() -> None:
    made, inputs = network(), torch.randn(2, 40, 3)

    with torch.no_grad():
        several = made(inputs, 4)
        alone = [made(inputs[:, : 40 - 4 * back])[:, 0] for back in (3, 2, 1, 0)]

    assert several == pytest.approx(torch.stack(alone, dim=1), abs=1e-5)  # another batch, other last digits


def test_the_newest_patches_are_read_both_ways() -> None:
    made, inputs = network(), torch.randn(1, 40, 3, requires_grad=True)

    (seen,) = torch.autograd.grad(made(inputs).square().sum(), inputs)
    made.forward_encoder.requires_grad_(requires_grad=False)
    blind = made.decode(torch.zeros(1, 10, 16), made.embed(inputs))
    (back,) = torch.autograd.grad(blind.square().sum(), inputs)

    assert (seen[0].abs().sum(-1) > 0).all()
    reaches = back[0].abs().sum(-1) > 0
    assert reaches[-12:].all()  # three patches of four bars
    assert not reaches[:-12].any()


def test_bars_that_fill_no_patch_are_left_out_at_the_far_end() -> None:
    made, inputs = network(), torch.randn(1, 43, 3)

    with torch.no_grad():
        assert torch.equal(made(inputs), made(inputs[:, 3:]))


def test_fewer_patches_than_the_way_back_reads_are_enough() -> None:
    with torch.no_grad():
        assert network()(torch.randn(1, 4, 3), 2).isfinite().all()


def test_the_first_stage_never_sees_the_patch_that_it_is_asked_for() -> None:
    made, inputs = network(), torch.randn(1, 24, 3)
    changed = inputs.clone()
    changed[:, 12:16] += 1  # the fourth of six patches

    with torch.no_grad():
        (ahead, back, patches), (ahead_then, back_then, _) = made.neighbours(inputs), made.neighbours(changed)

    def same(one: Tensor, other: Tensor) -> list[bool]:
        return [torch.equal(a, b) for a, b in zip(one[0], other[0], strict=True)]

    assert torch.equal(patches[0, 3], inputs[0, 12:16].flatten())
    assert same(ahead, ahead_then) == [True, True, True, False, False, False]
    assert same(back, back_then) == [False, False, False, False, True, True]

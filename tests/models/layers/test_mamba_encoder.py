"""A stack of blocks: the same as transformers', in parts, with less memory, in either precision."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from models.layers.mamba_block import MambaShape
from models.layers.mamba_encoder import MambaEncoder

SHAPE = MambaShape(32)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(4)
    yield
    torch.set_num_threads(before)


def encoder(layers: int = 2, *, checkpointing: bool = False) -> MambaEncoder:
    torch.manual_seed(6)
    return MambaEncoder(SHAPE, layers, checkpointing=checkpointing)


def test_a_sequence_in_parts_is_the_sequence() -> None:
    network, x = encoder(), torch.randn(3, 21, 32)

    with torch.no_grad():
        head, states = network.advance(x[:, :20], network.empty_states(3))
        last, _ = network.advance(x[:, 20:], states)

        assert torch.cat((head, last), dim=1) == pytest.approx(network(x), abs=1e-5)  # the bound


def gradients(network: MambaEncoder, x: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(network(x).square().sum(), list(network.parameters())))


def test_computing_layers_again_gives_the_same_gradients() -> None:
    x = torch.randn(4, 40, 32)

    kept, again = (gradients(encoder(checkpointing=chosen), x) for chosen in (False, True))

    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))


def held(network: MambaEncoder, x: Tensor) -> int:
    """Bytes that wait for the backward pass, each memory counted once, without weights."""
    weights = {of.untyped_storage().data_ptr() for of in network.parameters()}
    storages: dict[int, int] = {}

    def keep(of: Tensor) -> Tensor:
        storage = of.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return of

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda of: of):
        output = network(x)
    assert output.requires_grad
    return sum(storages.values())


def test_computing_layers_again_holds_a_fraction_of_the_memory() -> None:
    x = torch.randn(4, 128, 32, requires_grad=True)

    kept, again = (held(encoder(4, checkpointing=chosen), x) for chosen in (False, True))

    # Each of four layers keeps one tensor (b, l, m) in place of some twenty.
    assert again < kept / 8


def test_bfloat16_says_nearly_the_same() -> None:
    network, x = encoder(), torch.randn(2, 40, 32)

    with torch.no_grad():
        exact, half = network(x), encoder().bfloat16()(x.bfloat16())

    assert half.dtype == torch.bfloat16
    # Eight bits of precision through two layers; outputs have unit size after the norm.
    assert (half.float() - exact).abs().max() < 0.1

"""The bidirectional block: both directions are read, and turning the time exchanges them."""

import torch

from models.layers.bidirectional_mamba import BidirectionalMamba
from models.layers.mamba_block import MambaShape

LENGTH = 12


def block() -> BidirectionalMamba:
    torch.manual_seed(0)
    return BidirectionalMamba(MambaShape(8, d_state=4)).eval()


def sequences(rows: int = 3) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(rows, LENGTH, 8)


def test_every_output_sees_the_whole_window_and_no_other_sequence() -> None:
    x = sequences().requires_grad_()
    middle = block()(x)[1, LENGTH // 2, 0]  # one channel: the norm keeps the sum of all at zero

    (slope,) = torch.autograd.grad(middle, x)

    assert (slope[1].abs().sum(-1) > 0).all()
    assert slope[[0, 2]].abs().sum() == 0


def test_turning_the_time_is_exchanging_the_directions() -> None:
    one, other = block(), block()
    other.ahead, other.back = one.back, one.ahead

    torch.testing.assert_close(one(sequences().flip(1)).flip(1), other(sequences()))


def test_without_the_way_back_it_is_causal() -> None:
    alone, x = block(), sequences()
    torch.nn.init.zeros_(alone.back.out_proj.weight)
    later = x.clone()
    later[:, 8:] = 5.0

    torch.testing.assert_close(alone(x)[:, :8], alone(later)[:, :8])
    assert not torch.allclose(block()(x)[:, :8], block()(later)[:, :8])

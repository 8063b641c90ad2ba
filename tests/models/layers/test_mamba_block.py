"""The block around the scan: causal, the same step by step, with the field's nine tensors."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from models.layers.mamba_block import MambaBlock, MambaShape
from models.layers.reference import reference_scan
from trading.errors import ModelError

SHAPE = MambaShape(40)  # rank 3, 80 channels: neither a multiple of a kernel's block


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    yield
    torch.set_num_threads(before)


def by_the_paper(block: MambaBlock, x: Tensor) -> Tensor:
    """Figure 3 in double precision, with torch's own convolution and softplus."""
    weights = {name: of.double() for name, of in block.state_dict().items()}
    n, r = block.shape.d_state, block.shape.dt_rank
    u, z = (x.double() @ weights["in_proj.weight"].T).chunk(2, dim=-1)
    taps, bias = weights["conv1d.weight"], weights["conv1d.bias"]
    u = functional.conv1d(u.mT, taps, bias, padding=taps.shape[-1] - 1, groups=taps.shape[0])
    u = functional.silu(u[..., : x.shape[1]]).mT
    dt, B, C = (u @ weights["x_proj.weight"].T).split((r, n, n), dim=-1)
    step = functional.softplus(dt @ weights["dt_proj.weight"].T + weights["dt_proj.bias"])
    y, _ = reference_scan(u, step, -weights["A_log"].exp(), B, C, weights["D"], z)
    return y @ weights["out_proj.weight"].T


def test_the_nine_tensors_have_the_names_and_shapes_of_mamba_ssm() -> None:
    shapes = {name: tuple(of.shape) for name, of in MambaBlock(MambaShape(256)).state_dict().items()}

    assert shapes == {
        "A_log": (512, 16),
        "D": (512,),
        "in_proj.weight": (1024, 256),
        "conv1d.weight": (512, 1, 4),
        "conv1d.bias": (512,),
        "x_proj.weight": (16 + 32, 512),
        "dt_proj.weight": (512, 16),
        "dt_proj.bias": (512,),
        "out_proj.weight": (256, 512),
    }


@settings(max_examples=8, deadline=None)
@given(
    batch=st.integers(1, 3),
    length=st.integers(1, 40),
    shape=st.builds(MambaShape, st.integers(1, 24), st.integers(1, 8), st.integers(2, 5), st.integers(1, 3)),
)
def test_outputs_are_those_of_the_paper_in_double_precision(
    batch: int, length: int, shape: MambaShape
) -> None:
    block, x = MambaBlock(shape), torch.randn(batch, length, shape.d_model)

    with torch.no_grad():
        y = block(x)

    assert y.double() == pytest.approx(by_the_paper(block, x), abs=1e-5)  # the bound


def test_steps_give_what_the_whole_pass_gives() -> None:
    block, x = MambaBlock(SHAPE), torch.randn(2, 50, 40)
    with torch.no_grad():
        state, outputs = block.empty_state(2), []
        for t in range(50):
            y, state = block.step(x[:, t], state)
            outputs.append(y)
        whole, end = block.advance(x, block.empty_state(2))

    assert torch.stack(outputs, dim=1) == pytest.approx(whole, abs=1e-5)  # the bound
    assert state.conv == pytest.approx(end.conv, abs=1e-5)
    assert state.ssm == pytest.approx(end.ssm, abs=1e-5)


def test_a_sequence_in_parts_is_the_sequence() -> None:
    block, x = MambaBlock(SHAPE), torch.randn(2, 45, 40)
    with torch.no_grad():
        head, state = block.advance(x[:, :2], block.empty_state(2))  # shorter than the convolution
        tail, _ = block.advance(x[:, 2:], state)

        assert torch.cat((head, tail), dim=1) == pytest.approx(block(x), abs=1e-5)


def test_an_output_does_not_see_later_inputs() -> None:
    block, x = MambaBlock(SHAPE), torch.randn(1, 30, 40)
    changed = x.clone()
    changed[:, 17:] += 1

    with torch.no_grad():
        before, after = block(x), block(changed)

    assert torch.equal(before[:, :17], after[:, :17])
    assert (before[:, 17:] != after[:, 17:]).any(-1).all()


def test_a_row_has_the_same_bytes_whatever_else_is_in_the_batch() -> None:
    block, x = MambaBlock(SHAPE), torch.randn(4, 30, 40)
    others = torch.cat((x[:1], torch.randn(3, 30, 40)))  # of the same fixed size, as inference pads it

    with torch.no_grad():
        assert torch.equal(block(x)[0], block(others)[0])


def test_a_seed_gives_the_same_training_step_twice() -> None:
    def trained() -> list[Tensor]:
        torch.manual_seed(11)
        block = MambaBlock(SHAPE)
        block(torch.randn(2, 33, 40)).square().mean().backward()
        return [of.grad for of in block.parameters() if of.grad is not None]

    first, second = trained(), trained()

    assert len(first) == 9
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_gradients_of_all_weights_are_those_of_the_reference_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    block, x = MambaBlock(SHAPE), torch.randn(2, 40, 40)

    def found() -> list[Tensor]:
        return list(torch.autograd.grad(block(x).square().sum(), list(block.parameters())))

    ours = found()
    monkeypatch.setattr("models.layers.selective_scan.implementation", lambda *_: "reference")
    for mine, expected in zip(ours, found(), strict=True):
        # Both in single precision, some 3,000 terms each: a few units relative to the largest.
        assert (mine - expected).abs().max() <= 1e-5 * max(1.0, expected.abs().max().item())


def test_first_step_sizes_lie_between_a_thousandth_and_a_tenth() -> None:
    steps = functional.softplus(MambaBlock(MambaShape(256)).dt_proj.bias)

    assert 0.00099 < steps.min() < 0.002  # of 512 draws, even on a log scale
    assert 0.05 < steps.max() < 0.101


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ModelError, match="none of them empty"):
        MambaBlock(SHAPE)(torch.zeros(0, 5, 40))

"""transformers' MambaMixer: weights go there and come back, and outputs and gradients are the same."""

import pytest
import torch

from models.layers.mamba_block import MambaBlock, MambaShape
from models.layers.mamba_encoder import MambaEncoder

pytest.importorskip("transformers", reason="transformers is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs, on import


def mixer(shape: MambaShape) -> torch.nn.Module:
    """Their layer of the same size; without CUDA it takes its slow path."""
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    config = MambaConfig(
        hidden_size=shape.d_model,
        state_size=shape.d_state,
        conv_kernel=shape.d_conv,
        expand=shape.expand,
        num_hidden_layers=1,
    )
    return MambaMixer(config, layer_idx=0)


def test_weights_move_there_and_outputs_and_gradients_are_equal() -> None:
    torch.manual_seed(5)
    ours, x = MambaBlock(MambaShape(48)), torch.randn(3, 45, 48)
    theirs = mixer(ours.shape)
    theirs.load_state_dict(ours.state_dict())  # strict: all nine names and shapes

    y, expected = ours(x), theirs(x)

    assert y.detach() == pytest.approx(expected.detach(), abs=1e-5)  # the bound
    expected.square().sum().backward()
    y.square().sum().backward()
    gradients = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert parameter.grad == pytest.approx(gradients[name].grad, abs=1e-4, rel=1e-4), name


def test_weights_come_back() -> None:
    torch.manual_seed(6)
    theirs, x = mixer(MambaShape(32)), torch.randn(2, 20, 32)
    ours = MambaBlock(MambaShape(32))
    ours.load_state_dict(theirs.state_dict())

    with torch.no_grad():
        assert ours(x) == pytest.approx(theirs(x), abs=1e-5)


def test_a_whole_encoder_moves_there_as_it_is() -> None:
    from transformers import MambaConfig, MambaModel

    torch.manual_seed(7)
    config = MambaConfig(vocab_size=1, hidden_size=32, state_size=16, expand=2, num_hidden_layers=2)
    ours, theirs, x = MambaEncoder(MambaShape(32), 2), MambaModel(config).eval(), torch.randn(2, 24, 32)

    report = theirs.load_state_dict(ours.state_dict(), strict=False)
    with torch.no_grad():
        expected = theirs(inputs_embeds=x).last_hidden_state

        assert report.missing_keys == ["embeddings.weight"]  # of words; there are none here
        assert not report.unexpected_keys
        assert ours(x) == pytest.approx(expected, abs=1e-5)  # the bound

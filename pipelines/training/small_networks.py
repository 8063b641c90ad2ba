"""The small networks that are trained here, of both architectures of TimesFM, before training.

They start as a random walk that can see differences: channel 0 of the residual stream carries the last value
of the patch to every output, and the first hidden units are the rectified differences of neighbours, from
which volatility follows. A 2.5 starts with the volatility of the last patch, a 3.0 with that of the path. Letters of the shapes: b series, n patches, p sessions a patch, k steps ahead,
q quantile levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from trading.frames import LEVELS

Architecture = Literal["3.0", "2.5"]
PATCH, STEPS_AHEAD = 32, 32
WIDTH, HIDDEN, HEADS, LAYERS = 128, 256, 4, 4
HALF_NORMAL = (-1.645, -1.150, -0.674, 0.0, 0.674, 1.150, 1.645)
CARRIED = 3  # channels of a 2.5 that begin as the last value, as one, and as the size of a usual move
SEEN = 5.0  # how strongly a difference moves its hidden unit
MOVE_OVER_MEAN = 1.2533  # standard deviation of a normal variable over the mean of its size

NETWORK: dict[str, Any] = {
    "input_patch_len": PATCH,
    "output_patch_len": STEPS_AHEAD,
    "quantiles": list(LEVELS),
    "residual_block_config": {
        "hidden_dims": HIDDEN,
        "output_dims": WIDTH,
        "use_bias": False,
        "activation": "relu",
    },
    "transformer_config": {
        "num_layers": LAYERS,
        "transformer": {
            "model_dims": WIDTH,
            "hidden_dims": HIDDEN,
            "num_heads": HEADS,
            "attention_norm": "rms",
            "feedforward_norm": "rms",
            "qk_norm": "rms",
            "use_rope_seq": True,
            "use_rope_var": False,
            "use_bias": False,
            "ff_activation": "relu",
            "deterministic": True,
        },
    },
    "use_variate_attention": False,
    "use_stitching": False,
    "use_linear_detrending": False,
    "use_iterative_cpm_revin": False,
}
# In the words of transformers.TimesFm2_5Config, which reads the same file.
NETWORK_2P5: dict[str, Any] = {
    "architectures": ["TimesFm2_5ModelForPrediction"],
    "model_type": "timesfm2_5",
    "patch_length": PATCH,
    "context_length": 512,
    "horizon_length": STEPS_AHEAD,
    "quantiles": list(LEVELS),
    "decode_index": 1 + LEVELS.index(0.5),
    "output_quantile_len": 1,
    "num_hidden_layers": LAYERS,
    "hidden_size": WIDTH,
    "intermediate_size": HIDDEN,
    "head_dim": WIDTH // HEADS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "activation": "relu",
    "use_continuous_quantile_head": False,
    "force_flip_invariance": True,
    "infer_is_positive": False,
}


@dataclass(frozen=True)
class Trainee:
    """A network in training.

    Attributes
    ----------
    module : what is trained
    levels : (values (b, n, p), masks (b, n, p)) to quantiles (b, n, k, q) after every patch
    config : what its `config.json` says
    """

    module: Any
    levels: Callable[[Any, Any], Any]
    config: dict[str, Any]


def trainee(architecture: Architecture, seed: int = 0) -> Trainee:
    """A network of an architecture, as it is before training: what begins at random follows from the seed."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _around_3(build_network()) if architecture == "3.0" else _around_2p5(build_network_2p5())


def of_module(module: Any) -> Trainee:
    """A trained copy of a 3.0 or 2.5 module, to go on with."""
    return _around_3(module) if hasattr(module, "transformer_stack") else _around_2p5(module)


def build_network() -> Any:
    """The network of architecture 3.0 before training."""
    import torch
    from timesfm3.torch.model import TimesFM3Torch

    network = TimesFM3Torch(**NETWORK)
    block, head = network.pre_transformer_resblock, network.output_head
    with torch.no_grad():
        block.residual_layer.weight[0] = torch.eye(block.residual_layer.in_features)[PATCH - 1]
        block.output_layer.weight[0] = 0.0
        for layer in network.transformer_stack.layers:
            layer.post_seq_attn_ln.weight[0] = 0.0
            layer.post_ff_ln.weight[0] = 0.0
        _see_differences(block.hidden_layer)
        head.weight.mul_(0.1)
        head.weight[:, 0] = 1.0
        head.bias.copy_(_spread().flatten())
    return network


def build_network_2p5() -> Any:
    """The module of architecture 2.5 before training; its channel 1 carries a constant, as its head has no bias."""
    import torch

    from models.forecasters.timesfm_networks import Version2p5

    module = Version2p5(NETWORK_2P5).module
    block, head = module.tokenizer, module.output_projection_point
    levels = torch.cat([torch.zeros(STEPS_AHEAD, 1), 10 * _spread()], dim=1).flatten()
    moves = 2 * (PATCH - 1)
    with torch.no_grad():
        for layer in (block.residual_layer, block.output_layer):
            layer.weight[:CARRIED] = 0.0
            layer.bias[:CARRIED] = 0.0
        block.residual_layer.weight[0, PATCH - 1] = 1.0
        block.residual_layer.bias[1] = 1.0
        block.output_layer.weight[2, :moves] = MOVE_OVER_MEAN / (SEEN * (PATCH - 1))
        for layer in module.stacked_xf:
            _normal_norms(layer)
        _see_differences(block.hidden_layer)
        block.hidden_layer.bias[:moves] = 0.0
        head.output_layer.weight.mul_(0.02)
        head.residual_layer.weight.mul_(0.02)
        head.residual_layer.weight[:, 0] = 1.0
        head.residual_layer.weight[:, 2] = levels
    return module


def _normal_norms(layer: Any) -> None:
    """Scales of one, where the package begins with zero; none may touch the carried channels."""
    norms = (layer.pre_attn_ln, layer.post_attn_ln, layer.pre_ff_ln, layer.post_ff_ln)
    for norm in (*norms, layer.attn.query_ln, layer.attn.key_ln):
        norm.scale.fill_(1.0)
    for norm in (layer.post_attn_ln, layer.post_ff_ln):
        norm.scale[:CARRIED] = 0.0


def _see_differences(layer: Any) -> None:
    """The first hidden units become the rectified differences of neighbours, of either sign."""
    import torch

    for unit in range(PATCH - 1):
        difference = torch.zeros(layer.in_features)
        difference[unit + 1], difference[unit] = SEEN, -SEEN
        layer.weight[2 * unit], layer.weight[2 * unit + 1] = difference, -difference


def _spread() -> Any:
    """(k, q) where the quantiles begin, in units of the path's deviation."""
    import torch

    return torch.tensor(HALF_NORMAL)[None] * 0.1 * torch.arange(1, STEPS_AHEAD + 1)[:, None].sqrt()


def _around_3(module: Any) -> Trainee:
    import torch

    def levels(values: Any, masks: Any) -> Any:
        inputs = {"values": values[:, None], "masks": masks[:, None]}
        inputs["patch_is_target"] = torch.ones(inputs["values"].shape[:3], dtype=torch.bool)
        return module(inputs)["logits"][:, 0]

    return Trainee(module, levels, NETWORK)


def _around_2p5(module: Any) -> Trainee:
    from models.forecasters.timesfm_networks import patch_levels

    def levels(values: Any, masks: Any) -> Any:
        return patch_levels(module, values, masks)[0][..., 1:]

    return Trainee(module, levels, NETWORK_2P5)

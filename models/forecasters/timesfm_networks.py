"""The two architectures of TimesFM behind one call: levels of the path ahead, from a path and its mask.

Architecture 2.5 (Das et al., arXiv 2310.10688) reads one path; 3.0 may read others beside it, those that
are known in the past only and those that are known in the future too. Both are the classes of the package
`timesfm`; nothing here learns or remembers. Weights of 2.5 have two spellings, the package's and that of
`transformers`, and move between them without loss. Letters of the shapes: b rows, w bars of context,
n patches, p bars of a patch, k bars ahead, v series beside the path, m levels, d model width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from trading.errors import CheckpointError, ModelError

Tensors = Mapping[str, Tensor]
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Beside:
    """Series beside each path, with what of them is unknown.

    Attributes
    ----------
    past : (b, v, w) known up to the origin only; past_masked : (b, v, w) True where unknown
    future : (b, v, w + k) known ahead; future_masked : (b, v, w + k)
    """

    past: Tensor
    past_masked: Tensor
    future: Tensor
    future_masked: Tensor


class Network(Protocol):
    """What a forecaster needs of an architecture."""

    architecture: str
    module: nn.Module

    @property
    def quantiles(self) -> tuple[float, ...]:
        """(m,) levels that it speaks at."""
        ...

    @property
    def reads_covariates(self) -> bool:
        """Whether it can read series beside the path."""
        ...

    def ahead(self, paths: Tensor, masked: Tensor, horizon: int, beside: Beside | None = None) -> Tensor:
        """(b, k, m) levels of each path (b, w) ahead; differentiable in the weights."""
        ...

    def named(self, tensors: Tensors) -> Tensors:
        """Tensors of any spelling under the module's own names."""
        ...


class Version3:
    """Architecture 3.0 (`timesfm3`)."""

    architecture = "3.0"

    def __init__(self, config: Config) -> None:
        from timesfm3.torch.model import TimesFM3Torch

        self.module: nn.Module = TimesFM3Torch(**config)

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The levels that its configuration names."""
        return tuple(self.module.quantiles)

    @property
    def reads_covariates(self) -> bool:
        """With attention between series only."""
        return bool(self.module.use_variate_attention)

    def ahead(self, paths: Tensor, masked: Tensor, horizon: int, beside: Beside | None = None) -> Tensor:
        """The package's own decoding, of the target alone."""
        # `decode` forbids gradients by a decorator; under it is the same function, which allows them
        decode = type(self.module).decode.__wrapped__
        target, mask = paths[:, None], masked[:, None]
        if beside is None:
            return decode(self.module, target, horizon=horizon, target_mask=mask)[:, 0]
        levels = decode(
            self.module,
            target,
            horizon=horizon,
            target_mask=mask,
            past_only_covariates=_any(beside.past),
            past_only_mask=_any(beside.past_masked),
            past_future_covariates=_any(beside.future[..., : paths.shape[1] + horizon]),
            past_future_mask=_any(beside.future_masked[..., : paths.shape[1] + horizon]),
        )
        return levels[:, 0]

    def named(self, tensors: Tensors) -> Tensors:
        """As they are: there is one spelling."""
        return tensors


class Version2p5:
    """Architecture 2.5 (`timesfm.timesfm_2p5`), configured as `transformers` writes it down."""

    architecture = "2.5"

    def __init__(self, config: Config) -> None:
        from timesfm.timesfm_2p5.timesfm_2p5_torch import TimesFM_2p5_200M_torch_module

        self.config = {**PUBLISHED_2P5, **config}
        sized = type("TimesFM25", (TimesFM_2p5_200M_torch_module,), {"config": _definition(self.config)})
        self.module: nn.Module = sized()

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The levels that its configuration names."""
        return tuple(self.config["quantiles"])

    @property
    def reads_covariates(self) -> bool:
        """Never."""
        return False

    def ahead(self, paths: Tensor, masked: Tensor, horizon: int, beside: Beside | None = None) -> Tensor:
        """From the last patch alone; horizons beyond one output patch are refused."""
        longest, patch = self.config["horizon_length"], self.config["patch_length"]
        if beside is not None or horizon > longest or paths.shape[1] % patch:
            raise ModelError(
                f"this TimesFM 2.5 reads one path of whole patches of {patch} bars and looks {longest} bars ahead at "
                f"most: {paths.shape[1]} bars and {horizon} ahead were asked; name a checkpoint of architecture 3.0"
            )
        shape = (len(paths), -1, self.config["patch_length"])
        levels = patch_levels(self.module, paths.view(shape), masked.view(shape))
        points, spreads = (part[:, -1] for part in levels)
        if self.config["use_continuous_quantile_head"]:
            points = _continuous(points, spreads, self.config["decode_index"])
        return points[:, :horizon, 1:]

    def named(self, tensors: Tensors) -> Tensors:
        """The package's names, also for those of `transformers`."""
        return from_transformers(tensors, self.module.state_dict())


def build(config: Config, tensors: Tensors, origin: str) -> Network:
    """The network that the configuration and the tensors' names say, with its weights, to predict with.

    Raises
    ------
    CheckpointError
        If they do not fit each other, or a weight is not finite.
    """
    if any(not tensor.isfinite().all() for tensor in tensors.values()):
        raise CheckpointError(f"the weights of {origin} are not finite; get the checkpoint again")
    try:
        network = unweighted(config, tensors)
        network.module.load_state_dict(dict(network.named(tensors)))
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"the weights of {origin} do not fit their configuration: {reason}") from None
    network.module.eval()
    return network


def unweighted(config: Config, tensors: Tensors = {}) -> Network:  # noqa: B006 - never written to
    """A network of the architecture that the configuration, or else the tensors' names, say."""
    if "transformer_config" in config:
        return Version3(config)
    if config.get("model_type") == MODEL_TYPE_2P5 or any(name.startswith("stacked_xf.") for name in tensors):
        return Version2p5(config)
    raise CheckpointError("the checkpoint's configuration is not that of a TimesFM 2.5 or 3.0")


def is_timesfm(config: Config, names: frozenset[str]) -> bool:
    """Whether a configuration, or else the names of its tensors, are those of an architecture known here."""
    said = "transformer_config" in config or config.get("model_type") == MODEL_TYPE_2P5
    return said or any(name.startswith("stacked_xf.") for name in names)


MODEL_TYPE_2P5 = "timesfm2_5"
# What the published 2.5 weights are made of (`TimesFM_2p5_200M_Definition`), in the words of transformers.
PUBLISHED_2P5: Config = {
    "patch_length": 32,
    "horizon_length": 128,
    "output_quantile_len": 1024,
    "quantiles": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "decode_index": 5,
    "num_hidden_layers": 20,
    "hidden_size": 1280,
    "intermediate_size": 1280,
    "num_attention_heads": 16,
    "activation": "swish",
    "use_continuous_quantile_head": True,
}


def _definition(config: Config) -> Any:
    """The package's definition of a network of this size."""
    from timesfm.configs import ResidualBlockConfig, StackedTransformersConfig, TransformerConfig
    from timesfm.timesfm_2p5.timesfm_2p5_base import TimesFM_2p5_200M_Definition

    width, activation = config["hidden_size"], config["activation"]
    channels = 1 + len(config["quantiles"])

    def block(inputs: int, outputs: int, *, bias: bool) -> Any:
        return ResidualBlockConfig(inputs, width, outputs, use_bias=bias, activation=activation)

    transformer = TransformerConfig(
        model_dims=width,
        hidden_dims=config["intermediate_size"],
        num_heads=config["num_attention_heads"],
        attention_norm="rms",
        feedforward_norm="rms",
        qk_norm="rms",
        use_bias=False,
        use_rotary_position_embeddings=True,
        ff_activation=activation,
        fuse_qkv=True,
    )
    return TimesFM_2p5_200M_Definition(
        input_patch_len=config["patch_length"],
        output_patch_len=config["horizon_length"],
        output_quantile_len=config["output_quantile_len"],
        quantiles=list(config["quantiles"]),
        decode_index=config["decode_index"],
        tokenizer=block(2 * config["patch_length"], width, bias=True),
        stacked_transformers=StackedTransformersConfig(config["num_hidden_layers"], transformer),
        output_projection_point=block(width, config["horizon_length"] * channels, bias=False),
        output_projection_quantiles=block(width, config["output_quantile_len"] * channels, bias=False),
    )


def patch_levels(module: nn.Module, values: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Point (b, n, k, 1 + m) and continuous levels of a 2.5 after every patch (b, n, p), the mean first."""
    from timesfm.torch.util import revin

    mean, deviation = _running(values, masks)  # (b, n)
    normed = torch.where(masks, 0.0, revin(values, mean, deviation))
    (_, _, points, spreads), _ = module(normed, masks)
    shape = (*mean.shape, -1, 1 + len(module.config.quantiles))
    back = (revin(levels, mean, deviation, reverse=True) for levels in (points, spreads))
    point, spread = (levels.view(shape) for levels in back)
    return point, spread


def _running(values: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (b, n) of all that was known up to the end of each patch."""
    from timesfm.torch.util import update_running_stats

    state = (values.new_zeros(len(values)),) * 3
    found = []
    for place in range(values.shape[1]):
        state, _ = update_running_stats(*state, values[:, place], masks[:, place])
        found.append(state[1:])
    mean, deviation = (torch.stack(part, dim=1) for part in zip(*found, strict=True))
    return mean, deviation


def _continuous(points: Tensor, spreads: Tensor, median: int) -> Tensor:
    """Levels whose distances from the median are those of the continuous head."""
    shared = min(points.shape[1], spreads.shape[1])
    centre, around = points[:, :shared, median, None], spreads[:, :shared]
    moved = around - around[:, :, median, None] + centre
    moved = torch.cat([points[:, :shared, :1], moved[..., 1:median], centre, moved[..., median + 1 :]], -1)
    return torch.cat([moved, points[:, shared:]], dim=1)


def _any(values: Tensor) -> Tensor | None:
    """None where there is no series."""
    return values if values.shape[1] else None


_QKV = "attn.qkv_proj.weight"
_LAYER: Mapping[str, tuple[str, ...]] = {
    _QKV: ("self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"),
    "attn.out.weight": ("self_attn.o_proj.weight",),
    "attn.per_dim_scale.per_dim_scale": ("self_attn.scaling",),
    "attn.query_ln.scale": ("self_attn.q_norm.weight",),
    "attn.key_ln.scale": ("self_attn.k_norm.weight",),
    "pre_attn_ln.scale": ("input_layernorm.weight",),
    "post_attn_ln.scale": ("post_attention_layernorm.weight",),
    "pre_ff_ln.scale": ("pre_feedforward_layernorm.weight",),
    "post_ff_ln.scale": ("post_feedforward_layernorm.weight",),
    "ff0.weight": ("mlp.fc1.weight",),
    "ff1.weight": ("mlp.fc2.weight",),
}


def to_transformers(tensors: Tensors) -> dict[str, Tensor]:
    """The tensors of a 2.5 under the names of `transformers.TimesFm2_5ModelForPrediction`."""
    out: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        parts = tensor.chunk(len(_names(name))) if name.endswith(_QKV) else (tensor,)
        out |= {new: part.contiguous() for new, part in zip(_names(name), parts, strict=True)}
    return out


def from_transformers(tensors: Tensors, wanted: Iterable[str]) -> Tensors:
    """The `wanted` tensors of a 2.5 under the package's names, of either spelling; KeyError if one lacks."""
    if "tokenizer.hidden_layer.weight" in tensors:
        return tensors
    return {name: torch.cat([tensors[part] for part in _names(name)]) for name in wanted}


def _names(name: str) -> tuple[str, ...]:
    """The names in transformers of a tensor of the package; the fused projections are three there."""
    if name.startswith("stacked_xf."):
        _, layer, rest = name.split(".", 2)
        return tuple(f"model.layers.{layer}.{part}" for part in _LAYER[rest])
    block, rest = name.split(".", 1)
    moved = "model.input_ff_layer" if block == "tokenizer" else block
    return (f"{moved}.{rest.replace('hidden_layer', 'input_layer')}",)

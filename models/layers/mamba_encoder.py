"""A stack of Mamba blocks with norms and residuals, as Mamba language models have it.

Gu and Dao, arXiv 2312.00752, section 4 and the published code: x + block(norm(x)) for every layer, one norm
at the end. Tensors are named as in mamba_ssm's MixerModel and transformers' MambaModel, without their
embedding of words (`layers.0.mixer.in_proj.weight`, `layers.0.norm.weight`, ..., `norm_f.weight`).

Glossary: b batch, l length, m width (d_model).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.layers.mamba_block import MambaBlock, MambaShape, MambaState

EPSILON = 1e-5  # of the norms, as published


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + 1e-5) times a weight (Zhang and Sennrich, arXiv 1910.07467)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """(..., m) to (..., m)."""
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * self.weight


class MambaLayer(nn.Module):
    """x + block(norm(x))."""

    def __init__(self, shape: MambaShape) -> None:
        super().__init__()
        self.norm = RMSNorm(shape.d_model)
        self.mixer = MambaBlock(shape)

    def forward(self, x: Tensor) -> Tensor:
        """Of whole sequences (b, l, m), from nothing."""
        return cast("Tensor", x + self.mixer(self.norm(x)))

    def advance(self, x: Tensor, state: MambaState) -> tuple[Tensor, MambaState]:
        """Go on from a state by l steps (b, l, m)."""
        y, after = self.mixer.advance(self.norm(x), state)
        return x + y, after


class MambaEncoder(nn.Module):
    """Layers and a last norm; causal.

    Parameters
    ----------
    checkpointing : whether training keeps only what goes into each layer and computes the rest again
        when it goes backward: the same gradients, less memory, about a third more time
    """

    def __init__(self, shape: MambaShape, layers: int, *, checkpointing: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MambaLayer(shape) for _ in range(layers))
        self.norm_f = RMSNorm(shape.d_model)
        self.checkpointing = checkpointing
        scale_down_residuals(self)

    def forward(self, x: Tensor) -> Tensor:
        """Of whole sequences (b, l, m), from nothing: (b, l, m)."""
        again = self.checkpointing and self.training and torch.is_grad_enabled()
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=False) if again else layer(x)
        return cast("Tensor", self.norm_f(x))

    def advance(self, x: Tensor, states: tuple[MambaState, ...]) -> tuple[Tensor, tuple[MambaState, ...]]:
        """Go on from the states of all layers by l steps (b, l, m)."""
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            x, left = cast("MambaLayer", layer).advance(x, state)
            after.append(left)
        return self.norm_f(x), tuple(after)

    def empty_states(self, batch: int) -> tuple[MambaState, ...]:
        """Of `batch` sequences that have not begun."""
        return tuple(cast("MambaLayer", layer).mixer.empty_state(batch) for layer in self.layers)


def scale_down_residuals(encoder: MambaEncoder) -> None:
    """What a layer adds is small at first: its last weights are divided by the root of the depth (GPT-2)."""
    with torch.no_grad():
        for layer in encoder.layers:
            cast("MambaLayer", layer).mixer.out_proj.weight.div_(len(encoder.layers) ** 0.5)

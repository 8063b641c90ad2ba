"""TSMamba's network (Ma et al., "A Mamba Foundation Model for Time Series Forecasting", arXiv 2411.02941).

Every symbol for itself: bars are embedded patch by patch, a forward and a backward Mamba encoder read the
patches, a temporal convolution brings what both say of a patch together, and a linear head reads the newest
patches. What the paper leaves to a whole window is bounded here so that a live line can keep up: the
backward encoder, which begins at the newest patch, reads `backward` patches and not all of them, in training
and in use alike (docs/decisions/0017).

Glossary: b rows, l bars, c inputs of a bar, p bars of a patch, k patches, m width (d_model), r patches that
the backward encoder reads, j origins, h horizons, q quantile levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.forecasters.bar_inputs import CHANNELS
from models.layers.channel_attention import ChannelAttention
from models.layers.mamba_block import MambaShape
from models.layers.mamba_encoder import MambaEncoder
from models.layers.quantiles import monotone_quantiles, neutral_bias
from trading.frames import HORIZONS, LEVELS


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of the network.

    Parameters
    ----------
    d_model, d_state, d_conv, expand : of the Mamba blocks
    layers : of each encoder
    patch : bars of a patch
    backward : newest patches that the backward encoder and the head read
    taps : of the temporal convolution, odd
    dropout : before the head, in training
    beside : channels beside the returns (`bar_channels`), read through compressed attention
    """

    d_model: int = 64
    d_state: int = 16
    d_conv: int = 4
    expand: int = 2
    layers: int = 2
    patch: int = 8
    backward: int = 8
    taps: int = 3
    dropout: float = 0.1
    beside: int = 0

    @property
    def block(self) -> MambaShape:
        """Of one Mamba block."""
        return MambaShape(self.d_model, self.d_state, self.d_conv, self.expand)


SMALL = NetworkShape()
FULL = NetworkShape(d_model=256, layers=3, backward=16)


class TSMambaNetwork(nn.Module):
    """From the inputs of bars to quantiles of the return ahead, in units of volatility and root of the horizon.

    Parameters
    ----------
    checkpointing : whether training computes each layer again instead of keeping it
    """

    def __init__(self, shape: NetworkShape = SMALL, *, checkpointing: bool = False) -> None:
        super().__init__()
        m, patch = shape.d_model, shape.patch * CHANNELS
        self.shape = shape
        self.embedding = nn.Linear(patch, m)  # a convolution over time, as wide as its stride
        self.forward_encoder = MambaEncoder(shape.block, shape.layers, checkpointing=checkpointing)
        self.backward_encoder = MambaEncoder(shape.block, shape.layers, checkpointing=checkpointing)
        self.align = nn.Conv1d(2 * m, m, shape.taps, padding=shape.taps // 2)
        self.dropout = nn.Dropout(shape.dropout)
        self.head = nn.Linear(shape.backward * m, len(HORIZONS) * len(LEVELS))
        self.next_patch = nn.Linear(m, patch)  # the first stage's heads; never asked for a forecast
        self.previous_patch = nn.Linear(m, patch)
        with torch.no_grad():  # at first a random walk
            self.head.weight.zero_()
            self.head.bias.copy_(neutral_bias().repeat(len(HORIZONS)))
        self.channels = ChannelAttention(shape.beside, shape.patch, m) if shape.beside else None

    def forward(self, inputs: Tensor, origins: int = 1) -> Tensor:
        """Quantiles ahead of the last `origins` patches: (b, l, c) to (b, j, h, q), ascending in q."""
        tokens = self.embed(inputs)  # (b, k, m)
        return self.decode(self.forward_encoder(tokens), tokens, origins)

    def embed(self, inputs: Tensor) -> Tensor:
        """(b, l, c) to patches (b, k, m), counted back from the last bar; older bars that fill none are left out."""
        rows, bars, _ = inputs.shape
        count = bars // self.shape.patch
        whole = inputs[:, bars - count * self.shape.patch :]
        tokens = cast("Tensor", self.embedding(whole[..., :CHANNELS].reshape(rows, count, -1)))
        if self.channels is None:
            return tokens
        beside = whole[..., CHANNELS:].reshape(rows, count, self.shape.patch, -1)
        return cast("Tensor", self.channels(tokens, beside))

    def decode(self, ahead: Tensor, tokens: Tensor, origins: int = 1) -> Tensor:
        """Quantiles (b, j, h, q) from what the forward encoder said of the patches, and the patches (b, k, m)."""
        read = self.shape.backward
        ahead, seen = (_newest(of, read, origins) for of in (ahead, tokens))  # (b j, r, m)
        back = self.backward_encoder(seen.flip(1)).flip(1)
        both = functional.silu(self.align(torch.cat((ahead, back), dim=-1).mT).mT) + ahead  # (b j, r, m)
        raw = self.head(self.dropout(both.flatten(1)))
        return monotone_quantiles(raw.view(-1, origins, len(HORIZONS), len(LEVELS)))

    def neighbours(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The first stage: of every patch the next one and the one before, (b, k, p c), and the patches themselves."""
        tokens = self.embed(inputs)
        patches = inputs[:, -tokens.shape[1] * self.shape.patch :, :CHANNELS].reshape(*tokens.shape[:2], -1)
        back = self.backward_encoder(tokens.flip(1)).flip(1)
        return self.next_patch(self.forward_encoder(tokens)), self.previous_patch(back), patches


def _newest(of: Tensor, read: int, origins: int) -> Tensor:
    """(b, k, m) to (b j, r, m): for each of the last j patches the r patches up to it, zeros before the first."""
    lacking = max(0, read + origins - 1 - of.shape[1])
    padded = functional.pad(of, (0, 0, lacking, 0))[:, -(read + origins - 1) :]
    return padded.unfold(1, read, 1).mT.flatten(0, 1)

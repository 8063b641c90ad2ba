"""Attention across the channels of one series, compressed (after Ma et al., arXiv 2411.02941, fine-tuning).

The paper's backbone is independent of channels; what other channels say is brought in when it is fine-tuned on
a multivariate set. Of the module its abstract and summaries could be read, not every equation.
Letters of the shapes: b rows, k patches, p bars of a patch, c channels beside, g compressed ones, m width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class ChannelAttention(nn.Module):
    """Adds to each patch's token what the channels beside it say; at first nothing.

    The series and its channels are mixed into ceil(log2(1 + c)) ones, and the series' token asks those.

    Parameters
    ----------
    channels : c; patch : p; width : m
    """

    def __init__(self, channels: int, patch: int, width: int) -> None:
        super().__init__()
        compressed = math.ceil(math.log2(1 + channels))
        self.embed = nn.Parameter(torch.randn(channels, patch, width) / math.sqrt(patch))
        self.compress = nn.Linear(1 + channels, compressed, bias=False)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Tensor, beside: Tensor) -> Tensor:
        """Tokens (b, k, m) and the channels' patches (b, k, p, c) to tokens (b, k, m)."""
        channels = torch.einsum("bkpc,cpm->bkcm", beside, self.embed)
        mixed = self.compress(torch.cat((tokens[:, :, None], channels), dim=2).mT).mT  # (b, k, g, m)
        said = functional.scaled_dot_product_attention(
            self.query(tokens)[:, :, None], self.key(mixed), self.value(mixed)
        )
        return tokens + self.out(said[:, :, 0])

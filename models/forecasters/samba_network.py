"""The network of SAMBA (arXiv 2410.03707), nodes being names: Mamba over each name's bars, then a graph over names.

What it is given is free of scale and ends at the session. Glossary: b sessions, l bars, s names, c inputs,
m width, e length of an embedding, h horizons, q levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.forecasters.bar_inputs import CHANNELS
from models.layers.bidirectional_mamba import BidirectionalMamba
from models.layers.graph_convolution import AdaptiveChebConv, LearnedGraph, normalised_links
from models.layers.mamba_block import MambaShape
from models.layers.quantiles import monotone_quantiles, neutral_bias
from trading.frames import HORIZONS, LEVELS


@dataclass(frozen=True)
class SambaShape:
    """Sizes of the network.

    Parameters
    ----------
    hidden : m; mamba_blocks : bidirectional ones; d_state, d_conv, expand : of each
    graph_layers : convolutions; order : polynomials of each; embedding : e
    bars : newest ones that the network reads; recent : those that also go straight to the graph, where no
        norm forgets their size
    dropout : after each graph layer
    """

    hidden: int = 16
    mamba_blocks: int = 1
    d_state: int = 8
    d_conv: int = 4
    expand: int = 2
    graph_layers: int = 2
    order: int = 2
    embedding: int = 4
    bars: int = 16
    recent: int = 2
    dropout: float = 0.1


SMALL = SambaShape()
FULL = SambaShape(hidden=128, mamba_blocks=2, d_state=16, graph_layers=4, order=3, embedding=10, bars=64)


class SambaNetwork(nn.Module):
    """Quantiles of every name's return ahead, in units of its volatility times the root of the horizon.

    Parameters
    ----------
    names : how many have an embedding of their own
    """

    def __init__(self, shape: SambaShape, names: int) -> None:
        super().__init__()
        m = shape.hidden
        self.shape = shape
        # Far enough apart that the learned graph begins all but empty, and each name's weights as its own.
        self.embedding = nn.Parameter(torch.randn(names, shape.embedding))
        self.embed = nn.Linear(CHANNELS, m)
        mamba = MambaShape(m, shape.d_state, shape.d_conv, shape.expand)
        self.blocks = nn.Sequential(*(BidirectionalMamba(mamba) for _ in range(shape.mamba_blocks)))
        self.gather = nn.Linear(2 * m, m)
        self.recent = nn.Linear(shape.recent * CHANNELS, m)
        self.graph = LearnedGraph()
        self.layers = nn.ModuleList(
            AdaptiveChebConv(m, shape.order, shape.embedding + 1) for _ in range(shape.graph_layers)
        )
        self.dropout = nn.Dropout(shape.dropout)
        self.head = nn.Linear(m, len(HORIZONS) * len(LEVELS))
        with torch.no_grad():  # at first a random walk
            self.head.weight.zero_()
            self.head.bias.copy_(neutral_bias().repeat(len(HORIZONS)))

    def forward(self, x: Tensor, given: Tensor, present: Tensor, places: Tensor) -> Tensor:
        """Quantiles of the names of each session.

        Parameters
        ----------
        x : (b, l, s, c)
        given : (b, s, s) weights of the links of correlation
        present : (b, s) whether the name is part of the session's graph
        places : (b, s) row of each name's embedding; -1 for a name that training has not seen

        Returns
        -------
        (b, s, h, q) ascending in q; of no meaning for absent names
        """
        b, _, s, _ = x.shape
        node = self._read(x.transpose(1, 2).flatten(0, 1)) * present.reshape(-1, 1)  # (b s, m)
        embedding = self.embeddings(places, given, present)
        links = normalised_links(self.graph(embedding, given, present))
        own = functional.pad(embedding, (0, 1), value=1.0).flatten(
            0, 1
        )  # a one: for the weights that all share
        for layer in self.layers:
            node = node + self.dropout(functional.silu(layer(node, own, links)))
        return monotone_quantiles(self.head(node).view(b, s, len(HORIZONS), len(LEVELS)))

    def embeddings(self, places: Tensor, given: Tensor, present: Tensor) -> Tensor:
        """(b, s, e) of each name; a new one has the mean of those it is linked with, or else of all others there.

        The mean over links is weighted with them. Where nobody is known, it is that of all names of the training.
        """
        known = places >= 0
        own = self.embedding[places.clamp(min=0)] * known[..., None]
        others = (known & present)[:, None].to(given.dtype)  # (b, 1, s)
        weight = given * others
        weight = torch.where(weight.sum(-1, keepdim=True) > 0, weight, others)
        total = weight.sum(-1, keepdim=True)
        borrowed = torch.where(total > 0, weight @ own / total.clamp(min=1e-6), self.embedding.mean(0))
        return torch.where(known[..., None], own, borrowed)

    def _read(self, x: Tensor) -> Tensor:
        """What each sequence (n, l, c) comes to, (n, m)."""
        steps = self.blocks(self.embed(x))  # (n, l, m)
        whole = self.gather(torch.cat((steps[:, -1], steps.mean(1)), dim=-1))
        return whole + self.recent(x[:, -self.shape.recent :].flatten(1))

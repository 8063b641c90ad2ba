"""Graph convolution by Chebyshev polynomials with weights of each node's own, over torch_geometric's messages.

    Z_0 = X,  Z_1 = Â X,  Z_k = 2 Â Z_(k-1) - Z_(k-2)             Â = D^(-1/2) A D^(-1/2)
    Y_i = Σ_k Z_k,i (Σ_e E_i,e W_e,k) + Σ_e E_i,e b_e

Chebyshev filters: Defferrard and others, arXiv 1606.09375. Weights from node embeddings and the learned graph
exp(-ψ ‖e_i - e_j‖²): SAMBA (arXiv 2410.03707, adaptive graph convolution).

Glossary: b graphs, s nodes of a graph, n = b s nodes of all, x links of all, m width, k order (polynomials),
e length of an embedding.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

with warnings.catch_warnings():
    # torch_geometric compiles a type with torch.jit while it is imported; nothing of it is used here.
    warnings.filterwarnings("ignore", message="`torch.jit.script` is deprecated", category=DeprecationWarning)
    from torch_geometric.nn import MessagePassing
    from torch_geometric.nn.conv.gcn_conv import gcn_norm
    from torch_geometric.utils import dense_to_sparse

Links = tuple[Tensor, Tensor]
"""Ends of each link (2, x) among all nodes, and its normalised weight (x,)."""


def normalised_links(adjacency: Tensor) -> Links:
    """The links of graphs (b, s, s), symmetric and without loops, with the weights of Â; a lone node has none."""
    graphs, nodes, _ = adjacency.shape
    index, _ = dense_to_sparse(adjacency.detach())  # it changes indices in place, which a gradient would need
    weight = adjacency.flatten(0, 1)[index[0], index[1] % nodes]
    index, weight = gcn_norm(
        index, weight, num_nodes=graphs * nodes, add_self_loops=False, dtype=adjacency.dtype
    )
    return index, weight


class LearnedGraph(nn.Module):
    """The paper's graph by embeddings, joined with a given one: share · given + (1 - share) · learned.

    Both the kernel's width and the share are learned.
    """

    def __init__(self) -> None:
        super().__init__()
        self.width = nn.Parameter(torch.zeros(()))
        self.share = nn.Parameter(torch.ones(()))  # at first 0.73 of the given graph

    def forward(self, embedding: Tensor, given: Tensor, present: Tensor) -> Tensor:
        """Adjacency of each graph.

        Parameters
        ----------
        embedding : (b, s, e)
        given : (b, s, s) weights of the links of correlation
        present : (b, s) whether the node is part of its graph

        Returns
        -------
        (b, s, s) symmetric, zero on the diagonal and at absent nodes
        """
        apart = (embedding[:, :, None] - embedding[:, None]).square().sum(-1)  # (b, s, s)
        learned = torch.exp(-functional.softplus(self.width) * apart)
        share = torch.sigmoid(self.share)
        both = present[:, :, None] & present[:, None]
        loops = torch.eye(given.shape[-1], dtype=torch.bool, device=given.device)
        return (share * given + (1 - share) * learned).masked_fill(~both | loops, 0.0)


class AdaptiveChebConv(MessagePassing):
    """The convolution above; with one embedding for all nodes it is torch_geometric's ChebConv."""

    def __init__(self, width: int, order: int, embedding: int) -> None:
        super().__init__(aggr="add")
        self.order = order
        bound = 1 / math.sqrt(order * width * embedding)
        self.pool = nn.Parameter(torch.empty(embedding, order * width, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(embedding, width))

    def forward(self, x: Tensor, embedding: Tensor, links: Links) -> Tensor:
        """Of nodes (n, m) with embeddings (n, e): (n, m)."""
        index, weight = links
        terms = [x]
        if self.order > 1:
            terms.append(self.propagate(index, x=x, weight=weight))
        for _ in range(2, self.order):
            terms.append(2 * self.propagate(index, x=terms[-1], weight=weight) - terms[-2])
        each = torch.cat(terms, dim=-1)  # (n, k m)
        own = (embedding[:, :, None] * each[:, None]).flatten(1)  # (n, e k m)
        return own @ self.pool.flatten(0, 1) + embedding @ self.bias

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """What a node sends along a link."""
        return weight[:, None] * x_j

    def _set_jittable_templates(self, *_: bool) -> None:
        """Nothing: torch_geometric would write a Python file to the temporary folder, and leave it there."""

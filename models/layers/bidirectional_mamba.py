"""Mamba in both directions of a window that lies wholly in the past (SAMBA, arXiv 2410.03707, BI-Mamba).

    Y = LN(X + F(X) + P B(P X)),  out = LN(Y + FFN(Y))            P turns the time around

The backward scan sees later bars of the window, never one after its end.

Glossary: b sequences, l length, m width.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.layers.mamba_block import MambaBlock, MambaShape


class BidirectionalMamba(nn.Module):
    """One block: a forward and a backward scan, and a feed-forward layer."""

    def __init__(self, shape: MambaShape) -> None:
        super().__init__()
        m = shape.d_model
        self.ahead, self.back = MambaBlock(shape), MambaBlock(shape)
        self.mixed_norm, self.norm = nn.LayerNorm(m), nn.LayerNorm(m)
        self.feed = nn.Sequential(nn.Linear(m, 2 * m), nn.SiLU(), nn.Linear(2 * m, m))

    def forward(self, x: Tensor) -> Tensor:
        """Of sequences (b, l, m): (b, l, m)."""
        mixed = self.mixed_norm(x + self.ahead(x) + self.back(x.flip(1)).flip(1))
        return self.norm(mixed + self.feed(mixed))

"""The Mamba block: a gated, convolved selective scan between two projections.

Gu and Dao, arXiv 2312.00752, figure 3 and section 3.4. The nine tensors have the names and shapes of
mamba_ssm.Mamba, mambapy and transformers' MambaMixer, so a state_dict moves between them as it is.

Glossary: b batch, l length, m width outside (d_model), d channels inside (expand * m), n states of a channel
(d_state), r rank of the step size (m / 16, rounded up), w taps of the convolution (d_conv).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.layers.selective_scan import selective_scan, selective_step

SHORTEST_STEP, LONGEST_STEP, LEAST_STEP = 1e-3, 1e-1, 1e-4  # section 3.6, as mamba_ssm draws them


@dataclass(frozen=True)
class MambaShape:
    """Sizes of a block.

    Parameters
    ----------
    d_model : width of what comes in and goes out
    d_state : states of a channel
    d_conv : taps of the causal convolution
    expand : channels inside, as a multiple of `d_model`
    """

    d_model: int
    d_state: int = 16
    d_conv: int = 4
    expand: int = 2

    @property
    def d_inner(self) -> int:
        """Channels inside."""
        return self.expand * self.d_model

    @property
    def dt_rank(self) -> int:
        """Rank of the projection that gives the step size."""
        return math.ceil(self.d_model / 16)


class MambaState(NamedTuple):
    """What a block remembers of a sequence.

    Parameters
    ----------
    conv : (b, w - 1, d), the last inputs of the convolution, oldest first
    ssm : (b, d, n), the states of the scan
    """

    conv: Tensor
    ssm: Tensor


class MambaBlock(nn.Module):
    """One block, without norm and residual; causal: an output sees its own and earlier inputs only."""

    def __init__(self, shape: MambaShape) -> None:
        super().__init__()
        m, d, n, r = shape.d_model, shape.d_inner, shape.d_state, shape.dt_rank
        self.shape = shape
        self.in_proj = nn.Linear(m, 2 * d, bias=False)
        self.conv1d = nn.Conv1d(d, d, shape.d_conv, groups=d, padding=shape.d_conv - 1)
        self.x_proj = nn.Linear(d, r + 2 * n, bias=False)
        self.dt_proj = nn.Linear(r, d)
        self.A_log = nn.Parameter(torch.arange(1, n + 1, dtype=torch.float32).log().repeat(d, 1))
        self.A_log.no_weight_decay = True  # as published
        self.D = nn.Parameter(torch.ones(d))
        self.out_proj = nn.Linear(d, m, bias=False)
        self._draw_steps()

    def forward(self, x: Tensor) -> Tensor:
        """Of whole sequences (b, l, m), from nothing: (b, l, m)."""
        return self._advanced(x, self.empty_state(x.shape[0]).conv, None)[0]

    def advance(self, x: Tensor, state: MambaState) -> tuple[Tensor, MambaState]:
        """Go on from a state by l steps.

        Parameters
        ----------
        x : (b, l, m)

        Returns
        -------
        y : (b, l, m)
        state : the one after the last step

        Raises
        ------
        ModelError
            No sequence, or no step of one.
        """
        return self._advanced(x, state.conv, state.ssm)

    def _advanced(self, x: Tensor, before: Tensor, ssm: Tensor | None) -> tuple[Tensor, MambaState]:
        """`advance`; without `ssm` from nothing, which lets CUDA's kernels do it."""
        u, z = self.in_proj(x).chunk(2, dim=-1)  # (b, l, d) twice
        u, conv = self._convolve(u, before)
        delta, B, C = self._select(u)
        y, last = selective_scan(
            u, delta, -self.A_log.exp(), B, C, self.D, z, self.dt_proj.bias,
            delta_softplus=True, state=ssm,
        )  # fmt: skip
        return self.out_proj(y), MambaState(conv, last)

    def step(self, x_t: Tensor, state: MambaState) -> tuple[Tensor, MambaState]:
        """Go on by one step: (b, m) to (b, m), at a cost that does not depend on the past's length."""
        u, z = self.in_proj(x_t).chunk(2, dim=-1)  # (b, d) twice
        u, conv = self._convolve(u[:, None], state.conv)
        delta, B, C = self._select(u[:, 0])
        y, ssm = selective_step(
            state.ssm, u[:, 0], delta, -self.A_log.exp(), B, C, self.D, z, self.dt_proj.bias,
            delta_softplus=True,
        )  # fmt: skip
        return self.out_proj(y), MambaState(conv, ssm)

    def empty_state(self, batch: int) -> MambaState:
        """The state of `batch` sequences that have not begun."""
        d = self.shape.d_inner
        return MambaState(
            self.D.new_zeros(batch, self.shape.d_conv - 1, d), self.D.new_zeros(batch, d, self.shape.d_state)
        )

    def _convolve(self, u: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve (b, l, d) after (b, w - 1, d), causally, then silu; and what comes before the next."""
        padded = torch.cat((before, u), dim=1)  # (b, w - 1 + l, d)
        weight, bias = self.conv1d.weight, self.conv1d.bias
        mixed = functional.conv1d(padded.mT, weight, bias, groups=self.shape.d_inner).mT  # (b, l, d)
        return functional.silu(mixed), padded[:, u.shape[1] :]

    def _select(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw step size (…, d), B and C (…, n) as the input chooses them (equation 3)."""
        n = self.shape.d_state
        dt, B, C = self.x_proj(u).split((self.shape.dt_rank, n, n), dim=-1)
        return functional.linear(dt, self.dt_proj.weight), B, C

    def _draw_steps(self) -> None:
        """Step sizes between 0.001 and 0.1, evenly on a log scale, through the inverse of softplus."""
        bound = self.shape.dt_rank**-0.5
        nn.init.uniform_(self.dt_proj.weight, -bound, bound)
        low, high = math.log(SHORTEST_STEP), math.log(LONGEST_STEP)
        step = (torch.rand(self.shape.d_inner) * (high - low) + low).exp().clamp(min=LEAST_STEP)
        with torch.no_grad():
            self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))

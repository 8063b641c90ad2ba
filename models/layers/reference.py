"""The selective scan step by step in PyTorch: what the fused kernels are held against.

Section 3.2 and algorithm 2 of Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State
Spaces" (arXiv 2312.00752), with the input discretised as their code does it (Euler) and A exactly.

Glossary: b batch, l length, d channels (d_inner), n states of a channel (d_state).
"""

# ruff: noqa: PLR0917 - arguments in mamba_ssm's order

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def reference_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    *,
    delta_softplus: bool = False,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Scan one step after the other, in the dtype and on the device of `u`; autograd gives its gradients.

    Parameters are those of `models.layers.selective_scan.selective_scan`. With gradients it keeps every
    state, b l d n numbers: an oracle and a fallback, not for training.

    Returns
    -------
    y : (b, l, d)
    last_state : (b, d, n)
    """
    step = delta if delta_bias is None else delta + delta_bias
    step = functional.softplus(step) if delta_softplus else step  # (b, l, d)
    h = u.new_zeros(u.shape[0], *A.shape) if state is None else state  # (b, d, n)
    outputs = []
    for u_t, step_t, B_t, C_t in zip(*(of.unbind(1) for of in (u, step, B, C)), strict=True):
        h = torch.exp(step_t[..., None] * A) * h + (step_t * u_t)[..., None] * B_t[:, None]  # (b, d, n)
        outputs.append((h * C_t[:, None]).sum(-1))  # (b, d)
    y = torch.stack(outputs, dim=1)  # (b, l, d)
    y = y if D is None else y + u * D
    return (y if z is None else y * functional.silu(z)), h

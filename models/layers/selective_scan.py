"""The selective scan of Mamba: fused kernels on CPU, mamba_ssm's on CUDA, readable PyTorch elsewhere.

    step   = softplus(delta + delta_bias)                    (b, l, d)
    h[t]   = exp(step[t] A) h[t-1] + step[t] u[t] B[t]       (b, d, n)
    y[t]   = (h[t] C[t] + D u[t]) silu(z[t])                 (b, l, d)

Gu and Dao, arXiv 2312.00752, algorithm 2. Channels come last: (b, l, d), not mamba_ssm's (b, d, l).

Glossary: b batch, l length, d channels (d_inner), n states of a channel (d_state), g blocks of 32 channels.
"""

# ruff: noqa: PLR0917 - arguments in mamba_ssm's order

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models.layers.reference import reference_scan
from trading.errors import ModelError

Implementation = Literal["kernels", "mamba_ssm", "reference"]
WIDTH = 32  # channels of a block, lanes of the kernels
HALVES = (torch.bfloat16, torch.float16)  # computed and kept as float32 in between, like mamba_ssm does
ALONE_BELOW = 1 << 15  # numbers of u; starting threads takes longer than scanning that


def selective_scan(
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
    """Scan a batch of sequences; differentiable once in every tensor.

    On CPU a row's bytes depend neither on the rest of the batch nor on the number of threads
    (`torch.get_num_threads()` at the call); a sequence scanned in parts, each from the `last_state` of the
    one before, gives the same bytes as in one go; and b l d n numbers are never held. On CUDA mamba_ssm's
    kernel passes no gradient through `last_state`.

    Parameters
    ----------
    u, delta : (b, l, d)
    A : (d, n), negative for a state that fades
    B, C : (b, l, n)
    D, delta_bias : (d,), optional
    z : (b, l, d), optional
        Gate; y is multiplied by silu(z).
    delta_softplus : whether the step size is softplus(delta + delta_bias)
    state : (b, d, n), optional
        h before the first step; zero if not given.

    Returns
    -------
    y : (b, l, d)
    last_state : (b, d, n); float32 if half-precision tensors were scanned by the kernels

    Raises
    ------
    ModelError
        A shape does not fit the others, or one of b, l, d, n is zero.
    """
    _check_shapes(u, A, {"delta": delta, "z": z}, {"B": B, "C": C}, {"D": D, "delta_bias": delta_bias}, state)
    tensors = (u, delta, A, B, C, D, z, delta_bias)
    chosen = implementation(*tensors, state)
    if chosen == "kernels" and any(of is not None and of.dtype in HALVES for of in (*tensors, state)):
        wide = [None if of is None else of.float() for of in (*tensors, state)]
        y, last = selective_scan(*wide[:-1], delta_softplus=delta_softplus, state=wide[-1])
        return y.to(u.dtype), last
    if chosen == "kernels":
        last = u.new_zeros(u.shape[0], *A.shape) if state is None else state
        return _FusedScan.apply(*tensors, delta_softplus, last, torch.is_grad_enabled())
    if chosen == "mamba_ssm":
        return _scan_on_cuda(*tensors, softplus=delta_softplus)
    return reference_scan(*tensors, delta_softplus=delta_softplus, state=state)


def selective_step(
    state: Tensor,
    u_t: Tensor,
    delta_t: Tensor,
    A: Tensor,
    B_t: Tensor,
    C_t: Tensor,
    D: Tensor | None = None,
    z_t: Tensor | None = None,
    delta_bias: Tensor | None = None,
    *,
    delta_softplus: bool = False,
) -> tuple[Tensor, Tensor]:
    """One step of `selective_scan`: on CPU the same bytes as the whole sequence gives at that step.

    Parameters
    ----------
    state : (b, d, n)
    u_t, delta_t, z_t : (b, d)
    B_t, C_t : (b, n)

    Returns
    -------
    y_t : (b, d)
    state : (b, d, n), a new one

    Raises
    ------
    ModelError
        As `selective_scan`.
    """
    u, delta, B, C = (tensor[:, None] for tensor in (u_t, delta_t, B_t, C_t))  # (b, 1, ·)
    z = None if z_t is None else z_t[:, None]
    y, last = selective_scan(u, delta, A, B, C, D, z, delta_bias, delta_softplus=delta_softplus, state=state)
    return y[:, 0], last


def implementation(u: Tensor, *others: Tensor | None) -> Implementation:
    """The implementation that these tensors get; the last of the others is the state to start from.

    Kernels for float32, bfloat16 and float16 on CPU where numba is installed; mamba_ssm on CUDA where it can be imported and
    the scan starts from zero, which is all that its kernel does; the reference for everything else.
    """
    given = [tensor for tensor in (u, *others) if tensor is not None]
    if all(tensor.device.type == "cpu" and tensor.dtype in (torch.float32, *HALVES) for tensor in given):
        return "kernels" if _has_numba() else "reference"
    starts_from_zero = not others or others[-1] is None
    if all(tensor.device.type == "cuda" for tensor in given) and starts_from_zero:
        return "mamba_ssm" if _cuda_kernel() is not None else "reference"
    return "reference"


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None


@cache
def _cuda_kernel() -> Callable[..., Any] | None:
    """mamba_ssm's fused scan (extra `gpu`), or None where it cannot be imported."""
    try:
        return import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
    except ImportError:
        return None


def _scan_on_cuda(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    *,
    softplus: bool,
) -> tuple[Tensor, Tensor]:
    """mamba_ssm's kernel, which has time last: (b, d, l) and (b, n, l)."""
    kernel = _cuda_kernel()
    assert kernel is not None
    u, delta, B, C = (tensor.mT.contiguous() for tensor in (u, delta, B, C))
    z = None if z is None else z.mT.contiguous()
    y, last = kernel(u, delta, A, B, C, D, z, delta_bias, delta_softplus=softplus, return_last_state=True)
    return y.mT, last


def _check_shapes(
    u: Tensor,
    A: Tensor,
    like_u: dict[str, Tensor | None],
    by_state: dict[str, Tensor | None],
    by_channel: dict[str, Tensor | None],
    state: Tensor | None,
) -> None:
    if (u.dim(), A.dim()) != (3, 2) or 0 in (*u.shape, *A.shape):
        raise ModelError(
            f"selective scan of u {tuple(u.shape)} and A {tuple(A.shape)}: "
            "give u as (batch, length, channels) and A as (channels, states), none of them empty"
        )
    (batch, length, channels), states = u.shape, A.shape[1]
    expected = (
        ({"A": A}, (channels, states)),
        (like_u, (batch, length, channels)),
        (by_state, (batch, length, states)),
        (by_channel, (channels,)),
        ({"state": state}, (batch, channels, states)),
    )
    for tensors, shape in expected:
        for name, tensor in tensors.items():
            if tensor is not None and tuple(tensor.shape) != shape:
                raise ModelError(
                    f"selective scan of u {tuple(u.shape)}: {name} is {tuple(tensor.shape)}, give {shape}"
                )


def _spread(kernel: Callable[..., None], tasks: int, size: int, *arguments: Any) -> None:
    """Run a kernel's tasks on as many threads as torch has, in parts that they share nothing of.

    Python threads (the kernels release the lock) and not numba's: those make a process abort when two
    threads of it start them at once, or a fork of it does.
    """
    threads = 1 if size < ALONE_BELOW else min(torch.get_num_threads(), tasks)
    if threads == 1:
        kernel((0, tasks), *arguments)
        return
    bounds = [tasks * part // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        parts = [pool.submit(kernel, part, *arguments) for part in pairwise(bounds)]
    for part in parts:
        part.result()


def _flat(tensor: Tensor | None) -> np.ndarray[Any, Any]:
    """The tensor's memory as flat float32; one number of no meaning for a tensor that is absent."""
    return np.zeros(1, np.float32) if tensor is None else tensor.detach().contiguous().view(-1).numpy()


def _whole(tensor: Tensor | None, dim: int) -> Tensor | None:
    """The tensor with zeros behind, so that its channels fill whole blocks; itself if they do."""
    lacking = 0 if tensor is None else -tensor.shape[dim] % WIDTH
    if tensor is None or lacking == 0:
        return tensor
    return functional.pad(tensor.detach(), (0, 0) * (tensor.dim() - 1 - dim) + (0, lacking))


def _arrays(tensors: Sequence[Tensor | None]) -> tuple[tuple[np.ndarray[Any, Any], ...], ...]:
    """The kernels' sequences (u, delta, B, C, z) and parameters (A, D, bias of delta)."""
    u, delta, A, B, C, D, z, bias = tensors
    assert u is not None
    none = u.new_zeros(u.shape[2])
    vectors = (none if of is None else of for of in (D, bias))
    sequences = (_whole(u, 2), _whole(delta, 2), B, C, _whole(z, 2))
    return tuple(map(_flat, sequences)), tuple(_flat(_whole(of, 0)) for of in (A, *vectors))


class _FusedScan(torch.autograd.Function):
    """The kernels as one node of the graph; keeps its inputs and the states before every 32nd step."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        from models.layers import scan_kernels as kernels

        *tensors, softplus, state, with_gradient = inputs
        u, A, z = tensors[0], tensors[2], tensors[6]
        (batch, length, channels), states = u.shape, A.shape[1]
        blocks, stretches = -(-channels // WIDTH), -(-length // kernels.STEPS)
        ctx.flags = (z is not None, softplus, with_gradient and any(ctx.needs_input_grad))
        ctx.sizes = (length, blocks * WIDTH, states)
        checkpoints = u.new_empty(batch, blocks, stretches if ctx.flags[2] else 0, states, WIDTH)
        y, last = u.new_empty(batch, length, blocks * WIDTH), _own(state)
        written = map(_flat, (last, y, checkpoints))
        _spread(kernels.forward, batch * blocks, u.numel(), ctx.sizes, ctx.flags, *_arrays(tensors), *written)
        ctx.save_for_backward(*tensors, checkpoints)
        return y[..., :channels], last[:, :channels]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_y: Tensor, g_last: Tensor) -> tuple[Tensor | None, ...]:
        from models.layers import scan_kernels as kernels

        *tensors, checkpoints = ctx.saved_tensors
        u, _, _, _, _, D, z, bias = tensors
        batch, blocks, _, states, _ = checkpoints.shape
        g_u, g_delta, g_z = (
            None if of is None else u.new_empty(batch, ctx.sizes[0], ctx.sizes[1]) for of in (u, u, z)
        )
        g_B, g_C = (u.new_empty(batch, blocks, ctx.sizes[0], states) for _ in range(2))
        by_block = [u.new_empty(batch, blocks, *shape, WIDTH) for shape in ((states,), (), ())]
        g_state = _own(g_last)
        _spread(
            kernels.backward, batch * blocks, u.numel(), ctx.sizes, ctx.flags, *_arrays(tensors),
            *map(_flat, (checkpoints, _whole(g_y, 2), g_state)), tuple(map(_flat, (g_u, g_delta, g_z))),
            tuple(map(_flat, (g_B, g_C))), tuple(map(_flat, by_block)),
        )  # fmt: skip
        channels = u.shape[2]
        by_channel = [None if of is None else of[..., :channels] for of in (g_u, g_delta, g_z)]
        g_A = by_block[0].sum(0).mT.reshape(-1, states)[:channels]
        g_D, g_bias = (
            None if of is None else total.sum(0).view(-1)[:channels]
            for of, total in zip((D, bias), by_block[1:], strict=True)
        )
        return (
            by_channel[0], by_channel[1], g_A, g_B.sum(1), g_C.sum(1), g_D, by_channel[2], g_bias,
            None, g_state[:, :channels], None,
        )  # fmt: skip


def _own(tensor: Tensor) -> Tensor:
    """A contiguous copy of a state (b, d, n) that may be written to, its channels in whole blocks."""
    own = _whole(tensor, 1)
    assert own is not None
    return own.detach().clone(memory_format=torch.contiguous_format)

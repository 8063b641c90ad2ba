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

from models.layers.reference import reference_scan
from trading.errors import ModelError

Implementation = Literal["kernels", "mamba_ssm", "reference"]
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
    last_state : (b, d, n)

    Raises
    ------
    ModelError
        A shape does not fit the others, or one of b, l, d, n is zero.
    """
    _check_shapes(u, A, {"delta": delta, "z": z}, {"B": B, "C": C}, {"D": D, "delta_bias": delta_bias}, state)
    tensors = (u, delta, A, B, C, D, z, delta_bias)
    chosen = implementation(*tensors, state)
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

    Kernels for float32 on CPU where numba is installed; mamba_ssm on CUDA where it can be imported and
    the scan starts from zero, which is all that its kernel does; the reference for everything else.
    """
    given = [tensor for tensor in (u, *others) if tensor is not None]
    if all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in given):
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


def _array(tensor: Tensor | None) -> np.ndarray[Any, Any]:
    """The tensor's memory as C-contiguous float32; one number of no meaning for a tensor that is absent."""
    return np.zeros((1, 1, 1), np.float32) if tensor is None else tensor.detach().contiguous().numpy()


def _arrays(tensors: Sequence[Tensor | None]) -> tuple[tuple[np.ndarray[Any, Any], ...], ...]:
    """The kernels' sequences (u, delta, B, C, z) and parameters (A, D and bias of delta as (2, d))."""
    u, delta, A, B, C, D, z, bias = tensors
    assert A is not None
    vectors = np.zeros((2, A.shape[0]), np.float32)
    for row, tensor in enumerate((D, bias)):
        if tensor is not None:
            vectors[row] = tensor.detach().numpy()
    return tuple(map(_array, (u, delta, B, C, z))), (_array(A), vectors)


class _FusedScan(torch.autograd.Function):
    """The kernels as one node of the graph; keeps its inputs and the states before every 32nd step."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        from models.layers import scan_kernels as kernels

        *tensors, softplus, state, with_gradient = inputs
        u, _, A, _, _, D, z, _ = tensors
        blocks, stretches = -(-u.shape[2] // kernels.CHANNELS), -(-u.shape[1] // kernels.STEPS)
        ctx.flags = (D is not None, z is not None, softplus, with_gradient and any(ctx.needs_input_grad))
        kept = stretches if ctx.flags[3] else 0
        checkpoints = u.new_empty(u.shape[0], blocks, kept, A.shape[1], kernels.CHANNELS)
        y, last = torch.empty_like(u, memory_format=torch.contiguous_format), _own(state)
        written = map(_array, (last, y, checkpoints))
        _spread(kernels.forward, u.shape[0] * blocks, u.numel(), ctx.flags, *_arrays(tensors), *written)
        ctx.save_for_backward(*tensors, checkpoints)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_y: Tensor, g_last: Tensor) -> tuple[Tensor | None, ...]:
        from models.layers import scan_kernels as kernels

        *tensors, checkpoints = ctx.saved_tensors
        u, _, _, _, _, D, z, bias = tensors
        (batch, blocks, _, states, width), (_, length, channels) = checkpoints.shape, u.shape
        shapes = ((states, width), (2, width), (length, states), (length, states))
        by_task = tuple(np.zeros((batch, blocks, *shape), np.float32) for shape in shapes)
        g_u, g_delta, g_z = (None if of is None else torch.empty(u.shape) for of in (u, u, z))
        g_state = _own(g_last)
        _spread(
            kernels.backward, batch * blocks, u.numel(), ctx.flags, *_arrays(tensors),
            *map(_array, (checkpoints, g_y, g_state)), tuple(map(_array, (g_u, g_delta, g_z))), by_task,
        )  # fmt: skip
        g_A, vectors = (_joined(array, channels) for array in by_task[:2])
        g_B, g_C = (torch.from_numpy(array.sum(1)) for array in by_task[2:])
        g_D, g_bias = (None if of is None else vectors[:, i] for i, of in enumerate((D, bias)))
        return g_u, g_delta, g_A, g_B, g_C, g_D, g_z, g_bias, None, g_state, None


def _own(tensor: Tensor) -> Tensor:
    """A contiguous copy that may be written to."""
    return tensor.detach().clone(memory_format=torch.contiguous_format)


def _joined(by_block: np.ndarray[Any, Any], channels: int) -> Tensor:
    """(b, g, m, 32) summed over the batch in its order, as (d, m)."""
    summed = by_block.sum(0).transpose(0, 2, 1)
    return torch.from_numpy(summed.reshape(-1, summed.shape[-1])[:channels].copy())

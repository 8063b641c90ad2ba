"""Fused kernels of the selective scan on CPU: forward and backward without a (b, l, d, n) array.

A task is one row of the batch and one block of 32 channels; its states h (n, 32) stay in the cache while
time goes by, and the inner loops run over the 32 channels. Tasks share no output, and nothing is summed in
an order that depends on threads: the caller may spread them as it likes, the bytes are the same.

The forward pass keeps h before every 32nd step. The backward pass goes through these stretches from the
last to the first, recomputes the states of one stretch, and walks it backwards.

Glossary: b batch, l length, d channels, n states of a channel, k stretches of 32 steps, g blocks of 32
channels. Every array is C-contiguous float32; `flags` says (with D, with z, softplus, keep checkpoints).
Arrays that a flag switches off are read nowhere and may have any size.
"""

# ruff: noqa: PLR0917, FBT001 - inlined helpers take their arrays one by one, in place
# ruff: noqa: FURB136 - min and max have another answer for NaN

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numba import njit, types  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numba.extending import intrinsic  # type: ignore[import-not-found,import-untyped,unused-ignore]

CHANNELS = 32  # of a block: two vectors of AVX-512, four of AVX2
STEPS = 32  # between two checkpoints
ZERO, ONE, TWO, HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
LOWEST, HIGHEST = np.float32(-88), np.float32(89)  # exp is 0 below; infinite above
ROUND = np.float32(12582912)  # 1.5 * 2**23: adding it rounds to an integer in the low bits
LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
E2, E3, E4 = np.float32(5.0000001201e-1), np.float32(1.6666665459e-1), np.float32(4.1665795894e-2)
E5, E6, E7 = np.float32(8.3334519073e-3), np.float32(1.3981999507e-3), np.float32(1.9875691500e-4)
L3, L5, L7 = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)
L9, L11, L13 = np.float32(1 / 9), np.float32(1 / 11), np.float32(1 / 13)

EXACT: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
# Sums over the 32 channels become vectors; NaN and infinity keep their meaning.
REORDERED: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz"},
}


def _compiled(function: Callable[..., Any]) -> Any:
    """The function compiled at its first call and kept beside its bytecode, or in the user's cache.

    Numba refuses to cache where it may write to neither; then every process compiles for itself.
    """
    try:
        return njit(cache=True, **EXACT)(function)
    except RuntimeError:
        return njit(**EXACT)(function)


@intrinsic
def _power_of_two(_context: Any, _rounded: Any) -> tuple[Any, Any]:
    """Of x + ROUND with an integer x in -127 to 128: 2**x, by shifting x into the exponent."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits = ir.IntType(32)
        shifted = builder.shl(builder.bitcast(arguments[0], bits), ir.Constant(bits, 23))
        return builder.bitcast(builder.add(shifted, ir.Constant(bits, 127 << 23)), ir.FloatType())

    return types.float32(types.float32), generate


@njit(forceinline=True, **EXACT)
def exp32(x: Any) -> Any:
    """e**x to 2 units in the last place, in arithmetic that vectorises (coefficients of Cephes' expf)."""
    x = LOWEST if x < LOWEST else x  # in this form NaN stays NaN
    x = HIGHEST if x > HIGHEST else x
    rounded = x * LOG2_E + ROUND
    whole = rounded - ROUND
    r = x - whole * LN2_HIGH - whole * LN2_LOW
    p = ((((E7 * r + E6) * r + E5) * r + E4) * r + E3) * r + E2
    return (p * r * r + r + ONE) * _power_of_two(rounded)  # type: ignore[call-arg,unused-ignore]


@njit(forceinline=True, **EXACT)
def softplus32(x: Any) -> Any:
    """log(1 + e**x) as max(x, 0) + 2 artanh(s), s = e**-|x| / (2 + e**-|x|) <= 1/3, by its series."""
    e = exp32(-abs(x))
    s = e / (TWO + e)
    q = s * s
    series = (((((L13 * q + L11) * q + L9) * q + L7) * q + L5) * q + L3) * q + ONE
    return (ZERO if x < ZERO else x) + TWO * s * series


@njit(forceinline=True, **EXACT)
def sigmoid32(x: Any) -> Any:
    """1 / (1 + e**-x)."""
    return ONE / (ONE + exp32(-x))


@njit(forceinline=True, **EXACT)
def _load(source: Any, row: int, t: int, first: int, width: int, into: Any) -> None:
    """Copy a block's channels of one step; the lanes beyond `width` stay as they are (zero)."""
    for j in range(width):
        into[j] = source[row, t, first + j]


@njit(forceinline=True, **EXACT)
def _discretise(raw: Any, bias: Any, softplus: bool, u: Any, step: Any, x: Any) -> None:
    """Of one step and block: the step size, and step * u."""
    if softplus:
        for j in range(CHANNELS):
            step[j] = softplus32(raw[j] + bias[j])
    else:
        for j in range(CHANNELS):
            step[j] = raw[j] + bias[j]
    for j in range(CHANNELS):
        x[j] = step[j] * u[j]


@njit(forceinline=True, **EXACT)
def _advance(h: Any, a: Any, step: Any, x: Any, b: Any, c: Any, row: int, t: int, y: Any) -> None:
    """One step of the recurrence: h = e**(step a) h + x b, y += h c."""
    for n in range(h.shape[0]):
        b_n, c_n = b[row, t, n], c[row, t, n]
        for j in range(CHANNELS):
            value = exp32(step[j] * a[n, j]) * h[n, j] + x[j] * b_n
            h[n, j] = value
            y[j] += value * c_n


@njit(forceinline=True, **EXACT)
def _block_rows(source: Any, first: int, width: int, into: Any) -> None:
    """(d, n) to the (n, 32) of one block, zero beyond its width."""
    into[:] = ZERO
    for j in range(width):
        for n in range(into.shape[0]):
            into[n, j] = source[first + j, n]


@njit(forceinline=True, **EXACT)
def _step_forward(
    at: tuple[int, int, int, int], flags: Any, sequences: Any, h: Any, a: Any, lanes: Any, y: Any
) -> None:
    """One step of one block; at = row, step, first channel, channels."""
    row, t, first, width = at
    u, delta, b, c, z = sequences
    u_t, raw, gate, step = lanes[0], lanes[1], lanes[2], lanes[3]
    x, out, skip, bias = lanes[4], lanes[5], lanes[6], lanes[7]
    _load(u, row, t, first, width, u_t)
    _load(delta, row, t, first, width, raw)
    _discretise(raw, bias, flags[2], u_t, step, x)
    for j in range(CHANNELS):
        out[j] = u_t[j] * skip[j] if flags[0] else ZERO
    _advance(h, a, step, x, b, c, row, t, out)
    if flags[1]:
        _load(z, row, t, first, width, gate)
        for j in range(CHANNELS):
            out[j] *= gate[j] * sigmoid32(gate[j])
    for j in range(width):
        y[row, t, first + j] = out[j]


@_compiled
def forward(
    tasks: tuple[int, int], flags: Any, sequences: Any, parameters: Any, state: Any, y: Any, checkpoints: Any
) -> None:
    """Scan the tasks from tasks[0] to tasks[1] - 1; task i is row i // g and block i % g.

    Parameters
    ----------
    sequences : u (b, l, d), delta (b, l, d), B (b, l, n), C (b, l, n), z (b, l, d)
    parameters : A (d, n), vectors (2, d): D and the bias of delta
    state : (b, d, n), overwritten by the last one
    y : (b, l, d), written
    checkpoints : (b, g, k, n, 32), written where the flags say so
    """
    u, a = sequences[0], parameters[0]
    length, channels, states = u.shape[1], u.shape[2], a.shape[1]
    blocks = (channels + CHANNELS - 1) // CHANNELS
    h, rows = np.empty((states, CHANNELS), np.float32), np.empty((states, CHANNELS), np.float32)
    lanes = np.zeros((8, CHANNELS), np.float32)
    for task in range(tasks[0], tasks[1]):
        row, block = task // blocks, task % blocks
        first, width = block * CHANNELS, min(CHANNELS, channels - block * CHANNELS)
        lanes[:] = ZERO
        lanes[6:8, :width] = parameters[1][:, first : first + width]
        _block_rows(a, first, width, rows)
        _block_rows(state[row], first, width, h)
        for t in range(length):
            if flags[3] and t % STEPS == 0:
                checkpoints[row, block, t // STEPS] = h
            _step_forward((row, t, first, width), flags, sequences, h, rows, lanes, y)
        for j in range(width):
            for n in range(states):
                state[row, first + j, n] = h[n, j]


@njit(forceinline=True, **EXACT)
def _recompute(h: Any, decay: Any, a: Any, step: Any, x: Any, b: Any, at: tuple[int, int, int]) -> None:
    """The states of a stretch from the one before it, h[0]; at = row, first step, number of steps."""
    row, start, count = at
    for s in range(count):
        for n in range(a.shape[0]):
            b_n = b[row, start + s, n]
            for j in range(CHANNELS):
                e = exp32(step[s, j] * a[n, j])
                decay[s, n, j] = e
                h[s + 1, n, j] = e * h[s, n, j] + x[s, j] * b_n


@njit(forceinline=True, **REORDERED)
def _retreat(
    h: Any, decay: Any, a: Any, c: Any, b: Any, at: tuple[int, int, int], step: Any, x: Any, lanes: Any,
    g_h: Any, g_a: Any, g_b: Any, g_c: Any,
) -> None:  # fmt: skip
    """One step of the recurrence backwards; lanes 0 to 2 are the gradients of y, of x and of the step.

    g_h (n, 32) comes as the gradient of h after the step and leaves as that of h before it; g_a (n, 32)
    is added to; g_b and g_c (n) are added to. at = row, step in the sequence, step in the stretch.
    """
    row, t, s = at
    for n in range(a.shape[0]):
        b_n, c_n = b[row, t, n], c[row, t, n]
        sum_b, sum_c = ZERO, ZERO
        for j in range(CHANNELS):
            g = g_h[n, j] + lanes[0, j] * c_n
            sum_c += lanes[0, j] * h[s + 1, n, j]
            sum_b += g * x[s, j]
            before = g * decay[s, n, j]
            g_decay = before * h[s, n, j]
            lanes[1, j] += g * b_n
            lanes[2, j] += g_decay * a[n, j]
            g_a[n, j] += g_decay * step[s, j]
            g_h[n, j] = before
        g_b[n] += sum_b
        g_c[n] += sum_c


@njit(forceinline=True, **EXACT)
def _through_gate(h: Any, c: Any, row: int, t: int, lanes: Any, gate: Any, u_t: Any, skip: Any) -> None:
    """Gradients of y before the gate (lane 0) and of the gate (lane 3), from that of y after it (lane 0)."""
    y = lanes[4]
    for j in range(CHANNELS):
        y[j] = u_t[j] * skip[j]
    for n in range(h.shape[0]):
        c_n = c[row, t, n]
        for j in range(CHANNELS):
            y[j] += h[n, j] * c_n
    for j in range(CHANNELS):
        chance = sigmoid32(gate[j])
        lanes[3, j] = lanes[0, j] * y[j] * chance * (ONE + gate[j] * (ONE - chance))
        lanes[0, j] *= gate[j] * chance


@njit(forceinline=True, **EXACT)
def _through_input(lanes: Any, softplus: bool, inputs: Any, g_vectors: Any, skip: Any) -> None:
    """Gradients of u (lane 1) and of the raw step (lane 2), and of D and the bias (g_vectors, added to)."""
    u_t, raw, step = inputs[0], inputs[1], inputs[2]
    for j in range(CHANNELS):
        g_step = lanes[2, j] + lanes[1, j] * u_t[j]
        lanes[1, j] = lanes[1, j] * step[j] + lanes[0, j] * skip[j]
        g_vectors[0, j] += lanes[0, j] * u_t[j]
        lanes[2, j] = g_step * sigmoid32(raw[j]) if softplus else g_step
        g_vectors[1, j] += lanes[2, j]


@njit(forceinline=True, **EXACT)
def _load_stretch(
    at: tuple[int, int, int], first: int, width: int, softplus: bool, sequences: Any, inputs: Any, bias: Any
) -> None:
    """u, raw step, step and step * u of a stretch; at = row, first step, number of steps."""
    row, start, count = at
    for s in range(count):
        _load(sequences[0], row, start + s, first, width, inputs[0, s])
        _load(sequences[1], row, start + s, first, width, inputs[1, s])
        _discretise(inputs[1, s], bias, softplus, inputs[0, s], inputs[2, s], inputs[3, s])
        for j in range(CHANNELS):
            inputs[1, s, j] += bias[j]


@njit(forceinline=True, **EXACT)
def _step_backward(
    at: tuple[int, int, int, int, int], flags: Any, sequences: Any, work: Any, g_y: Any, by_channel: Any,
    by_task: Any,
) -> None:  # fmt: skip
    """One step of one block backwards; at = row, block, channels, step, step in the stretch."""
    row, block, width, t, s = at
    first = block * CHANNELS
    h, decay, a, inputs, lanes, g_h = work
    g_a, g_vectors, g_b, g_c = by_task
    gate, skip = lanes[5], lanes[6]
    lanes[:5] = ZERO
    _load(g_y, row, t, first, width, lanes[0])
    if flags[1]:
        _load(sequences[4], row, t, first, width, gate)
        _through_gate(h[s + 1], sequences[3], row, t, lanes, gate, inputs[0, s], skip)
    _retreat(
        h, decay, a, sequences[3], sequences[2], (row, t, s), inputs[2], inputs[3], lanes,
        g_h, g_a[row, block], g_b[row, block, t], g_c[row, block, t],
    )  # fmt: skip
    _through_input(lanes, flags[2], inputs[:, s], g_vectors[row, block], skip)
    for j in range(width):
        by_channel[0][row, t, first + j] = lanes[1, j]
        by_channel[1][row, t, first + j] = lanes[2, j]
        if flags[1]:
            by_channel[2][row, t, first + j] = lanes[3, j]


@_compiled
def backward(
    tasks: tuple[int, int], flags: Any, sequences: Any, parameters: Any, checkpoints: Any, g_y: Any,
    g_state: Any, by_channel: Any, by_task: Any,
) -> None:  # fmt: skip
    """Gradients of the tasks from tasks[0] to tasks[1] - 1; sums over tasks are left to the caller.

    Parameters
    ----------
    sequences, parameters, checkpoints : as `forward` took and wrote them
    g_y : (b, l, d)
    g_state : (b, d, n), of the last state; overwritten by that of the first
    by_channel : of u, delta and z, each (b, l, d); written
    by_task : of A (b, g, n, 32), vectors (b, g, 2, 32), B (b, g, l, n), C (b, g, l, n); zero before
    """
    a = parameters[0]
    length, channels, states = g_y.shape[1], g_y.shape[2], a.shape[1]
    blocks = (channels + CHANNELS - 1) // CHANNELS
    h = np.empty((STEPS + 1, states, CHANNELS), np.float32)
    decay = np.empty((STEPS, states, CHANNELS), np.float32)
    g_h, rows = np.empty((states, CHANNELS), np.float32), np.empty((states, CHANNELS), np.float32)
    inputs, lanes = np.zeros((4, STEPS, CHANNELS), np.float32), np.zeros((8, CHANNELS), np.float32)
    for task in range(tasks[0], tasks[1]):
        row, block = task // blocks, task % blocks
        first, width = block * CHANNELS, min(CHANNELS, channels - block * CHANNELS)
        inputs[:], lanes[:] = ZERO, ZERO
        lanes[6:8, :width] = parameters[1][:, first : first + width]
        _block_rows(a, first, width, rows)
        _block_rows(g_state[row], first, width, g_h)
        for stretch in range((length + STEPS - 1) // STEPS - 1, -1, -1):
            at = (row, stretch * STEPS, min(STEPS, length - stretch * STEPS))
            _load_stretch(at, first, width, flags[2], sequences, inputs, lanes[7])
            h[0] = checkpoints[row, block, stretch]
            _recompute(h, decay, rows, inputs[2], inputs[3], sequences[2], at)
            for s in range(at[2] - 1, -1, -1):
                where = (row, block, width, at[1] + s, s)
                _step_backward(
                    where, flags, sequences, (h, decay, rows, inputs, lanes, g_h), g_y, by_channel, by_task
                )
        for j in range(width):
            for n in range(states):
                g_state[row, first + j, n] = g_h[n, j]

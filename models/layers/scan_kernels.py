"""Fused kernels of the selective scan on CPU: forward and backward without a (b, l, d, n) array.

A task is one row of the batch and one block of 32 channels; its states h (n, 32) stay in the cache while
time goes by. Tasks share no output, and nothing is summed in an order that depends on threads: the caller
may spread them as it likes, the bytes are the same.

The forward pass keeps h before every 32nd step. The backward pass goes through these stretches from the
last to the first, recomputes the states of one stretch, and walks it backwards.

Glossary: b batch, l length, d channels, a multiple of 32, n states of a channel, k stretches of 32 steps,
g blocks of 32 channels. Every array is flat and C-contiguous float32, its shape said in brackets; `sizes` is
(l, d, n); `flags` says (with gate, softplus, keep checkpoints). What a flag switches off may have any size.
"""

# ruff: noqa: PLR0917 - inlined parts take their arrays one by one, in place

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit  # type: ignore[import-not-found,import-untyped,unused-ignore]

from models.layers.lanes import EXACT, LOG2_E, ONE, WIDTH, every, exp2, load, sigmoid, softplus, store, totals

STEPS = 32  # between two checkpoints
LANES = "d703c1e18fb9"  # of lanes.py: numba compiles the kernels anew when this file changes
ZERO, LN2 = np.float32(0), np.float32(0.6931471805599453)


def _compiled(function: Callable[..., Any]) -> Any:
    """The function compiled at its first call and kept beside its bytecode, or in the user's cache.

    Numba refuses to cache where it may write to neither; then every process compiles for itself.
    """
    try:
        return njit(cache=True, **EXACT)(function)
    except RuntimeError:
        return njit(**EXACT)(function)


@njit(forceinline=True, **EXACT)
def _rates(a: Any, first: int, states: int, into: Any) -> None:
    """A (d, n) of one block to (n, 32), times log2 e: then a decay is a power of two."""
    for j in range(WIDTH):
        for n in range(states):
            into[n * WIDTH + j] = a[(first + j) * states + n] * LOG2_E


@njit(forceinline=True, **EXACT)
def _gather(source: Any, start: int, states: int, into: Any) -> None:
    """(32, n) of one block to (n, 32)."""
    for j in range(WIDTH):
        for n in range(states):
            into[n * WIDTH + j] = source[start + j * states + n]


@njit(forceinline=True, **EXACT)
def _scatter(block: Any, states: int, into: Any, start: int) -> None:
    """(n, 32) to (32, n) of one block."""
    for j in range(WIDTH):
        for n in range(states):
            into[start + j * states + n] = block[n * WIDTH + j]


@njit(forceinline=True, **EXACT)
def _copy(source: Any, start: int, into: Any, place: int, states: int) -> None:
    """The states (n, 32) of one block."""
    for n in range(0, states * WIDTH, WIDTH):
        store(into, place + n, load(source, start + n))


@_compiled
def forward(
    tasks: tuple[int, int], sizes: Any, flags: Any, sequences: Any, parameters: Any, state: Any, y: Any,
    checkpoints: Any,
) -> None:  # fmt: skip
    """Scan the tasks from tasks[0] to tasks[1] - 1; task i is row i // g and block i % g.

    Parameters
    ----------
    sequences : u (b, l, d), delta (b, l, d), B (b, l, n), C (b, l, n), z (b, l, d)
    parameters : A (d, n), D (d), bias of delta (d)
    state : (b, d, n), overwritten by the last one
    y : (b, l, d), written
    checkpoints : (b, g, k, n, 32), written where the flags say so
    """
    u, delta, b, c, z = sequences
    length, channels, states = sizes
    blocks, size = channels // WIDTH, states * WIDTH
    stretches = (length + STEPS - 1) // STEPS
    h, rates = np.empty(size, np.float32), np.empty(size, np.float32)
    for task in range(tasks[0], tasks[1]):
        row, first = task // blocks, task % blocks * WIDTH
        skip, bias = load(parameters[1], first), load(parameters[2], first)
        _rates(parameters[0], first, states, rates)
        _gather(state, (row * channels + first) * states, states, h)
        for t in range(length):
            if flags[2] and t % STEPS == 0:
                _copy(h, 0, checkpoints, (task * stretches + t // STEPS) * size, states)
            place, at = (row * length + t) * channels + first, (row * length + t) * states
            u_t, step = load(u, place), load(delta, place) + bias
            if flags[1]:
                step = softplus(step)
            x, out = step * u_t, u_t * skip
            for n in range(states):
                decay = exp2(step * load(rates, n * WIDTH))
                value = decay * load(h, n * WIDTH) + x * every(b[at + n])
                store(h, n * WIDTH, value)
                out = out + value * every(c[at + n])
            if flags[0]:
                gate = load(z, place)
                out = out * (gate * sigmoid(gate))
            store(y, place, out)
        _scatter(h, states, state, (row * channels + first) * states)


@njit(forceinline=True, **EXACT)
def _recompute(
    at: tuple[int, int, int], sizes: Any, flags: Any, sequences: Any, bias: Any, work: Any
) -> None:
    """The states of a stretch from the one before it, h[0]; at = row and step, first channel, steps."""
    begin, first, count = at
    _, channels, states = sizes
    h, decays, rates, steps = work[0], work[1], work[2], work[3]
    size = states * WIDTH
    for s in range(count):
        place, state = (begin + s) * channels + first, (begin + s) * states
        step = load(sequences[1], place) + bias
        if flags[1]:
            step = softplus(step)
        store(steps, s * WIDTH, step)
        x = step * load(sequences[0], place)
        for n in range(states):
            decay = exp2(step * load(rates, n * WIDTH))
            store(decays, s * size + n * WIDTH, decay)
            before = load(h, s * size + n * WIDTH)
            store(h, (s + 1) * size + n * WIDTH, decay * before + x * every(sequences[2][state + n]))


@njit(forceinline=True, **EXACT)
def _through_gate(
    place: int, at: int, s: int, sizes: Any, sequences: Any, work: Any, g_y: Any, g_z: Any, skip: Any
) -> Any:
    """The gradient of y before the gate, from that of y after it; writes that of the gate."""
    out = load(sequences[0], place) * skip
    for n in range(sizes[2]):
        out = out + load(work[0], (s + 1) * sizes[2] * WIDTH + n * WIDTH) * every(sequences[3][at + n])
    gate, given = load(sequences[4], place), load(g_y, place)
    chance = sigmoid(gate)
    slope = chance * (every(ONE) + gate * (every(ONE) - chance))
    store(g_z, place, given * out * slope)
    return given * (gate * chance)


@njit(forceinline=True, **EXACT)
def _retreat(
    at: int,
    s: int,
    sizes: Any,
    sequences: Any,
    work: Any,
    g_out: Any,
    x: Any,
    step: Any,
    by_task: Any,
    task_at: int,
) -> Any:
    """One step of the recurrence backwards; the gradients of x and of the step, through A in units of ln 2."""
    h, decays, rates, g_h, g_a = work[0], work[1], work[2], work[4], work[5]
    states = sizes[2]
    here = s * states * WIDTH
    g_x, g_step = every(ZERO), every(ZERO)
    for n in range(states):
        lane = n * WIDTH
        g = load(g_h, lane) + g_out * every(sequences[3][at + n])
        before = g * load(decays, here + lane)
        g_decay = before * load(h, here + lane)
        sums = totals(g * x, g_out * load(h, here + states * WIDTH + lane))
        by_task[0][task_at + n], by_task[1][task_at + n] = sums[0], sums[1]
        g_x = g_x + g * every(sequences[2][at + n])
        g_step = g_step + g_decay * load(rates, lane)
        store(g_a, lane, load(g_a, lane) + g_decay * step)
        store(g_h, lane, before)
    return g_x, g_step * every(LN2)


@njit(forceinline=True, **EXACT)
def _step_backward(
    at: tuple[int, int, int, int], sizes: Any, flags: Any, sequences: Any, vectors: Any, work: Any, g_y: Any,
    by_channel: Any, by_task: Any, sums: Any,
) -> Any:  # fmt: skip
    """One step of one block backwards; at = row and step, first channel, step of the stretch, where to write."""
    line, first, s, task_at = at
    place, state = line * sizes[1] + first, line * sizes[2]
    skip, bias = vectors
    g_out = load(g_y, place)
    if flags[0]:
        g_out = _through_gate(place, state, s, sizes, sequences, work, g_y, by_channel[2], skip)
    u_t, step = load(sequences[0], place), load(work[3], s * WIDTH)
    g_x, g_step = _retreat(state, s, sizes, sequences, work, g_out, step * u_t, step, by_task, task_at)
    store(by_channel[0], place, g_x * step + g_out * skip)
    g_step = g_step + g_x * u_t
    if flags[1]:
        g_step = g_step * sigmoid(load(sequences[1], place) + bias)
    store(by_channel[1], place, g_step)
    return sums[0] + g_out * u_t, sums[1] + g_step


@_compiled
def backward(
    tasks: tuple[int, int], sizes: Any, flags: Any, sequences: Any, parameters: Any, checkpoints: Any, g_y: Any,
    g_state: Any, by_channel: Any, by_task: Any, by_block: Any,
) -> None:  # fmt: skip
    """Gradients of the tasks from tasks[0] to tasks[1] - 1; sums over tasks are left to the caller.

    Parameters
    ----------
    sequences, parameters, checkpoints : as `forward` took and wrote them
    g_y : (b, l, d)
    g_state : (b, d, n), of the last state; overwritten by that of the first
    by_channel : of u, delta and z, each (b, l, d); written
    by_task : of B and C, each (b, g, l, n); written
    by_block : of A (b, g, n, 32), D (b, g, 32) and the bias (b, g, 32); written
    """
    length, channels, states = sizes
    blocks, size = channels // WIDTH, states * WIDTH
    stretches = (length + STEPS - 1) // STEPS
    h, decays = np.empty((STEPS + 1) * size, np.float32), np.empty(STEPS * size, np.float32)
    g_h, g_a, rates = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    work = (h, decays, rates, np.empty(STEPS * WIDTH, np.float32), g_h, g_a)
    for task in range(tasks[0], tasks[1]):
        row, first = task // blocks, task % blocks * WIDTH
        vectors = (load(parameters[1], first), load(parameters[2], first))
        _rates(parameters[0], first, states, rates)
        _gather(g_state, (row * channels + first) * states, states, g_h)
        g_a[:] = ZERO
        sums = (every(ZERO), every(ZERO))
        for stretch in range(stretches - 1, -1, -1):
            start, count = stretch * STEPS, min(STEPS, length - stretch * STEPS)
            _copy(checkpoints, (task * stretches + stretch) * size, h, 0, states)
            _recompute((row * length + start, first, count), sizes, flags, sequences, vectors[1], work)
            for s in range(count - 1, -1, -1):
                at = (row * length + start + s, first, s, (task * length + start + s) * states)
                sums = _step_backward(
                    at, sizes, flags, sequences, vectors, work, g_y, by_channel, by_task, sums
                )
        _copy(g_a, 0, by_block[0], task * size, states)
        store(by_block[1], task * WIDTH, sums[0])
        store(by_block[2], task * WIDTH, sums[1])
        _scatter(g_h, states, g_state, (row * channels + first) * states)

"""Thirty-two numbers as one value in numba: what LLVM turns into whole vector registers.

Loops over 32 channels that a compiler must first prove independent cost the scan half its time in checks
of memory that never overlaps. Here a kernel says what it means: `Lanes` are loaded, added, multiplied and
stored, and live in registers in between, two of AVX-512, four of AVX2, eight of SSE or NEON.

Numba keeps the kernels that it compiled until `scan_kernels.py` changes and knows nothing of this file:
`LANES` there names its digest, which a test holds to be right.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numba import njit, types  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numba.extending import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    intrinsic,
    models,
    overload,
    register_model,
)

WIDTH = 32
FLOAT, BITS = ir.FloatType(), ir.IntType(32)
VECTOR, WHOLE = ir.VectorType(FLOAT, WIDTH), ir.VectorType(BITS, WIDTH)
BYTES = 4  # a load need not be aligned to more than one number
FUSED = ("contract",)  # a product and a sum may be rounded once
EXACT: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

LOG2_E = np.float32(1.4426950408889634)
ROUND = np.float32(
    12582912 + 127
)  # 1.5 * 2**23 rounds to an integer in the low bits; 127 biases the exponent
LOWEST, HIGHEST = np.float32(-127), np.float32(128)  # 2**x is zero there; infinite there
ONE, TWO = np.float32(1), np.float32(2)
# (2**r - 1) / r on -0.5 to 0.5, equally far off everywhere: 9.2e-8 of 2**r at most.
P0, P1, P2 = np.float32(0.6931469775571388), np.float32(0.24022242011419162), np.float32(0.055507337691426836)
P3, P4 = np.float32(0.009671517534838083), np.float32(0.001326473523102771)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
E2, E3, E4 = np.float32(5.0000001201e-1), np.float32(1.6666665459e-1), np.float32(4.1665795894e-2)
E5, E6, E7 = np.float32(8.3334519073e-3), np.float32(1.3981999507e-3), np.float32(1.9875691500e-4)
L3, L5, L7 = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)
L9, L11, L13 = np.float32(1 / 9), np.float32(1 / 11), np.float32(1 / 13)


_primitive: Callable[[Callable[..., Any]], Any] = intrinsic


class LanesType(types.Type):  # type: ignore[misc,unused-ignore]
    """The type of 32 float32 numbers in numba."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES = LanesType()


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):  # type: ignore[misc,unused-ignore]
    """As LLVM holds them: one vector."""

    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, VECTOR)  # type: ignore[no-untyped-call,unused-ignore]


@_primitive
def every(_context: Any, _value: Any) -> tuple[Any, Any]:
    """One number in all lanes."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _splat(builder, arguments[0])

    return LANES(types.float32), generate


@_primitive
def load(_context: Any, array: Any, _place: Any) -> tuple[Any, Any]:
    """32 neighbours of a flat float32 array, from `place` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        loaded = builder.load(_pointer(context, builder, signature, arguments))
        loaded.align = BYTES
        return loaded

    return LANES(array, types.intp), generate


@_primitive
def store(_context: Any, array: Any, _place: Any, _lanes: Any) -> tuple[Any, Any]:
    """Write 32 neighbours of a flat float32 array, from `place` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[2], _pointer(context, builder, signature, arguments))
        stored.align = BYTES
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES), generate


@_primitive
def clipped(_context: Any, _x: Any, _low: Any, _high: Any) -> tuple[Any, Any]:
    """Each lane within two numbers; NaN stays NaN."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        x, low, high = arguments[0], *(_splat(builder, of) for of in arguments[1:])
        x = builder.select(builder.fcmp_ordered("<", x, low), low, x)
        return builder.select(builder.fcmp_ordered(">", x, high), high, x)

    return LANES(LANES, types.float32, types.float32), generate


@_primitive
def power_of_two(_context: Any, _rounded: Any) -> tuple[Any, Any]:
    """Of x + ROUND with an integer x in -127 to 128: 2**x, by shifting x into the exponent."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        places = ir.Constant(WHOLE, [23] * WIDTH)
        return builder.bitcast(builder.shl(builder.bitcast(arguments[0], WHOLE), places), VECTOR)

    return LANES(LANES), generate


@_primitive
def totals(_context: Any, _first: Any, _second: Any) -> tuple[Any, Any]:
    """The sums over the lanes of two, by halves: the order is fixed, and most of the way is shared."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second = (_halved(builder, _halved(builder, of, 16), 8) for of in arguments)
        both = builder.shuffle_vector(first, second, _mask(range(16)))
        for apart in (4, 2, 1):
            moved = [place ^ apart for place in range(16)]
            both = builder.fadd(both, builder.shuffle_vector(both, both, _mask(moved)))
        sums = [builder.extract_element(both, BITS(place)) for place in (0, 8)]
        return context.make_tuple(builder, signature.return_type, sums)

    return types.UniTuple(types.float32, 2)(LANES, LANES), generate  # type: ignore[no-untyped-call,unused-ignore]


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), VECTOR.as_pointer())


def _splat(builder: Any, number: Any) -> Any:
    single = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), number, BITS(0))
    return builder.shuffle_vector(single, single, _mask([0] * WIDTH))


def _halved(builder: Any, vector: Any, half: int) -> Any:
    low, high = (
        builder.shuffle_vector(vector, vector, _mask(range(start, start + half))) for start in (0, half)
    )
    return builder.fadd(low, high)


def _mask(places: Any) -> Any:
    chosen = list(places)
    return ir.Constant(ir.VectorType(BITS, len(chosen)), chosen)


def _binary(method: str) -> Any:
    """Of the name of an instruction: what two lanes and that instruction make."""

    @_primitive
    def both(_context: Any, _a: Any, _b: Any) -> tuple[Any, Any]:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return getattr(builder, method)(*arguments, flags=FUSED)

        return LANES(LANES, LANES), generate

    return both


_added, _subtracted, _multiplied, _divided = (_binary(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


def _meaning(instruction: Any) -> Callable[..., Any]:
    """What an operator does to lanes, as numba wants to be told."""

    def resolve(a: Any, b: Any) -> Any:
        if isinstance(a, LanesType) and isinstance(b, LanesType):
            return lambda a, b: instruction(a, b)  # noqa: PLW0108 - numba compiles functions
        return None

    return resolve


overload(operator.add, strict=False)(_meaning(_added))
overload(operator.sub, strict=False)(_meaning(_subtracted))
overload(operator.mul, strict=False)(_meaning(_multiplied))
overload(operator.truediv, strict=False)(_meaning(_divided))


@njit(forceinline=True, **EXACT)
def exp2(x: Any) -> Any:
    """2**x to 2 units in the last place; the reduction is exact, so that x may already hold a factor log2 e."""
    x = clipped(x, LOWEST, HIGHEST)
    rounded = x + every(ROUND)
    r = x - (rounded - every(ROUND))
    p = every(P4) * r + every(P3)
    p = (((p * r + every(P2)) * r + every(P1)) * r + every(P0)) * r + every(ONE)
    return p * power_of_two(rounded)


@njit(forceinline=True, **EXACT)
def exp(x: Any) -> Any:
    """e**x to 2 units in the last place over its range (reduction by Cody and Waite, Cephes' coefficients)."""
    x = clipped(x, np.float32(-88), np.float32(89))
    rounded = x * every(LOG2_E) + every(ROUND)
    whole = rounded - every(ROUND)
    r = x - whole * every(LN2_HIGH) - whole * every(LN2_LOW)
    p = (every(E7) * r + every(E6)) * r + every(E5)
    p = ((p * r + every(E4)) * r + every(E3)) * r + every(E2)
    return (p * r * r + r + every(ONE)) * power_of_two(rounded)


@njit(forceinline=True, **EXACT)
def softplus(x: Any) -> Any:
    """log(1 + e**x) as max(x, 0) + 2 artanh(s), s = e**-|x| / (2 + e**-|x|) <= 1/3, by its series."""
    above = clipped(x, np.float32(0), np.float32(np.inf))
    e = exp(x - above - above)  # -|x|
    s = e / (every(TWO) + e)
    q = s * s
    series = (every(L13) * q + every(L11)) * q + every(L9)
    series = (((series * q + every(L7)) * q + every(L5)) * q + every(L3)) * q + every(ONE)
    return above + every(TWO) * s * series


@njit(forceinline=True, **EXACT)
def sigmoid(x: Any) -> Any:
    """1 / (1 + e**-x)."""
    return every(ONE) / (every(ONE) + exp(every(np.float32(0)) - x))

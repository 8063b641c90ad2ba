"""Thirty-two numbers at once: the arithmetic of the kernels beside numpy in double precision."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("numba", reason="the kernels need numba")

from numba import njit  # type: ignore[import-not-found,import-untyped,unused-ignore]

from models.layers import lanes, scan_kernels

Singles = NDArray[np.float32]


@njit
def sums(first: Any, second: Any) -> Any:
    return lanes.totals(lanes.load(first, 0), lanes.load(second, 0))


@njit
def arithmetic(a: Any, b: Any, out: Any) -> None:
    x, y = lanes.load(a, 0), lanes.load(b, 1)
    lanes.store(out, 0, (x + y) * x - y / x)


def of_each(function: Any) -> Callable[[Singles], Singles]:
    """The function of lanes as one of arrays."""

    @njit
    def apply(x: Any, out: Any) -> None:
        for place in range(0, len(x), lanes.WIDTH):
            lanes.store(out, place, function(lanes.load(x, place)))

    def whole(x: Singles) -> Singles:
        padded = np.resize(x, -(-len(x) // lanes.WIDTH) * lanes.WIDTH)
        out = np.empty_like(padded)
        apply(padded, out)
        return out[: len(x)]

    return whole


def exact_softplus(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.logaddexp(0, x))


@pytest.mark.parametrize(
    ("function", "exact", "ends", "units"),
    [
        (lanes.exp, np.exp, (-87, 88), 2),
        (lanes.exp2, np.exp2, (-126, 127), 2),
        (lanes.softplus, exact_softplus, (-80, 80), 4),  # a quotient and a series more
        (lanes.sigmoid, lambda x: 1 / (1 + np.exp(-x)), (-80, 80), 3),  # a quotient more
    ],
)
def test_functions_are_right_to_the_last_places(
    function: Any, exact: Callable[..., Any], ends: tuple[int, int], units: int
) -> None:
    x = np.concatenate([np.linspace(*ends, 3001), [0.0, 1e-8, -1e-8]]).astype(np.float32)

    ours, expected = of_each(function)(x), exact(x.astype(np.float64))

    assert np.max(np.abs(ours - expected) / np.spacing(expected.astype(np.float32))) <= units


@pytest.mark.parametrize(("function", "least"), [(lanes.exp, -100.0), (lanes.exp2, -140.0)])
def test_exponentials_end_in_zero_and_infinity_and_keep_nan(function: Any, least: float) -> None:
    x = np.array([-np.inf, least, -least, np.inf, np.nan], np.float32)

    assert of_each(function)(x)[:4].tolist() == [0, 0, np.inf, np.inf]
    assert np.isnan(of_each(function)(x)[4])
    assert of_each(function)(np.zeros(1, np.float32))[0] == 1


@given(st.integers(0, 2**32 - 1))
def test_totals_are_the_sums_of_both(seed: int) -> None:
    first, second = np.random.default_rng(seed).normal(size=(2, 32)).astype(np.float32)

    found = sums(first, second)

    assert found == pytest.approx(
        (first.sum(dtype=float), second.sum(dtype=float)), abs=1e-5
    )  # 5 roundings of 10


def test_operators_mean_what_they_mean_for_each_number() -> None:
    a, b = np.arange(1, 33, dtype=np.float32), np.arange(33, dtype=np.float32)
    out = np.empty(32, np.float32)

    arithmetic(a, b, out)

    assert out == pytest.approx((a + b[1:]) * a - b[1:] / a, rel=1e-6)


def test_the_kernels_are_compiled_anew_when_the_lanes_change() -> None:
    found = hashlib.sha256(Path(lanes.__file__).read_bytes()).hexdigest()[:12]

    assert found == scan_kernels.LANES, (
        "write this digest into scan_kernels.py, so that numba sees the change"
    )

"""Networks in batches of one shape: what a row gives, whatever stands beside it, and too little memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecasters.inference import infer
from trading.errors import ModelError

WEIGHTS = torch.from_numpy(np.random.default_rng(1).normal(size=(64, 3)).astype(np.float32))


def product(device: str, tensors: tuple[Any, ...]) -> Any:
    assert device == "cpu"
    return tensors[0] @ WEIGHTS


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 64)).astype(np.float32)


@given(count=st.integers(0, 70), place=st.integers(0, 69))
@settings(max_examples=30, deadline=None)
def test_a_row_gives_the_same_bytes_whatever_comes_after_it(count: int, place: int) -> None:
    few, many = infer(product, [rows(70)[:count]]).values, infer(product, [rows(70)]).values

    assert few.shape == (count, 3)
    if place < count:
        assert few[place].tobytes() == many[place].tobytes()


def test_every_batch_has_the_fixed_shape_and_the_last_one_is_filled_with_zeros() -> None:
    seen: list[torch.Tensor] = []

    def keep(_device: str, tensors: tuple[Any, ...]) -> Any:
        seen.append(tensors[0])
        return tensors[0].sum(1) + tensors[1]

    ones = np.ones((5, 2))
    out = infer(keep, [ones, np.arange(5.0)], batch=4)

    assert [tuple(one.shape) for one in seen] == [(4, 2), (4, 2)]
    assert seen[1][1:].sum() == 0
    assert out.values.tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert out.fallback == ""


class SmallCuda:
    """A CUDA device with room for so many rows: what torch shows of one, without one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self.calls: list[tuple[str, int]] = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        stay: Callable[..., torch.Tensor] = lambda tensor, _device: tensor  # noqa: E731
        monkeypatch.setattr(torch.Tensor, "to", stay)

    def run(self, device: str, tensors: tuple[Any, ...]) -> Any:
        self.calls.append((device, len(tensors[0])))
        if device == "cuda" and len(tensors[0]) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return tensors[0] @ WEIGHTS


@pytest.mark.parametrize(
    ("room", "calls", "fallback"),
    [
        (32, [("cuda", 32)], ""),
        (
            16,
            [("cuda", 32), ("cuda", 16)],
            "cuda ran out of memory with 32 rows: cuda with 16 rows",
        ),
        (
            0,
            [("cuda", 32), ("cuda", 16), ("cpu", 32)],
            "cuda ran out of memory with 16 rows: cpu with 32 rows",
        ),
    ],
)
def test_too_little_memory_on_cuda_halves_the_batch_and_then_takes_the_cpu_and_says_so(
    room: int, calls: list[tuple[str, int]], fallback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = SmallCuda(monkeypatch, room)

    out = infer(cuda.run, [rows(10)], device="cuda")

    assert cuda.calls == calls
    assert out.fallback == fallback
    assert out.values == pytest.approx(rows(10) @ WEIGHTS.numpy(), abs=1e-4)  # single precision


def test_after_a_fallback_the_next_answer_is_tried_where_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = SmallCuda(monkeypatch, 0)
    infer(cuda.run, [rows(10)], device="cuda")
    cuda.room = 32

    assert infer(cuda.run, [rows(10)], device="cuda").fallback == ""


def test_an_error_that_is_not_about_memory_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    SmallCuda(monkeypatch, 0)

    def broken(_device: str, _tensors: tuple[Any, ...]) -> Any:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        infer(broken, [rows(3)], device="cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused_with_the_remedy() -> None:
    with pytest.raises(ModelError, match=r"'cuda'.*config set inference.device cpu"):
        infer(product, [rows(3)], device="cuda")


def test_the_number_of_threads_is_put_back_even_after_an_error() -> None:
    before = torch.get_num_threads()

    def broken(_device: str, _tensors: tuple[Any, ...]) -> Any:
        assert torch.get_num_threads() == before + 1
        assert torch.is_inference_mode_enabled()
        raise KeyError

    with pytest.raises(KeyError):
        infer(broken, [rows(1)], threads=before + 1)
    assert torch.get_num_threads() == before
    assert not torch.is_inference_mode_enabled()

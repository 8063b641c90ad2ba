"""Made-up inputs of the selective scan, and the gradients that an implementation gives for them."""

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Given = dict[str, Tensor]
OPTIONAL = ("D", "z", "delta_bias", "state")


def scan_inputs(b: int, l: int, d: int, n: int, *, seed: int = 0, without: tuple[str, ...] = ()) -> Given:  # noqa: E741
    """Float32 tensors by name; steps are positive, so that states fade with softplus and without."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw)

    given = {
        "u": normal(b, l, d),
        "delta": normal(b, l, d).abs(),
        "A": -0.1 - normal(d, n).abs(),
        "B": normal(b, l, n),
        "C": normal(b, l, n),
        "D": normal(d),
        "z": normal(b, l, d),
        "delta_bias": normal(d).abs(),
        "state": normal(b, d, n),
    }
    return {name: tensor for name, tensor in given.items() if name not in without}


def gradients(scan: Callable[..., tuple[Tensor, Tensor]], given: Given, **options: Any) -> Given:
    """Of a fixed weighted sum of y and the last state, by name; y and the last state under their names."""
    leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in given.items()}
    y, last = scan(**leaves, **options)
    weights = [torch.cos(torch.arange(of.numel(), dtype=of.dtype)).reshape(of.shape) for of in (y, last)]
    ((y * weights[0]).sum() + (last * weights[1]).sum()).backward()
    results = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    return {**results, "y": y.detach(), "last_state": last.detach()}


def digest(tensors: Given) -> str:
    """Of the bytes of all tensors, by name."""
    return hashlib.sha256(b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))).hexdigest()

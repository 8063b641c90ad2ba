"""The fused scan beside the readable one in double precision, and what its bytes may depend on."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.layers import selective_scan as module
from models.layers.reference import reference_scan
from models.layers.selective_scan import implementation, selective_scan, selective_step
from tests.models.layers.scan_inputs import OPTIONAL, Given, digest, gradients, scan_inputs
from trading.errors import ModelError

ROOT = Path(__file__).parents[3]
# Sums of up to 70 x 20 products in single precision, relative to the largest; measured at most 7e-7.
ROUNDING = 5e-6
kernels_only = pytest.mark.skipif(not module._has_numba(), reason="numba is not installed")


def double(given: Given) -> Given:
    return {name: tensor.double() for name, tensor in given.items()}


def assert_close(ours: Given, exact: Given) -> None:
    assert ours.keys() == exact.keys()
    for name, expected in exact.items():
        bound = ROUNDING * max(1.0, expected.abs().max().item())
        assert (ours[name] - expected).abs().max().item() <= bound, name


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_state_that_halves_sums_to_two() -> None:
    ones = torch.ones(1, 4, 1)

    y, last = selective_scan(ones, ones, torch.tensor([[-math.log(2.0)]]), ones, 2 * ones)

    # h = 1, then h / 2 + 1 each step; y = 2 h. Single precision holds halves, exp(-log 2) nearly.
    assert y.flatten().tolist() == pytest.approx([2, 3, 3.5, 3.75], rel=1e-6)
    assert last.item() == pytest.approx(1.875, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 70), st.integers(1, 20)),
    without=st.sets(st.sampled_from(OPTIONAL)),
    softplus=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_values_and_gradients_are_those_of_the_readable_scan(
    shape: tuple[int, int, int, int], without: set[str], *, softplus: bool, seed: int
) -> None:
    given = scan_inputs(*shape, seed=seed, without=tuple(without))

    ours = gradients(selective_scan, given, delta_softplus=softplus)

    assert_close(ours, gradients(reference_scan, double(given), delta_softplus=softplus))


@pytest.mark.parametrize("length", [1, 31, 32, 33, 64, 65])
def test_lengths_around_the_checkpoints_have_the_same_gradients(length: int) -> None:
    given = scan_inputs(2, length, 33, 16)

    ours = gradients(selective_scan, given, delta_softplus=True)

    assert_close(ours, gradients(reference_scan, double(given), delta_softplus=True))


def test_the_readable_scan_has_the_gradients_of_finite_differences() -> None:
    given = double(scan_inputs(1, 2, 2, 2))
    tensors = [tensor.requires_grad_() for tensor in given.values()]

    def scan(*values: Tensor) -> tuple[Tensor, Tensor]:
        return reference_scan(**dict(zip(given, values, strict=True)), delta_softplus=True)

    assert torch.autograd.gradcheck(scan, tensors)


def test_extreme_steps_neither_overflow_nor_leave_the_readable_scan() -> None:
    given = scan_inputs(1, 40, 3, 4, without=("delta_bias",))
    given["delta"] = torch.linspace(-120, 120, 120).reshape(1, 40, 3)  # from a step of 0 to a state forgotten

    ours = gradients(selective_scan, given, delta_softplus=True)

    assert_close(ours, gradients(reference_scan, double(given), delta_softplus=True))


@kernels_only
def test_without_gradients_the_values_are_the_same_bytes() -> None:
    given = scan_inputs(2, 50, 40, 16)
    with_gradients, _ = selective_scan(**{name: of.requires_grad_() for name, of in given.items()})

    with torch.no_grad():
        y, _ = selective_scan(**given)

    assert torch.equal(y, with_gradients.detach())


@kernels_only
def test_strided_inputs_are_read_as_what_they_show() -> None:
    given = scan_inputs(2, 40, 6, 4)
    halves = torch.stack((given["u"], given["z"]), dim=-1)  # (b, l, d, 2), so u and z have strides
    strided = {**given, "u": halves[..., 0], "z": halves[..., 1], "B": given["B"].mT.contiguous().mT}

    assert digest(gradients(selective_scan, strided)) == digest(gradients(selective_scan, given))


def test_the_start_state_is_not_written_to() -> None:
    given = scan_inputs(1, 5, 3, 2)
    before = given["state"].clone()

    selective_scan(**given)

    assert torch.equal(given["state"], before)


@kernels_only
@pytest.mark.usefixtures("threads")
def test_bytes_do_not_depend_on_the_number_of_threads() -> None:
    given = scan_inputs(5, 65, 128, 16)  # more than is scanned on one thread at any setting
    digests = set()
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        digests.add(digest(gradients(selective_scan, given, delta_softplus=True)))

    assert given["u"].numel() > module.ALONE_BELOW
    assert len(digests) == 1


@kernels_only
def test_a_row_has_the_same_bytes_in_any_batch() -> None:
    given = scan_inputs(4, 45, 40, 16)
    alone = {name: of[2:3] if of.shape[0] == 4 and of.dim() == 3 else of for name, of in given.items()}

    together, last = selective_scan(**given, delta_softplus=True)

    y, h = selective_scan(**alone, delta_softplus=True)
    assert torch.equal(y[0], together[2])
    assert torch.equal(h[0], last[2])


@kernels_only
@settings(max_examples=10, deadline=None)
@given(length=st.integers(2, 70), cut=st.integers(1, 69))
def test_a_sequence_in_two_parts_is_the_sequence(length: int, cut: int) -> None:
    given = scan_inputs(2, length, 5, 3)
    cut = min(cut, length - 1)
    sequences = {"u", "delta", "B", "C", "z"}
    head = {name: of[:, :cut] if name in sequences else of for name, of in given.items()}
    tail = {name: of[:, cut:] if name in sequences else of for name, of in given.items()}

    y, middle = selective_scan(**head)
    rest, last = selective_scan(**{**tail, "state": middle})

    whole, end = selective_scan(**given)
    assert torch.equal(torch.cat((y, rest), dim=1), whole)
    assert torch.equal(last, end)


def test_single_steps_give_what_the_whole_pass_gives() -> None:
    given = scan_inputs(3, 40, 34, 16)
    whole, end = selective_scan(**given, delta_softplus=True)

    state, outputs = given["state"], []
    for t in range(40):
        u, delta, B, C, z = (given[name][:, t] for name in ("u", "delta", "B", "C", "z"))
        y, state = selective_step(
            state, u, delta, given["A"], B, C, given["D"], z, given["delta_bias"], delta_softplus=True
        )
        outputs.append(y)

    # The issue asks for 1e-5; the kernels are the same loop, so on CPU the bytes are.
    assert torch.stack(outputs, dim=1) == pytest.approx(whole, abs=0 if module._has_numba() else 1e-5)
    assert state == pytest.approx(end, abs=0 if module._has_numba() else 1e-5)


def test_not_a_number_spreads_forward_in_its_channel_and_nowhere_else() -> None:
    given = scan_inputs(2, 40, 35, 4)
    given["u"][1, 20, 33] = torch.nan

    y, last = selective_scan(**given, delta_softplus=True)

    expected = torch.zeros(2, 40, 35, dtype=torch.bool)
    expected[1, 20:, 33] = True
    assert torch.equal(y.isnan(), expected)
    assert last.isnan().any(-1).nonzero().tolist() == [[1, 33]]


def test_not_a_number_in_a_step_size_reaches_the_gradients() -> None:
    given = scan_inputs(1, 10, 3, 2)
    given["delta"][0, 4, 1] = torch.nan

    found = gradients(selective_scan, given, delta_softplus=True)

    assert found["A"].isnan().any(-1).tolist() == [False, True, False]
    assert found["u"][0, :, 1].isnan().any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"u": torch.zeros(0, 4, 3)}, "none of them empty"),
        ({"u": torch.zeros(2, 0, 3)}, "none of them empty"),
        ({"u": torch.zeros(4, 3)}, "batch, length, channels"),
        ({"delta": torch.zeros(2, 5, 3)}, r"delta is \(2, 5, 3\), give \(2, 4, 3\)"),
        ({"A": torch.zeros(4, 2)}, r"A is \(4, 2\), give \(3, 2\)"),
        ({"C": torch.zeros(2, 2, 4)}, r"C is \(2, 2, 4\), give \(2, 4, 2\)"),
        ({"D": torch.zeros(1)}, r"D is \(1,\), give \(3,\)"),
        ({"state": torch.zeros(1, 3, 2)}, r"state is \(1, 3, 2\), give \(2, 3, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_by_name(change: Given, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        selective_scan(**{**scan_inputs(2, 4, 3, 2), **change})


def test_double_precision_is_scanned_by_the_reference() -> None:
    given = double(scan_inputs(2, 6, 3, 2))

    y, _ = selective_scan(**given)

    assert implementation(*given.values()) == "reference"
    assert torch.equal(y, reference_scan(**given)[0])


def test_without_numba_the_reference_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    given = scan_inputs(2, 6, 3, 2)
    monkeypatch.setattr(module, "_has_numba", lambda: False)

    y, _ = selective_scan(**given)

    assert torch.equal(y, reference_scan(**given)[0])


def their_kernel(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, *rest: Any, **options: Any
) -> Any:
    """What mamba_ssm's kernel computes, with its order of dimensions and its answer."""
    assert options.pop("return_last_state")
    D, z, bias = rest
    u, delta, B, C, z = (of.mT for of in (u, delta, B, C, z))
    y, last = reference_scan(u, delta, A, B, C, D, z, bias, **options)
    return y.mT, last


@pytest.fixture
def mamba_ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stand-in for the package; the real kernel is only on machines with CUDA."""
    name = "mamba_ssm.ops.selective_scan_interface"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(selective_scan_fn=their_kernel))
    module._cuda_kernel.cache_clear()
    yield
    module._cuda_kernel.cache_clear()


@pytest.mark.usefixtures("mamba_ssm")
def test_on_cuda_their_kernel_scans_what_starts_from_zero() -> None:
    on_cuda: Any = SimpleNamespace(device=torch.device("cuda"), dtype=torch.float32)

    assert implementation(on_cuda, on_cuda, None) == "mamba_ssm"
    assert implementation(on_cuda, on_cuda, on_cuda) == "reference"  # it cannot start from a state


@pytest.mark.usefixtures("mamba_ssm")
def test_their_kernel_is_given_time_last_and_its_answer_turned_back() -> None:
    given = scan_inputs(2, 6, 3, 2, without=("state",))

    y, last = module._scan_on_cuda(*given.values(), softplus=True)

    expected, end = reference_scan(**given, delta_softplus=True)
    assert y == pytest.approx(expected, abs=1e-6)  # torch rounds silu otherwise where memory has strides
    assert last == pytest.approx(end, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_scanned_in_single(dtype: torch.dtype) -> None:
    halves = {name: of.to(dtype).requires_grad_() for name, of in scan_inputs(2, 40, 33, 4).items()}
    single = {name: of.detach().float().requires_grad_() for name, of in halves.items()}

    (y, last), (exact, end) = (selective_scan(**of, delta_softplus=True) for of in (halves, single))
    y.sum().backward()
    exact.sum().backward()

    assert torch.equal(y, exact.to(dtype))  # rounded once, at the end
    assert torch.equal(last, end)
    for name, leaf in single.items():
        assert leaf.grad is not None
        assert torch.equal(halves[name].grad, leaf.grad.to(dtype)), name


@kernels_only
def test_where_numba_may_not_write_kernels_are_compiled_without_its_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from models.layers import scan_kernels

    def njit(*, cache: bool = False, **_: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: ("compiled", function)

    monkeypatch.setattr(scan_kernels, "njit", njit)

    assert scan_kernels._compiled(len) == ("compiled", len)


ELSEWHERE = """
import json, pathlib, sys
from models.layers import selective_scan as module
lazy = "numba" not in sys.modules
from models.layers.reference import reference_scan
from tests.models.layers.scan_inputs import digest, gradients, scan_inputs
small = digest(gradients(module.selective_scan, scan_inputs(5, 65, 128, 16), delta_softplus=True))

def memory(field):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))

large, growth = scan_inputs(1, 512, 128, 64, without=("state",)), []
for scan in (module.selective_scan, reference_scan):
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = memory("VmRSS")
    gradients(scan, large, delta_softplus=True)
    growth.append(memory("VmHWM") - before)
print(json.dumps({"lazy": lazy, "digest": small, "megabytes": growth}))
"""


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, Any]:
    """What a process of its own finds: a digest, and the growth of its peak memory on a long sequence."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


@kernels_only
def test_another_process_gives_the_same_bytes(elsewhere: dict[str, Any]) -> None:
    here = digest(gradients(selective_scan, scan_inputs(5, 65, 128, 16), delta_softplus=True))

    assert elsewhere["digest"] == here


@kernels_only
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_peak_memory_stays_below_one_tensor_of_all_states(elsewhere: dict[str, Any]) -> None:
    ours, reference = elsewhere["megabytes"]

    all_states = 512 * 128 * 64 * 4 / 2**20  # 16 MB
    assert ours < all_states / 2
    assert reference > 2 * all_states  # the measurement does see such tensors


def test_importing_the_scan_does_not_import_numba(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["lazy"]

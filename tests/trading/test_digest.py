import subprocess
import sys

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from trading.digest import digest, generator

PART = st.one_of(
    st.text(), st.integers(), st.floats(allow_nan=False), st.dictionaries(st.text(), st.integers())
)


@given(parts=st.lists(PART, max_size=4))
def test_the_same_parts_give_the_same_digest(parts: list[object]) -> None:
    assert digest(*parts) == digest(*parts)


def test_parts_are_not_glued_together() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_an_array_counts_with_its_shape_and_type() -> None:
    values = np.arange(6.0)
    assert digest(values) != digest(values.reshape(2, 3))
    assert digest(values) != digest(values.astype(np.float32))


def test_a_mapping_does_not_depend_on_its_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_a_digest_does_not_depend_on_the_process() -> None:
    code = "from trading.digest import digest; print(digest('x', {'b': 1, 'a': 2}))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {digest("x", {"a": 2, "b": 1}) + "\n"}


def test_generators_differ_by_name_session_and_seed() -> None:
    session = pd.Timestamp("2024-01-02")
    draws = [
        generator("a").random(),
        generator("b").random(),
        generator("a", session).random(),
        generator("a", seed=1).random(),
    ]
    assert len(set(draws)) == 4
    assert generator("a", session).random() == draws[2]

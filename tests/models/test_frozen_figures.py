"""No model changes what it is worth in silence."""

from __future__ import annotations

import pytest

from models.forecasters.catalogue import CATALOGUE
from tests.models.frozen import figures, frozen

QUICK = ("random_walk", "ar1", "ridge", "timesfm")
# Other processors round differently, and training carries that on: what is learned step by step may move in the
# third digit, a change of the model in the second. Direction moves in steps of one case in 200.
RELATIVE, CORRELATION, DIRECTION = 2e-3, 0.01, 0.011
COMMAND = "python -m tests.models.frozen"
MODELS = [
    name
    if name in QUICK
    else pytest.param(name, marks=pytest.mark.nightly)  # training takes more than seconds
    for name in (spec.name for spec in CATALOGUE)
]


def tolerance(figure: str) -> dict[str, float]:
    if figure.startswith("ic"):
        return {"abs": CORRELATION}
    return {"abs": DIRECTION} if figure.startswith("direction") else {"rel": RELATIVE}


@pytest.mark.parametrize("model", [spec.name for spec in CATALOGUE])
def test_every_model_has_frozen_figures(model: str) -> None:
    assert model in frozen(), f"{model} has no frozen figures yet: `{COMMAND} {model}`, and commit the file"


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_worth_what_it_was(model: str) -> None:
    kept, now = frozen()[model], figures(model)

    assert set(kept) == set(now)
    moved = {
        name: (kept[name], value)
        for name, value in now.items()
        if (value is None) != (kept[name] is None)
        or (value is not None and value != pytest.approx(kept[name], **tolerance(name)))
    }
    assert not moved, f"{model} moved on purpose? `{COMMAND} {model}`, and say why in the commit"


def test_no_figures_are_kept_of_a_model_that_is_gone() -> None:
    assert set(frozen()) <= {spec.name for spec in CATALOGUE}

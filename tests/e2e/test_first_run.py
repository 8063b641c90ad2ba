"""A first run that fails leaves a home that the next one can still use."""

from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.homes import FIRST, LAST, SMALL, materialise, workshop_at
from trading.errors import MissingBarsError

EARLY = pd.Timestamp("2018-01-02")  # the SIMULATED market begins in 2015, 755 sessions before


def test_a_home_begins_with_the_first_bars_that_are_written(tmp_path: Path) -> None:
    thorough = SMALL.with_value("burn_in_sessions", 740)
    with pytest.raises(MissingBarsError):
        materialise(workshop_at(tmp_path, thorough), EARLY, EARLY, "bars")
    assert workshop_at(tmp_path).home.inception is None

    other = workshop_at(tmp_path, SMALL.with_value("source.seed", 8))
    materialise(other, FIRST, LAST, "bars")

    assert other.home.inception == FIRST
    assert other.home.facts.source["seed"] == "8"

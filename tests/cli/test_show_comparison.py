"""`fabline show comparison` gives the columns that were promised, and no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli.main import status_of


def test_the_comparison_has_exactly_its_promised_columns(
    new_home: Callable[..., Path], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = new_home("compared", "comparison")
    status = status_of(["show", "comparison", "--format", "csv", "--home", str(home)])
    first = capsysbinary.readouterr().out.decode().splitlines()[0]

    assert (status, first) == (0, "model,horizon,metric,value,low,high,n,naive,slice")

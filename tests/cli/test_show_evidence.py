"""`fabline show` gives the tables of evidence with the columns that were promised, and no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli.main import status_of

PROMISED = {
    "comparison": "model,horizon,metric,value,low,high,n,naive,slice",
    "coverage": "model,symbol,horizon,nominal,slice_kind,slice,n,coverage,mean_width,interval_score,kupiec_p,"
    "christoffersen_p",
    "model_attribution": "model,metric,value,low,high,n",
    "scoreboard": "target,roadmap,value,low,high,n,naive,verdict",
}


@pytest.mark.parametrize("table", PROMISED)
def test_a_table_of_evidence_has_exactly_its_promised_columns(
    table: str, new_home: Callable[..., Path], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = new_home(table, table)
    status = status_of(["show", table, "--format", "csv", "--home", str(home)])
    first = capsysbinary.readouterr().out.decode().splitlines()[0]

    assert (status, first) == (0, PROMISED[table])


def test_regimes_have_their_promised_columns_in_order(
    new_home: Callable[..., Path], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    promised = ["session", "regime", "p_bull", "p_bear", "p_volatile", "p_range", "dwell"]
    home = new_home("home", "regimes")

    assert status_of(["show", "regimes", "--format", "csv", "--home", str(home)]) == 0
    columns = capsysbinary.readouterr().out.decode().splitlines()[0].split(",")

    assert [name for name in columns if name in promised] == promised

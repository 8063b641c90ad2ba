"""The whole folder of real data: every fault that its README tells is found, and nothing else is an error."""

from pathlib import Path

import pytest

from benchmarks import sweep_market_data as sweep

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def done() -> list[sweep.Judged]:
    return list(sweep.files(SHARED))


@pytest.mark.nightly  # 7 s of processor; each of these faults has a smaller test by day
@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared/data is not beside the checkout")
def test_the_known_faults_are_found_and_nothing_else_is_an_error(done: list[sweep.Judged]) -> None:
    lines: list[str] = []
    sweep.report(done, lines.append)

    by_name = {file.name: file for file in done}
    for words, name, rule, symbols, expected in sweep.KNOWN:
        assert sweep.of_rule(by_name[name], rule, *symbols) == expected, words
    alarms = "\n".join(lines).partition("false alarms")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(alarms) == len(done)
    assert [line for line in alarms if not line.endswith("| 0 |")] == []


@pytest.mark.nightly  # as above
@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared/data is not beside the checkout")
def test_no_row_of_any_file_is_lost(done: list[sweep.Judged]) -> None:
    for file in done:
        assert len(file.accepted) + file.extended + len(file.quarantined) == file.rows, file.name

"""The peers' chance: what the tests of vendors rest on."""

from collections import Counter
from random import Random

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from tests.peers.faults import KINDS, ROWS, Fault, FaultEngine, reshaped
from tests.peers.http_peer import Answer, HttpPeer


def fault(kind: str, seed: int = 1) -> Fault:
    return Fault(kind, 200, None, 0.0, 0.5, seed)


def test_the_same_seed_harms_the_same_answers() -> None:
    one, other, third = (FaultEngine.evenly(0.5, seed=seed) for seed in (7, 7, 8))

    drawn = [[engine.draw() for _ in range(50)] for engine in (one, other, third)]

    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_each_kind_comes_as_often_as_it_should() -> None:
    engine = FaultEngine.evenly(0.2, seed=1)

    kinds = Counter(found.kind for found in (engine.draw() for _ in range(20_000)) if found)

    # 400 of each are expected; five standard deviations of such a count are 100.
    assert set(kinds) == set(KINDS)
    assert all(300 <= count <= 500 for count in kinds.values())
    assert engine.drawn["none"] == 20_000 - sum(kinds.values())


def test_a_kind_that_cannot_happen_to_an_answer_does_not() -> None:
    engine = FaultEngine({"slow": 1.0})

    assert engine.draw(ROWS) is None
    assert engine.draw() is not None


@given(rows=st.lists(st.integers(), max_size=30), seed=st.integers(0, 2**32 - 1))
def test_faults_of_rows_keep_every_row(rows: list[int], seed: int) -> None:
    def revise(row: int, _: Random) -> int:
        return row + 1

    assert reshaped(rows, None, revise) == rows
    assert sorted(reshaped(rows, fault("reordered", seed), revise)) == sorted(rows)
    twice = reshaped(rows, fault("duplicated", seed), revise)
    assert set(twice) == set(rows)
    assert len(rows) <= len(twice) <= 2 * len(rows)
    revised = reshaped(rows, fault("revised", seed), revise)
    assert all(new - old in (0, 1) for new, old in zip(revised, rows, strict=True))


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("not_found", {404}),
        ("too_many", {429}),
        ("server_error", {500, 502, 503}),
        ("truncated", {"ChunkedEncodingError"}),
        ("reset", {"ConnectionError"}),
        ("slow", {200}),
    ],
)
def test_the_server_carries_out_what_was_drawn(kind: str, seen: set[int | str]) -> None:
    results: set[int | str] = set()
    with (
        HttpPeer(lambda *_: Answer(b"x" * 100), FaultEngine({kind: 1.0})) as peer,
        requests.Session() as session,
    ):
        for _ in range(20):
            try:
                results.add(session.get(peer.url, timeout=5).status_code)
            except requests.RequestException as error:
                results.add(type(error).__name__)

    assert results == seen
    assert len(peer.asked) == 20

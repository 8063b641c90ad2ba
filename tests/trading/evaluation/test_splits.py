"""Splits whose training shares no label with their test: by hand, for all sizes, and beside skfolio."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.errors import UsageError
from trading.evaluation.splits import (
    Purging,
    combinatorial_splits,
    groups_of,
    path_count,
    path_splits,
    purged,
    walk_forward_splits,
)


def labels(places: np.ndarray, horizon: int) -> set[int]:
    """Every session whose return is in the label of one of the places."""
    return {int(place) + ahead for place in places for ahead in range(1, horizon + 1)}


def test_by_hand_two_labels_before_and_two_with_an_embargo_of_one_after_the_test_are_left_out() -> None:
    tested = np.zeros(12, dtype=bool)
    tested[5:7] = True

    assert purged(tested, Purging(horizon=2, embargo=1)).tolist() == [0, 1, 2, 10, 11]


def test_without_labels_and_embargo_everything_else_is_trained_on() -> None:
    tested = np.array([False, True, False])

    assert purged(tested, Purging(0, 0)).tolist() == [0, 2]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_training_label_reaches_into_a_test_and_no_test_label_into_training(data: st.DataObject) -> None:
    tested = np.array(data.draw(st.lists(st.booleans(), min_size=2, max_size=60)))
    purging = Purging(data.draw(st.integers(0, 8)), data.draw(st.integers(0, 8)))

    train, test = purged(tested, purging), np.flatnonzero(tested)

    told = labels(train, purging.horizon) | set(train.tolist())
    asked = labels(test, purging.horizon) | set(test.tolist())
    assert not told & asked
    assert all(
        not 0 < place - before <= purging.horizon + purging.embargo for place in train for before in test
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_is_far_from_every_test_is_trained_on(data: st.DataObject) -> None:
    tested = np.array(data.draw(st.lists(st.booleans(), min_size=2, max_size=60)))
    purging = Purging(data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4)))

    train, reach = set(purged(tested, purging).tolist()), purging.horizon + purging.embargo

    for place in range(len(tested)):
        far = not tested[max(place - reach, 0) : place + purging.horizon + 1].any()
        assert (place in train) == far


def test_a_walk_forward_by_hand() -> None:
    splits = list(walk_forward_splits(10, first_test=5, test=3, purging=Purging(2), window=2))

    assert [split.train.tolist() for split in splits] == [[1, 2], [4, 5]]
    assert [split.test.tolist() for split in splits] == [[5, 6, 7], [8, 9]]


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(3, 120), first=st.integers(2, 60), test=st.integers(1, 30), horizon=st.integers(0, 20)
)
def test_a_walk_forward_tests_each_later_session_once_on_what_was_known(
    count: int, first: int, test: int, horizon: int
) -> None:
    if first - horizon < 1:
        with pytest.raises(UsageError, match="nothing to train on"):
            list(walk_forward_splits(count, first_test=first, test=test, purging=Purging(horizon)))
        return
    splits = list(walk_forward_splits(count, first_test=first, test=test, purging=Purging(horizon)))

    tested = [place for split in splits for place in split.test]
    assert tested == list(range(first, count))
    assert all(split.train.max() + horizon < split.test.min() for split in splits)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_combinations_make_as_many_whole_paths_as_the_formula_says(data: st.DataObject) -> None:
    groups = data.draw(st.integers(2, 8))
    tested = data.draw(st.integers(1, groups - 1))

    splits = combinatorial_splits(10 * groups + 3, groups=groups, tested=tested, purging=Purging(1, 2))
    paths = path_splits(splits, groups)

    assert len(splits) == math.comb(groups, tested)
    assert paths.shape == (path_count(groups, tested), groups)
    assert path_count(groups, tested) == math.comb(groups - 1, tested - 1)
    used = {(split, group) for row in paths for group, split in enumerate(row.tolist())}
    assert len(used) == paths.size  # each test of a group is on one path and no other


def test_four_groups_two_tested_by_hand() -> None:
    splits = combinatorial_splits(8, groups=4, tested=2, purging=Purging(1))

    assert [split.groups for split in splits] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert splits[1].test.tolist() == [0, 1, 4, 5]
    assert splits[1].train.tolist() == [7]
    assert path_splits(splits, 4).tolist() == [[0, 0, 1, 2], [1, 3, 3, 4], [2, 4, 5, 5]]


@pytest.mark.parametrize(
    ("groups", "tested", "horizon", "embargo"), [(6, 2, 5, 3), (5, 3, 1, 0), (10, 5, 1, 8)]
)
def test_skfolio_splits_alike(groups: int, tested: int, horizon: int, embargo: int) -> None:
    from skfolio.model_selection import CombinatorialPurgedCV

    theirs = CombinatorialPurgedCV(groups, tested, purged_size=horizon, embargo_size=embargo)
    count = 157

    ours = combinatorial_splits(count, groups=groups, tested=tested, purging=Purging(horizon, embargo))

    assert len(ours) == theirs.n_splits
    assert path_count(groups, tested) == theirs.n_test_paths
    for own, (train, tests) in zip(ours, theirs.split(np.zeros((count, 1))), strict=True):
        assert own.train.tolist() == train.tolist()
        assert own.test.tolist() == sorted(np.concatenate(tests).tolist())


def test_what_is_left_over_goes_to_the_last_group() -> None:
    assert groups_of(7, 3).tolist() == [0, 0, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(("count", "groups", "tested"), [(10, 1, 1), (10, 4, 4), (3, 4, 2), (10, 4, 0)])
def test_impossible_combinations_are_refused(count: int, groups: int, tested: int) -> None:
    with pytest.raises(UsageError, match="cannot be tested"):
        combinatorial_splits(count, groups=groups, tested=tested, purging=Purging(0))


def test_groups_that_purging_would_swallow_are_refused() -> None:
    with pytest.raises(UsageError, match="purged around"):
        combinatorial_splits(40, groups=10, tested=5, purging=Purging(1, 3))


def test_a_negative_label_is_refused() -> None:
    with pytest.raises(UsageError, match="must not be negative"):
        Purging(-1)

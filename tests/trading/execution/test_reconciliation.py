"""Differences between records and account are named one by one, and say whether they stop trading."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from trading.execution.reconciliation import OrderStanding, Standing, differences

COUNTS = st.dictionaries(st.sampled_from(["NVDA", "AMD", "TSM"]), st.integers(-9, 9).filter(bool))


def standing(
    positions: Mapping[str, int] | None = None,
    cash: int = 0,
    orders: Mapping[str, OrderStanding] | None = None,
    rounding: int = 0,
) -> Standing:
    return Standing(positions or {}, cash, orders or {}, {}, rounding)


def order(filled: int | None = 0, status: str = "acknowledged") -> dict[str, OrderStanding]:
    return {"a1": OrderStanding("NVDA", filled, status)}


def test_an_unexplained_position_and_cash_are_named_with_both_amounts() -> None:
    found = differences(standing({"NVDA": 3}, 100), standing({"NVDA": 4, "AMD": -1}, 90))

    assert [str(one) for one in found] == [
        "position AMD: recorded 0 shares, broker -1 shares",
        "position NVDA: recorded 3 shares, broker 4 shares",
        "cash USD: recorded 100 cents, broker 90 cents",
    ]
    assert all(one.halts for one in found)


def test_parts_of_cents_are_no_difference_and_one_cent_more_is() -> None:
    assert differences(standing(cash=100, rounding=2), standing(cash=102)) == ()
    assert len(differences(standing(cash=100, rounding=2), standing(cash=103))) == 1


def test_an_order_that_was_never_sent_or_has_vanished_halts() -> None:
    strange = differences(standing(), standing(orders=order()))
    gone = differences(standing(orders=order()), standing())

    assert [one.halts for one in (*strange, *gone)] == [True, True]
    assert (strange[0].ours, gone[0].theirs) == ("never sent", "unknown")


def test_an_order_that_never_left_or_was_rejected_need_not_be_at_the_broker() -> None:
    for status in ("unsent", "rejected"):
        assert differences(standing(orders=order(status=status)), standing()) == ()


def test_a_filled_part_that_is_not_recorded_halts_unless_a_split_explains_it() -> None:
    theirs = standing(orders=order(filled=5))

    assert differences(standing(orders=order(filled=3)), theirs)[0].halts
    assert differences(standing(orders=order(filled=None)), theirs) == ()


def test_a_status_that_moved_on_at_the_broker_is_told_and_stops_nothing() -> None:
    (found,) = differences(standing(orders=order()), standing(orders=order(status="expired")))

    assert (found.ours, found.theirs, found.halts) == ("acknowledged", "expired", False)


@given(COUNTS, COUNTS, st.integers(-99, 99), st.integers(-99, 99))
def test_there_are_no_differences_exactly_if_the_accounts_are_equal(
    ours: dict[str, int], theirs: dict[str, int], cash: int, held: int
) -> None:
    found = differences(standing(ours, cash), standing(theirs, held))

    assert (found == ()) == ((ours, cash) == (theirs, held))
    assert len(found) == sum(ours.get(s, 0) != theirs.get(s, 0) for s in {*ours, *theirs}) + (cash != held)

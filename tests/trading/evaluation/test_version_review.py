"""What a reviewer reads of a version, worked by hand: losses beside others, directions, slices, quantiles."""

import numpy as np
import pandas as pd
import pytest

from trading.evaluation.version_review import cases_of, losses_over_time, quantile_shares, reviewed
from trading.frames import LEVELS, QUANTILES

DAYS = pd.to_datetime(["2023-12-28", "2023-12-29", "2024-01-02", "2024-01-03"])
CASE = {"issued_session": DAYS, "symbol": "NVDA", "horizon": 1}
LOSSES = pd.DataFrame(
    CASE
    | {
        "version": "v",
        "contaminated": [False, False, False, True],
        "pinball": [1.0, 2.0, 3.0, 100.0],
        "median": [0.1, -0.1, 0.1, 0.1],
        "realized": [0.2, 0.2, 0.0, -1.0],
        "score": [-0.1, 0.2, -0.1, 9.0],
    }
)
NAIVE = pd.DataFrame(CASE | {"pinball": [2.0, 2.0, 2.0, 2.0]})
CHAMPION = NAIVE.iloc[:1].assign(pinball=4.0)
REGIMES = {DAYS[0]: "Bull", DAYS[1]: "Bear", DAYS[2]: "Bull"}


def table() -> pd.DataFrame:
    return reviewed(cases_of(LOSSES, "v", NAIVE, CHAMPION), REGIMES).set_index("slice")


def test_contaminated_forecasts_are_no_evidence() -> None:
    assert table().loc["all", "n"] == 3


def test_losses_stand_beside_those_of_the_same_cases() -> None:
    found = table().loc["all"]

    assert found["loss"] == 2.0
    assert found["over_naive"] == pytest.approx(1.0)
    assert found["over_champion"] == pytest.approx(0.25)  # one case alone, 1 against 4


def test_a_return_of_nothing_has_no_direction() -> None:
    assert table().loc["all", "accuracy"] == 0.5


def test_what_lies_inside_the_interval_is_covered() -> None:
    assert table().loc["all", "coverage"] == pytest.approx(2 / 3)


def test_years_and_regimes_are_those_of_the_session_of_issue() -> None:
    assert table()["n"].to_dict() == {"all": 3, "2023": 2, "2024": 1, "Bear": 1, "Bull": 2}
    assert np.isnan(table().loc["2024", "over_champion"])


def test_shares_below_calibrated_quantiles_are_their_levels() -> None:
    rng = np.random.default_rng(5)
    days = pd.date_range("2000-01-01", periods=4000)
    outcomes = pd.DataFrame(
        {"issued_session": days, "symbol": "A", "horizon": 1, "realized": rng.random(4000)}
    )
    said = pd.DataFrame({"session": days, "symbol": "A", "horizon": 1}).assign(
        **dict(zip(QUANTILES, LEVELS, strict=True))
    )

    shares = quantile_shares(said, outcomes)

    # Four standard errors of a share of 4,000.
    np.testing.assert_allclose(shares["share"], shares["level"], atol=4 * 0.5 / np.sqrt(4000))


def test_losses_over_time_are_means_of_the_last_sessions() -> None:
    means = losses_over_time(cases_of(LOSSES, "v", NAIVE, CHAMPION), window=2)

    assert means["pinball"].tolist()[1:] == [1.5, 2.5]

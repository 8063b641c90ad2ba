"""The table of coverage: worked by hand, and equal to counting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar
from trading.evaluation.interval_report import COLUMNS, interval_report, issued_intervals

DAYS = calendar.sessions_between(pd.Timestamp("2023-12-20"), pd.Timestamp("2024-02-29"))


def issued(held: np.ndarray, symbols: tuple[str, ...] = ("NVDA",), horizon: int = 1) -> pd.DataFrame:
    """Intervals [-0.1, 0.1] of each symbol and session; the outcome is 0 where it held, else 0.15."""
    rows = pd.MultiIndex.from_product([DAYS[: len(held)], symbols], names=["session", "symbol"])
    frame = pd.DataFrame(index=rows).reset_index()
    return frame.assign(
        model="plain",
        horizon=horizon,
        lower=-0.1,
        upper=0.1,
        realized=np.where(held.ravel() > 0, 0.0, 0.15),
        year=frame["session"].dt.year.astype(str),
        regime=np.where(frame["session"] < pd.Timestamp("2024-01-15"), "bull", "bear"),
    )


def of(table: pd.DataFrame, kind: str = "all", name: str = "all", symbol: str = "all") -> pd.Series:
    chosen = table[(table["slice_kind"] == kind) & (table["slice"] == name) & (table["symbol"] == symbol)]
    return chosen.squeeze(axis=0)


def test_a_table_worked_by_hand() -> None:
    held = np.tile([1.0, 1, 1, 0], 10)

    row = of(interval_report(issued(held), 0.75))

    assert list(row.index) == list(COLUMNS)
    assert (row["n"], row["coverage"], row["mean_width"]) == (40, 0.75, pytest.approx(0.2))
    # a miss costs 2 / 0.25 times the 0.05 by which it lies outside, one in four misses
    assert row["interval_score"] == pytest.approx(0.2 + 8 * 0.05 / 4)
    assert row["kupiec_p"] == 1.0
    assert row["christoffersen_p"] < 0.02  # a miss never follows a miss


def test_slices_are_years_and_regimes_and_add_up() -> None:
    table = interval_report(issued(np.tile([1.0, 0], 20)), 0.75)

    for kind in ("year", "regime"):
        assert table.loc[(table["slice_kind"] == kind) & (table["symbol"] == "all"), "n"].sum() == 40
    assert of(table, "year", "2023")["n"] == (DAYS[:40].year == 2023).sum()
    assert set(table.loc[table["slice_kind"] == "regime", "slice"]) == {"bull", "bear"}


def test_symbols_stand_beside_all_of_them() -> None:
    held = np.stack([np.ones(40), np.zeros(40)], axis=1)

    table = interval_report(issued(held, ("AMD", "NVDA")), 0.75)

    assert [of(table, symbol=name)["coverage"] for name in ("all", "AMD", "NVDA")] == [0.5, 1.0, 0.0]


def test_overlapping_intervals_are_tested_on_every_h_th_session_only() -> None:
    held = np.repeat([1.0, 1, 1, 0, 1, 1, 1, 0], 5)

    row = of(interval_report(issued(held, horizon=5), 0.75))

    assert row["kupiec_p"] == 1.0
    assert (row["n"], row["coverage"]) == (40, 0.75)


def test_two_sessions_of_a_regime_with_another_between_them_are_no_neighbours() -> None:
    rows = issued(np.tile([1.0, 1, 0, 0], 10))
    turns = rows.assign(regime=np.where(np.arange(len(rows)) % 2, "bull", "bear"))

    row = of(interval_report(turns, 0.75), "regime", "bull")

    assert (row["n"], row["coverage"]) == (20, 0.5)
    assert np.isnan(row["christoffersen_p"])  # no pair of sessions that follow one another


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=40))
def test_coverage_is_the_share_that_held(held: list[bool]) -> None:
    row = of(interval_report(issued(np.array(held, dtype=float)), 0.75))

    assert row["coverage"] == pytest.approx(np.mean(held))


def test_intervals_meet_the_outcome_of_their_own_version_and_horizon() -> None:
    forecasts = pd.DataFrame(
        {
            "session": DAYS[0],
            "model": "plain",
            "version": "new",
            "symbol": ["NVDA", "NVDA", "AMD", "TSM"],
            "horizon": [1, 5, 1, 1],
            "lower": [-0.1, -0.2, np.nan, -0.1],
            "upper": [0.1, 0.2, np.nan, 0.1],
            "contaminated": [False, False, False, True],
        }
    )
    losses = forecasts[["model", "symbol", "horizon"]].assign(
        session=DAYS[5], issued_session=DAYS[0], version="new", realized=[0.01, 0.05, 0.0, 0.0]
    )
    others = losses.assign(version="old", realized=9.0)
    regimes = pd.DataFrame({"session": DAYS[:2], "regime": ["bull", "bear"]})

    found = issued_intervals(forecasts, pd.concat([losses, others]), regimes)

    assert found[["symbol", "horizon", "realized"]].to_numpy().tolist() == [
        ["NVDA", 1, 0.01],
        ["NVDA", 5, 0.05],
    ]
    assert set(found["regime"]) == {"bull"}  # of the session of issue
    assert set(found["year"]) == {"2023"}

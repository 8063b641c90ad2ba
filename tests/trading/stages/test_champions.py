from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trading import calendar
from trading.errors import VersionMissingError
from trading.history import History
from trading.interfaces import ChampionDecision
from trading.stages.champions import champions_stage
from trading.stages.forecasts import forecasts_stage
from trading.testing.stage_rows import CalendarBook, fan, frame_of, history_of, made_by, version_of

T = calendar.session_of("2024-04-01")
YESTERDAY = calendar.shift(T, -1)
OLD = version_of("trained", "old", trained_through="2023-09-29", champion_from="2024-01-02")
NEW = version_of("trained", "new", trained_through="2023-12-29", champion_from="2024-04-01")
NEXT = version_of(
    "trained", "next", trained_through="2024-03-28", live_from="2024-04-01", champion_from="2024-07-01"
)
PLAIN = version_of("plain", "p")
BOOK = CalendarBook((OLD, NEW, NEXT, PLAIN))
MODELS = ("plain", "trained")


def yesterday(**columns: object) -> History:
    defaults = {"model": "trained", "role": "champion", "trained_through": pd.Timestamp("2023-09-29")}
    versions = columns.get("version", [])
    return history_of("champions", [YESTERDAY] * len(list(versions)), **(defaults | columns))


def champions(
    session: pd.Timestamp,
    own: History | None = None,
    losses: History | None = None,
    decisions: tuple[ChampionDecision, ...] = (),
) -> pd.DataFrame:
    histories = {"champions": own, "version_losses": losses}
    given = {name: rows for name, rows in histories.items() if rows is not None}
    book = CalendarBook(BOOK.versions, decisions)
    made = made_by(champions_stage(MODELS), session, given, models=book, is_first=own is None)
    return frame_of(made, "champions", session).set_index("version")


def lost(**by_version: float) -> History:
    """What versions of `trained` lost one session ahead, of one symbol, at the session."""
    named = {"symbol": "NVDA", "model": "trained", "horizon": 1, "version": list(by_version)}
    return history_of("version_losses", [T] * len(by_version), **named, pinball=list(by_version.values()))


def test_in_the_first_session_the_newest_championship_counts_and_the_others_challenge() -> None:
    roles = champions(T)["role"].to_dict()
    assert roles == {"old": "challenger", "new": "champion", "next": "challenger", "p": "champion"}


def test_the_day_before_the_change_the_older_version_is_champion() -> None:
    roles = champions(YESTERDAY)["role"].to_dict()
    assert roles == {"old": "champion", "new": "challenger", "p": "champion"}


def test_a_role_that_goes_on_keeps_its_beginning_and_a_new_one_begins_now() -> None:
    own = yesterday(version=["new", "old"], role=["challenger", "champion"], since=pd.Timestamp("2024-01-02"))
    again = yesterday(version=["next"], role="challenger", since=pd.Timestamp("2024-03-01"))
    assert champions(T, own).loc["new", "since"] == T
    assert champions(T, again).loc["next", "since"] == pd.Timestamp("2024-03-01")


def test_the_reason_says_what_the_calendar_knows() -> None:
    made = champions(T)
    assert made["reason"].to_dict()["new"] == "calendar: trained through 2023-12-29"
    assert made["reason"].to_dict()["p"] == "calendar: zero-shot"
    assert pd.isna(made["trained_through"].to_dict()["p"])


def test_a_champion_keeps_the_reason_for_which_it_was_crowned() -> None:
    own = yesterday(
        version=["new", "old"], role=["champion", "challenger"], reason=["evidence: e-value 30", ""]
    )

    assert champions(T, own)["reason"].to_dict()["new"] == "evidence: e-value 30"


def test_a_session_s_losses_are_one_more_round_of_the_duel() -> None:
    own = yesterday(version=["new", "next"], role=["champion", "challenger"], compared=[0, 9])

    made = champions(T, own, lost(new=0.03, next=0.01, old=0.03)).loc["next"]

    # (0.03 - 0.01) / (0.03 + 0.01) = 0.5, and no bet is on the table in the first 21 sessions.
    assert made["compared"] == 10
    assert made["mean_difference"] == pytest.approx(0.5 / 10)
    assert made["log_evidence"] == 0.0


def test_a_bet_is_won_where_the_challenger_lost_less() -> None:
    state = {
        "compared": [0, 100],
        "mean_difference": [0, 0.02],
        "mean_square": [0, 0.01],
        "mean_size": [0, 0.1],
    }
    own = yesterday(version=["new", "next"], role=["champion", "challenger"], **state)

    made = champions(T, own, lost(new=0.011, next=0.009)).loc["next"]

    # Stake: the smaller of 0.02 / 0.01 and 0.8 / (6 x 0.1).
    assert made["log_evidence"] == pytest.approx(np.log1p(0.8 / 0.6 * 0.1))
    assert made["log_counter_evidence"] == 0.0


def test_the_other_bet_is_won_where_the_challenger_lost_more() -> None:
    state = {
        "compared": [0, 100],
        "mean_difference": [0, -0.02],
        "mean_square": [0, 0.01],
        "mean_size": [0, 0.1],
    }
    own = yesterday(version=["new", "next"], role=["champion", "challenger"], **state)

    made = champions(T, own, lost(new=0.009, next=0.011)).loc["next"]

    assert made["log_counter_evidence"] == pytest.approx(np.log1p(0.8 / 0.6 * 0.1))
    assert made["log_evidence"] == 0.0


def test_contaminated_losses_are_no_evidence() -> None:
    named = {"symbol": "NVDA", "model": "trained", "horizon": 1, "version": ["new", "next"]}
    seen = history_of("version_losses", [T] * 2, **named, pinball=[0.03, 0.01], contaminated=True)
    own = yesterday(version=["new", "next"], role=["champion", "challenger"], compared=[0, 30])

    assert champions(T, own, seen).loc["next", "compared"] == 30


def test_evidence_crowns_and_a_new_champion_begins_new_duels() -> None:
    own = yesterday(
        version=["new", "next", "old"],
        role=["champion", "challenger", "challenger"],
        log_evidence=[0.0, 3.1, 1.0],
        compared=[0, 90, 90],
    )

    made = champions(T, own)

    assert made["role"].to_dict()["next"] == "champion"
    assert made.loc["next", "reason"].startswith("evidence: e-value 22.2 over new after 90 sessions")
    assert made.loc["new", "reason"] == "succeeded by next"
    assert made.loc[["new", "next", "old"], "log_evidence"].tolist() == [0.0, 0.0, 0.0]
    assert made.loc["old", "compared"] == 0


def test_a_decision_holds_from_its_session_on() -> None:
    own = yesterday(version=["new", "old"], role=["champion", "challenger"])
    back = ChampionDecision(
        "trained", "old", "rollback", T, pd.Timestamp("2024-03-28 22:00", tz="UTC"), "worse"
    )

    assert champions(T, own, decisions=(back,)).loc["old", "reason"] == "rollback by hand: worse"
    later = replace(back, effective=calendar.shift(T, 1))
    assert champions(T, own, decisions=(later,)).loc["old", "role"] == "challenger"


def forecasts_of(*versions: str) -> History:
    named = {"symbol": "NVDA", "model": "trained", "horizon": 1, "version": list(versions), **fan(0.01, 0.02)}
    return history_of("forecast_trained", [T] * len(versions), **named)


def spoken(
    crowned: History, *, is_first: bool = False, issuers: tuple[str, ...] = ("new", "old")
) -> pd.DataFrame:
    named = {"symbol": "NVDA", "model": "trained", "horizon": 1, "status": "calibrated"}
    bounds = {"version": ["new", "old"], "lower": [-0.1, -0.2], "upper": [0.1, 0.2]}
    histories = {
        "champions": crowned,
        "forecast_trained": forecasts_of(*issuers),
        "version_intervals": history_of("version_intervals", [T] * 2, **named, **bounds),
    }
    made = made_by(forecasts_stage(MODELS), T, histories, models=BOOK, is_first=is_first)
    return frame_of(made, "forecasts", T)


def test_the_champion_of_the_day_before_speaks_with_its_own_interval() -> None:
    row = spoken(yesterday(version=["old"])).iloc[0]
    assert (row["version"], row["lower"], row["upper"]) == ("old", -0.2, 0.2)
    assert (row["q125"], row["q500"], row["q875"]) == pytest.approx((-0.01, 0.01, 0.03))


def test_a_challenger_does_not_speak() -> None:
    crowned = yesterday(version=["new", "old"], role=["challenger", "champion"])
    assert spoken(crowned)["version"].tolist() == ["old"]


def test_in_the_first_session_of_a_home_the_calendar_decides() -> None:
    assert spoken(yesterday(), is_first=True)["version"].tolist() == ["new"]


def test_where_the_champion_cannot_speak_a_live_version_that_can_does() -> None:
    assert spoken(yesterday(version=["new"]), issuers=("old",))["version"].tolist() == ["old"]


def test_where_the_champion_has_retired_its_successor_speaks() -> None:
    crowned = yesterday(version=["gone"])
    assert spoken(crowned)["version"].tolist() == ["new"]


def test_a_forecast_without_an_interval_is_selected_all_the_same() -> None:
    row = spoken(yesterday(version=["next"]), issuers=("next",)).iloc[0]
    assert row["version"] == "next"
    assert pd.isna(row["lower"])


def test_no_champion_at_all_is_an_error_that_says_what_to_train() -> None:
    with pytest.raises(VersionMissingError, match="has a champion with a forecast at 2024-04-01; train one"):
        spoken(yesterday(version=["old"]), issuers=())
